#include "daemon/admission.h"

#include <gmock/gmock.h>

namespace gavel::daemon {
namespace {

using proto::Farewell;
using proto::Hello;
using statemachine::Globals;
using testing::HasSubstr;

// Of three founders the third was removed. Number 4 was not given out yet.
class Admission : public testing::Test {
protected:
    static Hello hello(std::uint16_t member, std::uint64_t incarnation) {
        return {.member = member, .incarnation = incarnation, .boot = 1, .runs = {{.id = 1}}};
    }
    static Farewell farewell(std::uint16_t member) {
        return {.hello = hello(member, 10U + member)};
    }

    Globals globals{.applied = 9,
                    .epochs = {{.number = 2, .first_slot = 5, .members = {{.id = 1}, {.id = 2}}}},
                    .next_member = 4,
                    .removed = {{.id = 3, .name = "c", .first_slot = 5}}};
    Acquaintances others{{}, [](std::uint16_t, const persistence::Acquaintance&) {}};
};

TEST_F(Admission, LetsAMemberInAndRemembersIt) {
    EXPECT_FALSE(admit(hello(2, 12), globals, false, others));

    EXPECT_TRUE(others.known().contains(2));
    EXPECT_TRUE(admit(hello(2, 13), globals, false, others));
}

TEST_F(Admission, LetsOneInThatWasRemovedUntilNobodyNeedsItAnyMore) {
    EXPECT_FALSE(admit(hello(3, 13), globals, false, others));

    const auto refusal = admit(hello(3, 13), globals, true, others);

    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->farewell, Farewell::Why::removed);
}

TEST_F(Admission, HearsAStrangerWithoutRememberingIt) {
    EXPECT_FALSE(admit(hello(4, 14), globals, false, others));
    EXPECT_FALSE(admit(hello(4, 15), globals, false, others));

    EXPECT_TRUE(others.known().empty());
}

TEST_F(Admission, BelievesAFarewellOfAMemberThatIsKnownAlone) {
    admit(hello(2, 12), globals, false, others);
    EXPECT_FALSE(is_believed(farewell(2), globals, others)) << "it may know another directory";

    others.on_mutual(hello(2, 12));

    EXPECT_TRUE(is_believed(farewell(2), globals, others));
    admit(hello(3, 13), globals, false, others);
    others.on_mutual(hello(3, 13));
    EXPECT_FALSE(is_believed(farewell(3), globals, others)) << "it is no member";
    globals.epochs.back().members.push_back({.id = 5, .incarnation = 15});
    EXPECT_TRUE(is_believed(farewell(5), globals, others)) << "the state knows it";
}

TEST_F(Admission, LetsAFounderVoteOnceItHasMetAll) {
    globals.applied = 0;
    EXPECT_FALSE(founder_may_vote(1, globals, others));
    admit(hello(2, 12), globals, false, others);
    EXPECT_FALSE(founder_may_vote(1, globals, others));

    others.on_mutual(hello(2, 12));

    EXPECT_TRUE(founder_may_vote(1, globals, others));
    EXPECT_FALSE(founder_may_vote(2, globals, others)) << "it has not met the first";
    globals.applied = 1;
    EXPECT_TRUE(founder_may_vote(2, globals, others)) << "it did once";
}

}  // namespace
}  // namespace gavel::daemon
