#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "chance.h"
#include "driver.h"
#include "statemachine/row_hash.h"

namespace gavel::statemachine {
namespace {

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
        ASSERT_EQ(one.key_count_of(id), other.key_count_of(id));
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

// What the events say, against the rules of a lock: one holder at a time or several that share it,
// tokens that only rise, and the queue in order.
class Referee {
public:
    void watch(const Machine& before, const Applied& applied, const Machine& after) {
        granted_.clear();
        for (const Event& event : applied.events) {
            ASSERT_EQ(event.revision, applied.revision);
            const auto* change = std::get_if<LockEvent>(&event.body);
            if (change == nullptr) continue;
            if (change->change == LockEvent::Change::acquired) {
                ASSERT_NO_FATAL_FAILURE(judge_grant(before, *change, after));
            } else if (change->change != LockEvent::Change::delay_ended) {
                ASSERT_EQ(holders_[change->lock].erase(change->session), 1U);
            }
        }
        ASSERT_TRUE(applied.events.empty() || applied.events.back().last);
    }
    int hand_overs() const { return hand_overs_; }
    int shared_by_several() const { return shared_by_several_; }

private:
    void judge_grant(const Machine& before, const LockEvent& change, const Machine& after) {
        auto& holders = holders_[change.lock];
        for (const auto& [session, mode] : holders) {
            ASSERT_EQ(mode, LockMode::shared) << "two holders";
            ASSERT_EQ(change.mode, LockMode::shared) << "two holders";
        }
        ASSERT_LT(tokens_[change.lock], change.token) << "tokens rise";
        ASSERT_NE(after.session(change.session), nullptr) << "held by a session that is gone";
        holders[change.session] = change.mode;
        if (holders.size() > 1) ++shared_by_several_;
        judge_turn(before, change, after);
        granted_.insert({change.lock, change.session});
        // One less, for those who are granted it together have one token.
        tokens_[change.lock] = change.token - 1;
    }

    // Nobody who still waits, or got it only later, stood before it.
    void judge_turn(const Machine& before, const LockEvent& change, const Machine& after) {
        const auto lock = before.lock(change.lock);
        if (!lock) return;
        for (const auto& waiter : lock->queue) {
            if (waiter->session == change.session) {
                ++hand_overs_;
                return;
            }
            if (granted_.contains({change.lock, waiter->session})) continue;
            const bool stays = after.position(change.lock, waiter->session) > 0 ||
                               after.holder(change.lock, waiter->session) != nullptr;
            ASSERT_FALSE(stays) << "the first in the queue is next";
        }
    }

    std::map<std::string, std::map<SessionId, LockMode>> holders_;
    std::map<std::string, Token> tokens_;
    std::set<std::pair<std::string, SessionId>> granted_;  // By the present command.
    int hand_overs_{};
    int shared_by_several_{};
};

TEST_P(RandomCommands, KeepTheRulesOfLocks) {
    Chance chance(GetParam());
    Driver driver(tight);
    Referee referee;
    for (int i = 0; i < 2'000; ++i) {
        const Entry entry = chance.entry(driver.machine());
        const Machine before = driver.restored();

        const Applied applied = driver.run(entry);

        ASSERT_NO_FATAL_FAILURE(referee.watch(before, applied, driver.machine()))
            << "command " << i;
    }
    EXPECT_GT(referee.hand_overs(), 0);
    EXPECT_GT(referee.shared_by_several(), 0);
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
        // An epoch that governs no later slot is forgotten as slots pass.
        const auto& epochs = driver.machine().globals().epochs;
        ASSERT_EQ(before.epochs.back(), epochs.back());
        before.epochs = epochs;
        const bool is_member = std::ranges::any_of(epochs, [](const Epoch& epoch) {
            return std::ranges::count(epoch.members, 1, &Member::id) > 0;
        });
        if (std::holds_alternative<RequestTooOld>(first.outcome) || !is_member) {
            ASSERT_EQ(again.outcome, Outcome(RequestTooOld{}));
            continue;
        }
        ASSERT_TRUE(again.repeated);
        ASSERT_EQ(again.outcome, first.outcome);
        ASSERT_EQ(again.revision, first.revision);
        ASSERT_TRUE(again.events.empty());
        // Only what has expired may go meanwhile.
        for (const Row& row : again.changed) {
            ASSERT_TRUE(row.key.table == Table::idempotency || row.key.table == Table::versions);
            ASSERT_TRUE(std::holds_alternative<std::monostate>(row.value));
        }
        if (again.changed.empty()) {
            ASSERT_EQ(driver.machine().globals(), before);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomCommands, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace gavel::statemachine
