#include "daemon/roster.h"

#include <gmock/gmock.h>

namespace gavel::daemon {
namespace {

using paxos::MemberId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// Three members were given out; 2 was removed, and 3 comes with the next epoch.
statemachine::Globals sample() {
    return {.applied = 10,
            .alpha = 8,
            .epochs = {{.number = 4,
                        .first_slot = 5,
                        .members = {{.id = 1,
                                     .name = "a",
                                     .peer_address = "127.0.0.1:7501",
                                     .incarnation = 11}}},
                       {.number = 5,
                        .first_slot = 14,
                        .members = {{.id = 1,
                                     .name = "a",
                                     .peer_address = "127.0.0.1:7501",
                                     .incarnation = 11},
                                    {.id = 3, .name = "c", .peer_address = "[::1]:7503"}}}},
            .next_member = 4,
            .removed = {{.id = 2, .name = "b", .first_slot = 5}}};
}

proto::Hello hello(std::uint16_t member, std::uint64_t incarnation) {
    return {.member = member, .incarnation = incarnation};
}

TEST(Roster, KnowsWhereEveryoneOfTheWindowIs) {
    EXPECT_THAT(addresses_of(sample()), ElementsAre(Pair(MemberId{1}, Address{"127.0.0.1", 7501}),
                                                    Pair(MemberId{3}, Address{"::1", 7503})));
}

// Two numbers at one address would be two connections of one member, each ending the other.
TEST(Roster, LooksForNoFounderWhereAContactIsByNow) {
    const std::map<paxos::MemberId, Address> contacts{{{7}, {"127.0.0.1", 7501}},
                                                      {{3}, {"::1", 7509}}};

    EXPECT_THAT(addresses_with(contacts, sample()),
                ElementsAre(Pair(MemberId{3}, Address{"::1", 7503}),
                            Pair(MemberId{7}, Address{"127.0.0.1", 7501})));
}

TEST(Roster, RefusesAMemberThatWasRemoved) {
    const auto refusal = refusal_of(sample(), hello(2, 22));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->farewell, proto::Farewell::Why::removed);
    EXPECT_THAT(refusal->reason, HasSubstr("member 2 was removed"));
}

TEST(Roster, RefusesAnotherDirectoryThanTheRecordedOne) {
    EXPECT_FALSE(refusal_of(sample(), hello(1, 11)));
    const auto refusal = refusal_of(sample(), hello(1, 12));
    ASSERT_TRUE(refusal);
    EXPECT_FALSE(refusal->farewell);
    EXPECT_THAT(refusal->reason, HasSubstr("data directory"));
}

TEST(Roster, TakesWhoeverItDoesNotKnowYet) {
    EXPECT_FALSE(refusal_of(sample(), hello(3, 33))) << "nobody said which directory it has";
    EXPECT_FALSE(refusal_of(sample(), hello(4, 44))) << "this member may be behind";
}

TEST(Roster, ReadsTheContactsItWrites) {
    const std::map<MemberId, Address> contacts{{{1}, {"127.0.0.1", 7501}}, {{3}, {"::1", 7503}}};
    EXPECT_EQ(contacts_text(contacts), "1=127.0.0.1:7501,3=[::1]:7503");
    EXPECT_EQ(*parse_contacts(contacts_text(contacts)), contacts);
    EXPECT_TRUE(parse_contacts("")->empty());
    for (const char* bad : {"127.0.0.1:1", "x=127.0.0.1:1", "0=127.0.0.1:1", "1=", "65536=h:1",
                            "=h:1", "1=h:1,,2=h:2"}) {
        EXPECT_FALSE(parse_contacts(bad)) << bad;
    }
}

}  // namespace
}  // namespace gavel::daemon
