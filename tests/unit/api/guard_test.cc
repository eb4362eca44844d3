#include "api/guard.h"

#include <gtest/gtest.h>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using statemachine::Guard;
using testing::Desk;

TEST(GavelLock, IsANameAndAToken) {
    const std::pair<std::string, Guard> expected[] = {
        {"deploy;token=17", {"deploy", 17}},
        {"deploy/web; token=17", {"deploy/web", 17}},
        {" deploy%2Fweb ;\ttoken=0 ", {"deploy/web", 0}},
        {"a%3Bb%2Cc%20d%22e;token=1", {"a;b,c d\"e", 1}},
        {"n%C3%A9e;token=9007199254740991",
         {"n\xC3\xA9"
          "e",
          9007199254740991}},
        {"deploy;token=17;session=s12", {"deploy", 17, 12}},
        {"deploy ; session=s12\t; token=17 ", {"deploy", 17, 12}},
        {"a=b:c@d!$&'()*+~_.-;token=1", {"a=b:c@d!$&'()*+~_.-", 1}}};
    for (const auto& [text, guard] : expected) {
        const auto parsed = parse_guard(text);
        ASSERT_TRUE(parsed.has_value()) << text << ": " << parsed.error().why;
        EXPECT_EQ(*parsed, guard) << text;
    }
}

TEST(GavelLock, IsRefusedWhenItIsNotFit) {
    for (const std::string text : {"",
                                   "deploy",
                                   "17",
                                   ";token=17",
                                   "deploy;",
                                   "deploy;token",
                                   "deploy;token=",
                                   "deploy;token=x",
                                   "deploy;token=-1",
                                   "deploy;token=01",
                                   "deploy;token=1.5",
                                   "deploy;token=9007199254740992",
                                   "deploy;token=1;token=2",
                                   "deploy;token=1;mode=x",
                                   "deploy;token=1;",
                                   "deploy;session=s1",
                                   "deploy;token=1;session=1",
                                   "deploy;token=1;session=s0",
                                   "deploy;token=1;session=",
                                   "deploy;token=1;session=s1;session=s2",
                                   "deploy;Token=1",
                                   "deploy;mode=x;token=1",
                                   "a;token=1, b;token=2",
                                   "a,b;token=1",
                                   "a b;token=1",
                                   "\"a\";token=1",
                                   "n\xC3\xA9"
                                   "e;token=1",
                                   "%;token=1",
                                   "%zz;token=1",
                                   "%00;token=1",
                                   "%FF;token=1",
                                   "/a;token=1",
                                   "a//b;token=1",
                                   "..;token=1"}) {
        EXPECT_FALSE(parse_guard(text).has_value()) << text;
    }
    EXPECT_FALSE(parse_guard(std::string(401, 'a') + ";token=1").has_value());
    EXPECT_TRUE(parse_guard(std::string(400, 'a') + ";token=1").has_value());
}

struct GuardedRequest : ::testing::Test {
    GuardedRequest() {
        desk.put("/v1/config/a", "old");
        session = "s" + std::to_string(desk.gateway.open_session());
        token =
            desk.put("/v1/locks/deploy/web", R"({"session":")" + session + "\"}")->json()["token"];
    }
    Desk::Headers guard() const {
        return {{"gavel-lock", "deploy/web;token=" + std::to_string(token)}};
    }

    Desk desk;
    std::string session;
    std::uint64_t token{};
};

TEST_F(GuardedRequest, WritesWhileTheLockIsHeld) {
    EXPECT_EQ(desk.put("/v1/config/a", "new", guard())->status(), 200U);
    EXPECT_EQ(
        desk.post("/v1/transactions", R"({"then":[{"put":{"key":"b","value":"1"}}]})", guard())
            ->status(),
        200U);
    EXPECT_EQ(desk.post("/v1/rollback", R"({"key":"a","to_revision":1})", guard())->status(), 200U);
    EXPECT_EQ(desk.remove("/v1/config/a", guard())->status(), 200U);
    EXPECT_EQ(desk.remove("/v1/config/b?recursive=true", guard())->status(), 200U);
}

TEST_F(GuardedRequest, IsOfOneSessionWhereItNamesOne) {
    const std::string held = "deploy/web;token=" + std::to_string(token) + ";session=";
    EXPECT_EQ(desk.put("/v1/config/a", "new", {{"gavel-lock", held + session}})->status(), 200U);
    EXPECT_EQ(desk.put("/v1/config/a", "new", {{"gavel-lock", held + "s99"}})->code(),
              "stale-token");
    const auto transact = [&](const std::string& whose) {
        return desk
            .post("/v1/transactions", R"({"if":[{"lock":"deploy/web","token":)" +
                                          std::to_string(token) + R"(,"session":")" + whose +
                                          R"("}],"then":[]})")
            ->json()["succeeded"];
    };
    EXPECT_EQ(transact(session), true);
    EXPECT_EQ(transact("s99"), false);

    const std::string asked = "/v1/locks/deploy/web?token=" + std::to_string(token) + "&session=";
    EXPECT_EQ(desk.get(asked + session)->json()["session"], session);
    EXPECT_EQ(desk.get(asked + "s99")->code(), "stale-token");
    EXPECT_EQ(desk.get(asked + "99")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/locks/deploy/web?session=" + session)->code(), "bad-parameter");
}

TEST_F(GuardedRequest, IsRefusedOnceItIsNot) {
    desk.remove("/v1/locks/deploy/web?session=" + session);

    const auto put = desk.put("/v1/config/a", "new", guard());
    EXPECT_EQ(put->status(), 409U);
    EXPECT_EQ(put->code(), "stale-token");
    EXPECT_EQ(put->json()["token"], 0);
    EXPECT_EQ(put->json()["retryable"], false);

    desk.put("/v1/locks/deploy/web", R"({"session":")" + session + "\"}");
    const auto later = desk.remove("/v1/config/a", guard());
    EXPECT_EQ(later->code(), "stale-token");
    EXPECT_GT(later->json()["token"], token);
    EXPECT_EQ(desk.remove("/v1/config/a?recursive=true", guard())->code(), "stale-token");
    EXPECT_EQ(
        desk.post("/v1/transactions", R"({"then":[{"delete":{"key":"a"}}]})", guard())->code(),
        "stale-token");
    EXPECT_EQ(desk.post("/v1/rollback", R"({"key":"a","to_revision":0})", guard())->code(),
              "stale-token");
    EXPECT_EQ(desk.get("/v1/config/a")->answer->content(), "old");
}

TEST_F(GuardedRequest, IsRefusedWithoutAWriteWhenTheFieldIsNotFit) {
    const auto before = desk.gateway.submissions.size();
    const Desk::Headers unfit{{"gavel-lock", "deploy/web"}};

    for (const auto& call :
         {desk.put("/v1/config/a", "new", unfit), desk.remove("/v1/config/a", unfit),
          desk.post("/v1/transactions", R"({"then":[{"get":{"key":"a"}}]})", unfit),
          desk.post("/v1/rollback", R"({"key":"a","to_revision":0})", unfit)}) {
        EXPECT_EQ(call->status(), 400U);
        EXPECT_EQ(call->code(), "bad-header");
        EXPECT_NE(std::string(call->json()["detail"]).find("Gavel-Lock"), std::string::npos);
    }
    EXPECT_EQ(desk.gateway.submissions.size(), before);
}

}  // namespace
}  // namespace gavel::api
