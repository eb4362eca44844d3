#include "tests/simulation/state_rules.h"

#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

#include "tests/simulation/failure.h"

namespace gavel::simulation {

using statemachine::Revision;

void StateRules::check(const statemachine::Entry& entry, const statemachine::Applied& applied) {
    check_guard(entry, applied);
    room_.check(entry, applied);
    turns_.check(entry, applied);
    check_schema(entry, applied);
    check_ephemeral(entry, applied);
    check_ending(entry, applied);
    check_deadlock(entry, applied);
}

// What a write rests on is held at the very slot that executes it, as the changes of the locks
// before it tell.
void StateRules::check_guard(const statemachine::Entry& entry,
                             const statemachine::Applied& applied) {
    using namespace statemachine;
    const auto guard_of = [](const auto& command) -> std::optional<Guard> {
        if constexpr (requires { command.guard; }) return command.guard;
        return std::nullopt;
    };
    const auto guard = std::visit(guard_of, entry.command);
    const bool executed = !std::holds_alternative<RequestTooOld>(applied.outcome) &&
                          !std::holds_alternative<IdempotencyKeyReused>(applied.outcome) &&
                          !std::holds_alternative<LimitReached>(applied.outcome);
    if (!guard || applied.repeated || !executed) return;
    const bool live = turns_.is_live(guard->lock, guard->token, guard->session);
    const bool refused = std::holds_alternative<StaleToken>(applied.outcome);
    expect(refused != live, "a write is refused when its token is stale, and only then");
    expect(live || applied.events.empty(), "no write takes effect with a stale token");
    reached_.count(refused ? "guarded write refused" : "guarded write done");
}

// Whatever is put was judged by the schema that governs its key at that very revision.
void StateRules::check_schema(const statemachine::Entry& entry,
                              const statemachine::Applied& applied) {
    using namespace statemachine;
    if (std::holds_alternative<SchemaChanged>(applied.outcome)) {
        reached_.count("schema changed before a put was executed");
    }
    if (applied.repeated) return;
    const auto* set = std::get_if<SetSchema>(&entry.command);
    if (set != nullptr && std::holds_alternative<Done>(applied.outcome)) {
        schemas_.erase(set->prefix);
        if (!set->text.empty()) schemas_[set->prefix] = applied.revision;
    }
    const auto* put = std::get_if<PutKey>(&entry.command);
    if (put == nullptr || !std::holds_alternative<KeyPut>(applied.outcome)) return;
    Revision governing = 0;
    for (const auto& [prefix, revision] : schemas_) {  // The longer ones come later.
        if (put->key.starts_with(prefix)) governing = revision;
    }
    const auto value = machine_.key(put->key);
    expect(value->schema == governing, "a value says which schema it fits");
    if (!put->key.starts_with("q/")) return;
    const std::string judged_by = std::to_string(governing) + '/';
    expect(value->value.view().starts_with(judged_by), "a value was judged by what governs it");
    if (governing != 0) reached_.count("value put under a schema");
}

// Of waits that need one holder alone, each circle is one that nobody gets out of but by giving up.
void StateRules::check_deadlock(const statemachine::Entry& entry,
                                const statemachine::Applied& applied) const {
    using namespace statemachine;
    if (applied.repeated || !std::holds_alternative<LockQueued>(applied.outcome)) return;
    const auto* command = std::get_if<AcquireLock>(&entry.command);
    if (command == nullptr) return;
    std::set<SessionId> needed;
    std::vector<SessionId> open{command->session};
    while (!open.empty()) {
        const SessionId session = open.back();
        open.pop_back();
        for (const auto& name : machine_.waited_for_by(session)) {
            const auto lock = machine_.lock(name);
            const bool exclusive =
                lock && !lock->holders.empty() && lock->holders[0]->mode == LockMode::exclusive;
            if (!exclusive) continue;
            const SessionId holder = lock->holders[0]->session;
            expect(holder != command->session, "nobody waits for what waits for it");
            if (needed.insert(holder).second) open.push_back(holder);
        }
    }
}

// However many sessions lapse, what one command does is bounded, and what it leaves is not lost.
void StateRules::check_ending(const statemachine::Entry& entry,
                              const statemachine::Applied& applied) {
    using Change = statemachine::LockEvent::Change;
    const auto freed = std::ranges::count_if(applied.events, [](const auto& event) {
        const auto* lock = std::get_if<statemachine::LockEvent>(&event.body);
        return lock != nullptr && lock->change != Change::acquired &&
               lock->change != Change::delay_ended;
    });
    // An operator takes one lock from all who share it.
    const auto* release = std::get_if<statemachine::ReleaseLock>(&entry.command);
    const auto& limits = machine_.limits();
    const std::size_t most =
        release != nullptr && release->force ? limits.holders_per_lock : limits.ended_per_command;
    expect(static_cast<std::size_t>(freed) <= most, "a command frees no more locks than it may");
    if (!machine_.ending_sessions().empty()) reached_.count("session freed in portions");
    // One that an acquire made is there for what it holds or waits for.
    for (const auto& [id, session] : machine_.sessions()) {
        expect(!session->ends_with_locks || !machine_.held_by(id).empty() ||
                   !machine_.waited_for_by(id).empty(),
               "a session that goes with its locks has one");
    }
    const auto* batch = std::get_if<statemachine::ExpireSessions>(&entry.command);
    if (batch == nullptr || batch->leader_start != machine_.globals().leader_start) return;
    const auto left = std::ranges::count_if(
        batch->sessions, [this](const auto id) { return machine_.session(id) != nullptr; });
    if (left > 0) reached_.count("lapsed session left to the next command");
    if (batch->sessions.size() - static_cast<std::size_t>(left) > 1) {
        reached_.count("sessions lapsed together");
    }
}

// Independent of the state machine's own index: whose each key is, by the puts.
void StateRules::check_ephemeral(const statemachine::Entry& entry,
                                 const statemachine::Applied& applied) {
    using namespace statemachine;
    for (const auto& event : applied.events) {
        if (const auto* put = std::get_if<KeyPutEvent>(&event.body)) {
            ephemeral_.erase(put->value->key);
            if (put->value->session == 0) continue;
            expect(machine_.session(put->value->session) != nullptr,
                   "an ephemeral key is of a session that lives");
            ephemeral_[put->value->key] = put->value->session;
        } else if (const auto* deleted = std::get_if<KeyDeletedEvent>(&event.body)) {
            if (ephemeral_.erase(deleted->key) == 0) continue;
            if (std::holds_alternative<ExpireSessions>(entry.command)) {
                reached_.count("ephemeral key deleted with an expired session");
            } else if (std::holds_alternative<EndSession>(entry.command)) {
                reached_.count("ephemeral key deleted with an ended session");
            }
        }
    }
    const bool ends = std::holds_alternative<ExpireSessions>(entry.command) ||
                      std::holds_alternative<EndSession>(entry.command);
    if (!ends) return;
    for (const auto& [key, session] : ephemeral_) {
        // One that goes on ending is freed of what it had by the commands after this.
        expect(machine_.session(session) != nullptr || machine_.ending_sessions().contains(session),
               "no ephemeral key outlives its session");
    }
}

}  // namespace gavel::simulation
