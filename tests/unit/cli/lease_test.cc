#include "cli/lease.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace gavel::cli {
namespace {

using std::chrono::milliseconds;

constexpr BootClock::time_point start{std::chrono::hours{5}};
constexpr Lease lease{.ttl = milliseconds{10'000}, .confirmed = start};
constexpr auto never = BootClock::time_point::max();

constexpr BootClock::time_point at(int ms) { return start + milliseconds{ms}; }

Lease ended() {
    Lease over = lease;
    over.ended = true;
    return over;
}

TEST(Lease, IsKeptAliveThreeTimesWithinItsTtl) { EXPECT_EQ(lease.keepalive_due(), at(3333)); }

TEST(Lease, IsHeldUntilThreeQuartersOfTheTtlHavePassedUnconfirmed) {
    EXPECT_EQ(judge_loss(lease, OnLost::term, LossStage::held, {}, at(7499)),
              (LossDecision{LossStage::held, 0, at(7500)}));
    EXPECT_EQ(judge_loss(lease, OnLost::term, LossStage::held, {}, at(7500)),
              (LossDecision{LossStage::warned, SIGTERM, at(9000)}));
}

TEST(Lease, KillsBeforeTheTtlIsOverHoweverLateTheWarningWas) {
    EXPECT_EQ(judge_loss(lease, OnLost::term, LossStage::held, {}, at(8900)),
              (LossDecision{LossStage::warned, SIGTERM, at(9000)}));
    EXPECT_EQ(judge_loss(lease, OnLost::term, LossStage::warned, at(9000), at(9000)),
              (LossDecision{LossStage::lost, SIGKILL, never}));
    EXPECT_LT(lease.kill_due(), lease.confirmed + lease.ttl);
}

TEST(Lease, KillsAtOnceWhenTheMachineSleptPastTheTtl) {
    EXPECT_EQ(judge_loss(lease, OnLost::term, LossStage::held, {}, at(60'000)),
              (LossDecision{LossStage::lost, SIGKILL, never}));
    EXPECT_EQ(judge_loss(ended(), OnLost::term, LossStage::held, {}, at(60'000)),
              (LossDecision{LossStage::lost, SIGKILL, never}))
        << "also when it has heard of the end already";
}

TEST(Lease, WarnsAtOnceWhenTheSessionHasEnded) {
    EXPECT_EQ(judge_loss(ended(), OnLost::term, LossStage::held, {}, at(100)),
              (LossDecision{LossStage::warned, SIGTERM, at(1600)}));
    EXPECT_EQ(judge_loss(ended(), OnLost::kill, LossStage::held, {}, at(100)),
              (LossDecision{LossStage::lost, SIGKILL, never}));
}

TEST(Lease, DoesNotTakeAWarningBack) {
    const Lease renewed{.ttl = lease.ttl, .confirmed = at(8000)};

    EXPECT_EQ(judge_loss(renewed, OnLost::term, LossStage::warned, at(9000), at(8100)),
              (LossDecision{LossStage::warned, 0, at(9000)}));
    EXPECT_EQ(judge_loss(renewed, OnLost::term, LossStage::warned, at(9000), at(9000)).signal,
              SIGKILL);
}

TEST(Lease, WithKillWaitsForTheLastMomentAndWithNoneSendsNothing) {
    EXPECT_EQ(judge_loss(lease, OnLost::kill, LossStage::held, {}, at(8999)),
              (LossDecision{LossStage::held, 0, at(9000)}));
    EXPECT_EQ(judge_loss(lease, OnLost::kill, LossStage::held, {}, at(9000)),
              (LossDecision{LossStage::lost, SIGKILL, never}));
    EXPECT_EQ(judge_loss(lease, OnLost::none, LossStage::held, {}, at(9000)),
              (LossDecision{LossStage::lost, 0, never}));
}

TEST(Lease, ActsOnALossOnce) {
    EXPECT_EQ(judge_loss(ended(), OnLost::term, LossStage::lost, {}, at(99'000)),
              (LossDecision{LossStage::lost, 0, never}));
}

}  // namespace
}  // namespace gavel::cli
