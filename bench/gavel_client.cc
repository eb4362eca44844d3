#include "bench/client.h"
#include "bench/http.h"

namespace gavel::bench {

namespace {

constexpr std::size_t key_digits = 9;
constexpr std::size_t serial_digits = 12;

std::string host_of(const Endpoint& endpoint) {
    return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

std::string padded(std::uint64_t key) {
    std::string digits = std::to_string(key);
    return std::string(key_digits - std::min(key_digits, digits.size()), '0') + digits;
}

class GavelClient final : public Client {
public:
    explicit GavelClient(Setup setup)
        : setup_(std::move(setup)),
          host_(host_of(setup_.endpoint)),
          http_(setup_.io),
          put_("PUT", "/v1/config/bench/#########", host_, make_value(setup_.value_size),
               "application/octet-stream"),
          get_("GET", "/v1/config/bench/#########", host_),
          get_stale_("GET", "/v1/config/bench/#########?consistency=stale", host_),
          key_in_put_(put_.place_of("#########")),
          key_in_get_(get_.place_of("#########")),
          serial_in_put_(put_.place_of("\r\n\r\n") + 4) {}

    void open(Done done) override {
        http_.open(setup_.endpoint, [done = std::move(done)](bool open) {
            done({open, open ? 200 : 0, 0});
        });
    }
    void close() override { http_.close(); }

    void put(std::uint64_t key, bool, Done done) override {
        put_.set_digits(key_in_put_, key_digits, key);
        if (setup_.value_size >= serial_digits) {
            put_.set_digits(serial_in_put_, serial_digits, ++serial_);
        }
        send(put_, std::move(done));
    }

    void get(std::uint64_t key, bool linearizable, Done done) override {
        HttpRequest& request = linearizable ? get_ : get_stale_;
        request.set_digits(key_in_get_, key_digits, key);
        send(request, std::move(done));
    }

    void open_session(std::uint64_t lock, Done done) override {
        lock_ = "/v1/locks/bench/" + setup_.run + "-" + std::to_string(lock);
        const HttpRequest request("POST", "/v1/sessions", host_,
                                  R"({"name":"gavel-bench","ttl":")" +
                                      std::to_string(setup_.session_ttl.count()) + R"(ms"})");
        done_ = std::move(done);
        http_.request(request.bytes(), [this](int status, std::string_view body) {
            session_ = json_field(body, "id");
            finish(status, 0);
        });
    }

    void end_session(Done done) override {
        send(HttpRequest("DELETE", "/v1/sessions/" + session_, host_), std::move(done));
    }

    std::string session() const override { return session_; }

    void keep_alive(std::string_view session, Done done) override {
        const std::string target = "/v1/sessions/" + std::string{session} + "/keepalive";
        send(HttpRequest("POST", target, host_), std::move(done));
    }

    void end_session(std::string_view session, Done done) override {
        send(HttpRequest("DELETE", "/v1/sessions/" + std::string{session}, host_), std::move(done));
    }

    void lock_another(std::uint64_t number, Done done) override {
        send(HttpRequest("PUT", lock_ + "/" + std::to_string(number), host_,
                         R"({"session":")" + session_ + R"("})"),
             std::move(done));
    }

    void lock(Done done) override {
        send(HttpRequest("PUT", lock_ + "?wait=60s", host_, R"({"session":")" + session_ + R"("})"),
             std::move(done));
    }

    void unlock(Done done) override {
        send(HttpRequest("DELETE", lock_ + "?session=" + session_, host_), std::move(done));
    }

    void lock_shared(std::uint64_t limit, Done done) override {
        send(HttpRequest("PUT", lock_ + "?wait=60s", host_,
                         R"({"session":")" + session_ + R"(","mode":"shared")" +
                             (limit > 0 ? R"(,"limit":)" + std::to_string(limit) : "") + "}"),
             std::move(done));
    }

    void transact(std::uint64_t first_key, std::uint64_t keys, Done done) override {
        const std::string value = make_value(setup_.value_size);
        std::string body = R"({"if":[],"then":[)";
        for (std::uint64_t i = 0; i < keys; ++i) {
            body += (i == 0 ? "" : ",") + std::string(R"({"put":{"key":"bench/)") +
                    padded(first_key + i) + R"(","value":")" + value + R"("}})";
        }
        send(HttpRequest("POST", "/v1/transactions", host_, body + "]}"), std::move(done));
    }

    void get_past(std::uint64_t key, std::uint64_t revision, Done done) override {
        send(HttpRequest(
                 "GET", "/v1/config/bench/" + padded(key) + "?revision=" + std::to_string(revision),
                 host_),
             std::move(done));
    }

    void put_ephemeral(std::uint64_t key, Done done) override {
        send(HttpRequest("PUT", "/v1/config/bench/" + padded(key) + "?session=" + session_, host_,
                         make_value(setup_.value_size), "application/octet-stream"),
             std::move(done));
    }

    void watch(Event event, Done done) override {
        const HttpRequest request("GET", "/v1/watch?prefix=bench/", host_);
        std::string bytes = request.bytes();
        bytes.insert(bytes.size() - 2, "Accept: text/event-stream\r\n");
        http_.stream(
            bytes,
            [done = std::move(done)](int status, auto) {
                done({status == 200, status, 0});
            },
            [event = std::move(event), of_put = false](std::string_view line) mutable {
                if (line.starts_with("event:")) of_put = line.find("put") != line.npos;
                if (of_put && line.starts_with("data:")) event(json_number(line, "revision"));
            });
    }

private:
    void send(const HttpRequest& request, Done done) {
        done_ = std::move(done);
        http_.request(request.bytes(), [this](int status, std::string_view body) {
            finish(status, json_number(body.substr(0, 128), "revision"));
        });
    }

    void finish(int status, std::uint64_t mark) {
        std::exchange(done_, nullptr)({status >= 200 && status < 300, status, mark});
    }

    Setup setup_;
    std::string host_;
    HttpConnection http_;
    HttpRequest put_, get_, get_stale_;
    std::size_t key_in_put_, key_in_get_, serial_in_put_;
    std::uint64_t serial_{};
    std::string lock_;  // Its path.
    std::string session_;
    Done done_;
};

}  // namespace

std::unique_ptr<Client> make_gavel_client(Client::Setup setup) {
    return std::make_unique<GavelClient>(std::move(setup));
}

std::string make_value(std::size_t size) {
    std::string value(size, '0');
    for (std::size_t i = 0; i < size; ++i) value[i] = static_cast<char>('a' + i * 7 % 26);
    return value;
}

}  // namespace gavel::bench
