#include "api/timers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace gavel::api {
namespace {

using ::testing::ElementsAre;
using Time = Timers::Time;

Time at(int ms) { return Time(std::chrono::milliseconds(ms)); }

TEST(Timers, RunWhatIsDueInItsOrder) {
    Timers timers;
    std::vector<int> ran;
    const auto b = timers.add(at(20), [&] { ran.push_back(2); });
    const auto a = timers.add(at(10), [&] { ran.push_back(1); });
    const auto c = timers.add(at(30), [&] { ran.push_back(3); });
    EXPECT_EQ(timers.next(), at(10));
    timers.run_due(at(20));
    EXPECT_THAT(ran, ElementsAre(1, 2));
    EXPECT_EQ(timers.next(), at(30));
}

TEST(Timers, ForgetATaskWhoseHandleHasGone) {
    std::vector<int> ran;
    std::shared_ptr<void> outlives;
    {
        Timers timers;
        auto a = timers.add(at(10), [&] { ran.push_back(1); });
        auto b = timers.add(at(10), [&] { ran.push_back(2); });
        a.reset();
        timers.run_due(at(10));
        outlives = timers.add(at(20), [&] { ran.push_back(3); });
    }
    outlives.reset();
    EXPECT_THAT(ran, ElementsAre(2));
}

TEST(Timers, MayBeChangedByATaskThatRuns) {
    Timers timers;
    std::vector<int> ran;
    std::shared_ptr<void> second;
    auto other = timers.add(at(11), [&] { ran.push_back(9); });
    const auto first = timers.add(at(10), [&] {
        ran.push_back(1);
        other.reset();
        second = timers.add(at(12), [&] { ran.push_back(2); });
    });
    timers.run_due(at(15));
    EXPECT_THAT(ran, ElementsAre(1, 2));
}

}  // namespace
}  // namespace gavel::api
