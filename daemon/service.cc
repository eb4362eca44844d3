#include "daemon/service.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/server.h"
#include "daemon/bootstrap.h"
#include "daemon/complaint.h"
#include "daemon/join.h"
#include "daemon/log.h"
#include "daemon/node.h"
#include "daemon/notify.h"
#include "daemon/peers.h"
#include "daemon/startup_patience.h"
#include "daemon/version.h"
#include "persistence/failure.h"

namespace gavel::daemon {
namespace {

using std::chrono::milliseconds;

constexpr int exit_failure = 1;
constexpr int removed_signal = SIGUSR1;  // From this process to itself: it is no member any more.
constexpr milliseconds hand_over_patience{2'000};
constexpr milliseconds drain_bound{5'000};
constexpr std::size_t own_descriptors = 128;  // Peers, the two environments, the log.

int refuse(const std::string& what) {
    complain(what);
    return exit_failure;
}

// The stores are mapped files, so a page that the disk does not give, or that a damaged one takes
// to lie behind the end of its file, shows itself as SIGBUS, in the middle of anything.
extern "C" void end_for_want_of_a_page(int) {
    persistence::end_process(
        "gaveld: a page of the data directory cannot be read. Its disk fails, or a file is "
        "damaged: remove this member and let it join anew, empty.\n");
}

// As many descriptors as the system allows; fewer clients when that is too little for all.
void make_room_for_connections(api::ServerOptions& http) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const std::size_t files = std::max<std::size_t>(limit.rlim_cur, own_descriptors + 1);
    http.connections_max = std::min(http.connections_max, files - own_descriptors);
}

void log_access(const api::AccessRecord& access) {
    if (log::level() > log::Level::debug) return;
    log::debug("request", {{"method", access.method},
                           {"target", access.target},
                           {"status", access.status},
                           {"took_us", access.took.count()},
                           {"request_id", access.request_id},
                           {"traceparent", access.traceparent}});
}

// Called by the core's loop: it turns, so the watchdog may know.
class Pulse {
public:
    void operator()(const api::Status& status) {
        const auto now = std::chrono::steady_clock::now();
        if (interval_ && now - fed_at_ >= *interval_ / 2) {
            fed_at_ = now;
            notify::watchdog();
        }
        std::string text = status.role + " of " + std::to_string(status.members.size()) + ", " +
                           (status.ready ? "ready" : "not ready: " + status.not_ready_reason);
        if (text == said_) return;
        said_ = std::move(text);
        notify::status(said_);
    }

private:
    std::optional<std::chrono::microseconds> interval_ = notify::watchdog_interval();
    std::chrono::steady_clock::time_point fed_at_{};
    std::string said_{};
};

using StorageResult = Result<persistence::LogStore, persistence::StorageError>;

// What a directory without a member is to become.
Result<persistence::Identity, ConfigError> identity_for(const Options& options) {
    if (options.join) return join_cluster(options);
    if (is_joining(options.data_dir)) {
        return ConfigError{options.data_dir.string() +
                           ": a start of this member that was to join a cluster was cut short; "
                           "give it --join again, or use an empty directory"};
    }
    return new_identity(options, random_number());
}

// A directory remembers who it is, and what the options say must agree with it.
StorageResult open_log(const Options& options) {
    const persistence::LogStore::Options place{
        .folder = options.data_dir,
        .map_bytes = options.log_map_bytes,
        .refuse = [&](const auto& kept) { return contradiction(options, kept); }};
    auto log = persistence::LogStore::open(place, std::nullopt);
    if (!log && log.error().nothing_there) {
        const auto fresh = identity_for(options);
        if (!fresh) return persistence::StorageError{fresh.error().what};
        log = persistence::LogStore::open(place, *fresh);
    }
    if (log) {
        const auto forgotten = forget_registration(options.data_dir);
        if (!forgotten) return persistence::StorageError{forgotten.error().what};
    }
    return log;
}

Node::Options node_options(const Options& options, const persistence::Identity& identity) {
    return {.initial_members = founders_of(identity),
            .peer_listen = options.peer_listen,
            .client_address = options.advertise,
            .version = std::string(version()),
            .heartbeat_ms = static_cast<std::uint64_t>(options.heartbeat.count()),
            .election_timeout_ms = static_cast<std::uint64_t>(options.election_timeout.count()),
            .learner_mode = options.learner_mode,
            .log_retain = options.log_retention,
            .peer_queue_bytes = options.peer_queue_bytes,
            // The main thread waits for signals; this is one more reason to stop.
            .on_removed = [] { ::kill(::getpid(), removed_signal); },
            .alive = Pulse()};
}

using NodeResult = Result<std::unique_ptr<Node>, persistence::StorageError>;

// Recovery: from nothing to a member that listens for its peers.
NodeResult open_node(const Options& options) {
    if (options.join && (options.initial_cluster || options.alpha || options.cluster_token)) {
        return persistence::StorageError{
            "--join goes without --initial-cluster, --alpha and --cluster-token: a cluster that "
            "runs has them already"};
    }
    const StartupPatience patience;
    auto log = open_log(options);
    if (!log) return log.error();
    const persistence::Identity identity = log->identity();
    auto state = persistence::StateStore::open(
        {.folder = options.data_dir, .owner = identity, .map_bytes = options.state_map_bytes});
    if (!state) return state.error();
    return Node::open(node_options(options, identity), std::move(*log), std::move(*state));
}

// SIGHUP: what may change while it runs is read again.
void reload(const ReadOptionsAgain& read_again) {
    notify::reloading();
    const auto again = read_again();
    if (again) {
        log::set_level(again->options.log_level);
        log::info("reloaded", {{"log_level", to_string(again->options.log_level)}});
    } else {
        log::warning("not reloaded", {{"reason", again.error().what}});
    }
    notify::ready("reloaded");
}

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, removed_signal}) sigaddset(&set, signal);
    return set;
}

// Returns when the process is asked to end.
void wait_for_the_end(const ReadOptionsAgain& read_again) {
    const sigset_t set = handled_signals();
    for (;;) {
        int signal = 0;
        if (sigwait(&set, &signal) != 0) continue;
        if (signal == SIGHUP) {
            reload(read_again);
            continue;
        }
        log::info("stopping", {{"signal", signal}});
        // Whoever asks twice does not want to wait; that the member was removed is no second time.
        sigset_t impatient;
        sigemptyset(&impatient);
        for (const int ends : {SIGTERM, SIGINT}) sigaddset(&impatient, ends);
        pthread_sigmask(SIG_UNBLOCK, &impatient, nullptr);
        return;
    }
}

}  // namespace

int run_service(Options options, const ReadOptionsAgain& read_again) {
    // Before any thread starts, so that all of them leave signals to the main thread.
    const sigset_t set = handled_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGBUS, end_for_want_of_a_page);
    make_room_for_connections(options.http);
    options.http.access_log = log_access;

    for (const Address& address : {options.listen, options.peer_listen}) {
        if (const auto free = can_listen(address); !free) return refuse(free.error().what);
    }
    auto node = open_node(options);
    if (!node) return refuse(node.error().what);
    api::Server server(**node, options.http);
    const auto port = server.listen(options.listen.host, options.listen.port);
    if (!port) return refuse(port.error().what);

    // Only now: a start that fails says one line, and nothing else.
    log::start(options.log_format.value_or(log::format_for_stderr()), options.log_level);
    (*node)->start();
    server.start();
    log::info("serving", {{"version", version()},
                          {"listen", to_string(options.listen)},
                          {"peer_listen", to_string(options.peer_listen)},
                          {"data_dir", options.data_dir.string()},
                          {"max_connections", options.http.connections_max},
                          {"applied", (*node)->applied()}});
    notify::ready("serving");

    wait_for_the_end(read_again);
    notify::stopping();
    (*node)->hand_over(hand_over_patience);
    server.stop(drain_bound);
    (*node)->stop();
    log::info("stopped");
    log::stop();
    return 0;
}

}  // namespace gavel::daemon
