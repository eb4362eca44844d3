#include <gmock/gmock.h>

#include <deque>
#include <map>

#include "base/prng.h"
#include "driver.h"
#include "statemachine/row_hash.h"

namespace gavel::statemachine {
namespace {

// So small that a few hundred commands reach every one of them.
constexpr Limits tight{.sessions = 5,
                       .locks_held = 4,
                       .locks_per_session = 3,
                       .waiters = 6,
                       .free_locks = 2,
                       .keys = 6,
                       .key_bytes = 120,
                       .history_changes = 8,
                       .history_bytes = 1'500,
                       .request_window = 6,
                       .idempotency_keys = 5,
                       .idempotency_ms = 2'000};

// Random commands over a handful of names, sessions and tokens, many of them senseless.
class Chance {
public:
    explicit Chance(std::uint64_t seed) : prng_(seed) {}

    Entry entry(const Machine& machine) {
        Entry entry{.request = request(),
                    .stamp = static_cast<TimeMs>(10'000 + machine.applied() * 50) -
                             static_cast<TimeMs>(prng_.below(200)),
                    .command = command(machine)};
        if (prng_.chance(40)) {
            entry.idempotency = IdempotencyKey{name("k", 9), prng_.below(3)};
        }
        if (prng_.chance(10) && !sent_.empty()) return sent_[prng_.below(sent_.size())];
        sent_.push_back(entry);
        if (sent_.size() > 20) sent_.pop_front();
        return entry;
    }
    bool percent(std::uint64_t percent) { return prng_.chance(percent); }

private:
    std::string name(const char* prefix, std::uint64_t count) {
        return prefix + std::to_string(prng_.below(count));
    }

    RequestId request() {
        const auto member = static_cast<MemberNumber>(prng_.below(4));
        if (prng_.chance(2)) ++boot_[member];
        std::uint64_t& number = number_[member];
        number += prng_.below(3);
        return {member, boot_[member], number - std::min(number, prng_.below(8))};
    }

    SessionId session(const Machine& machine) {
        const auto& sessions = machine.sessions();
        if (sessions.empty() || prng_.chance(5)) return prng_.below(50);
        return std::next(sessions.begin(), static_cast<long>(prng_.below(sessions.size())))->first;
    }

    Token token(const Machine& machine, const std::string& lock) {
        const auto found = machine.lock(lock);
        if (!found || prng_.chance(20)) return prng_.below(50);
        return found->holder ? found->holder->token : found->last_release->token;
    }

    Revision attempt(const Machine& machine, const std::string& lock, SessionId session) {
        for (const auto& waiter : machine.explain(lock).queue) {
            if (waiter->session == session && prng_.chance(80)) return waiter->attempt;
        }
        return prng_.below(50);
    }

    Precondition precondition(const Machine& machine, const std::string& key) {
        const auto value = machine.key(key);
        if (prng_.chance(50)) return {};
        return {static_cast<Precondition::Kind>(prng_.below(5)),
                {value ? value->modified : 1, prng_.below(20)}};
    }

    Command command(const Machine& machine) {
        const SessionId who = session(machine);
        const std::string lock = name("lock/", 5), key = name("key/", 8);
        switch (prng_.below(16)) {
            case 0:
                return LeaderStart{static_cast<MemberNumber>(1 + prng_.below(3))};
            case 1:
            case 2:
                return OpenSession{.name = "s",
                                   .ttl = 1'000,
                                   .lock_delay = static_cast<DurationMs>(prng_.below(2) * 100)};
            case 3:
                return EndSession{who};
            case 4:
                return ExpireSession{who, prng_.chance(80) ? machine.globals().leader_start : 1};
            case 5:
                return EndLockDelay{lock, token(machine, lock)};
            case 6:
                return LeaveQueue{lock, who, attempt(machine, lock, who)};
            case 7:
            case 8: {
                ReleaseLock release{.name = lock};
                if (prng_.chance(70)) release.session = who;
                if (prng_.chance(50)) release.token = token(machine, lock);
                return release;
            }
            case 9:
            case 10:
            case 11:
            case 12:
                return AcquireLock{.name = lock,
                                   .session = who,
                                   .metadata = name("m", 3),
                                   .wait = prng_.chance(75) ? 5'000 : 0};
            case 13:
            case 14:
                return PutKey{.key = key,
                              .value = Bytes(std::string(prng_.below(40), 'v')),
                              .precondition = precondition(machine, key)};
            default:
                return DeleteKey{.key = key, .precondition = precondition(machine, key)};
        }
    }

    Prng prng_;
    std::deque<Entry> sent_;
    std::map<MemberNumber, std::uint64_t> boot_, number_;
};

std::map<RowKey, std::uint64_t> hashes(const std::vector<Row>& rows) {
    std::map<RowKey, std::uint64_t> hashes;
    for (const Row& row : rows) hashes[row.key] = row_hash(row.key, row.value);
    return hashes;
}

void expect_same(const Machine& one, const Machine& other) {
    ASSERT_EQ(one.globals(), other.globals());
    ASSERT_EQ(one.hash(), other.hash());
    ASSERT_EQ(hashes(one.rows()), hashes(other.rows()));
    ASSERT_EQ(one.key_bytes(), other.key_bytes());
    ASSERT_EQ(one.delayed_locks().size(), other.delayed_locks().size());
    for (const auto& [id, session] : one.sessions()) {
        ASSERT_EQ(one.held_by(id), other.held_by(id));
        ASSERT_EQ(one.waited_for_by(id), other.waited_for_by(id));
    }
}

void expect_same(const Applied& one, const Applied& other) {
    ASSERT_EQ(one.outcome, other.outcome);
    ASSERT_EQ(one.repeated, other.repeated);
    ASSERT_EQ(one.revision, other.revision);
    ASSERT_EQ(lines(one.events), lines(other.events));
    ASSERT_EQ(hashes(one.changed), hashes(other.changed));
}

struct RandomCommands : testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomCommands, LeaveEqualStatesAndOutcomesWhateverIsRestoredOnTheWay) {
    Chance chance(GetParam());
    Driver steady(tight), restarted(tight);
    for (int i = 0; i < 400; ++i) {
        if (chance.percent(5)) {
            steady.noop();
            restarted.noop();
            continue;
        }
        const Entry entry = chance.entry(steady.machine());

        const Applied one = steady.run(entry), other = restarted.run(entry);

        ASSERT_NO_FATAL_FAILURE(expect_same(one, other)) << "command " << i;
        if (chance.percent(15)) restarted.restart();
        ASSERT_NO_FATAL_FAILURE(expect_same(steady.machine(), restarted.machine()))
            << "command " << i;
    }
}

TEST_P(RandomCommands, ChangeTheRowsTheySayAndNoOthers) {
    Chance chance(GetParam());
    Driver driver(tight);
    for (int i = 0; i < 400; ++i) {
        driver.run(chance.entry(driver.machine()));

        std::vector<Row> stored;
        for (const auto& [key, value] : driver.stored()) stored.push_back({key, value});
        ASSERT_EQ(hashes(driver.machine().rows()), hashes(stored)) << "command " << i;
        std::uint64_t sum = 0;
        for (const auto& [key, hash] : hashes(stored)) sum += hash;
        ASSERT_EQ(driver.machine().globals().rows_hash, sum) << "command " << i;
    }
}

// What the events say, against the rules of a lock: one holder at a time, tokens that only rise,
// and the queue in order.
class Referee {
public:
    void watch(const Machine& before, const Applied& applied, const Machine& after) {
        for (const Event& event : applied.events) {
            ASSERT_EQ(event.revision, applied.revision);
            if (const auto* change = std::get_if<LockEvent>(&event.body)) {
                judge(before, *change, after);
            }
        }
        ASSERT_TRUE(applied.events.empty() || applied.events.back().last);
    }
    int hand_overs() const { return hand_overs_; }

private:
    void judge(const Machine& before, const LockEvent& change, const Machine& after) {
        Seen& seen = seen_[change.lock];
        if (change.change != LockEvent::Change::acquired) {
            ASSERT_EQ(seen.holder, change.session);
            ASSERT_EQ(seen.token, change.token);
            seen.holder = 0;
            return;
        }
        ASSERT_EQ(seen.holder, 0U) << "two holders";
        ASSERT_GT(change.token, seen.token) << "tokens rise";
        ASSERT_NE(after.session(change.session), nullptr) << "held by a session that is gone";
        seen = {change.session, change.token};
        for (const auto& waiter : before.explain(change.lock).queue) {
            if (!after.session(waiter->session)) continue;  // It ended by this very command.
            ASSERT_EQ(waiter->session, change.session) << "the first in the queue is next";
            ++hand_overs_;
            return;
        }
    }

    struct Seen {
        SessionId holder{};
        Token token{};
    };
    std::map<std::string, Seen> seen_;
    int hand_overs_{};
};

TEST_P(RandomCommands, KeepTheRulesOfLocks) {
    Chance chance(GetParam());
    Driver driver(tight);
    Referee referee;
    for (int i = 0; i < 1'000; ++i) {
        const Entry entry = chance.entry(driver.machine());
        const Machine before = driver.restored();

        const Applied applied = driver.run(entry);

        ASSERT_NO_FATAL_FAILURE(referee.watch(before, applied, driver.machine()))
            << "command " << i;
    }
    EXPECT_GT(referee.hand_overs(), 0);
}

TEST_P(RandomCommands, HaveNoEffectWhenRepeated) {
    Chance chance(GetParam());
    Driver driver(tight);
    for (int i = 0; i < 400; ++i) {
        Entry entry = chance.entry(driver.machine());
        entry.request.member = 1;
        const Applied first = driver.run(entry);
        Globals before = driver.machine().globals();

        const Applied again = driver.run(entry);

        before.applied += 1;
        if (std::holds_alternative<RequestTooOld>(first.outcome)) {
            ASSERT_EQ(again.outcome, first.outcome);
            continue;
        }
        ASSERT_TRUE(again.repeated);
        ASSERT_EQ(again.outcome, first.outcome);
        ASSERT_EQ(again.revision, first.revision);
        ASSERT_TRUE(again.events.empty());
        // Only what has expired may go meanwhile.
        for (const Row& row : again.changed) ASSERT_EQ(row.key.table, Table::idempotency);
        if (again.changed.empty()) {
            ASSERT_EQ(driver.machine().globals(), before);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomCommands, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace gavel::statemachine
