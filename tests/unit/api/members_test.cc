#include <gmock/gmock.h>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using statemachine::AddMember;
using statemachine::ChangeMembers;
using statemachine::RemoveMember;
using statemachine::Role;
using statemachine::SetRole;
using std::chrono::milliseconds;
using testing::a_member;
using testing::Desk;
using ::testing::HasSubstr;

// n1 to n3 vote and are well, n4 is a learner that has caught up.
class MembersOverHttp : public ::testing::Test {
protected:
    MembersOverHttp() {
        for (std::uint16_t id = 2; id <= 4; ++id) {
            desk.gateway.views[id] = {.applied = 0, .last_contact = milliseconds(50)};
        }
    }
    const ChangeMembers& submitted() const {
        return std::get<ChangeMembers>(desk.gateway.submissions.back().command);
    }
    json voters() {
        json ids = json::array();
        const auto answer = desk.get("/v1/members")->json();
        for (const auto& member : answer["members"]) {
            if (member["role"] == "voter") ids.push_back(member["member_id"]);
        }
        return ids;
    }

    Desk desk{{}, {}, {a_member(1), a_member(2), a_member(3), a_member(4, Role::learner)}};
};

TEST_F(MembersOverHttp, AddsALearnerAndTellsItAllThatItNeeds) {
    desk.gateway.fills = false;

    const auto call =
        desk.post("/v1/members", R"({"name":"n5","peer_address":"db5:7500","role":"voter",
                                     "client_address":"http://db5:7400",
                                     "incarnation":"00000000000000ff"})");

    EXPECT_EQ(call->status(), 202U);
    EXPECT_EQ(call->field("Location"), "/v1/members/5");
    EXPECT_EQ(call->json(), json::parse(R"({"member_id":5,"name":"n5","role":"learner",
        "wants_vote":true,"epoch":2,"from_slot":65,"cluster_id":"c1","alpha":64,"format_level":1,
        "initial_cluster":"n1=127.0.0.1:7500,n2=127.0.0.1:7501","members":[
        {"member_id":1,"name":"n1","peer_address":"127.0.0.1:7500","role":"voter","wants_vote":false},
        {"member_id":2,"name":"n2","peer_address":"127.0.0.1:7501","role":"voter","wants_vote":false},
        {"member_id":3,"name":"n3","peer_address":"127.0.0.1:7502","role":"voter","wants_vote":false},
        {"member_id":4,"name":"n4","peer_address":"127.0.0.1:7503","role":"learner",
         "wants_vote":false},
        {"member_id":5,"name":"n5","peer_address":"db5:7500","role":"learner","wants_vote":true}]})"));
    EXPECT_EQ(submitted(), (ChangeMembers{0, {AddMember{"n5", "db5:7500", 255, true}}}));
    const auto one = desk.get("/v1/members/5")->json();
    EXPECT_EQ(one["name"], "n5");
    EXPECT_EQ(one["wants_vote"], true);
    EXPECT_FALSE(one.contains("incarnation"));
    EXPECT_EQ(desk.get("/v1/members")->json()["pending"], json::parse(R"([{"epoch":2,"from_slot":65,
        "voters":[1,2,3],"learners":[4,5]}])"));
}

TEST_F(MembersOverHttp, FindsAMemberThatWasAddedBefore) {
    const std::string body = R"({"name":"n5","peer_address":"db5:7500",
                                 "incarnation":"00000000000000ff"})";
    desk.post("/v1/members", body);

    const auto again = desk.post("/v1/members", body);

    EXPECT_EQ(again->status(), 202U);
    EXPECT_EQ(again->json()["member_id"], 5);
    EXPECT_EQ(again->json()["role"], "learner");
    // Another directory under its name.
    EXPECT_EQ(desk.post("/v1/members", R"({"name":"n5","peer_address":"db5:7500",
                                           "incarnation":"00000000000000fe"})")
                  ->json()["reason"],
              "name-taken");
}

TEST_F(MembersOverHttp, PromotesDemotesAndRemovesOnceItGoverns) {
    const auto promoted = desk.post("/v1/members/4/promote");
    EXPECT_EQ(promoted->status(), 200U);
    EXPECT_EQ(promoted->json()["governs"], true);
    EXPECT_EQ(promoted->json()["epoch"], 2);
    EXPECT_EQ(promoted->json()["from_slot"], 65);
    EXPECT_EQ(promoted->json()["members"][3]["role"], "voter");
    EXPECT_EQ(desk.gateway.reads.back().min_revision, 64U);
    EXPECT_TRUE(desk.gateway.reads.back().stale);
    EXPECT_EQ(voters(), (json{1, 2, 3, 4}));

    EXPECT_EQ(desk.post("/v1/members/2/demote")->status(), 200U);
    EXPECT_EQ(voters(), (json{1, 3, 4}));
    EXPECT_EQ(desk.remove("/v1/members/3")->json()["epoch"], 4);
    EXPECT_EQ(voters(), (json{1, 4}));
    EXPECT_EQ(desk.get("/v1/members/3")->code(), "member-not-found");
}

TEST_F(MembersOverHttp, ReplacesTheVoters) {
    const auto call = desk.put("/v1/members", R"({"voters":[ 4 , 1,2]})");

    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(submitted(), (ChangeMembers{1, {SetRole{4, Role::voter}, RemoveMember{3}}}));
    EXPECT_EQ(voters(), (json{1, 2, 4}));
    EXPECT_EQ(desk.put("/v1/members", R"({"voters":[1,2,4]})")->json()["epoch"], 2);
}

TEST_F(MembersOverHttp, AnswersAcceptedWhenItDoesNotGovernInTime) {
    desk.gateway.fills = false;

    const auto call = desk.remove("/v1/members/3");

    EXPECT_EQ(call->status(), 202U);
    EXPECT_EQ(call->json()["governs"], false);
    EXPECT_EQ(call->json()["members"].size(), 3U);
    // The role is the one it has now.
    EXPECT_EQ(voters(), (json{1, 2, 3}));
    EXPECT_EQ(desk.get("/v1/members")->json()["pending"][0]["voters"], (json{1, 2}));
}

TEST_F(MembersOverHttp, ChangesNothingTwice) {
    for (const auto* target : {"/v1/members/1/promote", "/v1/members/4/demote"}) {
        const auto call = desk.post(target);
        EXPECT_EQ(call->status(), 200U) << target;
        EXPECT_EQ(call->json()["epoch"], 1) << target;
    }
    // A learner that is not to vote after all.
    desk.post("/v1/members", R"({"name":"n5","peer_address":"db5:7500","role":"voter"})");
    EXPECT_EQ(desk.get("/v1/members/5")->json()["wants_vote"], true);
    EXPECT_EQ(desk.post("/v1/members/5/demote")->json()["epoch"], 2);
    EXPECT_EQ(desk.get("/v1/members/5")->json()["wants_vote"], false);
}

TEST_F(MembersOverHttp, GivesARepeatTheFirstOutcome) {
    const Desk::Headers key{{"idempotency-key", "k"}};
    const auto first = desk.ask(Method::remove, "/v1/members/3?epoch=1", "", key);

    const auto again = desk.ask(Method::remove, "/v1/members/3?epoch=1", "", key);

    EXPECT_EQ(first->status(), 200U);
    EXPECT_EQ(again->status(), 200U);
    EXPECT_EQ(again->json(), first->json());
    EXPECT_EQ(desk.remove("/v1/members/3")->code(), "member-not-found");
}

TEST_F(MembersOverHttp, RefusesWhatIsUnsafeUnlessForced) {
    desk.gateway.views[2].last_contact = milliseconds(60'000);

    const auto call = desk.remove("/v1/members/3");

    EXPECT_EQ(call->status(), 409U);
    EXPECT_EQ(call->code(), "unsafe-change");
    EXPECT_THAT(std::string(call->json()["detail"]), HasSubstr("only 1 would be reachable"));
    const json plan = call->json()["plan"];
    EXPECT_EQ(plan["verdict"], "unsafe");
    EXPECT_EQ(plan["before"], json::parse(R"({"voters":[1,2,3],"quorum":2,"faults_tolerated":1,
                                              "live":2})"));
    EXPECT_EQ(plan["after"], json::parse(R"({"voters":[1,2],"quorum":2,"faults_tolerated":0,
                                             "live":1})"));
    EXPECT_TRUE(desk.gateway.submissions.empty());

    EXPECT_EQ(desk.remove("/v1/members/2")->status(), 200U) << "the dead go easily";
    EXPECT_EQ(desk.remove("/v1/members/1?force=true")->status(), 200U);
}

TEST_F(MembersOverHttp, DoesNotPromoteWhoHasNotCaughtUp) {
    desk.gateway.views[4] = {};

    const auto call = desk.post("/v1/members/4/promote");

    EXPECT_EQ(call->code(), "not-caught-up");
    EXPECT_EQ(call->json()["retryable"], true);
    EXPECT_EQ(call->json()["plan"]["reasons"][0], json::parse(R"({"code":"not-caught-up",
        "level":"unsafe","detail":"member 4 (n4) was never heard from","member_id":4})"));
    EXPECT_EQ(desk.post("/v1/members/4/promote?force")->status(), 200U);
}

TEST_F(MembersOverHttp, ShowsThePlanAndDoesNothing) {
    const auto call = desk.remove("/v1/members/3?dry_run=true");

    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(call->json()["verdict"], "safe");
    EXPECT_EQ(call->json()["based_on"], 1);
    EXPECT_EQ(call->json()["epoch"], 2);
    EXPECT_EQ(call->json()["from_slot"], 65);
    EXPECT_EQ(call->json()["members"].size(), 3U);
    EXPECT_EQ(desk.remove("/v1/members/9?dry_run=true")->json()["verdict"], "impossible");
    const auto newcomer =
        desk.post("/v1/members?dry_run", R"({"name":"n5","peer_address":"db5:7500"})")->json();
    EXPECT_EQ(newcomer["members"][4]["member_id"], nullptr);
    EXPECT_TRUE(desk.gateway.submissions.empty());
    EXPECT_TRUE(desk.gateway.reads.empty()) << "no leader is needed";
}

TEST_F(MembersOverHttp, ComparesTheEpochFirst) {
    EXPECT_EQ(desk.remove("/v1/members/3?epoch=2")->code(), "epoch-mismatch");
    EXPECT_TRUE(desk.gateway.submissions.empty()) << "nobody has looked at that one";
    EXPECT_EQ(desk.remove("/v1/members/3?epoch=1")->status(), 200U);
    const auto late = desk.remove("/v1/members/2?epoch=1");
    EXPECT_EQ(late->code(), "epoch-mismatch");
    EXPECT_EQ(late->json()["epoch"], 2);
    EXPECT_EQ(desk.remove("/v1/members/2?epoch=1&dry_run")->code(), "epoch-mismatch");
    EXPECT_EQ(
        desk.post("/v1/members?epoch=1", R"({"name":"n5","peer_address":"db5:7500"})")->code(),
        "epoch-mismatch");
}

TEST_F(MembersOverHttp, LooksAtWhatIsDecidedBeforeItPlans) {
    desk.remove("/v1/members/3");
    EXPECT_FALSE(desk.gateway.reads.front().stale);

    desk.gateway.failure = Failure{Failure::Kind::no_leader};
    EXPECT_EQ(desk.remove("/v1/members/2")->code(), "no-leader");
}

TEST_F(MembersOverHttp, SaysSoWhenNobodyKnowsWhetherItHappened) {
    desk.gateway.hold_submits = true;
    const auto call = desk.remove("/v1/members/3");
    ASSERT_EQ(call->status(), 0U);

    desk.gateway.answer_held(Failure{Failure::Kind::outcome_unknown});
    desk.take_mail();

    EXPECT_EQ(call->code(), "outcome-unknown");
}

TEST_F(MembersOverHttp, RefuseBadNewcomers) {
    for (const auto* body :
         {"",
          "[]",
          "{}",
          "x",
          R"({"name":"n5"})",
          R"({"peer_address":"db5:7500"})",
          R"({"name":"N5","peer_address":"db5:7500"})",
          R"({"name":"","peer_address":"db5:7500"})",
          R"({"name":5,"peer_address":"db5:7500"})",
          R"({"name":"n5","peer_address":"db5"})",
          R"({"name":"n5","peer_address":"0.0.0.0:7500"})",
          R"({"name":"n5","peer_address":"db5:7500","role":"leader"})",
          R"({"name":"n5","peer_address":"db5:7500","role":null})",
          R"({"name":"n5","peer_address":"db5:7500","client_address":"ftp://db5:7400"})",
          R"({"name":"n5","peer_address":"db5:7500","incarnation":"ff"})",
          R"({"name":"n5","peer_address":"db5:7500","incarnation":"0000000000000000"})",
          R"({"name":"n5","peer_address":"db5:7500","incarnation":"-00000000000000f"})",
          R"({"name":"n5","peer_address":"db5:7500","incarnation":255})",
          R"({"name":"n5","name":"n6","peer_address":"db5:7500"})",
          R"({"name":"n5","peer_address":"db5:7500","peer_adress":"db5:7500"})"}) {
        EXPECT_EQ(desk.post("/v1/members", body)->code(), "malformed-body") << body;
    }
    EXPECT_TRUE(desk.gateway.submissions.empty());
}

TEST_F(MembersOverHttp, RefuseBadListsOfVoters) {
    std::string many = R"({"voters":[1)";
    for (int id = 2; id < 40; ++id) many += ',' + std::to_string(id);
    for (const auto& body :
         {std::string(), std::string("{}"), std::string(R"({"voters":[]})"),
          std::string(R"({"voters":[ ]})"), std::string(R"({"voters":1})"),
          std::string(R"({"voters":"1"})"), std::string(R"({"voters":[0]})"),
          std::string(R"({"voters":[65536]})"), std::string(R"({"voters":[-1]})"),
          std::string(R"({"voters":[1.0]})"), std::string(R"({"voters":["1"]})"),
          std::string(R"({"voters":[[1]]})"), std::string(R"({"voters":[1,2,1]})"),
          std::string(R"({"voters":[1,null]})"), std::string(R"({"voters":[1],"force":true})"),
          std::string(R"({"members":[1]})"), many + "]}"}) {
        EXPECT_EQ(desk.put("/v1/members", body)->code(), "malformed-body") << body;
    }
    EXPECT_EQ(desk.put("/v1/members", R"({"voters":[1,9]})")->code(), "member-not-found");
}

TEST_F(MembersOverHttp, RefuseBadIdsAndParameters) {
    for (const auto* id : {"0", "65536", "01", "-1", "n1", "1%20"}) {
        const std::string path = std::string("/v1/members/") + id;
        EXPECT_EQ(desk.get(path)->code(), "member-not-found") << id;
        EXPECT_EQ(desk.remove(path)->code(), "member-not-found") << id;
        EXPECT_EQ(desk.post(path + "/promote")->code(), "member-not-found") << id;
        EXPECT_EQ(desk.post(path + "/demote")->code(), "member-not-found") << id;
    }
    for (const auto* query : {"epoch=0", "epoch=x", "force=yes", "dry_run=1"}) {
        EXPECT_EQ(desk.remove(std::string("/v1/members/3?") + query)->code(), "bad-parameter")
            << query;
    }
    EXPECT_EQ(desk.remove("/v1/members/3?dry-run=true")->code(), "unknown-parameter");
    EXPECT_EQ(desk.post("/v1/members/3/promote", "{}")->code(), "malformed-body");
    EXPECT_TRUE(desk.gateway.submissions.empty());
}

TEST_F(MembersOverHttp, RefuseABadIdempotencyKeyWhetherOrNotAnythingIsDone) {
    for (const auto* target : {"/v1/members/3?dry_run", "/v1/members/9", "/v1/members/3"}) {
        const auto call = desk.ask(Method::remove, target, "", {{"idempotency-key", "a b"}});

        EXPECT_EQ(call->code(), "bad-header") << target;
    }
    EXPECT_TRUE(desk.gateway.submissions.empty());
}

}  // namespace
}  // namespace gavel::api
