#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bench/connection.h"

namespace gavel::bench {

struct Answer {
    bool ok{};
    int status{};          // HTTP's; ZooKeeper's are negative. 0: the connection was lost.
    std::uint64_t mark{};  // Of a put: what its watchers will see, to compare.
};

// One client of a service under load: a connection with at most one operation in flight. `done` is
// called from the io_context; a lost connection ends the operation with status 0, and open() is to
// be called again. What is common to the services is here, so that every scenario is written once.
class Client {
public:
    using Done = std::function<void(Answer)>;
    using Event = std::function<void(std::uint64_t mark)>;

    struct Setup {
        boost::asio::io_context& io;
        Endpoint endpoint{};
        std::size_t value_size{};
        std::string run{};  // Names the locks of this run, so that it meets no older ones.
        std::chrono::milliseconds session_ttl{};
    };

    virtual ~Client() = default;

    virtual void open(Done done) = 0;
    virtual void close() = 0;

    // Keys are numbers below 10^9; `fresh` says that the key is not likely to exist.
    virtual void put(std::uint64_t key, bool fresh, Done done) = 0;
    virtual void get(std::uint64_t key, bool linearizable, Done done) = 0;

    // A lease that holds the client's locks. It is kept alive by any client, for the own connection
    // may be busy waiting; ZooKeeper's lives with its connection and needs nothing.
    virtual void open_session(std::uint64_t lock, Done done) = 0;
    virtual void end_session(Done done) = 0;
    virtual std::string session() const = 0;
    virtual void keep_alive(std::string_view session, Done done) = 0;
    // One of many sessions that this connection opened, each with locks of its own; where a service
    // has such.
    virtual void end_session(std::string_view session, Done done);
    virtual void lock_another(std::uint64_t number, Done done);

    // Of what a service does not have this is the answer.
    static constexpr int unsupported = 501;

    // The lock named in open_session; done when it is held, which may take a minute.
    virtual void lock(Done done) = 0;
    virtual void unlock(Done done) = 0;

    // The same lock, shared by at most `limit`; 0: by any number.
    virtual void lock_shared(std::uint64_t limit, Done done);
    // Puts so many keys at once, from this one on, all or none.
    virtual void transact(std::uint64_t first_key, std::uint64_t keys, Done done);
    // As it was then. `revision` is the mark of a put.
    virtual void get_past(std::uint64_t key, std::uint64_t revision, Done done);
    // It goes with the session that was opened.
    virtual void put_ephemeral(std::uint64_t key, Done done);

    // Hears every change of every key from now on; `done` says that it began, and once more with
    // status 0 should it end.
    virtual void watch(Event event, Done done) = 0;
};

// Where nothing else is asked for.
inline constexpr std::int64_t session_ttl_s = 15;

std::unique_ptr<Client> make_gavel_client(Client::Setup setup);
std::unique_ptr<Client> make_etcd_client(Client::Setup setup);
std::unique_ptr<Client> make_zookeeper_client(Client::Setup setup);

// A value of printable bytes.
std::string make_value(std::size_t size);

}  // namespace gavel::bench
