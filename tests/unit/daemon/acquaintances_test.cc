#include "daemon/acquaintances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gavel::daemon {
namespace {

using persistence::Acquaintance;
using proto::Hello;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::Pair;

constexpr std::uint16_t other = 2;

// One that wrote nothing in any run, as long as it lasts.
Hello hello(std::uint64_t incarnation, std::uint64_t boot) {
    Hello hello{.member = other, .incarnation = incarnation, .boot = boot};
    for (std::uint64_t run = boot < 4 ? 1 : boot - 3; run <= boot; ++run) {
        hello.runs.push_back({.id = 100 + run});
    }
    if (hello.runs.empty()) hello.runs.push_back({.id = 100});
    return hello;
}

auto refused(const std::string& why) {
    return Optional(Field(&Peers::Refusal::reason, HasSubstr(why)));
}
const auto set_back =
    AllOf(refused("set back in time"), refused("gavel member rm 2"),
          Optional(Field(&Peers::Refusal::farewell, proto::Farewell::Why::set_back)));

// Keeps what was made durable, as the log does.
class Acquainted : public testing::Test {
protected:
    Acquaintances reopened() {
        return {durable, [this](std::uint16_t member, const Acquaintance& acquaintance) {
                    durable[member] = acquaintance;
                    ++writes;
                }};
    }
    void note(Acquaintances& others) {
        others.note_writes([this](std::uint16_t member, const Acquaintance& acquaintance) {
            durable[member] = acquaintance;
            noted.push_back(member);
        });
    }
    std::map<std::uint16_t, Acquaintance> durable{};
    std::vector<std::uint16_t> noted{};
    int writes = 0;
};

TEST_F(Acquainted, AreRememberedDurablyOnFirstSight) {
    Acquaintances others = reopened();

    EXPECT_FALSE(others.admit(hello(77, 3)));

    EXPECT_THAT(durable,
                ElementsAre(Pair(other, Acquaintance{.incarnation = 77, .boot = 3, .run = 103})));
}

TEST_F(Acquainted, AreRefusedWithAnotherDirectory) {
    reopened().admit(hello(77, 1));
    Acquaintances others = reopened();

    const auto refusal = others.admit(hello(78, 1));

    EXPECT_THAT(refusal, refused("has to join anew"));
    EXPECT_FALSE(refusal->farewell) << "it remembers nothing, so it need not be told for good";
    EXPECT_EQ(durable[other].incarnation, 77U);
}

// Whoever came first under a number that was not given out yet does not own it.
TEST_F(Acquainted, AreWhoTheStateSaysWhoeverWasMetBefore) {
    Acquaintances others = reopened();
    others.admit(hello(66, 9));

    EXPECT_FALSE(others.admit(hello(77, 1), 77));

    EXPECT_THAT(durable,
                ElementsAre(Pair(other, Acquaintance{.incarnation = 77, .boot = 1, .run = 101})));
    EXPECT_THAT(others.admit(hello(77, 0), 77), set_back);
}

TEST_F(Acquainted, AreNotRememberedWhenTheyWereOnlyHeard) {
    Acquaintances others = reopened();
    others.on_mutual(hello(77, 1));
    others.heard(other, 101, 5);
    note(others);

    EXPECT_FALSE(others.is_mutual(other));
    EXPECT_EQ(writes, 0);
    EXPECT_THAT(noted, IsEmpty());
}

TEST_F(Acquainted, AreRefusedWhenTheyShowAnEarlierStart) {
    reopened().admit(hello(77, 5));
    Acquaintances others = reopened();

    EXPECT_THAT(others.admit(hello(77, 4)), set_back);
    EXPECT_FALSE(others.admit(hello(77, 5)));
    EXPECT_FALSE(others.admit(hello(77, 6)));

    EXPECT_EQ(durable[other].boot, 6U);
}

// A copy of run 5, started, counts to 6 as the directory that it was taken from did.
TEST_F(Acquainted, AreRefusedWhenAStartThatWasSeenIsNotInTheirDirectory) {
    reopened().admit(hello(77, 6));
    Hello copy = hello(77, 6);
    copy.runs.back().id = 666;

    EXPECT_THAT(reopened().admit(copy), set_back);
    for (const std::uint64_t id : {107U, 108U}) {
        ++copy.boot;
        copy.runs.push_back({.id = id});
        EXPECT_THAT(reopened().admit(copy), set_back) << "however often it is started";
    }

    EXPECT_EQ(durable[other].boot, 6U);
}

// A copy that was taken in the very run that was seen shows the same starts, and one more.
TEST_F(Acquainted, AreRefusedWhenTheyLackWhatTheySaidWasDurable) {
    Acquaintances others = reopened();
    others.admit(hello(77, 6));
    others.heard(other, 106, 30);
    Hello copy = hello(77, 7);
    const auto began_with = [&](std::uint64_t there) {
        Hello shown = copy;
        shown.runs.back().began = there;
        shown.writes = 1'000;  // However much it wrote since.
        return shown;
    };

    EXPECT_THAT(others.admit(began_with(29)), set_back);
    EXPECT_FALSE(others.admit(began_with(30)));
}

TEST_F(Acquainted, AreRefusedWhenTheyLackItSomeStartsLater) {
    Acquaintances others = reopened();
    others.admit(hello(77, 6));
    others.heard(other, 106, 30);
    Hello copy = hello(77, 8);
    copy.runs[copy.runs.size() - 2].began = 29;
    copy.runs.back().began = copy.writes = 40;

    EXPECT_THAT(others.admit(copy), set_back);
}

TEST_F(Acquainted, AreComparedByTheirWritesWhenTheyWereNotSeenForLong) {
    reopened().admit(hello(77, 6));
    Acquaintances others = reopened();
    others.heard(other, 106, 30);
    Hello later = hello(77, 10);  // Its latest runs are 7 to 10.
    for (auto& run : later.runs) run.began = 29;

    EXPECT_THAT(others.admit(later), set_back);
    for (auto& run : later.runs) run.began = 30;
    EXPECT_FALSE(others.admit(later));
}

// Two connections of one process: what was said on the newer one may be read first.
TEST_F(Acquainted, AreNotRefusedForAHelloThatWasOvertaken) {
    Acquaintances others = reopened();
    others.admit(hello(77, 6));
    others.heard(other, 106, 30);

    EXPECT_FALSE(others.admit(hello(77, 6)));

    EXPECT_EQ(others.known().at(other).writes, 30U);
}

TEST_F(Acquainted, AreNotRememberedWithLessThanTheySaid) {
    Acquaintances others = reopened();
    others.admit(hello(77, 6));
    others.heard(other, 106, 30);
    others.heard(other, 106, 20);
    others.heard(other, 105, 90);

    EXPECT_EQ(others.known().at(other).writes, 30U) << "an earlier run tells nothing of this one";
}

// No sync for each message: some of it may be forgotten.
TEST_F(Acquainted, AreNotedNowAndThenWithWhatTheyMadeDurable) {
    Acquaintances others = reopened();
    others.admit(hello(77, 6));
    const int before = writes;
    others.heard(other, 106, 30);
    EXPECT_EQ(writes, before);

    note(others);
    note(others);

    EXPECT_THAT(noted, ElementsAre(other)) << "once, as nothing was new the second time";
    EXPECT_EQ(reopened().known().at(other).writes, 30U);
}

TEST_F(Acquainted, AreMutualOnlyOnceTheyAnswered) {
    Acquaintances others = reopened();
    others.admit(hello(77, 1));
    EXPECT_FALSE(others.is_mutual(other));

    others.on_mutual(hello(77, 1));

    EXPECT_TRUE(others.is_mutual(other));
    EXPECT_TRUE(reopened().is_mutual(other));
    EXPECT_FALSE(others.is_mutual(other + 1));
    others.admit(hello(77, 2));
    EXPECT_TRUE(others.is_mutual(other)) << "and from then on";
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
