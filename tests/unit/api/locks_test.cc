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
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s0"})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","limits":2})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","limit":0})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","limit":4097})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","limit":"2"})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","limit":2,"mode":"exclusive"})"),
              "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","mode":1})"), "malformed-body");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s1","mode":"upgradable"})"), "unsupported-mode");
    EXPECT_EQ(code("/v1/locks/a", R"({"session":"s77"})"), "session-not-found");
    EXPECT_EQ(code("/v1/locks/a?wait=11m", s1), "bad-parameter");
    EXPECT_EQ(code("/v1/locks/a?wait=10", s1), "bad-parameter");
    EXPECT_EQ(code("/v1/locks/a?ttl=10s", s1), "bad-parameter");
    EXPECT_EQ(code("/v1/locks/a?ttl=10ms", "{}"), "bad-parameter");
    EXPECT_EQ(code("/v1/locks/a?ttl=25h", "{}"), "bad-parameter");
    EXPECT_EQ(code("/v1/locks/a?limit=2", s1), "unknown-parameter");
    EXPECT_EQ(code("/v1/locks/a//b", s1), "bad-name");
    EXPECT_EQ(code("/v1/locks/", s1), "bad-name");
    EXPECT_EQ(desk.remove("/v1/locks/a")->code(), "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?force=false")->code(), "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?session=s1&reason=x")->code(), "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?session=s1&author=x")->code(), "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?force=true&reason=a%0Ab")->code(), "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?force=true&reason=" + std::string(257, 'x'))->code(),
              "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?force=true")->code(), "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?force=true&reason=")->code(), "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/locks/a?force=true&reason=x")->code(), "not-holder");
    EXPECT_EQ(desk.remove("/v1/locks/a?session=x")->code(), "bad-parameter");
    EXPECT_EQ(desk.post("/v1/locks/a", "{}")->status(), 405U);
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
        "holders":[{"session":"s1","session_name":"one","mode":"exclusive","token":5,
                    "since":"2023-11-14T22:13:20.123Z","held_for":"2.5s","expires_in":"12.5s",
                    "metadata":{"job":7}}],"holder_count":1,
        "queue":[{"session":"s2","session_name":"two","position":1,"mode":"exclusive",
                  "since":"2023-11-14T22:13:20.123Z","metadata":{"job":8}}],
        "queue_length":1,
        "last_release":{"session":"s2","token":3,"at":"2023-11-14T22:13:20.123Z",
                        "reason":"released"}})"));
}

TEST_F(LockResource, IsFreeWhenNobodyEverHeldIt) {
    EXPECT_EQ(desk.get("/v1/locks/a")->json(),
              json::parse(R"({"name":"a","held":false,"holders":[],"holder_count":0,"queue":[],
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
              json::parse(R"({"held":true,"name":"a","token":3,"mode":"exclusive",
                              "session":"s1"})"));
    const auto stale = desk.get("/v1/locks/a?token=2");
    EXPECT_EQ(stale->status(), 409U);
    EXPECT_EQ(stale->code(), "stale-token");
    EXPECT_EQ(stale->json()["token"], 3);
    EXPECT_EQ(desk.get("/v1/locks/none?token=3")->json()["token"], 0);
}

TEST_F(LockResource, IsSharedUnderALimitThatBelongsToIt) {
    EXPECT_EQ(desk.put("/v1/locks/a", R"({"session":"s1","mode":"shared","limit":2})")->status(),
              201U);
    const auto second = desk.put("/v1/locks/a", R"({"session":"s2","limit":2})");
    EXPECT_EQ(second->json()["token"], 4);

    const auto explained = desk.get("/v1/locks/a")->json();
    EXPECT_EQ(explained["limit"], 2);
    EXPECT_EQ(explained["holder_count"], 2);
    EXPECT_EQ(explained["holders"][1]["mode"], "shared");
    EXPECT_EQ(explained["holders"][1]["session"], "s2");

    desk.gateway.open_session("three");
    const auto full = desk.put("/v1/locks/a", R"({"session":"s5","limit":2})");
    EXPECT_EQ(full->code(), "lock-held");
    EXPECT_EQ(full->json()["holder_count"], 2);
    EXPECT_EQ(full->json()["detail"], "held by session s1 and 1 more");
    const auto other = desk.put("/v1/locks/a", R"({"session":"s5","limit":3})");
    EXPECT_EQ(other->status(), 409U);
    EXPECT_EQ(other->code(), "limit-mismatch");
    EXPECT_EQ(other->json()["lock_limit"], 2);
    const auto upgrade = desk.put("/v1/locks/a", s1);
    EXPECT_EQ(upgrade->code(), "mode-mismatch");
    EXPECT_EQ(upgrade->json()["lock"], "a");
}

TEST_F(LockResource, SaysOfEachOfSeveralTokensThatItIsLive) {
    desk.put("/v1/locks/a", R"({"session":"s1","mode":"shared"})");
    desk.put("/v1/locks/a", R"({"session":"s2","mode":"shared"})");

    EXPECT_EQ(desk.get("/v1/locks/a?token=3")->json()["session"], "s1");
    EXPECT_EQ(desk.get("/v1/locks/a?token=4")->json(),
              json::parse(R"({"held":true,"name":"a","token":4,"mode":"shared",
                              "session":"s2"})"));
    EXPECT_EQ(desk.get("/v1/locks/a?token=5")->json()["token"], 4) << "the latest";
}

TEST_F(LockResource, IsReleasedByASharedTokenOnlyWithTheSession) {
    desk.gateway.open_session("writer");
    desk.put("/v1/locks/a", R"({"session":"s3"})");
    const auto one = desk.put("/v1/locks/a?wait=9s", R"({"session":"s1","mode":"shared"})");
    const auto two = desk.put("/v1/locks/a?wait=9s", R"({"session":"s2","mode":"shared"})");
    desk.remove("/v1/locks/a?session=s3");
    ASSERT_EQ(one->json()["token"], 7);
    ASSERT_EQ(two->json()["token"], 7);

    const auto unclear = desk.remove("/v1/locks/a?token=7");
    EXPECT_EQ(unclear->code(), "not-holder");
    EXPECT_EQ(unclear->json()["detail"], "2 sessions have that token: name one as well");
    EXPECT_EQ(desk.remove("/v1/locks/a?token=7&session=s1")->status(), 200U);
}

TEST_F(LockResource, ComesWithASessionOfItsOwnInOneCall) {
    const auto call = desk.put("/v1/locks/a?ttl=30s", "");
    EXPECT_EQ(call->status(), 201U);
    EXPECT_EQ(call->json()["session"], "s3");
    EXPECT_EQ(desk.get("/v1/sessions/s3")->json()["ttl"], "30s");
    EXPECT_EQ(desk.get("/v1/sessions/s3")->json()["ends_with_locks"], true);

    EXPECT_EQ(desk.put("/v1/locks/a?ttl=30s", R"({"mode":"shared"})")->code(), "lock-held");
    const auto waits = desk.put("/v1/locks/a?ttl=30s&wait=9s", "{}");
    desk.remove("/v1/locks/a?token=3");
    EXPECT_EQ(waits->status(), 201U);
    EXPECT_EQ(waits->json()["session"], "s5");
    EXPECT_EQ(desk.get("/v1/sessions/s3")->code(), "session-not-found");
}

TEST_F(LockResource, IsTakenAwayByForceWithAWordOfWhoAndWhy) {
    desk.put("/v1/locks/a", s1);

    const auto broken = desk.remove("/v1/locks/a?force=true&reason=it%20hangs&author=ada");

    EXPECT_EQ(broken->json(), json::parse(R"({"released":true,"revision":4})"));
    EXPECT_EQ(desk.get("/v1/locks/a")->json()["last_release"],
              json::parse(R"({"session":"s1","token":3,"at":"2023-11-14T22:13:20.123Z",
                              "reason":"forced","author":"ada","comment":"it hangs"})"));
    EXPECT_EQ(desk.put("/v1/locks/a", s2)->json()["token"], 5);
}

TEST_F(LockResource, TellsOfTheDelayAfterALapsedHolder) {
    desk.post("/v1/sessions", R"({"lock_delay":"10s"})");
    desk.put("/v1/locks/a", R"({"session":"s3"})");
    desk.gateway.run(statemachine::ExpireSession{3, 0});
    desk.gateway.now += 2'500;
    desk.gateway.put("tick", "1");

    EXPECT_EQ(desk.get("/v1/locks/a")->json()["delay"],
              json::parse(R"({"remaining":"7.5s","since":"2023-11-14T22:13:20.123Z",
                              "until":"2023-11-14T22:13:30.123Z"})"));
    desk.remove("/v1/locks/a?force=true&reason=stuck");
    EXPECT_FALSE(desk.get("/v1/locks/a")->json().contains("delay"));
}

TEST_F(LockResource, TellsNoPositionWhereNoneIsKnown) {
    desk.put("/v1/locks/a", s1);
    const auto waits = desk.put("/v1/locks/a?wait=9s", s2);
    desk.gateway.end_waits({.holder = 1, .token = 3});
    desk.take_mail();

    EXPECT_EQ(waits->code(), "lock-held");
    EXPECT_FALSE(waits->json().contains("position"));
}

TEST_F(LockResource, IsRefusedWhereTheWaitWouldNeverEnd) {
    desk.put("/v1/locks/a", s1);
    desk.put("/v1/locks/b", s2);
    desk.put("/v1/locks/b?wait=9s", s1);

    const auto refused = desk.put("/v1/locks/a?wait=9s", s2);

    EXPECT_EQ(refused->status(), 409U);
    EXPECT_EQ(refused->code(), "deadlock");
    EXPECT_EQ(refused->json()["cycle"],
              json::parse(R"([{"session":"s2","lock":"a"},{"session":"s1","lock":"b"}])"));
    EXPECT_EQ(refused->json()["cycle_length"], 2);
    EXPECT_EQ(refused->json()["detail"],
              "session s2, which waits for a behind s1, which waits for b behind s2");
    EXPECT_EQ(refused->json()["retryable"], false);
}

struct SeveralLocksResource : LockResource {
    static constexpr auto both = R"({"session":"s1","locks":[{"name":"a"},
                                     {"name":"b","mode":"shared","limit":2}],"wait":"9s"})";
};

TEST_F(SeveralLocksResource, AreAcquiredByOneCommand) {
    const auto fresh = desk.post("/v1/locks", both);
    EXPECT_EQ(fresh->status(), 201U);
    EXPECT_EQ(fresh->json(), json::parse(R"({"held":true,"locks":["a","b"],"token":3,
                                             "session":"s1","since":"2023-11-14T22:13:20.123Z"})"));
    const auto again = desk.post("/v1/locks", both);
    EXPECT_EQ(again->status(), 200U);
    EXPECT_EQ(again->json()["token"], 3);
}

TEST_F(SeveralLocksResource, AreWaitedForTogether) {
    desk.put("/v1/locks/b", s2);
    const auto waits = desk.post("/v1/locks", both);
    EXPECT_EQ(waits->status(), 0U);
    EXPECT_EQ(desk.get("/v1/locks/a")->json()["held"], false);
    EXPECT_EQ(desk.waits.taken(), 1U);
    EXPECT_EQ(desk.put("/v1/locks/a", s2)->json()["detail"], "free again, or another one's turn");

    desk.remove("/v1/locks/b?session=s2");

    EXPECT_EQ(waits->status(), 201U);
    EXPECT_EQ(waits->json()["token"], 6);
}

TEST_F(SeveralLocksResource, NameWhichOfThemIsInTheWay) {
    desk.put("/v1/locks/b", s2);

    const auto held =
        desk.post("/v1/locks", R"({"session":"s1","locks":[{"name":"a"},{"name":"b"}]})");

    EXPECT_EQ(held->code(), "lock-held");
    EXPECT_EQ(held->json()["lock"], "b");
    EXPECT_EQ(held->json()["detail"], "b is held by session s2");
}

TEST_F(SeveralLocksResource, AreRefusedWhenSomeAreHeldOrWaitedForAlready) {
    desk.put("/v1/locks/a", s1);
    EXPECT_EQ(desk.post("/v1/locks", both)->code(), "already-held");
    desk.put("/v1/locks/a?wait=9s", s2);
    EXPECT_EQ(desk.post("/v1/locks",
                        R"({"session":"s2","locks":[{"name":"a"},{"name":"c"}],"wait":"9s"})")
                  ->code(),
              "already-waiting");
}

TEST_F(SeveralLocksResource, ComeWithASessionOfTheirOwnInOneCall) {
    const auto call =
        desk.post("/v1/locks", R"({"locks":[{"name":"a"},{"name":"b"}],"ttl":"30s"})");
    EXPECT_EQ(call->status(), 201U);
    EXPECT_EQ(call->json()["session"], "s3");
    EXPECT_EQ(desk.get("/v1/sessions/s3")->json()["ttl"], "30s");

    const auto waits =
        desk.post("/v1/locks", R"({"locks":[{"name":"b"},{"name":"c"}],"ttl":"9s","wait":"9s"})");
    desk.remove("/v1/locks/b?token=3");
    EXPECT_EQ(waits->status(), 201U);
    EXPECT_EQ(waits->json()["session"], "s4");
    desk.remove("/v1/locks/a?token=3");
    EXPECT_EQ(desk.get("/v1/sessions/s3")->code(), "session-not-found");
}

TEST_F(SeveralLocksResource, HaveToBeAskedForProperly) {
    const auto code = [&](const std::string& body) { return desk.post("/v1/locks", body)->code(); };
    std::string many = R"({"session":"s1","locks":[)";
    for (int i = 0; i < 64; ++i) many += R"({"name":"l)" + std::to_string(i) + "\"},";

    EXPECT_EQ(code(""), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1"})"), "malformed-body");
    EXPECT_EQ(code(R"({"locks":[{"name":"a"}]})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1","locks":[]})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1","locks":{"name":"a"}})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1","locks":["a"]})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1","locks":[{"mode":"shared"}]})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1","locks":[{"name":"a","session":"s1"}]})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1","locks":[{"name":"a"},{"name":"a"}]})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1","locks":[{"name":"a//b"}]})"), "bad-name");
    EXPECT_EQ(code(R"({"session":"s1","locks":[{"name":"a","mode":"x"}]})"), "unsupported-mode");
    EXPECT_EQ(code(R"({"session":"s1","locks":[{"name":"a"}],"wait":"11m"})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1","locks":[{"name":"a"}],"wait":5})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s1","locks":[{"name":"a"}],"ttl":"5s"})"), "malformed-body");
    EXPECT_EQ(code(R"({"locks":[{"name":"a"}],"ttl":"10ms"})"), "malformed-body");
    EXPECT_EQ(code(R"({"locks":[{"name":"a"}],"ttl":"25h"})"), "malformed-body");
    EXPECT_EQ(code(R"({"locks":[{"name":"a"}],"ttl":30})"), "malformed-body");
    EXPECT_EQ(code(R"({"session":"s77","locks":[{"name":"a"}]})"), "session-not-found");
    EXPECT_EQ(code(many + R"({"name":"one more"}]})"), "malformed-body");
    many.back() = ']';
    EXPECT_EQ(desk.post("/v1/locks", many + "}")->status(), 201U);
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
