#include "statemachine/machine.h"

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>

#include "base/invariant.h"
#include "statemachine/history.h"
#include "statemachine/idempotency.h"
#include "statemachine/keys.h"
#include "statemachine/locks.h"
#include "statemachine/members.h"
#include "statemachine/quotas.h"
#include "statemachine/requests.h"
#include "statemachine/row_hash.h"
#include "statemachine/rows.h"
#include "statemachine/schemas.h"
#include "statemachine/sessions.h"
#include "statemachine/step.h"
#include "statemachine/timeline.h"
#include "statemachine/transaction.h"
#include "statemachine/versions.h"

namespace gavel::statemachine {

namespace {

// What is told to whoever sent a command.
struct Answer {
    Outcome outcome{};
    Revision revision{};
    bool repeated{};
};

std::vector<std::string> first_names(const std::map<std::string_view, std::uint64_t>& of,
                                     std::size_t most) {
    std::vector<std::string> names;
    names.reserve(std::min(most, of.size()));
    for (const auto& [name, number] : of) {
        if (names.size() == most) break;
        names.emplace_back(name);
    }
    return names;
}

}  // namespace

// Joins the tables: decides what is executed and what is a repeat; each table knows the rest.
class Machine::Impl {
public:
    Impl(Limits limits, std::uint64_t alpha, std::vector<Member> members) : limits_(limits) {
        globals_.alpha = alpha;
        members_.found(std::move(members));
    }
    Impl(const Impl&) = delete;  // The tables refer to the limits and to each other.
    Impl& operator=(const Impl&) = delete;
    ~Impl() = default;

    Applied apply(Revision slot, const Entry& entry) {
        advance(slot);
        globals_.time = std::max(globals_.time, entry.stamp);

        Step step{.revision = slot,
                  .time = globals_.time,
                  .spares_room = entry.spares_room,
                  .rows = rows_};
        idempotency_.expire(step);
        versions_.expire(step);
        if (!globals_.removed.empty()) {
            requests_.forget(step, [this](MemberNumber id) { return members_.is_gone(id); });
        }
        Answer answer = answer_once(step, entry);
        end_sessions_that_go_with_their_locks(step);
        for (const SettledWait& wait : step.settled) idempotency_.settle(step, wait);
        // What keys were goes before anybody is told for long that there is no room.
        if (step.spares_room) versions_.make_room(step);
        versions_.trim(step);
        members_.forget_the_past();  // With alpha 1 the set that was left governs the next slot.

        Applied applied{.request = entry.request,
                        .revision = answer.revision,
                        .repeated = answer.repeated,
                        .outcome = std::move(answer.outcome)};
        applied.got = answer.repeated ? got_before(entry, applied.outcome) : std::move(step.got);
        applied.events = history_.add(step);
        applied.changed = rows_.take_changed();
        globals_.history_floor = history_.floor();
        globals_.versions_floor = versions_.floor();
        globals_.rows_hash = rows_.hash();
        return applied;
    }

    void advance(Revision slot) {
        invariant(slot == globals_.applied + 1, "slots are applied one after the other");
        globals_.applied = slot;
        members_.forget_the_past();
    }

    void load(Row row) {
        const std::uint64_t hash = rows_.load(row.key, row.value);
        std::visit([this, hash](auto&& value) { place(std::move(value), hash); },
                   std::move(row.value));
    }

    bool finish_load(const Globals& globals) {
        globals_ = globals;
        history_.set_floor(globals.history_floor);
        quotas_.count([this](std::string_view prefix) { return keys_.use_of(prefix); });
        return locks_.finish_load() && keys_.finish_load() &&
               versions_.finish_load(globals.versions_floor) && rows_.hash() == globals.rows_hash &&
               members_.is_sound();
    }

    // What a session that ends has to be freed of.
    std::size_t owned_by(SessionId id) const {
        return locks_.claim_of(id).held.size() + keys_.count_of(id);
    }

    Limits limits_;
    Globals globals_;
    Members members_{limits_, globals_};
    Rows rows_;
    Requests requests_{limits_};
    Idempotency idempotency_{limits_};
    Quotas quotas_{limits_};
    Sessions sessions_{limits_, quotas_};
    Locks locks_{limits_, sessions_};
    Versions versions_{limits_};
    Schemas schemas_{limits_};
    Keys keys_{limits_, sessions_, versions_, quotas_, schemas_};
    Timeline timeline_{limits_, keys_, versions_};
    Transaction transaction_{keys_, locks_, sessions_};
    History history_{limits_};

private:
    // A request id is executed once; whatever it was answered is its answer for ever.
    Answer answer_once(Step& step, const Entry& entry) {
        if (requests_.too_old(entry.request) || members_.is_gone(entry.request.member)) {
            return {RequestTooOld{}, step.revision, false};
        }
        if (const auto seen = requests_.find(entry.request)) {
            return {seen->outcome, seen->revision, true};
        }
        Answer answer = answer_once_per_key(step, entry);
        requests_.record(step, entry.request, answer.revision, answer.outcome);
        return answer;
    }

    // An Idempotency-Key likewise, but for refusals for want of room, or for too much at once: they
    // changed nothing, and the client may try again with the same key.
    Answer answer_once_per_key(Step& step, const Entry& entry) {
        const Revision now = step.revision;
        if (!entry.idempotency) return {execute(step, entry, {}), now, false};

        const IdempotencyKey& key = *entry.idempotency;
        if (const auto seen = idempotency_.find(key.key, step.time)) {
            if (seen->fingerprint != key.fingerprint) return {IdempotencyKeyReused{}, now, false};
            return {seen->outcome, seen->revision, true};
        }
        if (!idempotency_.has_room_for(key.key, entry.command)) {
            return {LimitReached{LimitReached::What::idempotency_keys}, now, false};
        }
        Outcome outcome = execute(step, entry, key.key);
        if (!is_passing(outcome)) idempotency_.record(step, key, outcome);
        return {std::move(outcome), now, false};
    }

    Outcome execute(Step& step, const Entry& entry, std::string_view idempotency_key) {
        const auto run = [&](const auto& command) -> Outcome {
            if constexpr (requires { command.author, command.reason; }) {
                step.author = command.author;
                step.reason = command.reason;
            }
            using Kind = std::decay_t<decltype(command)>;
            if constexpr (std::is_same_v<Kind, AcquireLock> || std::is_same_v<Kind, AcquireLocks>) {
                return locks_.acquire(step, command, idempotency_key);
            } else {
                return on(step, command);
            }
        };
        return std::visit(run, entry.command);
    }

    Outcome on(Step& step, const LeaderStart&) {
        if (globals_.leader_start == 0) globals_.founded_at = step.time;
        globals_.leader_start = step.revision;
        return Done{};
    }

    Outcome on(Step& step, const OpenSession& command) { return sessions_.open(step, command); }

    // One that has lapsed is none any more to its client; one that goes on ending by his own wish
    // is ended further.
    Outcome on(Step& step, const EndSession& command) {
        const auto ending = sessions_.find_ending(command.session);
        const bool by_client = ending && *ending->ending == ReleaseReason::session_ended;
        if (!sessions_.contains(command.session) && !by_client) {
            return SessionNotFound{command.session};
        }
        end_sessions(step, {&command.session, 1}, ReleaseReason::session_ended);
        const std::size_t left = owned_by(command.session);
        if (left > 0) return SessionEnding{left};
        return SessionEnded{};
    }

    Outcome on(Step& step, const ExpireSession& command) {
        return expire(step, command.leader_start, {&command.session, 1});
    }
    Outcome on(Step& step, const ExpireSessions& command) {
        return expire(step, command.leader_start, command.sessions);
    }

    // A leader's judgement of time counts only while it is the latest to have started: one that
    // has been replaced may not know of the keep-alives since.
    Outcome expire(Step& step, Revision leader_start, std::span<const SessionId> sessions) {
        if (leader_start != globals_.leader_start) return Done{};
        end_sessions(step, sessions, ReleaseReason::session_expired);
        return Done{};
    }

    Outcome on(Step& step, const ReleaseLock& command) { return locks_.release(step, command); }
    Outcome on(Step& step, const LeaveQueue& command) { return locks_.leave_queue(step, command); }
    Outcome on(Step& step, const EndLockDelay& command) {
        locks_.end_delay(step, command);
        return Done{};
    }
    Outcome on(Step& step, const ChangeMembers& command) {
        return members_.change(step.revision, command, step.events);
    }
    Outcome on(Step&, const PinMembers& command) {
        members_.pin(command);
        return Done{};
    }
    Outcome on(Step& step, const PutKey& command) {
        return guarded(command, [&] { return keys_.put(step, command); });
    }
    Outcome on(Step& step, const DeleteKey& command) {
        return guarded(command, [&] { return keys_.remove(step, command); });
    }
    Outcome on(Step& step, const DeletePrefix& command) {
        return guarded(command, [&] { return keys_.remove_prefix(step, command); });
    }
    Outcome on(Step& step, const Transact& command) {
        return guarded(command, [&] { return transaction_.execute(step, command); });
    }
    Outcome on(Step& step, const RollBack& command) {
        return guarded(command, [&] {
            return keys_.roll_back(step, timeline_.plan(command, step.revision - 1),
                                   command.judged);
        });
    }
    Outcome on(Step& step, const SetSchema& command) {
        if (step.spares_room && !command.text.empty()) return StorageFull{};
        return schemas_.set(step, command);
    }
    Outcome on(Step& step, const SetQuota& command) {
        if (step.spares_room && command.bounds.any()) return StorageFull{};
        return quotas_.set(step, command, keys_.use_of(command.prefix));
    }

    // Here and nowhere earlier: whoever had the lock when the command was sent may have lost it on
    // the way, and another may have written since.
    template <class WrittenCommand, class Write>
    Outcome guarded(const WrittenCommand& command, Write write) {
        const auto& guard = command.guard;
        if (guard && !locks_.is_live(guard->lock, guard->token, guard->session)) {
            return StaleToken{locks_.live_token(guard->lock)};
        }
        return write();
    }

    std::vector<Ptr<KeyValue>> got_before(const Entry& entry, const Outcome& outcome) const {
        const auto* command = std::get_if<Transact>(&entry.command);
        const auto* transacted = std::get_if<Transacted>(&outcome);
        if (command == nullptr || transacted == nullptr) return {};
        return transaction_.got_before(*command, *transacted);
    }

    // Ends sessions, or goes on ending them, as far as one command may: their places in queues
    // count, too. All of them are no sessions any more before anything is freed, so that nothing is
    // granted to one of them on the way.
    void end_sessions(Step& step, std::span<const SessionId> ids, ReleaseReason reason) {
        const std::size_t most = limits_.ended_per_command;
        std::vector<SessionId> ending;
        Locks::Names touched;
        std::size_t taken = 0;
        for (const SessionId id : ids) {
            if (taken >= most) break;
            if (!sessions_.may_own(id)) continue;
            taken += 1 + locks_.claim_of(id).size() + keys_.count_of(id);
            if (sessions_.contains(id)) {
                sessions_.end(step, id, reason);
                locks_.leave_queues(step, id, touched);
            }
            ending.push_back(id);
        }
        std::size_t room = most;
        for (const SessionId id : ending) room -= free_from(step, id, room, touched);
        locks_.hand_on(step, std::move(touched));
    }

    // Takes from a session that has ended what is its own, as far as there is room; forgets it once
    // that is nothing. What it announced goes before what it held is handed on.
    std::size_t free_from(Step& step, SessionId id, std::size_t room, Locks::Names& touched) {
        const auto session = sessions_.find_ending(id);
        if (!session) return 0;  // Named twice.
        const bool expired = *session->ending == ReleaseReason::session_expired;
        const DurationMs delay = expired ? session->lock_delay : 0;
        std::size_t freed = keys_.end_session(step, id, room);
        freed += locks_.free_held(step, id, *session->ending, delay, room - freed, touched);
        if (owned_by(id) == 0) sessions_.close(step, id);
        return freed;
    }

    // They hold nothing and wait for nothing any more: all end, and their keys go as far as there
    // is room.
    void end_sessions_that_go_with_their_locks(Step& step) {
        std::size_t room = limits_.ended_per_command;
        Locks::Names none;
        for (const SessionId id : std::exchange(step.unclaimed, {})) {
            const auto session = sessions_.find(id);
            if (session == nullptr || !session->ends_with_locks) continue;
            if (locks_.claim_of(id).size() != 0) continue;
            sessions_.end(step, id, ReleaseReason::session_ended);
            room -= free_from(step, id, room, none);
        }
    }

    void place(std::monostate, std::uint64_t) { invariant(false, "a row to load has a value"); }
    void place(Ptr<Session> value, std::uint64_t) { sessions_.load(std::move(value)); }
    void place(Ptr<Lock> value, std::uint64_t hash) { locks_.load(std::move(value), hash); }
    void place(Ptr<Waiter> value, std::uint64_t) { locks_.load(std::move(value)); }
    void place(Ptr<Holder> value, std::uint64_t hash) { locks_.load(std::move(value), hash); }
    void place(Ptr<KeyValue> value, std::uint64_t hash) { keys_.load(std::move(value), hash); }
    void place(Ptr<Change> value, std::uint64_t hash) { history_.load(std::move(value), hash); }
    void place(Ptr<RequestRecord> value, std::uint64_t hash) {
        requests_.load(std::move(value), hash);
    }
    void place(Ptr<IdempotencyRecord> value, std::uint64_t hash) {
        idempotency_.load(std::move(value), hash);
    }
    void place(Ptr<PastVersion> value, std::uint64_t hash) {
        versions_.load(std::move(value), hash);
    }
    void place(Ptr<Quota> value, std::uint64_t hash) { quotas_.load(std::move(value), hash); }
    void place(Ptr<Schema> value, std::uint64_t hash) { schemas_.load(std::move(value), hash); }
};

Machine::Machine(Limits limits, std::uint64_t alpha, std::vector<Member> members)
    : impl_(std::make_unique<Impl>(limits, alpha, std::move(members))) {}
Machine::~Machine() = default;
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;

Applied Machine::apply(Revision slot, const Entry& entry) { return impl_->apply(slot, entry); }
void Machine::apply_noop(Revision slot) { impl_->advance(slot); }

void Machine::load(Row row) { impl_->load(std::move(row)); }
bool Machine::finish_load(const Globals& globals) { return impl_->finish_load(globals); }

const Globals& Machine::globals() const { return impl_->globals_; }
std::uint64_t Machine::hash() const { return state_hash(impl_->globals_); }
const Limits& Machine::limits() const { return impl_->limits_; }

void Machine::check_invariants() const {
    invariant(impl_->rows_.hash() == impl_->globals_.rows_hash, "the rows' hash is current");
    invariant(impl_->history_.floor() == impl_->globals_.history_floor, "the floor is current");
    invariant(impl_->globals_.leader_start <= applied(), "the leader started in the past");
    const auto& ending = impl_->sessions_.ending();
    invariant(impl_->sessions_.all().size() + ending.size() <= impl_->limits_.sessions,
              "there are no more sessions than allowed");
    for (const auto& [id, session] : ending) {
        invariant(session->ending.has_value(), "a session that is kept aside has ended");
        invariant(!impl_->sessions_.contains(id), "a session that has ended does not live");
    }
    impl_->members_.check_invariants();
    impl_->locks_.check_invariants();
    invariant(impl_->versions_.floor() == impl_->globals_.versions_floor &&
                  impl_->versions_.floor() <= applied(),
              "the floor of the past is current, and in the past");
    impl_->keys_.check_invariants();
    impl_->versions_.check_invariants();
    impl_->timeline_.check_invariants();
    invariant(impl_->schemas_.all().size() <= limits().schemas,
              "there are no more schemas than allowed");
    impl_->quotas_.check_invariants(
        [this](std::string_view prefix) { return impl_->keys_.use_of(prefix); });
    impl_->requests_.check_invariants();
    impl_->idempotency_.check_invariants();
    impl_->history_.check_invariants();
}

std::vector<Row> Machine::rows() const {
    std::vector<Row> rows;
    impl_->sessions_.append_rows(rows);
    impl_->locks_.append_rows(rows);
    impl_->keys_.append_rows(rows);
    impl_->history_.append_rows(rows);
    impl_->requests_.append_rows(rows);
    impl_->idempotency_.append_rows(rows);
    impl_->versions_.append_rows(rows);
    impl_->quotas_.append_rows(rows);
    impl_->schemas_.append_rows(rows);
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.key < b.key; });
    return rows;
}

Ptr<Session> Machine::session(SessionId id) const { return impl_->sessions_.find(id); }
const std::map<SessionId, Ptr<Session>>& Machine::sessions() const {
    return impl_->sessions_.all();
}

const std::map<SessionId, Ptr<Session>>& Machine::ending_sessions() const {
    return impl_->sessions_.ending();
}

std::vector<std::string> Machine::held_by(SessionId id, std::size_t most) const {
    return first_names(impl_->locks_.claim_of(id).held, most);
}

std::vector<std::string> Machine::waited_for_by(SessionId id, std::size_t most) const {
    return first_names(impl_->locks_.claim_of(id).places, most);
}

std::size_t Machine::held_count_of(SessionId id) const {
    return impl_->locks_.claim_of(id).held.size();
}

std::size_t Machine::waited_for_count_of(SessionId id) const {
    return impl_->locks_.claim_of(id).places.size();
}

std::size_t Machine::key_count_of(SessionId id) const { return impl_->keys_.count_of(id); }

std::optional<Machine::LockView> Machine::lock(std::string_view name, LockShown shown) const {
    return impl_->locks_.find(name, shown);
}
Ptr<Holder> Machine::holder(std::string_view lock, SessionId session) const {
    return impl_->locks_.holder(lock, session);
}
Ptr<Holder> Machine::holder_with(std::string_view lock, Token token) const {
    return impl_->locks_.holder_with(lock, token);
}
bool Machine::is_live(std::string_view lock, Token token, SessionId session) const {
    return impl_->locks_.is_live(lock, token, session);
}
std::size_t Machine::queue_length(std::string_view name) const {
    return impl_->locks_.queue_length(name);
}
Revision Machine::place(std::string_view name, SessionId session) const {
    return impl_->locks_.place(name, session);
}
std::uint64_t Machine::position(std::string_view name, SessionId session) const {
    return impl_->locks_.position(name, session);
}
std::vector<Machine::LockView> Machine::locks(std::string_view prefix, std::string_view after,
                                              std::size_t limit, LockShown shown) const {
    return impl_->locks_.list(prefix, after, limit, shown);
}
std::vector<Ptr<Waiter>> Machine::waiters() const { return impl_->locks_.waiters(); }
std::vector<Ptr<Lock>> Machine::delayed_locks() const { return impl_->locks_.delayed(); }

Ptr<KeyValue> Machine::key(std::string_view key) const { return impl_->keys_.find(key); }
std::vector<Ptr<KeyValue>> Machine::keys(std::string_view prefix, std::string_view after,
                                         std::size_t limit) const {
    return impl_->keys_.list(prefix, after, limit);
}
std::size_t Machine::key_count() const { return impl_->keys_.size(); }
std::uint64_t Machine::key_bytes() const { return impl_->keys_.bytes(); }

KeyAt Machine::key_at(std::string_view key, Revision revision) const {
    return impl_->timeline_.at(key, revision);
}
KeysAt Machine::keys_at(std::string_view prefix, std::string_view after, std::size_t limit,
                        Revision revision) const {
    return impl_->timeline_.list(prefix, after, limit, revision);
}
KeyChanges Machine::key_changes(std::string_view key, Revision before, std::size_t limit) const {
    return impl_->timeline_.changes(key, before, limit);
}
RollBackPlan Machine::plan(const RollBack& command) const {
    return impl_->timeline_.plan(command, applied());
}
std::size_t Machine::idempotency_key_count() const { return impl_->idempotency_.count(); }
std::size_t Machine::version_count() const { return impl_->versions_.size(); }
std::uint64_t Machine::version_bytes() const { return impl_->versions_.bytes(); }

std::vector<Ptr<Schema>> Machine::schemas() const { return impl_->schemas_.all(); }

std::vector<Machine::QuotaView> Machine::quotas() const {
    auto quotas = impl_->quotas_.all();
    if (quotas.empty() || !quotas.front().quota->prefix.empty()) {
        quotas.insert(quotas.begin(), {nullptr, key_bytes(), key_count()});
    }
    return quotas;
}

std::vector<Ptr<Change>> Machine::history(Revision since, std::size_t limit) const {
    return impl_->history_.since(since, limit);
}

}  // namespace gavel::statemachine
