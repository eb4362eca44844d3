#include "driver.h"

#include <gtest/gtest.h>

#include <set>

#include "statemachine/row_hash.h"

namespace gavel::statemachine {

Driver::Driver(Limits limits)
    : machine_(limits, 8, {{.id = 1, .name = "n1"}, {.id = 2, .name = "n2"}}) {}

Applied Driver::run(const Entry& entry) {
    Applied applied = machine_.apply(next_slot(), entry);
    machine_.check_invariants();
    std::set<RowKey> seen;
    for (const Row& row : applied.changed) {
        EXPECT_TRUE(seen.insert(row.key).second) << "a row changed twice";
        if (std::holds_alternative<std::monostate>(row.value)) {
            stored_.erase(row.key);
        } else {
            stored_[row.key] = row.value;
        }
    }
    return applied;
}

Applied Driver::run(Command command) {
    return run(Entry{.stamp = now_, .command = std::move(command)});
}

void Driver::noop() { machine_.apply_noop(next_slot()); }

SessionId Driver::open(DurationMs lock_delay) {
    return std::get<SessionOpened>(
               outcome(OpenSession{.name = "s", .ttl = 15'000, .lock_delay = lock_delay}))
        .session;
}

Token Driver::lock(const std::string& name, SessionId session) {
    return std::get<LockGranted>(outcome(AcquireLock{.name = name, .session = session})).token;
}

Revision Driver::queue(const std::string& name, SessionId session) {
    const AcquireLock command{.name = name, .session = session, .wait = 10'000};
    return std::get<LockQueued>(outcome(command)).attempt;
}

Token Driver::share(const std::string& name, SessionId session, std::uint64_t limit) {
    const AcquireLock command{
        .name = name, .session = session, .mode = LockMode::shared, .limit = limit};
    return std::get<LockGranted>(outcome(command)).token;
}

Revision Driver::queue_shared(const std::string& name, SessionId session, std::uint64_t limit) {
    const AcquireLock command{
        .name = name, .session = session, .wait = 10'000, .mode = LockMode::shared, .limit = limit};
    return std::get<LockQueued>(outcome(command)).attempt;
}

Revision Driver::put(const std::string& key, const std::string& value) {
    const Applied applied = run(PutKey{.key = key, .value = value});
    EXPECT_TRUE(std::holds_alternative<KeyPut>(applied.outcome));
    return applied.revision;
}

Machine Driver::restored(const Limits& limits) const {
    Machine machine(limits, 1, {});
    for (const auto& [key, value] : stored_) machine.load({key, value});
    EXPECT_TRUE(machine.finish_load(machine_.globals()));
    machine.check_invariants();
    return machine;
}

Entry put_entry(const std::string& key, const std::string& value) {
    return {.stamp = 1'700'000'000'000, .command = PutKey{.key = key, .value = value}};
}

namespace {

struct Line {
    std::string operator()(const KeyPutEvent& event) const { return " put " + event.value->key; }
    std::string operator()(const KeyDeletedEvent& event) const { return " delete " + event.key; }
    std::string operator()(const LockEvent& event) const {
        constexpr const char* changes[] = {" acquired ", " released ", " expired ", " broken ",
                                           " delay of "};
        return changes[static_cast<int>(event.change)] + event.lock + " s" +
               std::to_string(event.session) + " t" + std::to_string(event.token) +
               (event.mode == LockMode::shared ? " shared" : "") +
               (event.author.empty() ? "" : " by " + event.author) +
               (event.comment.empty() ? "" : ": " + event.comment);
    }
    std::string operator()(const MemberEvent& event) const {
        constexpr const char* changes[] = {" added ", " removed ", " role of "};
        return changes[static_cast<int>(event.change)] + event.name + " m" +
               std::to_string(event.member) + (event.role == Role::voter ? "" : "?") + " e" +
               std::to_string(event.epoch) + " from " + std::to_string(event.first_slot);
    }
};

}  // namespace

std::vector<std::string> lines(const std::vector<Event>& events) {
    std::vector<std::string> lines;
    for (const Event& event : events) {
        lines.push_back(std::to_string(event.index) + (event.last ? "!" : "") +
                        std::visit(Line{}, event.body));
    }
    return lines;
}

}  // namespace gavel::statemachine
