#include "cli/session_keeper.h"

#include <gmock/gmock.h>
#include <poll.h>

#include <atomic>

#include "tests/unit/cli/fake_server.h"

namespace gavel::cli {
namespace {

using std::chrono::milliseconds;
using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::problem;
using testing::HasSubstr;

constexpr milliseconds ttl{1000};

bool has_news(const SessionKeeper& keeper, milliseconds patience) {
    pollfd news{.fd = keeper.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&news, 1, static_cast<int>(patience.count())) == 1;
}

TEST(SessionKeeper, TellsOfEachConfirmation) {
    FakeServer member([](const FakeRequest&) { return FakeReply{}; });
    const auto begun = BootClock::now();
    SessionKeeper keeper({member.endpoint()}, "s1", ttl, begun);

    ASSERT_TRUE(has_news(keeper, milliseconds{10'000}));
    const auto first = keeper.lease().confirmed;
    EXPECT_GE(first, begun + ttl / 3);
    keeper.take_news();
    ASSERT_TRUE(has_news(keeper, milliseconds{10'000}));
    EXPECT_GT(keeper.lease().confirmed, first);
    EXPECT_FALSE(keeper.lease().ended);
    EXPECT_EQ(keeper.trouble(), "");
}

TEST(SessionKeeper, TellsOfTheEndAndOfWhatTheLastKeepAliveMetWith) {
    std::atomic<int> count{0};
    FakeServer member([&](const FakeRequest&) {
        return ++count < 3 ? problem(503, "no-leader", "", true)
                           : problem(404, "session-not-found");
    });
    const auto begun = BootClock::now();
    SessionKeeper keeper({member.endpoint()}, "s1", ttl, begun);

    ASSERT_TRUE(has_news(keeper, milliseconds{10'000}));
    EXPECT_EQ(count, 3) << "a failure that may pass is no news";
    EXPECT_TRUE(keeper.lease().ended);
    EXPECT_EQ(keeper.lease().confirmed, begun);
    EXPECT_THAT(keeper.trouble(), HasSubstr("session-not-found"));
}

}  // namespace
}  // namespace gavel::cli
