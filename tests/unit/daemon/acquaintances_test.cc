#include "daemon/acquaintances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gavel::daemon {
namespace {

using persistence::Acquaintance;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;
using testing::Pair;

constexpr std::uint16_t other = 2;

proto::Hello hello(std::uint64_t incarnation, std::uint64_t boot) {
    return {.member = other, .incarnation = incarnation, .boot = boot};
}

// Keeps what was made durable, as the log does.
class Acquainted : public testing::Test {
protected:
    Acquaintances reopened() {
        return {durable, [this](std::uint16_t member, const Acquaintance& acquaintance) {
                    durable[member] = acquaintance;
                    ++writes;
                }};
    }
    std::map<std::uint16_t, Acquaintance> durable{};
    int writes = 0;
};

TEST_F(Acquainted, AreRememberedDurablyOnFirstSight) {
    Acquaintances others = reopened();

    EXPECT_EQ(others.admit(hello(77, 3)), std::nullopt);

    EXPECT_THAT(durable, ElementsAre(Pair(other, Acquaintance{.incarnation = 77, .boot = 3})));
}

TEST_F(Acquainted, AreRefusedWithAnotherDirectory) {
    reopened().admit(hello(77, 1));
    Acquaintances others = reopened();

    EXPECT_THAT(others.admit(hello(78, 1)), Optional(HasSubstr("has to join anew")));

    EXPECT_EQ(durable[other].incarnation, 77U);
}

// Whoever came first under a number that was not given out yet does not own it.
TEST_F(Acquainted, AreWhoTheStateSaysWhoeverWasMetBefore) {
    Acquaintances others = reopened();
    others.admit(hello(66, 9));

    EXPECT_EQ(others.admit(hello(77, 1), 77), std::nullopt);

    EXPECT_THAT(durable, ElementsAre(Pair(other, Acquaintance{.incarnation = 77, .boot = 1})));
    EXPECT_THAT(others.admit(hello(77, 0), 77), Optional(HasSubstr("set back in time")));
}

TEST_F(Acquainted, AreNotRememberedWhenTheyWereOnlyHeard) {
    Acquaintances others = reopened();
    others.on_mutual(hello(77, 1));
    EXPECT_FALSE(others.is_mutual(other));
    EXPECT_EQ(writes, 0);
}

TEST_F(Acquainted, AreRefusedWhenTheyShowAnEarlierStart) {
    reopened().admit(hello(77, 5));
    Acquaintances others = reopened();

    EXPECT_THAT(others.admit(hello(77, 4)), Optional(HasSubstr("set back in time")));
    EXPECT_EQ(others.admit(hello(77, 5)), std::nullopt);
    EXPECT_EQ(others.admit(hello(77, 6)), std::nullopt);

    EXPECT_EQ(durable[other].boot, 6U);
}

TEST_F(Acquainted, AreMutualOnlyOnceTheyAnswered) {
    Acquaintances others = reopened();
    others.admit(hello(77, 1));
    EXPECT_FALSE(others.is_mutual(other));

    others.on_mutual(hello(77, 1));

    EXPECT_TRUE(others.is_mutual(other));
    EXPECT_TRUE(reopened().is_mutual(other));
    EXPECT_FALSE(others.is_mutual(other + 1));
}

TEST_F(Acquainted, CostNoWriteWhenNothingIsNew) {
    Acquaintances others = reopened();
    others.admit(hello(77, 1));
    others.on_mutual(hello(77, 1));
    const int before = writes;

    others.admit(hello(77, 1));
    others.on_mutual(hello(77, 1));

    EXPECT_EQ(writes, before);
}

}  // namespace
}  // namespace gavel::daemon
