#include "bench/client.h"
#include "bench/http.h"

// etcd's gRPC gateway: JSON over HTTP/1.1, keys and values in base64. Four characters of base64 are
// three bytes, and digits are characters of base64: so numbers are set in place here too.
namespace gavel::bench {

namespace {

constexpr std::size_t digits = 12;

std::string base64(std::string_view bytes) {
    static constexpr std::string_view letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t at) {
            return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
        };
        const std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
        text += letters[group >> 18];
        text += letters[group >> 12 & 63];
        text += i + 1 < bytes.size() ? letters[group >> 6 & 63] : '=';
        text += i + 2 < bytes.size() ? letters[group & 63] : '=';
    }
    return text;
}

const std::string key_pattern = base64("bench/") + "############";

std::string host_of(const Endpoint& endpoint) {
    return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

class EtcdClient final : public Client {
public:
    explicit EtcdClient(Setup setup)
        : setup_(std::move(setup)),
          host_(host_of(setup_.endpoint)),
          http_(setup_.io),
          put_("POST", "/v3/kv/put", host_,
               R"({"key":")" + key_pattern + R"(","value":")" +
                   base64(make_value(setup_.value_size)) + R"("})"),
          get_("POST", "/v3/kv/range", host_, R"({"key":")" + key_pattern + R"("})"),
          get_stale_("POST", "/v3/kv/range", host_,
                     R"({"key":")" + key_pattern + R"(","serializable":true})"),
          key_in_put_(put_.place_of("############")),
          key_in_get_(get_.place_of("############")),
          key_in_get_stale_(get_stale_.place_of("############")),
          serial_in_put_(put_.place_of(R"("value":")") + 9) {}

    void open(Done done) override {
        http_.open(setup_.endpoint, [done = std::move(done)](bool open) {
            done({open, open ? 200 : 0, 0});
        });
    }
    void close() override { http_.close(); }

    void put(std::uint64_t key, bool, Done done) override {
        put_.set_digits(key_in_put_, digits, key);
        if (setup_.value_size >= digits) put_.set_digits(serial_in_put_, digits, ++serial_);
        send(put_, std::move(done));
    }

    void get(std::uint64_t key, bool linearizable, Done done) override {
        HttpRequest& request = linearizable ? get_ : get_stale_;
        request.set_digits(linearizable ? key_in_get_ : key_in_get_stale_, digits, key);
        send(request, std::move(done));
    }

    void open_session(std::uint64_t lock, Done done) override {
        lock_name_ = base64("bench-locks/" + setup_.run + "-" + std::to_string(lock));
        post("/v3/lease/grant", R"({"TTL":)" + std::to_string(session_ttl_s) + "}", std::move(done),
             [this](std::string_view body) { lease_ = json_field(body, "ID"); });
    }

    void end_session(Done done) override {
        post("/v3/lease/revoke", R"({"ID":")" + lease_ + R"("})", std::move(done));
    }

    std::string session() const override { return lease_; }

    void keep_alive(std::string_view session, Done done) override {
        post("/v3/lease/keepalive", R"({"ID":")" + std::string{session} + R"("})", std::move(done));
    }

    void lock(Done done) override {
        post("/v3/lock/lock", R"({"name":")" + lock_name_ + R"(","lease":")" + lease_ + R"("})",
             std::move(done), [this](std::string_view body) { held_ = json_field(body, "key"); });
    }

    void unlock(Done done) override {
        post("/v3/lock/unlock", R"({"key":")" + held_ + R"("})", std::move(done));
    }

    void transact(std::uint64_t first_key, std::uint64_t keys, Done done) override {
        const std::string value = base64(make_value(setup_.value_size));
        std::string body = R"({"success":[)";
        for (std::uint64_t i = 0; i < keys; ++i) {
            std::string key = std::to_string(first_key + i);
            key.insert(0, digits - std::min(digits, key.size()), '0');
            body += (i == 0 ? "" : ",") + std::string(R"({"requestPut":{"key":")") +
                    base64("bench/" + key) + R"(","value":")" + value + R"("}})";
        }
        post("/v3/kv/txn", body + "]}", std::move(done));
    }

    void watch(Event event, Done done) override {
        const HttpRequest request("POST", "/v3/watch", host_,
                                  R"({"create_request":{"key":")" + base64("bench/") +
                                      R"(","range_end":")" + base64("bench0") + R"("}})");
        // The first line says that the watch was made; each further one may hold several events.
        done_ = std::move(done);
        http_.stream(
            request.bytes(),
            [this](int status, auto) {
                if (status != 200 && done_) done_({false, status, 0});
            },
            [this, event = std::move(event)](std::string_view line) {
                if (line.find(R"("created":true)") != line.npos) return done_({true, 200, 0});
                for (std::size_t at = 0; (at = line.find("\"mod_revision\"", at)) != line.npos;
                     ++at) {
                    event(json_number(line.substr(at), "mod_revision"));
                }
            });
    }

private:
    void send(const HttpRequest& request, Done done) {
        done_ = std::move(done);
        http_.request(request.bytes(), [this](int status, std::string_view body) {
            finish(status, json_number(body.substr(0, 160), "revision"));
        });
    }

    template <class Read = void (*)(std::string_view)>
    void post(
        std::string_view target, const std::string& body, Done done,
        Read read = [](std::string_view) {}) {
        done_ = std::move(done);
        http_.request(HttpRequest("POST", target, host_, body).bytes(),
                      [this, read](int status, std::string_view answer) {
                          read(answer);
                          finish(status, 0);
                      });
    }

    void finish(int status, std::uint64_t mark) {
        std::exchange(done_, nullptr)({status == 200, status, mark});
    }

    Setup setup_;
    std::string host_;
    HttpConnection http_;
    HttpRequest put_, get_, get_stale_;
    std::size_t key_in_put_, key_in_get_, key_in_get_stale_, serial_in_put_;
    std::uint64_t serial_{};
    std::string lock_name_;
    std::string lease_;
    std::string held_;  // The key that holds the lock: what an unlock deletes.
    Done done_;
};

}  // namespace

std::unique_ptr<Client> make_etcd_client(Client::Setup setup) {
    return std::make_unique<EtcdClient>(std::move(setup));
}

}  // namespace gavel::bench
