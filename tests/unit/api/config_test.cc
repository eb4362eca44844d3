#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Desk;

const Desk::Headers as_json{{"content-type", "application/json"}};

TEST(KeyResource, GivesBackWhatWasPut) {
    Desk desk;

    const auto put = desk.put("/v1/config/app/a%20b", std::string("\x00\xff\r\n", 4),
                              {{"content-type", "image/x; a=b"}});
    EXPECT_EQ(put->status(), 201U);
    EXPECT_EQ(put->field("ETag"), "\"1\"");
    EXPECT_EQ(put->json(), json::parse(R"({"key":"app/a b","revision":1,"version":1})"));

    const auto got = desk.get("/v1/config/app/a%20b");
    EXPECT_EQ(got->status(), 200U);
    EXPECT_EQ(got->answer->content(), std::string_view("\x00\xff\r\n", 4));
    EXPECT_EQ(got->field("Content-Type"), "image/x; a=b");
    EXPECT_EQ(got->field("ETag"), "\"1\"");
    EXPECT_EQ(got->field("Last-Modified"), "Tue, 14 Nov 2023 22:13:20 GMT");
    EXPECT_EQ(got->field("Gavel-Create-Revision"), "1");
    EXPECT_EQ(got->field("Gavel-Version"), "1");
    EXPECT_EQ(got->field("Content-Security-Policy"), "sandbox");
}

TEST(KeyResource, CountsVersions) {
    Desk desk;
    desk.put("/v1/config/a", "1");
    const auto second = desk.put("/v1/config/a", "2");
    EXPECT_EQ(second->status(), 200U);
    EXPECT_EQ(second->json()["version"], 2);
    EXPECT_EQ(desk.get("/v1/config/a")->field("Gavel-Create-Revision"), "1");
}

TEST(KeyResource, MayBeEmptyButNotUnderAJsonType) {
    Desk desk;
    EXPECT_EQ(desk.put("/v1/config/a", "")->status(), 201U);
    EXPECT_EQ(desk.get("/v1/config/a")->answer->content(), "");
    EXPECT_EQ(desk.get("/v1/config/a")->field("Content-Type"), "application/octet-stream");
    EXPECT_EQ(desk.put("/v1/config/a", "", as_json)->code(), "value-not-json");
}

TEST(KeyResource, IsCheckedWhenItSaysItIsJson) {
    Desk desk;
    EXPECT_EQ(desk.put("/v1/config/a", "{\"x\":1", as_json)->code(), "value-not-json");
    EXPECT_EQ(desk.put("/v1/config/a", "{\"x\":1}", as_json)->status(), 201U);
    EXPECT_EQ(desk.put("/v1/config/a", "{\"x\":1", {{"content-type", "text/plain"}})->status(),
              200U);
}

TEST(KeyResource, HasAMediaTypeAsItsContentType) {
    Desk desk;
    for (const auto* type : {"a/b", "text/plain; charset=utf-8", "application/vnd.x+json ;v=1"}) {
        EXPECT_LT(desk.put("/v1/config/a", "1", {{"content-type", type}})->status(), 300U) << type;
    }
    for (const auto* type : {"x", "/", "a/", "/b", "a/b/c", "a/b c", "text/plain, a/b", "; a/b"}) {
        EXPECT_EQ(desk.put("/v1/config/a", "1", {{"content-type", type}})->code(), "bad-header")
            << type;
    }
}

TEST(KeyResource, HasAtMostOneMebibyte) {
    Desk desk;
    EXPECT_EQ(desk.put("/v1/config/a", std::string(1 << 20, 'x'))->status(), 201U);
    const auto call = desk.put("/v1/config/a", std::string((1 << 20) + 1, 'x'));
    EXPECT_EQ(call->status(), 413U);
    EXPECT_EQ(call->code(), "body-too-large");
}

TEST(KeyResource, IsComparedAndSet) {
    Desk desk;
    EXPECT_EQ(desk.put("/v1/config/a", "1", {{"if-none-match", "*"}})->status(), 201U);
    const auto taken = desk.put("/v1/config/a", "2", {{"if-none-match", "*"}});
    EXPECT_EQ(taken->status(), 412U);
    EXPECT_EQ(taken->json()["revision"], 1);
    EXPECT_EQ(desk.put("/v1/config/a", "2", {{"if-match", "\"1\""}})->status(), 200U);
    EXPECT_EQ(desk.put("/v1/config/a", "3", {{"if-match", "\"1\""}})->status(), 412U);
    EXPECT_EQ(desk.put("/v1/config/a", "3", {{"if-match", "W/\"3\""}})->status(), 412U);
    EXPECT_EQ(desk.put("/v1/config/b", "3", {{"if-match", "*"}})->json()["revision"], 0);
    EXPECT_EQ(desk.put("/v1/config/a", "3", {{"if-match", "3"}})->code(), "bad-header");
    EXPECT_EQ(desk.put("/v1/config/a", "3", {{"if-match", "*"}, {"if-none-match", "*"}})->code(),
              "bad-header");
    EXPECT_EQ(desk.get("/v1/config/a")->answer->content(), "2");
}

TEST(KeyResource, IsReadUnderConditions) {
    Desk desk;
    desk.put("/v1/config/a", "1");

    const auto same = desk.get("/v1/config/a", {{"if-none-match", "\"1\""}});
    EXPECT_EQ(same->status(), 304U);
    EXPECT_EQ(same->field("ETag"), "\"1\"");
    EXPECT_EQ(same->answer->content(), "");
    EXPECT_EQ(desk.get("/v1/config/a", {{"if-none-match", "\"2\""}})->status(), 200U);
    EXPECT_EQ(desk.get("/v1/config/a", {{"if-match", "\"1\""}})->status(), 200U);
    EXPECT_EQ(desk.get("/v1/config/a", {{"if-match", "\"2\""}})->json()["revision"], 1);
    EXPECT_EQ(desk.get("/v1/config/b", {{"if-match", "*"}})->status(), 412U);
    EXPECT_EQ(desk.get("/v1/config/b", {{"if-none-match", "\"2\""}})->code(), "key-not-found");
}

TEST(KeyResource, IsDeleted) {
    Desk desk;
    desk.put("/v1/config/a", "1");
    EXPECT_EQ(desk.remove("/v1/config/a", {{"if-match", "\"9\""}})->status(), 412U);
    EXPECT_EQ(desk.remove("/v1/config/a")->json(), json::parse(R"({"key":"a","revision":3})"));
    EXPECT_EQ(desk.remove("/v1/config/a")->code(), "key-not-found");
    EXPECT_EQ(desk.get("/v1/config/a")->code(), "key-not-found");
}

TEST(KeyResource, IsDeletedWithAllBelowIt) {
    Desk desk;
    for (const auto* key : {"a", "a/b", "a/c/d", "a-b"}) {
        desk.put(std::string("/v1/config/") + key, "1");
    }

    EXPECT_EQ(desk.remove("/v1/config/a?recursive=true", {{"if-match", "\"1\""}})->code(),
              "bad-header");
    EXPECT_EQ(desk.remove("/v1/config/a?recursive=true", {{"if-none-match", "*"}})->code(),
              "bad-header");
    EXPECT_EQ(desk.remove("/v1/config/a?recursive=1")->code(), "bad-parameter");
    EXPECT_EQ(desk.remove("/v1/config/a?recursive")->json(),
              json::parse(R"({"key":"a","revision":5,"deleted":3})"));
    EXPECT_EQ(desk.remove("/v1/config/a?recursive=true")->code(), "key-not-found");
    EXPECT_EQ(desk.remove("/v1/config/a-b?recursive=false")->json(),
              json::parse(R"({"key":"a-b","revision":7})"));
}

TEST(KeyResource, IsNotDeletedWithMoreBelowItThanAtOnce) {
    Desk desk({}, {.deleted_at_once = 1});
    desk.put("/v1/config/a/b", "1");
    desk.put("/v1/config/a/c", "1");

    const auto call = desk.remove("/v1/config/a?recursive=true");

    EXPECT_EQ(call->status(), 409U);
    EXPECT_EQ(call->code(), "too-much-at-once");
    EXPECT_EQ(call->json()["limit"], "keys_deleted");
    EXPECT_EQ(call->json()["most"], 10'000);
    EXPECT_EQ(desk.get("/v1/config")->json()["items"].size(), 2U);
}

TEST(KeyResource, IsEphemeralWhenASessionIsNamed) {
    Desk desk;
    const auto id = "s" + std::to_string(desk.gateway.open_session());

    EXPECT_EQ(desk.put("/v1/config/a?session=s99", "1")->code(), "session-not-found");
    EXPECT_EQ(desk.put("/v1/config/a?session=99", "1")->code(), "bad-parameter");
    EXPECT_EQ(desk.put("/v1/config/a?session=s0", "1")->code(), "bad-parameter");
    EXPECT_EQ(desk.put("/v1/config/a?session=" + id, "1")->status(), 201U);
    EXPECT_EQ(desk.get("/v1/config/a")->field("Gavel-Session"), id);
    EXPECT_EQ(desk.get("/v1/config/a?meta=true")->json()["session"], id);
    EXPECT_EQ(desk.get("/v1/config")->json()["items"][0]["session"], id);
    EXPECT_EQ(desk.get("/v1/watch?prefix=&since=0&wait=0s")->json()["events"][0]["session"], id);
    desk.put("/v1/config/a", "2");
    EXPECT_EQ(desk.get("/v1/config/a")->field("Gavel-Session"), "");
    desk.remove("/v1/sessions/" + id);
    EXPECT_EQ(desk.get("/v1/config/a")->status(), 200U);
}

TEST(KeyResource, HasAJsonView) {
    Desk desk;
    desk.put("/v1/config/a", "{\n\"x\": 1}", as_json);
    EXPECT_EQ(desk.get("/v1/config/a?meta=true")->json(),
              json::parse(R"({"key":"a","value":{"x":1},"content_type":"application/json",
                  "create_revision":1,"revision":1,"version":1,"author":"","reason":"",
                  "modified_at":"2023-11-14T22:13:20.123Z"})"));
}

TEST(KeyResource, IsListedWithItsValue) {
    Desk desk;
    desk.put("/v1/config/a/json", "[1]", as_json);
    desk.put("/v1/config/a/text", "h\xC3\xA9", {{"content-type", "text/plain"}});
    desk.put("/v1/config/a/zbytes", "\xff");
    desk.put("/v1/config/b", "x");

    const auto list = desk.get("/v1/config?prefix=a/")->json();

    EXPECT_EQ(list["revision"], 4);
    ASSERT_EQ(list["items"].size(), 3U);
    EXPECT_EQ(list["items"][0]["value"], json::array({1}));
    EXPECT_EQ(list["items"][1]["value"], "h\xC3\xA9");
    EXPECT_FALSE(list["items"][1].contains("encoding"));
    EXPECT_EQ(list["items"][2]["value"], "/w==");
    EXPECT_EQ(list["items"][2]["encoding"], "base64");
}

TEST(KeyResource, IsListedWithoutItsValueInPages) {
    Desk desk;
    for (const auto* key : {"k1", "k2", "k3"}) desk.put(std::string("/v1/config/") + key, "v");

    const auto first = desk.get("/v1/config?keys_only=true&limit=2");
    EXPECT_FALSE(first->json()["items"][0].contains("value"));
    EXPECT_EQ(first->json()["items"].size(), 2U);
    const auto rest = desk.get("/v1/config?cursor=" + std::string(first->json()["next_cursor"]));
    EXPECT_EQ(rest->json()["items"][0]["key"], "k3");
    EXPECT_FALSE(rest->json().contains("next_cursor"));
    EXPECT_EQ(desk.get("/v1/config?limit=0")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/config?limit=1001")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/config?cursor=!")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/config?prefix=%00")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/config?keys_only=1")->code(), "bad-parameter");
}

TEST(KeyResource, IsListedInPagesOfBoundedBytes) {
    Desk desk;
    for (int i = 0; i < 10; ++i) {
        desk.gateway.put("k" + std::to_string(i), std::string(1 << 20, 'x'));
    }
    const auto first = desk.get("/v1/config")->json();
    EXPECT_EQ(first["items"].size(), 4U);
    const auto next = desk.get("/v1/config?cursor=" + std::string(first["next_cursor"]))->json();
    EXPECT_EQ(next["items"][0]["key"], "k4");
    EXPECT_EQ(desk.get("/v1/config?keys_only=true")->json()["items"].size(), 10U);
}

TEST(KeyResource, IsReadWithTheConsistencyAskedFor) {
    Desk desk;
    desk.put("/v1/config/a", "1");
    desk.get("/v1/config/a");
    desk.get("/v1/config/a?consistency=stale&min_revision=1");
    EXPECT_FALSE(desk.gateway.reads[0].stale);
    EXPECT_EQ(desk.gateway.reads[0].min_revision, 0U);
    EXPECT_TRUE(desk.gateway.reads[1].stale);
    EXPECT_EQ(desk.gateway.reads[1].min_revision, 1U);
    EXPECT_EQ(desk.get("/v1/config/a?min_revision=99")->code(), "timed-out");
    EXPECT_EQ(desk.get("/v1/config/a?consistency=weak")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/config/a?version=1")->code(), "unknown-parameter");
}

TEST(KeyResource, IsPutOncePerIdempotencyKey) {
    Desk desk;
    const Desk::Headers headers{{"idempotency-key", "k"}};
    EXPECT_EQ(desk.put("/v1/config/a", "1", headers)->status(), 201U);
    const auto again = desk.put("/v1/config/a", "1", headers);
    EXPECT_EQ(again->status(), 201U);
    EXPECT_EQ(again->json()["revision"], 1);
    EXPECT_EQ(desk.put("/v1/config/a", "2", headers)->code(), "idempotency-key-reused");
    EXPECT_EQ(desk.put("/v1/config/b", "1", headers)->code(), "idempotency-key-reused");
    EXPECT_EQ(desk.remove("/v1/config/a", headers)->code(), "idempotency-key-reused");
    // Under another token, on another condition, as something else: another request.
    for (const auto& header : Desk::Headers{{"gavel-lock", "deploy;token=1"},
                                            {"if-none-match", "*"},
                                            {"if-match", "\"1\""},
                                            {"content-type", "text/html"}}) {
        auto changed = headers;
        changed.push_back(header);
        EXPECT_EQ(desk.put("/v1/config/a", "1", changed)->code(), "idempotency-key-reused")
            << header.name;
    }
    EXPECT_EQ(desk.put("/v1/config/a", "1", {{"idempotency-key", ""}})->code(), "bad-header");
    EXPECT_EQ(desk.put("/v1/config/a", "1", {{"idempotency-key", "\xC3\xA9"}})->code(),
              "bad-header");
}

TEST(KeyResource, SaysWhyTheServiceCouldNot) {
    Desk desk;
    using Kind = Failure::Kind;
    desk.gateway.failure = Failure{Kind::no_leader};
    EXPECT_EQ(desk.put("/v1/config/a", "1")->code(), "no-leader");
    EXPECT_EQ(desk.get("/v1/config/a")->field("Retry-After"), "1");
    desk.gateway.failure = Failure{Kind::outcome_unknown};
    EXPECT_EQ(desk.put("/v1/config/a", "1")->json()["retryable"], false);
    EXPECT_EQ(desk.put("/v1/config/a", "1", {{"idempotency-key", "k"}})->json()["retryable"], true);
}

}  // namespace
}  // namespace gavel::api
