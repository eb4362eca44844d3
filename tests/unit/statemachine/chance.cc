#include "chance.h"

#include <algorithm>
#include <iterator>

namespace gavel::statemachine {

Entry Chance::entry(const Machine& machine) {
    Entry entry{.request = request(machine),
                .stamp = static_cast<TimeMs>(10'000 + machine.applied() * 50) -
                         static_cast<TimeMs>(prng_.below(200)),
                .command = command(machine),
                .spares_room = prng_.chance(5)};
    if (prng_.chance(15)) {
        entry.idempotency = IdempotencyKey{name("k", 9), prng_.below(3)};
    }
    if (prng_.chance(10) && !sent_.empty()) return sent_[prng_.below(sent_.size())];
    sent_.push_back(entry);
    if (sent_.size() > 20) sent_.pop_front();
    return entry;
}

std::string Chance::name(const char* prefix, std::uint64_t count) {
    return prefix + std::to_string(prng_.below(count));
}

// Mostly of a member that there is: what comes from one that has gone is not executed.
RequestId Chance::request(const Machine& machine) {
    const auto& members = machine.globals().epochs.back().members;
    const auto member = members.empty() || prng_.chance(10)
                            ? static_cast<MemberNumber>(prng_.below(4))
                            : members[prng_.below(members.size())].id;
    if (prng_.chance(2)) ++boot_[member];
    std::uint64_t& number = number_[member];
    number += prng_.below(3);
    return {member, boot_[member], number - std::min(number, prng_.below(8))};
}

SessionId Chance::session(const Machine& machine) {
    const bool one_that_ends = !machine.ending_sessions().empty() && prng_.chance(30);
    const auto& sessions = one_that_ends ? machine.ending_sessions() : machine.sessions();
    if (sessions.empty() || prng_.chance(5)) return prng_.below(50);
    return std::next(sessions.begin(), static_cast<long>(prng_.below(sessions.size())))->first;
}

Token Chance::token(const Machine& machine, const std::string& lock) {
    const auto found = machine.lock(lock);
    if (!found || prng_.chance(20)) return prng_.below(50);
    const auto& holders = found->holders;
    if (!holders.empty()) return holders[prng_.below(holders.size())]->token;
    return found->lock && found->lock->last_release ? found->lock->last_release->token : 1;
}

Revision Chance::attempt(const Machine& machine, const std::string& lock, SessionId session) {
    const auto found = machine.lock(lock);
    if (!found) return prng_.below(50);
    for (const auto& waiter : found->queue) {
        if (waiter->session == session && prng_.chance(80)) return waiter->attempt;
    }
    return prng_.below(50);
}

Precondition Chance::precondition(const Machine& machine, const std::string& key) {
    const auto value = machine.key(key);
    if (prng_.chance(50)) return {};
    return {static_cast<Precondition::Kind>(prng_.below(5)),
            {value ? value->modified : 1, prng_.below(20)}};
}

Command Chance::member_change(const Machine& machine) {
    const Epoch& newest = machine.globals().epochs.back();
    const auto someone = static_cast<MemberNumber>(1 + prng_.below(newest.members.size() + 2));
    ChangeMembers change{.based_on = newest.number - prng_.below(2)};
    switch (prng_.below(3)) {
        case 0: {
            const std::string who = name("n", 9);
            change.changes.emplace_back(AddMember{who, who, prng_.below(3), prng_.chance(50)});
            break;
        }
        case 1:
            change.changes.emplace_back(RemoveMember{someone});
            break;
        default:
            change.changes.emplace_back(
                SetRole{someone, prng_.chance(70) ? Role::voter : Role::learner});
    }
    return change;
}

Compare Chance::compare(const Machine& machine) {
    const auto kind = static_cast<Compare::Kind>(prng_.below(7));
    if (kind == Compare::Kind::token) {
        const std::string lock = name("lock/", 5);
        return {kind, lock, token(machine, lock), {}};
    }
    const std::string key = name("key/", 8);
    const auto present = machine.key(key);
    Compare compare{.kind = kind, .name = key};
    if (present && prng_.chance(80)) {
        compare.number = kind == Compare::Kind::revision ? present->modified : present->version;
        compare.value = present->value;
    }
    return compare;
}

Operation Chance::operation(const Machine& machine) {
    const std::string key = name("key/", 8);
    switch (prng_.below(5)) {
        case 0:
            return DeleteOperation{prng_.chance(20) ? "key" : key, prng_.chance(40)};
        case 1:
        case 2:
            return GetOperation{key};
        default:
            return PutOperation{.key = key,
                                .value = Bytes(std::string(prng_.below(40), 't')),
                                .session = prng_.chance(30) ? session(machine) : 0,
                                .schema = schema_of(machine, key)};
    }
}

std::optional<Guard> Chance::guard(const Machine& machine) {
    if (prng_.chance(70)) return std::nullopt;
    const std::string lock = name("lock/", 5);
    return Guard{lock, token(machine, lock)};
}

Command Chance::transaction(const Machine& machine) {
    Transact transact{.author = "t", .guard = guard(machine)};
    while (prng_.chance(50)) transact.compares.push_back(compare(machine));
    while (prng_.chance(60)) transact.then.push_back(operation(machine));
    while (prng_.chance(60)) transact.otherwise.push_back(operation(machine));
    return transact;
}

Command Chance::open_session() {
    return OpenSession{
        .name = "s", .ttl = 1'000, .lock_delay = static_cast<DurationMs>(prng_.below(2) * 100)};
}

// Locks are worth something only where several want them.
bool Chance::is_lonely(const Machine& machine) {
    return machine.sessions().size() < 4 && prng_.chance(70);
}

// Under one limit mostly, or most would be refused.
std::uint64_t Chance::limit(LockMode mode) {
    if (mode == LockMode::exclusive) return 0;
    return prng_.chance(90) ? 2 : prng_.below(3);
}

Command Chance::acquire(const std::string& lock, SessionId who) {
    const auto mode = prng_.chance(35) ? LockMode::exclusive : LockMode::shared;
    const bool opens = prng_.chance(10);
    return AcquireLock{.name = lock,
                       .session = opens ? 0 : who,
                       .metadata = name("m", 3),
                       .wait = prng_.chance(75) ? 5'000 : 0,
                       .mode = mode,
                       .limit = limit(mode),
                       .ttl = opens ? 1'000 : 0};
}

Command Chance::acquire_several(SessionId who) {
    const bool opens = who == 0 || prng_.chance(10);
    AcquireLocks command{.session = opens ? 0 : who,
                         .locks = {},
                         .metadata = name("m", 3),
                         .wait = prng_.chance(75) ? 5'000 : 0,
                         .ttl = opens ? 1'000 : 0};
    for (int i = 0; i < 5; ++i) {
        if (!prng_.chance(50) && (i != 4 || !command.locks.empty())) continue;
        const auto mode = prng_.chance(50) ? LockMode::exclusive : LockMode::shared;
        command.locks.push_back({"lock/" + std::to_string(i), mode, limit(mode)});
    }
    return command;
}

Command Chance::quota() {
    constexpr const char* prefixes[] = {"", "key/", "key/1", "k", "other"};
    SetQuota quota{.prefix = prefixes[prng_.below(5)]};
    if (prng_.chance(40)) quota.bounds.bytes = prng_.below(150);
    if (prng_.chance(40)) quota.bounds.keys = prng_.below(8);
    if (prng_.chance(20)) quota.bounds.sessions = 3 + prng_.below(4);
    return quota;
}

Command Chance::schema() {
    constexpr const char* prefixes[] = {"key/1", "key/2", "k", "other"};
    return SetSchema{.prefix = prefixes[prng_.below(4)], .text = prng_.chance(50) ? "{}" : ""};
}

// Mostly the one that governs.
Revision Chance::schema_of(const Machine& machine, const std::string& key) {
    Revision governing = 0;
    std::size_t longest = 0;
    for (const auto& each : machine.schemas()) {
        if (!key.starts_with(each->prefix) || each->prefix.size() < longest) continue;
        longest = each->prefix.size();
        governing = each->revision;
    }
    return prng_.chance(85) ? governing : prng_.below(50);
}

Command Chance::command(const Machine& machine) {
    const SessionId who = session(machine);
    const std::string lock = name("lock/", 5), key = name("key/", 8);
    switch (prng_.below(29)) {
        case 28:
            if (is_lonely(machine)) return open_session();
            return ExpireSessions{{who, session(machine), session(machine)},
                                  prng_.chance(80) ? machine.globals().leader_start : 1};
        case 26:
            return schema();
        case 27:
            return quota();
        case 20:
        case 21:
            return transaction(machine);
        case 22:
            return DeletePrefix{prng_.chance(50) ? "key" : key, "", guard(machine)};
        case 23:
            return PutKey{.key = key,
                          .value = "e",
                          .session = prng_.chance(70) ? who : 0,
                          .guard = guard(machine),
                          .schema = schema_of(machine, key)};
        case 16:
            return PinMembers{{{static_cast<MemberNumber>(1 + prng_.below(4)), prng_.below(9)}}};
        case 17:
            return member_change(machine);
        case 18: {
            const auto back = prng_.below(25);
            RollBack command{.target = prng_.chance(50) ? key : "key/",
                             .to = machine.applied() + 2 - std::min(machine.applied() + 2, back),
                             .guard = guard(machine),
                             .reason = name("r", 3)};
            command.is_prefix = !prng_.chance(40);
            return command;
        }
        case 19:
            return PutKey{.key = key, .value = name("v", 3), .reason = name("r", 3)};
        case 0:
            return LeaderStart{static_cast<MemberNumber>(1 + prng_.below(3))};
        case 1:
        case 2:
            return open_session();
        case 3:
            return is_lonely(machine) ? open_session() : Command(EndSession{who});
        case 4:
            if (is_lonely(machine)) return open_session();
            return ExpireSession{who, prng_.chance(80) ? machine.globals().leader_start : 1};
        case 5: {
            const auto found = machine.lock(lock);
            return EndLockDelay{lock, found && found->lock && prng_.chance(80)
                                          ? found->lock->delayed_at
                                          : prng_.below(50)};
        }
        case 6:
            return LeaveQueue{lock, who, attempt(machine, lock, who)};
        case 7:
        case 8: {
            ReleaseLock release{.name = lock};
            if (prng_.chance(70)) release.session = who;
            if (prng_.chance(50)) release.token = token(machine, lock);
            release.force = prng_.chance(20);
            if (release.force) release.reason = release.author = "x";
            return release;
        }
        case 9:
        case 10:
        case 11:
        case 12:
            return acquire(lock, who);
        case 24:
        case 25:
            return acquire_several(who);
        case 13:
        case 14:
            return PutKey{.key = key,
                          .value = Bytes(std::string(prng_.below(40), 'v')),
                          .precondition = precondition(machine, key),
                          .schema = schema_of(machine, key)};
        default:
            return DeleteKey{.key = key, .precondition = precondition(machine, key)};
    }
}

}  // namespace gavel::statemachine
