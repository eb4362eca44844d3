#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <deque>
#include <vector>

#include "bench/client.h"

// As much of ZooKeeper's protocol as the scenarios need: length-prefixed frames of jute, its own
// big-endian encoding. Requests may be sent ahead; answers come in their order.
namespace gavel::bench {

namespace {

enum Operation : std::int32_t {
    op_create = 1,
    op_delete = 2,
    op_exists = 3,
    op_get_data = 4,
    op_set_data = 5,
    op_get_children = 8,
    op_sync = 9,
    op_ping = 11,
    op_add_watch = 106,
    op_close = -11
};

constexpr std::int32_t no_node = -101, node_exists = -110;
constexpr std::int32_t xid_of_events = -1, xid_of_pings = -2;
constexpr std::int32_t ephemeral_sequential = 3;
constexpr std::int32_t persistent_recursive = 1;
constexpr std::string_view key_prefix = "/bench/k";

class Writer {
public:
    Writer() : bytes_(4, '\0') {}

    Writer& number(std::int32_t value) {
        const auto bits = static_cast<std::uint32_t>(value);
        for (int shift = 24; shift >= 0; shift -= 8) bytes_ += static_cast<char>(bits >> shift);
        return *this;
    }
    Writer& long_number(std::int64_t value) {
        number(static_cast<std::int32_t>(value >> 32));
        return number(static_cast<std::int32_t>(value));
    }
    Writer& flag(bool value) {
        bytes_ += value ? '\1' : '\0';
        return *this;
    }
    Writer& text(std::string_view value) {
        number(static_cast<std::int32_t>(value.size()));
        bytes_.append(value);
        return *this;
    }
    // Everybody may do everything.
    Writer& open_acl() { return number(1).number(31).text("world").text("anyone"); }

    const std::string& frame() {
        const auto size = static_cast<std::uint32_t>(bytes_.size() - 4);
        for (std::size_t i = 0; i < 4; ++i) bytes_[i] = static_cast<char>(size >> (24 - 8 * i));
        return bytes_;
    }

private:
    std::string bytes_;
};

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    // What is not there reads as 0 and as empty.
    std::int32_t number() {
        std::uint32_t value = 0;
        for (const char byte : take(4)) value = value << 8 | static_cast<unsigned char>(byte);
        return static_cast<std::int32_t>(value);
    }
    std::string_view text() {
        const std::int32_t size = number();
        return size > 0 ? take(static_cast<std::size_t>(size)) : std::string_view{};
    }
    void skip(std::size_t size) { take(size); }

private:
    std::string_view take(std::size_t size) {
        const std::string_view taken = bytes_.substr(0, size);
        bytes_.remove_prefix(taken.size());
        return taken;
    }

    std::string_view bytes_;
};

class ZookeeperClient final : public Client, private Connection::Handler {
public:
    explicit ZookeeperClient(Setup setup)
        : setup_(std::move(setup)),
          connection_(setup_.io, *this),
          ping_timer_(setup_.io),
          value_(make_value(setup_.value_size)) {}

    void open(Done done) override {
        done_ = std::move(done);
        connected_ = false;
        waiting_.clear();
        connection_.open(setup_.endpoint);
    }

    void close() override {
        connection_.close();
        ping_timer_.cancel();
    }

    void put(std::uint64_t key, bool fresh, Done done) override {
        done_ = std::move(done);
        if (const auto digits = std::to_string(++serial_); digits.size() <= value_.size()) {
            value_.replace(0, digits.size(), digits);
        }
        fresh ? create_key(key) : set_key(key);
    }

    void get(std::uint64_t key, bool linearizable, Done done) override {
        done_ = std::move(done);
        const std::string path = path_of(key);
        if (linearizable) send(Writer{}, op_sync, [&](Writer& out) { out.text(path); }, {});
        send(
            Writer{}, op_get_data, [&](Writer& out) { out.text(path).flag(false); },
            [this](std::int32_t error, Reader) { finish(error); });
    }

    void open_session(std::uint64_t lock, Done done) override {
        done_ = std::move(done);
        lock_ = "/bench-" + setup_.run + "-" + std::to_string(lock);
        create(lock_, "", 0,
               [this](std::int32_t error, Reader) { finish(error == node_exists ? 0 : error); });
    }

    void end_session(Done done) override {
        done_ = std::move(done);
        send(
            Writer{}, op_close, [](Writer&) {},
            [this](std::int32_t error, Reader) { finish(error); });
    }

    std::string session() const override { return {}; }

    void keep_alive(std::string_view, Done done) override {
        boost::asio::post(setup_.io, [done = std::move(done)] { done({true, 0, 0}); });
    }

    // The lock recipe of ZooKeeper's documentation: the lowest sequence number holds it, each
    // waits for the one before it.
    void lock(Done done) override {
        done_ = std::move(done);
        create(lock_ + "/x-", "", ephemeral_sequential, [this](std::int32_t error, Reader body) {
            if (error != 0) return finish(error);
            held_ = body.text();
            look_at_queue();
        });
    }

    void unlock(Done done) override {
        done_ = std::move(done);
        send(
            Writer{}, op_delete, [this](Writer& out) { out.text(held_).number(-1); },
            [this](std::int32_t error, Reader) { finish(error); });
    }

    void watch(Event event, Done done) override {
        done_ = std::move(done);
        event_ = std::move(event);
        send(
            Writer{}, op_add_watch,
            [](Writer& out) { out.text("/bench").number(persistent_recursive); },
            [this](std::int32_t error, Reader) { finish(error); });
    }

private:
    using Answered = std::function<void(std::int32_t error, Reader body)>;

    static std::string path_of(std::uint64_t key) {
        const std::string digits = std::to_string(key);
        return std::string{key_prefix} +
               std::string(9 - std::min<std::size_t>(digits.size(), 9), '0') + digits;
    }

    template <class Fill>
    void send(Writer out, Operation operation, Fill fill, Answered answered) {
        out.number(++xid_).number(operation);
        fill(out);
        waiting_.push_back(std::move(answered));
        if (connection_.is_open()) return connection_.send(out.frame());
        boost::asio::post(setup_.io, [this] { on_lost(); });
    }

    void create(const std::string& path, std::string_view value, std::int32_t flags,
                Answered answered) {
        send(
            Writer{}, op_create,
            [&](Writer& out) { out.text(path).text(value).open_acl().number(flags); },
            std::move(answered));
    }

    void create_key(std::uint64_t key) {
        create(path_of(key), value_, 0, [this, key](std::int32_t error, Reader) {
            error == node_exists ? set_key(key) : finish(error, key);
        });
    }

    void set_key(std::uint64_t key) {
        send(
            Writer{}, op_set_data,
            [&](Writer& out) { out.text(path_of(key)).text(value_).number(-1); },
            [this, key](std::int32_t error, Reader) {
                error == no_node ? create_key(key) : finish(error, key);
            });
    }

    void look_at_queue() {
        send(
            Writer{}, op_get_children, [this](Writer& out) { out.text(lock_).flag(false); },
            [this](std::int32_t error, Reader body) {
                if (error != 0) return finish(error);
                const std::string own = held_.substr(lock_.size() + 1);
                std::string before;
                const std::int32_t count = body.number();
                for (std::int32_t i = 0; i < count; ++i) {
                    const std::string_view other = body.text();
                    if (other < own && other > before) before = other;
                }
                if (before.empty()) return finish(0);
                wait_for(lock_ + "/" + before);
            });
    }

    void wait_for(const std::string& path) {
        awaited_ = path;
        send(
            Writer{}, op_exists, [&](Writer& out) { out.text(path).flag(true); },
            [this](std::int32_t error, Reader) {
                if (error == 0) return;
                awaited_.clear();
                error == no_node ? look_at_queue() : finish(error);
            });
    }

    void on_open() override {
        const std::string no_password(16, '\0');
        Writer out;
        out.number(0).long_number(0).number(session_ttl_s * 1000).long_number(0);
        out.text(no_password).flag(false);
        connection_.send(out.frame());
    }

    std::size_t on_bytes(std::string_view bytes) override {
        std::size_t done = 0;
        while (bytes.size() - done >= 4) {
            const auto size = static_cast<std::size_t>(Reader{bytes.substr(done)}.number());
            if (bytes.size() - done - 4 < size) break;
            on_frame(bytes.substr(done + 4, size));
            done += 4 + size;
        }
        return done;
    }

    void on_frame(std::string_view frame) {
        Reader reader{frame};
        if (!connected_) return on_connected(reader);
        const std::int32_t xid = reader.number();
        reader.skip(8);
        const std::int32_t error = reader.number();
        if (xid == xid_of_events) return on_event(reader);
        if (xid == xid_of_pings || waiting_.empty()) return;
        const Answered answered = std::move(waiting_.front());
        waiting_.pop_front();
        if (answered) answered(error, reader);
    }

    void on_connected(Reader reader) {
        reader.skip(4);
        if (reader.number() <= 0) return on_lost();
        connected_ = true;
        ping_later();
        create("/bench", "", 0,
               [this](std::int32_t error, Reader) { finish(error == node_exists ? 0 : error); });
    }

    void on_event(Reader reader) {
        reader.skip(8);
        const std::string_view path = reader.text();
        if (path == awaited_) {
            awaited_.clear();
            return look_at_queue();
        }
        if (!event_ || !path.starts_with(key_prefix)) return;
        std::uint64_t key = 0;
        for (const char digit : path.substr(key_prefix.size())) {
            key = key * 10 + static_cast<std::uint64_t>(digit - '0');
        }
        event_(key);
    }

    void ping_later() {
        ping_timer_.expires_after(std::chrono::seconds(session_ttl_s) / 3);
        ping_timer_.async_wait([this](const boost::system::error_code& error) {
            if (error || !connection_.is_open()) return;
            connection_.send(Writer{}.number(xid_of_pings).number(op_ping).frame());
            ping_later();
        });
    }

    void on_lost() override {
        close();
        waiting_.clear();
        awaited_.clear();
        if (done_) std::exchange(done_, nullptr)({false, 0, 0});
    }

    void finish(std::int32_t error, std::uint64_t mark = 0) {
        if (done_) std::exchange(done_, nullptr)({error == 0, error, mark});
    }

    Setup setup_;
    Connection connection_;
    boost::asio::steady_timer ping_timer_;
    std::string value_;
    std::uint64_t serial_{};
    bool connected_{};
    std::int32_t xid_{};
    std::deque<Answered> waiting_;  // What was sent and not answered, in order.
    std::string lock_;              // The node whose children queue for it.
    std::string held_;              // The own child.
    std::string awaited_;           // The child before it.
    Event event_;
    Done done_;
};

}  // namespace

std::unique_ptr<Client> make_zookeeper_client(Client::Setup setup) {
    return std::make_unique<ZookeeperClient>(std::move(setup));
}

}  // namespace gavel::bench
