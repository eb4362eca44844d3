#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Desk;

TEST(SessionResource, IsMadeWithDefaults) {
    Desk desk;

    const auto call = desk.post("/v1/sessions");

    EXPECT_EQ(call->status(), 201U);
    EXPECT_EQ(call->field("Location"), "/v1/sessions/s1");
    EXPECT_EQ(call->json(), json::parse(R"({"id":"s1","name":"","ttl":"15s","lock_delay":"0s",
        "metadata":{},"created_at":"2023-11-14T22:13:20.123Z","expires_in":"15s",
        "leader_start":0,"held":[],"held_count":0,"waiting":[],"waiting_count":0,
        "keys":0})"));
}

TEST(SessionResource, TellsHowManyKeysEndWithIt) {
    Desk desk;
    desk.post("/v1/sessions");
    desk.put("/v1/config/a?session=s1", "1");
    desk.put("/v1/config/b?session=s1", "1");

    EXPECT_EQ(desk.get("/v1/sessions/s1")->json()["keys"], 2);
    EXPECT_EQ(desk.get("/v1/sessions")->json()["sessions"][0]["keys"], 2);
    desk.remove("/v1/sessions/s1");
    EXPECT_EQ(desk.get("/v1/config/a")->code(), "key-not-found");
    EXPECT_EQ(desk.get("/v1/config/b")->code(), "key-not-found");
}

TEST(SessionResource, IsMadeAsAskedFor) {
    Desk desk;

    const auto call =
        desk.post("/v1/sessions",
                  R"({"name":"née","ttl":"2.5s","lock_delay":"60s","metadata":{"a":{"b":[1]}}})");

    EXPECT_EQ(call->status(), 201U);
    EXPECT_EQ(call->json()["name"], "née");
    EXPECT_EQ(call->json()["ttl"], "2.5s");
    EXPECT_EQ(call->json()["lock_delay"], "60s");
    EXPECT_EQ(call->json()["metadata"], json::parse(R"({"a":{"b":[1]}})"));
}

TEST(SessionResource, ShowsAllItsLocksButAFewOfThemInLists) {
    Desk desk;
    const auto holder = "s" + std::to_string(desk.gateway.open_session());
    const auto waiting = "s" + std::to_string(desk.gateway.open_session());
    for (int i = 0; i < 20; ++i) {
        const std::string name = "/v1/locks/l" + std::to_string(10 + i);
        desk.put(name, R"({"session":")" + holder + "\"}");
        desk.put(name + "?wait=9s", R"({"session":")" + waiting + "\"}");
    }

    const auto list = desk.get("/v1/sessions")->json()["sessions"];
    EXPECT_EQ(list[0]["held"].size(), 16U);
    EXPECT_EQ(list[0]["held"][15], "l25");
    EXPECT_EQ(list[0]["held_count"], 20);
    EXPECT_EQ(list[1]["waiting"].size(), 16U);
    EXPECT_EQ(list[1]["waiting_count"], 20);
    EXPECT_EQ(desk.get("/v1/sessions/" + holder)->json()["held"].size(), 20U);
    EXPECT_EQ(desk.get("/v1/sessions/" + waiting)->json()["waiting"].size(), 20U);
}

TEST(SessionResource, RefusesABodyThatIsNotFit) {
    Desk desk;
    for (const auto* body :
         {"[]", "{", R"({"ttl":15})", R"({"ttl":"15"})", R"({"ttl":"999ms"})", R"({"ttl":"25h"})",
          R"({"lock_delay":"61s"})", R"({"metadata":1})", R"({"metadata":[]})", R"({"tll":"15s"})",
          R"({"name":1})", R"({"name":"a\u0000b"})", R"({"ttl":"5s","ttl":"5s"})"}) {
        const auto call = desk.post("/v1/sessions", body);
        EXPECT_EQ(call->status(), 400U) << body;
        EXPECT_EQ(call->code(), "malformed-body") << body;
    }
    const std::string large = R"({"metadata":{"a":")" + std::string(5'000, 'x') + "\"}}";
    EXPECT_EQ(desk.post("/v1/sessions", large)->status(), 400U);
    EXPECT_TRUE(desk.gateway.submissions.empty());
}

TEST(SessionResource, IsKeptAliveUntilItHasEnded) {
    Desk desk;
    desk.post("/v1/sessions", R"({"ttl":"5s"})");

    const auto kept = desk.post("/v1/sessions/s1/keepalive");
    EXPECT_EQ(kept->status(), 200U);
    EXPECT_EQ(kept->json(), json::parse(R"({"id":"s1","ttl":"5s","expires_in":"5s",
        "leader_start":0})"));

    EXPECT_EQ(desk.remove("/v1/sessions/s1")->status(), 204U);
    const auto late = desk.post("/v1/sessions/s1/keepalive");
    EXPECT_EQ(late->status(), 404U);
    EXPECT_EQ(late->code(), "session-not-found");
    EXPECT_EQ(desk.remove("/v1/sessions/s1")->status(), 404U);
    EXPECT_EQ(desk.get("/v1/sessions/s1")->status(), 404U);
}

TEST(SessionResource, TellsWhatItHoldsAndWaitsFor) {
    Desk desk;
    const auto other = desk.gateway.open_session();
    const auto session = desk.gateway.open_session("me");
    desk.gateway.run(statemachine::AcquireLock{"theirs", other, "", 0});
    desk.gateway.run(statemachine::AcquireLock{"mine", session, "", 0});
    desk.gateway.run(statemachine::AcquireLock{"theirs", session, "", 60'000});

    const auto call = desk.get("/v1/sessions/s" + std::to_string(session));

    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(call->json()["held"], json::array({"mine"}));
    EXPECT_EQ(call->json()["waiting"], json::array({"theirs"}));
    EXPECT_EQ(call->answer->applied, 5U);
}

TEST(SessionResource, TellsHowMuchTimeItsLeaderGivesIt) {
    Desk desk;
    const auto target = "/v1/sessions/s" + std::to_string(desk.gateway.open_session());
    desk.gateway.open_session();
    desk.gateway.lease = std::chrono::milliseconds(9'500);

    EXPECT_EQ(desk.get(target)->json()["expires_in"], "9.5s");
    const auto listed = desk.get("/v1/sessions?limit=1")->json();
    EXPECT_EQ(listed["sessions"][0]["expires_in"], "9.5s");
    EXPECT_THAT(desk.gateway.leases_asked.back(), ::testing::SizeIs(1)) << "of the page, no more";
    EXPECT_EQ(desk.get(target)->answer->applied, 2U);

    desk.gateway.lease.reset();
    EXPECT_FALSE(desk.get(target)->json().contains("expires_in")) << "no leader has answered";
}

TEST(SessionResource, TellsWhichLeaderBeganItsTimeAnew) {
    Desk desk;
    const auto target = "/v1/sessions/s" + std::to_string(desk.gateway.open_session());
    const auto began = desk.gateway.run(statemachine::LeaderStart{2}).revision;

    EXPECT_EQ(desk.post(target + "/keepalive")->json()["leader_start"], began);
    EXPECT_EQ(desk.get(target)->json()["leader_start"], began);
    EXPECT_EQ(desk.get("/v1/sessions")->json()["sessions"][0]["leader_start"], began);
}

TEST(SessionResource, HasEndedOnceAllThatItHeldIsFree) {
    Desk desk({}, {.ended_per_command = 2});
    const auto session = desk.gateway.open_session();
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        desk.gateway.run(statemachine::AcquireLock{.name = name, .session = session});
    }
    const auto target = "/v1/sessions/s" + std::to_string(session);

    const auto ended = desk.remove(target, {{"idempotency-key", "once"}});

    EXPECT_EQ(ended->status(), 204U);
    EXPECT_EQ(desk.gateway.submissions.size(), 3U);
    EXPECT_TRUE(desk.gateway.submissions.front().idempotency);
    EXPECT_FALSE(desk.gateway.submissions.back().idempotency) << "the key is the first one's";
    EXPECT_EQ(desk.get("/v1/locks/e")->json()["held"], false);
    const auto again = desk.remove(target, {{"idempotency-key", "once"}});
    EXPECT_EQ(again->status(), 204U) << "what is left of it was ended by the first";
    EXPECT_EQ(desk.remove(target)->status(), 404U);
}

TEST(SessionResource, AsksNobodyForItsTimeInAStaleRead) {
    Desk desk;
    const auto target = "/v1/sessions/s" + std::to_string(desk.gateway.open_session());
    desk.gateway.lease = std::chrono::milliseconds(9'500);

    EXPECT_FALSE(desk.get(target + "?consistency=stale")->json().contains("expires_in"));
    EXPECT_EQ(desk.get("/v1/sessions/s99")->status(), 404U);
    EXPECT_EQ(desk.get("/v1/sessions?prefix=")->status(), 400U);
    EXPECT_THAT(desk.gateway.leases_asked, ::testing::IsEmpty());
}

TEST(SessionResource, IsUnknownUnderWhatIsNoId) {
    Desk desk;
    for (const auto* target : {"/v1/sessions/1", "/v1/sessions/s0x", "/v1/sessions/s99"}) {
        EXPECT_EQ(desk.get(target)->code(), "session-not-found") << target;
    }
}

TEST(SessionResource, IsListedInPages) {
    Desk desk;
    for (int i = 0; i < 5; ++i) desk.gateway.open_session();

    std::vector<std::string> ids;
    std::string target = "/v1/sessions?limit=2";
    for (int pages = 0; pages < 3; ++pages) {
        const auto call = desk.get(target);
        ASSERT_EQ(call->status(), 200U);
        const auto body = call->json();
        for (const auto& session : body["sessions"]) ids.push_back(session["id"]);
        if (!call->json().contains("next_cursor")) break;
        target = "/v1/sessions?limit=2&cursor=" + std::string(call->json()["next_cursor"]);
        EXPECT_EQ(call->field("Link"), "<" + target + ">; rel=\"next\"");
    }
    EXPECT_THAT(ids, ::testing::ElementsAre("s1", "s2", "s3", "s4", "s5"));
}

TEST(SessionResource, IsMadeOncePerIdempotencyKey) {
    Desk desk;
    const Desk::Headers headers{{"idempotency-key", "k1"}};

    const auto first = desk.post("/v1/sessions", R"({"ttl":"5s"})", headers);
    const auto again = desk.post("/v1/sessions", R"({"ttl":"5s"})", headers);
    const auto other = desk.post("/v1/sessions", R"({"ttl":"6s"})", headers);

    EXPECT_EQ(again->status(), 201U);
    EXPECT_EQ(again->json()["id"], first->json()["id"]);
    EXPECT_EQ(other->status(), 422U);
    EXPECT_EQ(other->code(), "idempotency-key-reused");
}

TEST(SessionResource, IsAnsweredByItsIdWhenARepeatComesAfterItsEnd) {
    Desk desk;
    const Desk::Headers headers{{"idempotency-key", "k1"}};
    desk.post("/v1/sessions", "", headers);
    desk.remove("/v1/sessions/s1");

    const auto again = desk.post("/v1/sessions", "", headers);

    EXPECT_EQ(again->status(), 201U);
    EXPECT_EQ(again->json(), json::parse(R"({"id":"s1"})"));
}

}  // namespace
}  // namespace gavel::api
