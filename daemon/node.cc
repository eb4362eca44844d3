// Node: its doors and its loop.

#include "daemon/node.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "api/names.h"
#include "base/hash.h"
#include "daemon/alarms.h"
#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/node_impl.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

constexpr std::chrono::milliseconds alive_interval{250};

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

// ---- The loop -----------------------------------------------------------------------------------

void Node::Impl::tick() {
    if (stopping_) return;
    if (core_) {
        core_->tick(monotonic_now(), wall_now());
        // What it proposes itself has to be recorded, too, and the others' votes may suffice.
        core_->on_overload(disk_.is_overloaded());
        turn();
    }
    if (core_) {
        // Of a crowded log only what the durable state holds can go.
        hand_state_over(disk_.log().is_crowded());
        core_->on_state_durable(disk_.durable_applied());
        disk_.cut(core_->cut_point(options_.log_retain, source_.fetched()));
    }
    source_.tick(monotonic_now());
    serve_backups();
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
bool Node::Impl::lacks_room() const {
    // So much at most is written anew by one commit of the state, and waits for the next.
    const std::uint64_t bound = disk_.state().map_bytes() / 8;
    if (core_->dirty_bytes() > bound && !disk_.state_is_idle()) return true;
    if (!disk_.log_is_nearly_full()) return false;
    const std::uint64_t durable = disk_.durable_applied();
    return core_->machine().applied() > durable || disk_.log().oldest().number <= durable;
}

// A turn ends when everything that is ready has been taken in: proposals share a commit, reads
// share a round, messages share a frame.
void Node::Impl::schedule_turn() {
    if (turn_scheduled_) return;
    turn_scheduled_ = true;
    boost::asio::post(io_, [this] {
        turn_scheduled_ = false;
        turn();
    });
}

void Node::Impl::turn() {
    if (!core_) return;
    core_->hold_back(lacks_room());
    core_->spare_room(state_bytes_to_be() >= state_bytes_allowed());
    Turn turn = core_->end_turn();
    if (turn.diverged) end_diverged(*turn.diverged);
    if (turn.retired) retire("a majority of the members has what it had");
    follow_members();
    applied_.store(core_->machine().applied(), std::memory_order_relaxed);
    leader_.store(core_->replica().leader().number, std::memory_order_relaxed);
    note_history();
    if (turn.schemas_changed) note_schemas(core_->machine());

    for (const auto& role : turn.roles) {
        log::info("role", {{"role", to_string(role.role)},
                           {"leader", role.leader.number},
                           {"ballot", role.ballot.number()}});
    }
    for (const auto& event : turn.forced) {
        const auto& lock = std::get<statemachine::LockEvent>(event.body);
        const bool broken = lock.change == statemachine::LockEvent::Change::broken;
        log::info(broken ? "lock broken by an operator" : "lock-delay ended by an operator",
                  {{"lock", lock.lock},
                   {"session", api::session_id(lock.session)},
                   {"token", lock.token},
                   {"revision", event.revision},
                   {"author", lock.author},
                   {"reason", lock.comment}});
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
    const bool many_bytes = core_->dirty_bytes() >= disk_.state().map_bytes() / 16;
    if (many_bytes || core_->dirty_rows() >= options_.state_commit_rows) hand_state_over(true);
}

// The other half of the map is for pages that a commit writes anew before those they replace are
// free, and for a snapshot beside the state that it takes the place of.
std::uint64_t Node::Impl::state_bytes_to_be() const {
    return disk_.state_bytes() + disk_.state_bytes_coming() + core_->dirty_bytes();
}

void Node::Impl::note_schemas(const statemachine::Machine& machine) {
    auto all = machine.schemas();
    using All = const std::vector<statemachine::Ptr<statemachine::Schema>>;
    schemas_ = all.empty() ? nullptr : std::make_shared<All>(std::move(all));
}

// It is the same for ever once it is there.
void Node::Impl::note_history() {
    const auto founded_at = globals().founded_at;
    if (founded_at == 0 || history_id() != 0) return;
    const auto hash = hash64(identity_.cluster_id, static_cast<std::uint64_t>(founded_at));
    history_id_.store(static_cast<api::HistoryId>(hash >> 32U) | 1U, std::memory_order_relaxed);
}

void Node::Impl::release(std::vector<Outgoing> messages) {
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

void Node::Impl::hand_state_over(bool now) {
    const bool nothing_new = core_->machine().applied() == disk_.durable_applied();
    if (!disk_.state_is_idle() || nothing_new) return;
    const auto since = Clock::now() - state_handed_at_;
    if (!now && since < std::chrono::milliseconds(options_.state_commit_ms)) return;
    state_handed_at_ = Clock::now();
    disk_.commit_state(core_->take_state_batch());
}

// ---- The doors, on the core thread --------------------------------------------------------------

void Node::Impl::submit(api::Submission submission, std::function<void(api::SubmitResult)> done) {
    if (!core_) return done(api::Failure{unavailable()});
    const std::uint64_t ticket = clients_.await(std::move(done));
    core_->submit(ticket, std::move(submission));
}

void Node::Impl::read(const api::ReadOptions& options, api::Query query) {
    if (!core_) return query(nullptr, api::Failure{unavailable()});
    const std::uint64_t ticket = clients_.await(std::move(query));
    core_->read(ticket, options);
}

void Node::Impl::keep_alive(statemachine::SessionId session, std::chrono::milliseconds timeout,
                            std::function<void(api::KeepAliveResult)> done) {
    if (!core_) return done(api::Failure{unavailable()});
    const std::uint64_t ticket = clients_.await(std::move(done));
    core_->keep_alive(ticket, session, static_cast<std::uint64_t>(timeout.count()));
}

void Node::Impl::leases(std::vector<statemachine::SessionId> sessions,
                        std::chrono::milliseconds patience, std::function<void(api::Leases)> done) {
    if (!core_) return done({});
    const std::uint64_t ticket = clients_.await(std::move(done));
    core_->leases(ticket, std::move(sessions), static_cast<std::uint64_t>(patience.count()));
}

void Node::Impl::hand_over(api::HandOverWish wish, std::chrono::milliseconds timeout,
                           std::function<void(api::HandOverResult)> done) {
    if (!core_) return done(api::Failure{unavailable()});
    const std::uint64_t ticket = clients_.await(std::move(done));
    core_->hand_over(ticket, wish, static_cast<std::uint64_t>(timeout.count()));
}

api::Failure::Kind Node::Impl::unavailable() const {
    return leaving_ ? api::Failure::Kind::shutting_down : api::Failure::Kind::no_leader;
}

api::Status Node::Impl::status() const {
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
    add_alarm_of_use(status.alarms, "the room of the state on this member's disk",
                     status.state_bytes, state_bytes_allowed());
    status.messages_dropped = peers_->dropped() + messages_refused_;
    status.commits = disk_.commits();
    status.snapshots_sent = source_.snapshots_sent();
    status.snapshot_bytes_sent = source_.bytes_sent();
    status.snapshots_installed = installed_;
    status.snapshots_refused = refused_ + (core_ ? core_->snapshot_sink().reached().refused : 0);
    status.snapshot_bytes_received = received_bytes_ + (core_ ? core_->snapshot_sink().bytes() : 0);
    return status;
}

// ---- The doors, from any thread -----------------------------------------------------------------

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

void Node::hand_over(api::HandOverWish wish, std::chrono::milliseconds timeout,
                     std::function<void(api::HandOverResult)> done) {
    impl_->enter([this, wish, timeout, done = std::move(done)]() mutable {
        impl_->hand_over(wish, timeout, std::move(done));
    });
}

void Node::backup(statemachine::Revision least, std::chrono::milliseconds timeout,
                  std::function<void(api::BackupResult)> done) {
    impl_->enter([this, least, timeout, done = std::move(done)]() mutable {
        impl_->backup(least, timeout, std::move(done));
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

api::Gateway::Schemas Node::schemas() const { return impl_->schemas(); }
std::uint64_t Node::applied() const { return impl_->applied(); }
std::uint16_t Node::leader() const { return impl_->leader(); }
api::HistoryId Node::history_id() const { return impl_->history_id(); }

}  // namespace gavel::daemon
