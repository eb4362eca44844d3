#include <gmock/gmock.h>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using statemachine::Role;
using std::chrono::milliseconds;
using testing::a_member;
using testing::Desk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// n1 leads, n2 is well, n3 is away, n4 has no vote.
class LeaderOverHttp : public ::testing::Test {
protected:
    LeaderOverHttp() {
        desk.gateway.views[2] = {.applied = 0, .last_contact = milliseconds(50)};
        desk.gateway.views[4] = {.applied = 0, .last_contact = milliseconds(50)};
    }
    Desk desk{{}, {}, {a_member(1), a_member(2), a_member(3), a_member(4, Role::learner)}};
};

TEST_F(LeaderOverHttp, IsHandedToTheMemberThatIsNamed) {
    const auto call = desk.post("/v1/leader", R"({"member_id":2})");

    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(call->json(), json::parse(R"({"leader_id":2,"ballot":65536})"));
    EXPECT_THAT(desk.gateway.hand_overs, ElementsAre(HandOverWish{2}));
}

TEST_F(LeaderOverHttp, IsHandedToAnyoneWhenNobodyIsNamed) {
    EXPECT_EQ(desk.post("/v1/leader", "")->json()["leader_id"], 2);
    EXPECT_EQ(desk.post("/v1/leader", "{}")->status(), 200U);
    EXPECT_EQ(desk.post("/v1/leader", R"({"instead_of":1})")->status(), 200U);
    EXPECT_THAT(desk.gateway.hand_overs,
                ElementsAre(HandOverWish{}, HandOverWish{}, HandOverWish{0, 1}));
}

TEST_F(LeaderOverHttp, StaysWhereItIsWhenNobodyElseCanLead) {
    Desk alone{{}, {}, {a_member(1), a_member(4, Role::learner)}};
    EXPECT_EQ(alone.post("/v1/leader", "")->code(), "cannot-lead");
    EXPECT_THAT(alone.gateway.hand_overs, IsEmpty());

    const auto learner = desk.post("/v1/leader", R"({"member_id":4})");
    EXPECT_EQ(learner->status(), 409U);
    EXPECT_EQ(learner->code(), "cannot-lead");
    EXPECT_EQ(learner->json()["detail"], "member 4 (n4) has no vote");
    EXPECT_EQ(desk.post("/v1/leader", R"({"member_id":9})")->code(), "member-not-found");
    EXPECT_THAT(desk.gateway.hand_overs, IsEmpty());
}

TEST_F(LeaderOverHttp, GoesToOneThatIsAwayOnlyByForce) {
    const auto call = desk.post("/v1/leader", R"({"member_id":3})");
    EXPECT_EQ(call->code(), "not-caught-up");
    EXPECT_EQ(call->json()["detail"], "member 3 (n3) was never heard from");

    EXPECT_EQ(desk.post("/v1/leader?force=true", R"({"member_id":3})")->status(), 200U);
    EXPECT_THAT(desk.gateway.hand_overs, ElementsAre(HandOverWish{3, 0, true}));
}

TEST_F(LeaderOverHttp, SaysWhoLeadsWhenItDoesNotMoveInTime) {
    desk.gateway.failure = Failure{Failure::Kind::timed_out};
    const auto call = desk.post("/v1/leader", R"({"member_id":2})");
    EXPECT_EQ(call->status(), 504U);
    EXPECT_EQ(call->json()["detail"], "member 2 does not lead yet; member 1 does");

    desk.gateway.failure = Failure{Failure::Kind::no_leader};
    EXPECT_EQ(desk.post("/v1/leader", "")->code(), "no-leader");
}

TEST_F(LeaderOverHttp, RefusesWhatIsNoMember) {
    for (const auto* body :
         {R"({"member_id":0})", R"({"member_id":"2"})", R"({"member_id":2.5})",
          R"({"member_id":65536})", R"({"member_id":null})", R"({"leader":2})",
          R"({"instead_of":0})", R"({"member_id":2,"instead_of":1})", R"([2])", "2"}) {
        EXPECT_EQ(desk.post("/v1/leader", body)->status(), 400U) << body;
    }
    EXPECT_THAT(desk.gateway.hand_overs, IsEmpty());
}

}  // namespace
}  // namespace gavel::api
