#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "api/call.h"
#include "api/metrics.h"
#include "api/schema_book.h"
#include "api/timers.h"
#include "api/watch_hub.h"

namespace gavel::api {

// A client's connection, as its worker sees it. On the worker's thread only.
class Connection {
public:
    virtual ~Connection() = default;
    virtual void start() = 0;
    // Ends what has taken too long.
    virtual void sweep(std::chrono::steady_clock::time_point now) = 0;
    // The server stops: ends at once if nothing is under way, else with the present answer.
    virtual void drain() = 0;
    virtual void close() = 0;
};

// What all workers of a server share. Lives as long as the last of them.
struct ServerShared {
    ServerShared(Gateway& member, ServerOptions given);

    Gateway& gateway;
    ServerOptions options;
    Metrics metrics;
    Places waits;
    Places watches;
    Places backups;
    Places connections;
};

// One HTTP thread: its loop, its connections, its watchers. Results of the core thread come in
// through a mailbox that wakes the loop once for as many as have gathered, since a wake-up costs
// the core thread a system call. Changes that come faster than they are handed out gather into one
// batch, and so into one write for each watcher; when they take too much room, what comes next is
// left out, and the watchers that would miss it are cut with their position.
class Worker final : public Mailbox, public std::enable_shared_from_this<Worker> {
public:
    using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                    boost::asio::io_context::executor_type>;

    Worker(std::shared_ptr<ServerShared> shared, std::uint64_t id_seed);
    ~Worker() override;

    // Runs the loop until finish(); to be called once, on the worker's own thread.
    void run();
    void post(Task task) override;
    void post_fenced(Task task) override;
    Timer after(std::chrono::milliseconds delay, Task task) override;

    boost::asio::io_context& context() { return context_; }
    ServerShared& shared() { return *shared_; }
    Services services();

    // From any thread.
    void adopt(Socket socket, bool loopback);
    void drain();
    void close_all();
    void finish();
    std::size_t open_connections() const { return open_; }
    // Without those that came after drain().
    std::size_t connections_under_way() const { return open_ - late_count_; }

    // For connections, on the worker's thread.
    void remove(Connection* connection);
    bool draining() const { return draining_; }
    std::string_view date();
    std::string make_request_id();

private:
    // A task, or changes of the state when there is none.
    struct Mail {
        Task task{};
        std::vector<statemachine::Ptr<statemachine::Change>> changes{};
        bool cut{};  // Changes behind these were left out, up to the next fenced task.
    };

    void post_changes(const Gateway::Changes& changes);
    void gather(Mail& mail, const Gateway::Changes& changes);
    // Under the mutex; whether the loop has to be woken.
    bool put_in(Mail mail);
    void wake();
    void take_mail();
    void start_sweep();
    void sweep();
    void arm_timer();

    std::shared_ptr<ServerShared> shared_;
    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    WatchHub hub_{};
    SchemaBook schemas_{};
    std::shared_ptr<void> subscription_{};
    std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_{};
    std::unordered_set<Connection*> late_{};  // Came after drain().
    std::atomic<std::size_t> open_{};
    std::atomic<std::size_t> late_count_{};
    boost::asio::steady_timer sweep_timer_;
    boost::asio::steady_timer task_timer_;
    Timers timers_{};
    Timers::Time armed_for_ = Timers::Time::max();
    bool draining_{};
    bool finishing_{};

    std::string date_{};
    std::int64_t date_second_{};
    std::string id_prefix_{};
    std::uint64_t id_count_{};

    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    std::mutex mutex_{};               // Guards the next four.
    std::vector<Mail> mail_{};         // A wake-up is on its way when not empty.
    std::size_t open_changes_ = none;  // Where in mail_ further changes may be added.
    std::size_t change_bytes_{};       // Of all changes that are not handed out yet.
    bool finished_{};
    std::vector<Mail> taken_{};  // Of the worker's thread; kept for its room.
};

// TCP without TLS; the connection's code is the same for any stream.
std::shared_ptr<Connection> make_connection(std::shared_ptr<Worker> worker, Worker::Socket socket,
                                            bool loopback, std::shared_ptr<void> place);

}  // namespace gavel::api
