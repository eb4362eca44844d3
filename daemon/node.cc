#include "daemon/node.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <future>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "daemon/acquaintances.h"
#include "daemon/admission.h"
#include "daemon/clients.h"
#include "daemon/disk.h"
#include "daemon/log.h"
#include "daemon/peers.h"
#include "daemon/roster.h"
#include "daemon/snapshot_source.h"
#include "persistence/failure.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds tick_interval{10};
constexpr std::chrono::milliseconds alive_interval{250};
// What another member made durable meanwhile is forgotten with this process.
constexpr std::chrono::seconds note_interval{5};

paxos::Tick monotonic_now() {
    const auto since =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch());
    return {static_cast<std::uint64_t>(since.count())};
}

statemachine::TimeMs wall_now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::uint64_t random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

// Values, to be recorded as accepted or as learned: nearly all that goes to a member's log.
bool brings_records(const proto::PeerMessage& message) {
    const auto* inner = std::get_if<paxos::Message>(&message);
    return inner != nullptr && (std::holds_alternative<paxos::Accept>(*inner) ||
                                std::holds_alternative<paxos::LearnAnswer>(*inner));
}

const char* to_string(paxos::Role role) {
    switch (role) {
        case paxos::Role::leader:
            return "leader";
        case paxos::Role::candidate:
            return "candidate";
        case paxos::Role::follower:
            break;
    }
    return "follower";
}

}  // namespace

class Node::Impl {
public:
    Impl(Options options, persistence::LogStore log, persistence::StateStore state,
         statemachine::Machine machine, paxos::Durable durable)
        : options_(std::move(options)),
          boot_(log.boot()),
          identity_(log.identity()),
          machine_(std::move(machine)),
          durable_(std::move(durable)),
          clients_({.post = [this](Clients::Call call) { boost::asio::post(io_, std::move(call)); },
                    .on_entered = [this] { schedule_turn(); }}),
          disk_(std::move(log), std::move(state), machine_->applied(),
                [this](std::function<void()> job) { boost::asio::post(io_, std::move(job)); }),
          source_({.open = [this] { return disk_.snapshot(); },
                   .run =
                       [this](std::function<void()> job, std::function<void()> done) {
                           disk_.run_aside(std::move(job), std::move(done));
                       },
                   .send =
                       [this](paxos::MemberId to, proto::SnapshotChunk chunk) {
                           const bool queued = peers_->send(to, std::move(chunk));
                           peers_->flush();
                           return queued;
                       }}),
          others_(disk_.log().acquaintances(),
                  [this](std::uint16_t member, const persistence::Acquaintance& acquaintance) {
                      disk_.log().remember(member, acquaintance);
                  }),
          timer_(io_) {
        disk_.released = [this](std::vector<Outgoing> messages) { release(std::move(messages)); };
        applied_ = machine_->applied();
        make_peers();
    }

    Result<std::uint16_t, ConfigError> listen() { return peers_->listen(options_.peer_listen); }

    void start(std::uint16_t port) {
        peer_port = port;
        peers_->start();
        if (may_vote()) {
            make_core();
        } else {
            log::info("waiting to meet every initial member before voting");
        }
        tick();
        thread_ = std::thread([this] { io_.run(); });
    }

    void hand_over(std::chrono::milliseconds patience) {
        auto done = std::make_shared<std::promise<void>>();
        auto handed = done->get_future();
        boost::asio::post(io_, [this, done, patience] {
            leaving_ = true;
            if (core_) {
                core_->begin_shutdown();
                turn();
            }
            wait_until_followed(done, Clock::now() + patience);
        });
        handed.wait_for(patience + std::chrono::seconds(1));
    }

    void stop() {
        if (!thread_.joinable()) return;
        boost::asio::post(io_, [this] { finish(); });
        thread_.join();
    }

    void enter(std::function<void()> call) { clients_.enter(std::move(call)); }

    void submit(api::Submission submission, std::function<void(api::SubmitResult)> done) {
        if (!core_) return done(api::Failure{unavailable()});
        const std::uint64_t ticket = clients_.await(std::move(done));
        core_->submit(ticket, std::move(submission));
    }

    void read(const api::ReadOptions& options, api::Query query) {
        if (!core_) return query(nullptr, api::Failure{unavailable()});
        const std::uint64_t ticket = clients_.await(std::move(query));
        core_->read(ticket, options);
    }

    void keep_alive(statemachine::SessionId session, std::chrono::milliseconds timeout,
                    std::function<void(api::KeepAliveResult)> done) {
        if (!core_) return done(api::Failure{unavailable()});
        const std::uint64_t ticket = clients_.await(std::move(done));
        core_->keep_alive(ticket, session, static_cast<std::uint64_t>(timeout.count()));
    }

    void leases(std::vector<statemachine::SessionId> sessions, std::chrono::milliseconds patience,
                std::function<void(api::Leases)> done) {
        if (!core_) return done({});
        const std::uint64_t ticket = clients_.await(std::move(done));
        core_->leases(ticket, std::move(sessions), static_cast<std::uint64_t>(patience.count()));
    }

    void hand_over(statemachine::MemberNumber to, std::chrono::milliseconds timeout,
                   std::function<void(api::HandOverResult)> done) {
        if (!core_) return done(api::Failure{unavailable()});
        const std::uint64_t ticket = clients_.await(std::move(done));
        core_->hand_over(ticket, to, static_cast<std::uint64_t>(timeout.count()));
    }

    api::Status status() const {
        api::Status status;
        if (core_) {
            status = core_->status();
        } else {
            status.member_id = identity_.member;
            status.role = "follower";
            status.alpha = identity_.alpha;
            status.version = options_.version;
            status.boot = boot_;
            status.not_ready_reason = leaving_      ? "shutting down"
                                      : installing_ ? "installing a snapshot"
                                                    : "waiting to meet every initial member";
            status.epochs = machine_->globals().epochs;
            status.format_level = proto::format_level;
            for (const auto& member : status.epochs.back().members) {
                status.members.push_back({.member = member});
            }
        }
        status.name = identity_.name;
        status.cluster_id = identity_.cluster_id;
        status.initial_cluster = identity_.initial_cluster;
        status.durable_applied = disk_.durable_applied();
        status.log_bytes = disk_.log().bytes_used();
        status.log_bytes_max = disk_.log().map_bytes();
        status.log_oldest = disk_.log().oldest().number;
        status.state_bytes = disk_.state().bytes_used();
        status.state_bytes_max = disk_.state().map_bytes();
        status.messages_dropped = peers_->dropped() + messages_refused_;
        status.commits = disk_.commits();
        status.snapshots_sent = source_.snapshots_sent();
        status.snapshot_bytes_sent = source_.bytes_sent();
        status.snapshots_installed = installed_;
        status.snapshots_refused =
            refused_ + (core_ ? core_->snapshot_sink().reached().refused : 0);
        status.snapshot_bytes_received =
            received_bytes_ + (core_ ? core_->snapshot_sink().bytes() : 0);
        return status;
    }

    void subscribe(std::weak_ptr<Clients::Sink> sink) { clients_.subscribe(std::move(sink)); }

    std::uint64_t applied() const { return applied_.load(std::memory_order_relaxed); }
    std::uint16_t leader() const { return leader_.load(std::memory_order_relaxed); }

    std::uint16_t peer_port = 0;

private:
    // ---- Setting up -----------------------------------------------------------------------------

    proto::Hello hello() const {
        return {.format_level = proto::format_level,
                .cluster_id = identity_.cluster_id,
                .member = identity_.member,
                .incarnation = identity_.incarnation,
                .boot = boot_,
                .alpha = identity_.alpha,
                .version = options_.version,
                .peer_address = identity_.peer_address,
                .runs = disk_.log().runs()};
    }

    void make_peers() {
        Peers::Options options{.self = hello(),
                               .writes = [this] { return disk_.log().writes(); },
                               .others = others(),
                               .seed = random_seed()};
        options.budget.bulk_bytes = options_.peer_queue_bytes;
        Peers::Callbacks callbacks{
            .admit = [this](const proto::Hello& hello) { return admit(hello); },
            .on_connected = [this](paxos::MemberId,
                                   const proto::Hello& hello) { on_connected(hello); },
            .on_message = [this](paxos::MemberId from,
                                 proto::PeerMessage message) { receive(from, std::move(message)); },
            .on_writes =
                [this](const proto::Hello& from, std::uint64_t writes) {
                    others_.heard(from.member, from.runs.back().id, writes);
                },
            .on_read = [this] { schedule_turn(); },
            .on_down = [this](paxos::MemberId member, bool refused) { on_down(member, refused); },
            .on_farewell = [this](const proto::Farewell& farewell) { on_farewell(farewell); }};
        peers_ = std::make_unique<Peers>(io_, std::move(options), std::move(callbacks));
    }

    const statemachine::Globals& globals() const {
        return core_ ? core_->machine().globals() : machine_->globals();
    }

    // One that joined has to find the others before the state can tell where they are.
    std::map<paxos::MemberId, Address> addresses() const {
        const auto contacts = parse_contacts(identity_.contacts);
        const bool told = identity_.member < globals().next_member;
        return told || !contacts ? addresses_of(globals()) : addresses_with(*contacts, globals());
    }

    std::map<paxos::MemberId, Address> others() const {
        auto found = addresses();
        found.erase({identity_.member});
        return found;
    }

    std::optional<Peers::Refusal> admit(const proto::Hello& hello) {
        const bool dismissed = core_ && core_->is_dismissed(hello.member);
        auto refusal = daemon::admit(hello, globals(), dismissed, others_);
        if (!refusal && core_ && hello.member < globals().next_member) {
            core_->met({hello.member}, hello.incarnation);
        }
        return refusal;
    }

    void on_farewell(const proto::Farewell& farewell) {
        if (!is_believed(farewell, globals(), others_)) {
            log::warning("told by a stranger that this member must not go on",
                         {{"member", farewell.hello.member}, {"reason", farewell.reason}});
        } else if (farewell.why == proto::Farewell::Why::set_back) {
            end_set_back(farewell);
        } else {
            retire(farewell.reason);
        }
    }

    void receive(paxos::MemberId from, proto::PeerMessage message) {
        if (!core_) return;
        // Any message may be lost, and these are sent again; what was taken could not be.
        if ((disk_.is_overloaded() || lacks_room()) && brings_records(message)) {
            ++messages_refused_;
            return;
        }
        core_->receive(from, std::move(message));
    }

    // The other one has admitted this member, durably, before it answered.
    void on_connected(const proto::Hello& hello) {
        log::info("connected to member", {{"member", hello.member}, {"boot", hello.boot}});
        others_.on_mutual(hello);
        if (core_) {
            core_->connected({hello.member});
            schedule_turn();
        }
        if (core_ || leaving_ || installing_ || !may_vote()) return;
        log::info("met every initial member");
        make_core();
        schedule_turn();
    }

    // The number of one that joined was never used before, so nobody can have forgotten anything
    // under it.
    bool may_vote() const {
        return !identity_.contacts.empty() ||
               founder_may_vote(identity_.member, globals(), others_);
    }

    void make_core() {
        Core::Config config{.self = {identity_.member},
                            .boot = boot_,
                            .incarnation = identity_.incarnation,
                            .seed = random_seed(),
                            .heartbeat_ms = options_.heartbeat_ms,
                            .election_timeout_ms = options_.election_timeout_ms,
                            .learner_mode = options_.learner_mode,
                            .client_address = options_.client_address,
                            .version = options_.version,
                            .limits = options_.limits};
        core_.emplace(std::move(config), std::move(*machine_), durable_, monotonic_now(),
                      wall_now());
        machine_.reset();
        durable_ = {};
        for (const auto& [member, known] : others_.known()) core_->met({member}, known.incarnation);
    }

    // Who is dialled follows the state.
    void follow_members() {
        const auto& epochs = globals().epochs;
        const std::pair window{epochs.front().number, epochs.back().number};
        if (std::exchange(followed_epochs_, window) != window) peers_->set_others(addresses());
    }

    // Nobody needs it any more. It ends for good, and a later start says why it does not serve.
    void retire(const std::string& reason) {
        if (leaving_ || std::exchange(retired_, true)) return;
        disk_.log().retire({globals().applied});
        log::info("this member was removed from the cluster: it ends and does not come back",
                  {{"member", identity_.member}, {"reason", reason}});
        if (options_.on_removed) options_.on_removed();
    }

    api::Failure::Kind unavailable() const {
        return leaving_ ? api::Failure::Kind::shutting_down : api::Failure::Kind::no_leader;
    }

    void on_down(paxos::MemberId member, bool refused) {
        log::info(refused ? "member is gone" : "connection to member broke",
                  {{"member", member.number}});
        if (!core_ || !refused) return;
        core_->peer_died(member);
        schedule_turn();
    }

    // ---- The loop -------------------------------------------------------------------------------

    void tick() {
        if (stopping_) return;
        if (core_) {
            core_->tick(monotonic_now(), wall_now());
            // What it proposes itself has to be recorded, too, and the others' votes may suffice.
            if (disk_.is_overloaded()) core_->hand_over();
            turn();
        }
        if (core_) {
            // Of a crowded log only what the durable state holds can go.
            hand_state_over(disk_.log().is_crowded());
            core_->on_state_durable(disk_.durable_applied());
            disk_.cut(core_->cut_point(options_.log_retain, source_.fetched()));
        }
        source_.tick(monotonic_now());
        note_others();
        if (options_.alive && Clock::now() - alive_at_ >= alive_interval) {
            alive_at_ = Clock::now();
            options_.alive(status());
        }
        timer_.expires_after(tick_interval);
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (!error) tick();
        });
    }

    // Only while some of the log can go soon: what it must hold it is given, come what may, or the
    // member might wait for what it does not take.
    bool lacks_room() const {
        if (!disk_.log_is_nearly_full()) return false;
        const std::uint64_t durable = disk_.durable_applied();
        return core_->machine().applied() > durable || disk_.log().oldest().number <= durable;
    }

    // A turn ends when everything that is ready has been taken in: proposals share a commit, reads
    // share a round, messages share a frame.
    void schedule_turn() {
        if (turn_scheduled_) return;
        turn_scheduled_ = true;
        boost::asio::post(io_, [this] {
            turn_scheduled_ = false;
            turn();
        });
    }

    void turn() {
        if (!core_) return;
        core_->hold_back(lacks_room());
        Turn turn = core_->end_turn();
        if (turn.diverged) end_diverged(*turn.diverged);
        if (turn.retired) retire("a majority of the members has what it had");
        follow_members();
        applied_.store(core_->machine().applied(), std::memory_order_relaxed);
        leader_.store(core_->replica().leader().number, std::memory_order_relaxed);

        for (const auto& role : turn.roles) {
            log::info("role", {{"role", to_string(role.role)},
                               {"leader", role.leader.number},
                               {"ballot", role.ballot.number()}});
        }
        // The others have the longer way to an answer: what they wait for leaves first.
        for (const auto& outgoing : turn.at_once) peers_->send(outgoing.to, outgoing.message);
        for (const auto& wanted : turn.log_reads) {
            peers_->send(wanted.to, paxos::Message(disk_.read(wanted)));
        }
        peers_->flush();
        disk_.append(std::move(turn.records), std::move(turn.once_durable));
        clients_.publish(std::move(turn.changes));
        for (auto& answer : turn.answers) clients_.deliver(std::move(answer), core_->machine());
        for (const auto& [from, ask] : turn.snapshot_asks) {
            source_.on_ask(from, ask, monotonic_now());
        }
        if (turn.snapshot && !leaving_) return begin_anew_from(std::move(*turn.snapshot));
        if (core_->dirty_rows() >= options_.state_commit_rows) hand_state_over(true);
    }

    // A state that is not that of the others is not served from, now or later.
    [[noreturn]] void end_diverged(paxos::Slot slot) {
        disk_.log().condemn(slot);
        persistence::end_soon();  // Though the line may find no reader.
        log::error(
            "the state is not that of the other members: this member ends and must not "
            "start again",
            {{"slot", slot.number}});
        log::stop();
        std::_Exit(persistence::storage_exit_code);
    }

    // Neither is a memory relied upon that is older than what others were told.
    [[noreturn]] void end_set_back(const proto::Farewell& farewell) {
        disk_.log().quarantine();
        persistence::end_soon();
        log::error(
            "the data directory was set back in time: this member ends and must not start again; "
            "remove it and let it join anew, with an empty directory",
            {{"member", identity_.member},
             {"told_by", farewell.hello.member},
             {"reason", farewell.reason}});
        log::stop();
        std::_Exit(persistence::storage_exit_code);
    }

    void release(std::vector<Outgoing> messages) {
        if (!core_) return;  // They were of a core that has ended.
        for (auto& outgoing : messages) {
            if (outgoing.to.number == identity_.member) {
                core_->receive(outgoing.to, std::move(outgoing.message));
            } else {
                peers_->send(outgoing.to, outgoing.message);
            }
        }
        peers_->flush();
        schedule_turn();
    }

    // ---- From the state of another member -------------------------------------------------------

    // As if the process ended here and started again from that state; a crash before it is durable
    // leaves the old one. The others see a new boot, so nothing that was said to the old core
    // reaches the new one.
    void begin_anew_from(statemachine::Machine snapshot) {
        log::info("installing a snapshot",
                  {{"slot", snapshot.applied()}, {"instead_of", core_->machine().applied()}});
        installing_ = true;
        received_bytes_ += core_->snapshot_sink().bytes();
        refused_ += core_->snapshot_sink().reached().refused;
        clients_.fail(api::Failure::Kind::no_leader);
        source_.close();
        core_.reset();
        machine_ = std::move(snapshot);
        leader_.store(0, std::memory_order_relaxed);
        clients_.cut_watchers();
        once_disk_is_idle([this] {
            if (stopping_) return;
            disk_.install(*machine_, [this](Disk::Fresh fresh) { begin_anew(std::move(fresh)); });
        });
    }

    void begin_anew(Disk::Fresh fresh) {
        installing_ = false;
        ++installed_;
        if (stopping_) return;
        const auto end = [](const std::string& reason) {
            persistence::end_soon();
            log::error("cannot go on from a snapshot", {{"reason", reason}});
            log::stop();
            std::_Exit(persistence::storage_exit_code);
        };
        if (!fresh.durable) end(fresh.durable.error().what);
        boot_ = fresh.boot;
        durable_ = std::move(*fresh.durable);
        log::info("installed a snapshot", {{"slot", machine_->applied()}, {"boot", boot_}});

        peers_->begin_anew(hello(), others());
        followed_epochs_ = {};
        if (leaving_) return;
        make_core();
        schedule_turn();
    }

    // ---- State and notes to the disk, and the end
    // ---------------------------------------------------------

    void hand_state_over(bool now) {
        const bool nothing_new = core_->machine().applied() == disk_.durable_applied();
        if (!disk_.state_is_idle() || nothing_new) return;
        const auto since = Clock::now() - state_handed_at_;
        if (!now && since < std::chrono::milliseconds(options_.state_commit_ms)) return;
        state_handed_at_ = Clock::now();
        disk_.commit_state(core_->take_state_batch());
    }

    void note_others() {
        if (installing_ || Clock::now() - noted_at_ < note_interval) return;
        noted_at_ = Clock::now();
        bool any = false;
        others_.note_writes([&](std::uint16_t member, const persistence::Acquaintance& known) {
            disk_.log().note(member, known);
            any = true;
        });
        if (any) disk_.keep_notes();
    }

    void wait_until_followed(const std::shared_ptr<std::promise<void>>& done,
                             Clock::time_point deadline) {
        const bool leads = core_ && core_->replica().role() == paxos::Role::leader;
        const bool alone = globals().epochs.back().members.size() == 1;
        if (!leads || alone || Clock::now() >= deadline) {
            done->set_value();
            return;
        }
        auto timer = std::make_shared<boost::asio::steady_timer>(io_, tick_interval);
        timer->async_wait([this, done, deadline, timer](const boost::system::error_code&) {
            wait_until_followed(done, deadline);
        });
    }

    void finish() {
        leaving_ = true;
        stopping_ = true;
        timer_.cancel();
        disk_.stop_keeping();
        // What others go on sending would keep the disk busy for ever.
        peers_->stop();
        if (core_) {
            turn();
            hand_state_over(true);
        }
        once_disk_is_idle([this] {
            others_.note_writes([this](std::uint16_t member, const auto& known) {
                disk_.log().remember(member, known);
            });
            clients_.fail(api::Failure::Kind::shutting_down);
            io_.stop();
        });
    }

    void once_disk_is_idle(std::function<void()> then) {
        if (disk_.idle()) return then();
        auto timer = std::make_shared<boost::asio::steady_timer>(io_, std::chrono::milliseconds(1));
        timer->async_wait(
            [this, timer, then = std::move(then)](const boost::system::error_code&) mutable {
                once_disk_is_idle(std::move(then));
            });
    }

    Options options_;
    std::uint64_t boot_;
    persistence::Identity identity_;
    std::optional<statemachine::Machine> machine_;  // Until the core has it.
    paxos::Durable durable_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    std::unique_ptr<Peers> peers_;
    std::optional<Core> core_;
    Clients clients_;
    Disk disk_;
    SnapshotSource source_;
    Acquaintances others_;
    boost::asio::steady_timer timer_;
    std::pair<std::uint64_t, std::uint64_t> followed_epochs_{1, 1};
    bool retired_ = false;
    std::uint64_t messages_refused_ = 0;  // While the disk could not keep up.
    bool turn_scheduled_ = false;
    bool leaving_ = false;  // Takes no new commands, and makes no core that would.
    bool stopping_ = false;
    bool installing_ = false;  // The core has ended; `machine_` is on its way to the disk.
    std::uint64_t installed_ = 0;
    std::uint64_t received_bytes_ = 0;  // By cores that have ended.
    std::uint64_t refused_ = 0;         // By them, too.
    Clock::time_point alive_at_{};
    Clock::time_point state_handed_at_{};
    Clock::time_point noted_at_ = Clock::now();

    std::atomic<std::uint64_t> applied_{0};
    std::atomic<std::uint16_t> leader_{0};

    std::thread thread_;
};

Result<std::unique_ptr<Node>, persistence::StorageError> Node::open(Options options,
                                                                    persistence::LogStore log,
                                                                    persistence::StateStore state) {
    statemachine::Machine machine(options.state_limits, log.identity().alpha,
                                  options.initial_members);
    const auto globals = state.load([&](statemachine::Row row) { machine.load(std::move(row)); });
    if (!globals) return globals.error();
    if (*globals && !machine.finish_load(**globals)) {
        return persistence::StorageError{
            "the state on disk is not the one that was written (its hash or its epochs are wrong)"};
    }
    auto durable = log.recover({machine.applied()}, {state.replaced()});
    if (!durable) return durable.error();

    auto impl = std::make_unique<Impl>(std::move(options), std::move(log), std::move(state),
                                       std::move(machine), std::move(*durable));
    auto port = impl->listen();
    if (!port) return persistence::StorageError{port.error().what};
    impl->peer_port = *port;
    return std::unique_ptr<Node>(new Node(std::move(impl)));
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() { stop(); }

void Node::start() { impl_->start(impl_->peer_port); }
std::uint16_t Node::peer_port() const { return impl_->peer_port; }
void Node::hand_over(std::chrono::milliseconds patience) { impl_->hand_over(patience); }
void Node::stop() { impl_->stop(); }

void Node::submit(api::Submission submission, std::function<void(api::SubmitResult)> done) {
    impl_->enter([this, submission = std::move(submission), done = std::move(done)]() mutable {
        impl_->submit(std::move(submission), std::move(done));
    });
}

void Node::read(api::ReadOptions options, api::Query query) {
    impl_->enter([this, options, query = std::move(query)]() mutable {
        impl_->read(options, std::move(query));
    });
}

void Node::keep_alive(statemachine::SessionId session, std::chrono::milliseconds timeout,
                      std::function<void(api::KeepAliveResult)> done) {
    impl_->enter([this, session, timeout, done = std::move(done)]() mutable {
        impl_->keep_alive(session, timeout, std::move(done));
    });
}

void Node::leases(std::vector<statemachine::SessionId> sessions, std::chrono::milliseconds patience,
                  std::function<void(api::Leases)> done) {
    impl_->enter(
        [this, sessions = std::move(sessions), patience, done = std::move(done)]() mutable {
            impl_->leases(std::move(sessions), patience, std::move(done));
        });
}

void Node::hand_over(statemachine::MemberNumber to, std::chrono::milliseconds timeout,
                     std::function<void(api::HandOverResult)> done) {
    impl_->enter([this, to, timeout, done = std::move(done)]() mutable {
        impl_->hand_over(to, timeout, std::move(done));
    });
}

void Node::status(std::function<void(api::Status)> done) {
    impl_->enter([this, done = std::move(done)] { done(impl_->status()); });
}

std::shared_ptr<void> Node::subscribe(std::function<void(Changes)> sink) {
    auto shared = std::make_shared<Clients::Sink>(std::move(sink));
    impl_->enter([this, weak = std::weak_ptr(shared)] { impl_->subscribe(weak); });
    return shared;
}

std::uint64_t Node::applied() const { return impl_->applied(); }
std::uint16_t Node::leader() const { return impl_->leader(); }

}  // namespace gavel::daemon
