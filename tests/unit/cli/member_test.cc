#include <gmock/gmock.h>

#include "cli/exit_code.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"

namespace gavel::cli {
namespace {

using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::problem;
using test::run;
using testing::HasSubstr;

constexpr const char* members = R"({"epoch":3,"leader_id":2,"members":[
    {"member_id":1,"name":"n1","role":"voter","wants_vote":false},
    {"member_id":2,"name":"n2","role":"voter","wants_vote":false},
    {"member_id":7,"name":"n4","role":"learner","wants_vote":true}],
    "pending":[{"epoch":4,"from_slot":1900,"voters":[1,2],"learners":[7]},
               {"epoch":5,"from_slot":1950,"voters":[1],"learners":[]}]})";

// Who is asked for the members tells them; whatever else is asked is answered so.
FakeServer cluster(const std::string& body) {
    return FakeServer([body](const FakeRequest& request) {
        return FakeReply{.body = request.method == "GET" ? members : body};
    });
}

constexpr const char* changed =
    R"({"epoch":4,"from_slot":1900,"governs":true,"members":[{"member_id":1,"name":"n1"}]})";

TEST(Member, ListsWhoIsAndWhoWillBe) {
    auto server = cluster("{}");

    const auto ran = run({"member", "ls"}, {server.endpoint()});

    EXPECT_THAT(ran.out, HasSubstr("2       n2    voter, leader"));
    EXPECT_THAT(ran.out, HasSubstr("7       n4    learner, to vote"));
    EXPECT_THAT(ran.out, HasSubstr("\nepoch 4 governs from slot 1900 on: voters 1, 2; learners 7\n"
                                   "epoch 5 governs from slot 1950 on: voters 1\n"));
    EXPECT_EQ(run({"member", "ls", "-o", "value"}, {server.endpoint()}).out, "n1\nn2\nn4\n");
}

TEST(Member, IsAddedAsALearnerOrToVote) {
    auto server = cluster(R"({"member_id":8,"name":"n5","role":"learner","wants_vote":true,
                              "epoch":4,"from_slot":1900})");

    const auto ran = run({"member", "add", "n5", "--peer-address", "db5:7500", "--voter",
                          "--client-address", "http://db5:7400"},
                         {server.endpoint()});

    EXPECT_EQ(ran.out, "added member 8 (n5): learner, to vote, from slot 1900 on\n");
    const auto request = server.requests()[0];
    EXPECT_EQ(request.method + ' ' + request.target, "POST /v1/members");
    EXPECT_EQ(request.body, R"({"client_address":"http://db5:7400","name":"n5",)"
                            R"("peer_address":"db5:7500","role":"voter"})");
    EXPECT_EQ(request.headers.at("idempotency-key").size(), 32U);
    EXPECT_EQ(run({"-o", "value", "member", "add", "n5", "--peer-address", "db5:7500"},
                  {server.endpoint()})
                  .out,
              "8\n");
    EXPECT_THAT(server.requests()[1].body, HasSubstr(R"("role":"learner")"));
}

TEST(Member, IsNamedByIdOrName) {
    auto server = cluster(changed);

    EXPECT_EQ(run({"member", "rm", "n4"}, {server.endpoint()}).out,
              "removed member 7 (n4): epoch 4 governs\n");
    EXPECT_EQ(run({"member", "promote", "7", "--epoch", "3"}, {server.endpoint()}).out,
              "promoted member 7 (n4): epoch 4 governs\n");
    EXPECT_EQ(run({"member", "demote", "n2", "--force"}, {server.endpoint()}).out,
              "demoted member 2 (n2): epoch 4 governs\n");
    EXPECT_EQ(run({"-o", "value", "member", "rm", "9"}, {server.endpoint()}).out, "4\n");

    EXPECT_EQ(server.requests("DELETE ")[0].target, "/v1/members/7");
    EXPECT_EQ(server.requests("DELETE ")[0].headers.at("idempotency-key").size(), 32U);
    EXPECT_EQ(server.requests("POST ")[0].target, "/v1/members/7/promote?epoch=3");
    EXPECT_EQ(server.requests("POST ")[1].target, "/v1/members/2/demote?force=true");
    EXPECT_EQ(server.requests("DELETE ")[1].target, "/v1/members/9") << "the cluster knows better";

    const auto nobody = run({"member", "rm", "n9"}, {server.endpoint()});
    EXPECT_EQ(nobody.code, exit_error);
    EXPECT_EQ(nobody.err, "gavel: member-not-found: no member is called n9\n");
}

TEST(Member, IsOneOfTheVotersThatReplaceTheOthers) {
    auto server = cluster(changed);

    EXPECT_EQ(run({"member", "replace", "1,n4"}, {server.endpoint()}).out,
              "made 1, 7 the voters: epoch 4 governs\n");

    EXPECT_EQ(server.requests("PUT ")[0].target, "/v1/members");
    EXPECT_EQ(server.requests("PUT ")[0].body, R"({"voters":[1,7]})");
}

TEST(Member, IsToldWhenAChangeDoesNotGovernYet) {
    FakeServer server([](const FakeRequest& request) {
        if (request.method == "GET") return FakeReply{.body = members};
        return FakeReply{.status = 202,
                         .body = R"({"epoch":4,"from_slot":1900,"governs":false,"members":[]})"};
    });

    EXPECT_EQ(run({"member", "rm", "n4"}, {server.endpoint()}).out,
              "removed member 7 (n4): epoch 4 will govern from slot 1900 on\n");
}

TEST(Member, GetsTheServersRefusalInOneLine) {
    FakeServer server([](const FakeRequest& request) {
        return request.method == "GET" ? FakeReply{.body = members} : problem(409, "unsafe-change");
    });

    const auto ran = run({"member", "rm", "n2"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_EQ(ran.err, "gavel: unsafe-change: it is so (request r-1)\n");
    EXPECT_EQ(server.requests("DELETE ").size(), 1U);
}

constexpr const char* plan = R"({"verdict":"unsafe","based_on":3,"epoch":4,"from_slot":1900,
    "before":{"voters":[1,2],"live":1,"quorum":2,"faults_tolerated":0},
    "after":{"voters":[2],"live":0,"quorum":1,"faults_tolerated":0},
    "members":[{"member_id":2,"name":"n2","role":"voter","wants_vote":false,"reachable":true,
                "caught_up":false,"lag":9000,"last_contact":"90ms"},
               {"member_id":null,"name":"n5","role":"learner","wants_vote":true,"reachable":false,
                "caught_up":false,"lag":null,"last_contact":null}],
    "reasons":[{"code":"no-live-majority","level":"unsafe","detail":"of 1 voter only 0 would be"}]})";

TEST(Member, HasItsChangePlannedOnADryRun) {
    auto server = cluster(plan);

    const auto ran = run({"member", "rm", "n1", "--dry-run"}, {server.endpoint()});

    EXPECT_EQ(ran.out,
              "unsafe: epoch 4, from slot 1900 on at the earliest\n"
              "\n"
              "        VOTERS  LIVE  QUORUM  FAULTS TOLERATED\n"
              "before  1, 2    1     2       0\n"
              "after   2       0     1       0\n"
              "\n"
              "MEMBER  NAME  ROLE              REACHABLE  CAUGHT UP  LAG   LAST CONTACT\n"
              "2       n2    voter             yes        no         9000  90ms\n"
              "new     n5    learner, to vote  no         no\n"
              "\n"
              "unsafe: of 1 voter only 0 would be (no-live-majority)\n");
    EXPECT_EQ(ran.code, exit_error) << "for scripts";
    const auto request = server.requests("DELETE ")[0];
    EXPECT_EQ(request.target, "/v1/members/1?dry_run=true");
    EXPECT_FALSE(request.headers.contains("idempotency-key"));
}

TEST(Member, SaysByTheExitCodeWhetherItWouldBeDone) {
    const std::string text = plan;
    const auto with = [&](const std::string& verdict) {
        std::string changed_plan = text;
        return cluster(changed_plan.replace(changed_plan.find("unsafe"), 6, verdict));
    };
    auto unsafe = cluster(text);
    auto safe = with("safe");
    auto impossible = with("impossible");
    const std::vector<std::string> ask{"-o", "value", "member", "replace", "2", "--dry-run"};
    auto forced = ask;
    forced.push_back("--force");

    EXPECT_EQ(run(ask, {safe.endpoint()}).code, exit_success);
    EXPECT_EQ(run(ask, {safe.endpoint()}).out, "safe\n");
    EXPECT_EQ(run(ask, {unsafe.endpoint()}).code, exit_error);
    EXPECT_EQ(run(forced, {unsafe.endpoint()}).code, exit_success);
    EXPECT_EQ(run(forced, {impossible.endpoint()}).code, exit_error);
}

TEST(Leader, IsTransferredToWhoIsNamedOrToAnother) {
    auto server = cluster(R"({"leader_id":1,"ballot":131073})");

    EXPECT_EQ(run({"leader", "transfer", "n1"}, {server.endpoint()}).out, "member 1 (n1) leads\n");
    EXPECT_EQ(run({"leader", "transfer"}, {server.endpoint()}).out, "member 1 leads\n");
    EXPECT_EQ(run({"-o", "value", "leader", "transfer", "1", "--force"}, {server.endpoint()}).out,
              "1\n");

    const auto asked = server.requests("POST ");
    EXPECT_EQ(asked[0].target, "/v1/leader");
    EXPECT_EQ(asked[0].body, R"({"member_id":1})");
    EXPECT_EQ(asked[1].body, R"({"instead_of":2})");
    EXPECT_EQ(asked[2].target, "/v1/leader?force=true");
}

TEST(Leader, IsNotTransferredToNobody) {
    auto server = cluster("{}");
    EXPECT_EQ(run({"leader", "transfer", "n9"}, {server.endpoint()}).err,
              "gavel: member-not-found: no member is called n9\n");
    EXPECT_EQ(run({"leader", "transfer", "70000"}, {server.endpoint()}).err,
              "gavel: member-not-found: no member is 70000\n");
    EXPECT_EQ(run({"leader", "transfer", ""}, {server.endpoint()}).code, exit_usage);
    EXPECT_EQ(run({"leader"}, {server.endpoint()}).code, exit_usage);
    EXPECT_TRUE(server.requests("POST ").empty());
}

}  // namespace
}  // namespace gavel::cli
