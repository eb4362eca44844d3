#include "cli/jeopardy.h"

#include <gmock/gmock.h>

namespace gavel::cli {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::Eq;
using testing::Optional;

constexpr BootClock::time_point start{std::chrono::hours{5}};
constexpr auto never = BootClock::time_point::max();

constexpr BootClock::time_point at(int ms) { return start + milliseconds{ms}; }
constexpr Lease confirmed_at(int ms) { return {.ttl = milliseconds{10'000}, .confirmed = at(ms)}; }

constexpr Lease lease = confirmed_at(0);

Jeopardy jeopardy(OnLost on_lost = OnLost::term) { return {"deploy", "s7", on_lost}; }

TEST(Jeopardy, BeginsAtHalfOfTheTtlAndSaysWhatWillComeOfIt) {
    Jeopardy of_lock = jeopardy();

    EXPECT_EQ(of_lock.look(lease, "", at(4999)), std::nullopt);
    EXPECT_EQ(of_lock.next_look(lease), at(5000));
    EXPECT_THAT(of_lock.look(lease, "", at(5000)),
                Optional(Eq("deploy is in jeopardy: no keep-alive of session s7 was confirmed for "
                            "5.0s; in 2.5s it counts as lost, and the command is sent TERM, and "
                            "KILL 1.5s after it")));
}

TEST(Jeopardy, IsToldOnce) {
    Jeopardy of_lock = jeopardy();
    of_lock.look(lease, "", at(5000));

    EXPECT_EQ(of_lock.next_look(lease), never);
    EXPECT_EQ(of_lock.look(lease, "refused", at(5001)), std::nullopt);
    EXPECT_EQ(of_lock.look(lease, "refused", at(7400)), std::nullopt);
}

TEST(Jeopardy, IsOverWithTheNextConfirmationAndMayBeginAnew) {
    Jeopardy of_lock = jeopardy();
    of_lock.look(lease, "", at(5000));
    const Lease renewed = confirmed_at(6000);

    EXPECT_THAT(of_lock.look(renewed, "", at(6100)),
                Optional(Eq("deploy is safe again: a keep-alive of session s7 was confirmed")));
    EXPECT_EQ(of_lock.look(renewed, "", at(6200)), std::nullopt);
    EXPECT_EQ(of_lock.next_look(renewed), at(11'000));
    EXPECT_NE(of_lock.look(renewed, "", at(11'000)), std::nullopt);
}

// What counts is when it was sent: one whose answer took long may leave the lock where it was.
TEST(Jeopardy, GoesOnAfterAConfirmationThatCameTooLate) {
    Jeopardy of_lock = jeopardy();
    of_lock.look(lease, "", at(5000));

    EXPECT_EQ(of_lock.look(confirmed_at(1000), "", at(6000)), std::nullopt);
    EXPECT_NE(of_lock.look(confirmed_at(1001), "", at(6000)), std::nullopt);
}

TEST(Jeopardy, PromisesNoMoreTimeThanThereIsWhenItIsNoticedLate) {
    EXPECT_THAT(jeopardy().look(lease, "", at(7199)),
                Optional(testing::HasSubstr("for 7.1s; in 0.3s it counts as lost")));
}

TEST(Jeopardy, SaysWhatOtherEndsThereAreAndWhatTheLastKeepAliveMetWith) {
    EXPECT_THAT(jeopardy(OnLost::kill).look(lease, "", at(5000)),
                Optional(EndsWith("in 4.0s it counts as lost, and the command is killed")));
    EXPECT_THAT(jeopardy(OnLost::none).look(lease, "timed-out: a (request r)", at(5000)),
                Optional(EndsWith("in 4.0s it counts as lost, and the command is left to go on "
                                  "without it; the last one: timed-out: a (request r)")));
}

}  // namespace
}  // namespace gavel::cli
