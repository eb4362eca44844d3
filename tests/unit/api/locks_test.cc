#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Desk;

constexpr auto s1 = R"({"session":"s1"})";
constexpr auto s2 = R"({"session":"s2"})";

// Sessions s1 and s2 are there.
struct LockResource : ::testing::Test {
    LockResource() {
        desk.gateway.open_session("one");
        desk.gateway.open_session("two");
    }
    Desk desk{};
};

TEST_F(LockResource, IsAcquiredOnce) {
    const auto fresh = desk.put("/v1/locks/a/b", s1);
    EXPECT_EQ(fresh->status(), 201U);
    EXPECT_EQ(fresh->json(), json::parse(R"({"held":true,"name":"a/b","token":3,"session":"s1",
                                             "since":"2023-11-14T22:13:20.123Z"})"));

    const auto again = desk.put("/v1/locks/a/b", R"({"session":"s1","mode":"exclusive"})");
    EXPECT_EQ(again->status(), 200U);
    EXPECT_EQ(again->json()["token"], 3);
}

TEST_F(LockResource, TellsWhoHoldsIt) {
    desk.put("/v1/locks/a", s1);

    const auto call = desk.put("/v1/locks/a", s2);

    EXPECT_EQ(call->status(), 409U);
    EXPECT_EQ(call->code(), "lock-held");
    EXPECT_EQ(call->json()["holders"], json::parse(R"([{"session":"s1","token":3}])"));
    EXPECT_EQ(call->json()["position"], 1);
}

TEST_F(LockResource, IsWaitedForUntilTheHolderLetsGo) {
    desk.put("/v1/locks/a", s1);

    const auto waiting = desk.put("/v1/locks/a?wait=30s", s2);
    EXPECT_EQ(waiting->status(), 0U);
    EXPECT_EQ(desk.waits.taken(), 1U);

    const auto released = desk.remove("/v1/locks/a?session=s1");
    EXPECT_EQ(released->json(), json::parse(R"({"released":true,"revision":5})"));
    EXPECT_EQ(waiting->status(), 201U);
    EXPECT_EQ(waiting->json()["token"], 5);
    EXPECT_EQ(desk.waits.taken(), 0U);
}

TEST_F(LockResource, IsNotGotWhenTheWaitIsOver) {
    desk.put("/v1/locks/a", s1);
    const auto waiting = desk.put("/v1/locks/a?wait=1s", s2);

    desk.gateway.end_waits();
    desk.take_mail();

    EXPECT_EQ(waiting->code(), "lock-held");
    EXPECT_EQ(desk.waits.taken(), 0U);
}

TEST_F(LockResource, HasABoundedNumberOfWaitingRequests) {
    desk.waits = Places(1);
    desk.put("/v1/locks/a", s1);
    const auto first = desk.put("/v1/locks/a?wait=1s", s2);

    const auto second = desk.put("/v1/locks/b?wait=1s", s2);

    EXPECT_EQ(second->status(), 503U);
    EXPECT_EQ(second->code(), "overloaded");
    EXPECT_EQ(second->field("Retry-After"), "1");
    EXPECT_EQ(desk.put("/v1/locks/b", s2)->status(), 201U);
}

TEST_F(LockResource, IsReleasedByTokenOrSession) {
    desk.put("/v1/locks/a", s1);
    EXPECT_EQ(desk.remove("/v1/locks/a?token=4")->code(), "not-holder");
    EXPECT_EQ(desk.remove("/v1/locks/a?session=s2")->code(), "not-holder");
    EXPECT_EQ(desk.remove("/v1/locks/a?session=s2&token=3")->code(), "not-holder");
    EXPECT_EQ(desk.remove("/v1/locks/a?token=3")->json()["released"], true);
    EXPECT_EQ(desk.remove("/v1/locks/a?token=3")->code(), "not-holder");
}

TEST_F(LockResource, LetsAWaiterLeaveTheQueue) {
    desk.put("/v1/locks/a", s1);
    desk.put("/v1/locks/a?wait=30s", s2);

    const auto left = desk.remove("/v1/locks/a?session=s2");

    EXPECT_EQ(left->status(), 200U);
    EXPECT_EQ(left->json()["left_queue"], true);
}

TEST_F(LockResource, RefusesWhatIsNotFit) {
    const auto code = [&](const std::string& target, const std::string& body) {
        return desk.put(target, body)->code();
    };
    EXPECT_EQ(code("/v1/locks/a", ""), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", "{}"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":1})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"1"})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","limit":2})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","mode":1})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","mode":"shared"})"), "unsupported-mode");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s77"})"), "session-not-found");
    EXPECT_EQ(code("/v1/locks/a?wait=11m", s1), "bad-parameter");
    EXPECT_EQ(code("/v1/locks/a?wait=10", s1), "bad-parameter");
    EXPECT_EQ(code("/v1/locks/a?ttl=10s", s1), "unknown-parameter");
    EXPECT_EQ(code("/v1/locks/a//b", s1), "bad-name");
    EXPECT_EQ(code("/v1/locks/", s1), "bad-name");
    EXPECT_EQ(desk.remove("/v1/locks/a")->code(), "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?force=true")->code(), "unknown-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?session=x")->code(), "bad-parameter");
    EXPECT_EQ(desk.post("/v1/locks", "{}")->status(), 405U);
}

TEST_F(LockResource, ExplainsHolderQueueAndLastRelease) {
    desk.put("/v1/locks/a", R"({"session":"s2"})");
    desk.remove("/v1/locks/a?session=s2");
    desk.put("/v1/locks/a", R"({"session":"s1","metadata":{"job":7}})");
    desk.put("/v1/locks/a?wait=30s", R"({"session":"s2","metadata":{"job":8}})");
    desk.gateway.now += 2'500;
    desk.gateway.put("tick", "1");
    desk.gateway.lease = std::chrono::milliseconds(12'500);

    const auto call = desk.get("/v1/locks/a");

    EXPECT_EQ(call->json(), json::parse(R"({"name":"a","held":true,
        "holders":[{"session":"s1","session_name":"one","token":5,
                    "since":"2023-11-14T22:13:20.123Z","held_for":"2.5s","expires_in":"12.5s",
                    "metadata":{"job":7}}],
        "queue":[{"session":"s2","session_name":"two","position":1,
                  "since":"2023-11-14T22:13:20.123Z","metadata":{"job":8}}],
        "queue_length":1,
        "last_release":{"session":"s2","token":3,"at":"2023-11-14T22:13:20.123Z",
                        "reason":"released"}})"));
}

TEST_F(LockResource, IsFreeWhenNobodyEverHeldIt) {
    EXPECT_EQ(desk.get("/v1/locks/a")->json(),
              json::parse(R"({"name":"a","held":false,"holders":[],"queue":[],
                                "queue_length":0})"));
}

TEST_F(LockResource, TellsWhyItWasLast) {
    desk.put("/v1/locks/a", s1);
    desk.remove("/v1/sessions/s1");
    EXPECT_EQ(desk.get("/v1/locks/a")->json()["last_release"]["reason"], "ended");

    desk.put("/v1/locks/b", s2);
    desk.gateway.run(statemachine::LeaderStart{1});
    desk.gateway.run(statemachine::ExpireSession{2, 6});
    EXPECT_EQ(desk.get("/v1/locks/b")->json()["last_release"]["reason"], "expired");
}

TEST_F(LockResource, SaysWhetherATokenIsLive) {
    desk.put("/v1/locks/a", s1);
    EXPECT_EQ(desk.get("/v1/locks/a?token=3")->json(),
              json::parse(R"({"held":true,"name":"a","token":3,"session":"s1"})"));
    const auto stale = desk.get("/v1/locks/a?token=2");
    EXPECT_EQ(stale->status(), 409U);
    EXPECT_EQ(stale->code(), "stale-token");
    EXPECT_EQ(stale->json()["token"], 3);
    EXPECT_EQ(desk.get("/v1/locks/none?token=3")->json()["token"], 0);
}

TEST_F(LockResource, IsListedByPrefixInPages) {
    for (const auto* name : {"a/1", "a/2", "b/1"}) {
        desk.put(std::string("/v1/locks/") + name, s1);
    }
    desk.put("/v1/locks/a/2?wait=1m", s2);

    const auto first = desk.get("/v1/locks?prefix=a/&limit=1");
    ASSERT_EQ(first->json()["locks"].size(), 1U);
    EXPECT_EQ(first->json()["locks"][0]["name"], "a/1");
    const auto second =
        desk.get("/v1/locks?prefix=a/&limit=1&cursor=" + std::string(first->json()["next_cursor"]));
    EXPECT_EQ(second->json()["locks"][0]["name"], "a/2");
    EXPECT_EQ(second->json()["locks"][0]["queue_length"], 1);
    EXPECT_EQ(second->json()["locks"][0]["held"], true);
    EXPECT_EQ(second->json()["locks"][0]["holders"][0]["session_name"], "one");
    EXPECT_FALSE(second->json().contains("next_cursor"));
}

TEST_F(LockResource, IsListedWithTheTimeThatItsHolderHasLeft) {
    desk.put("/v1/locks/a", s1);
    desk.put("/v1/locks/b", s2);
    desk.gateway.lease = std::chrono::milliseconds(500);

    const auto first = desk.get("/v1/locks?limit=1")->json();
    EXPECT_EQ(first["locks"][0]["holders"][0]["expires_in"], "500ms");
    EXPECT_THAT(desk.gateway.leases_asked.back(), ::testing::ElementsAre(1));

    desk.gateway.lease.reset();
    const auto unknown = desk.get("/v1/locks")->json();
    EXPECT_FALSE(unknown["locks"][0]["holders"][0].contains("expires_in"));
}

}  // namespace
}  // namespace gavel::api
