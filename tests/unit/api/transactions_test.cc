#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/codec.h"
#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Desk;
using ::testing::HasSubstr;

constexpr const char* target = "/v1/transactions";

TEST(TransactionResource, DoesWhatItsConditionsDecide) {
    Desk desk;
    desk.put("/v1/config/b", "x", {{"content-type", "text/plain"}});
    const std::string body = R"({"if":[{"key":"a","exists":false},{"key":"b","revision":1}],
        "then":[{"put":{"key":"a","value":{"n":1}}},{"delete":{"key":"b"}},{"get":{"key":"a"}}],
        "else":[{"get":{"key":"a"}},{"get":{"key":"b"}}]})";

    const auto first = desk.post(target, body);
    EXPECT_EQ(first->status(), 200U);
    EXPECT_EQ(first->json(), json::parse(R"({"succeeded":true,"revision":2,"results":[
        {"put":{"key":"a","revision":2,"version":1}},
        {"delete":{"key":"b","deleted":1}},
        {"get":{"exists":true,"key":"a","value":{"n":1},"content_type":"application/json",
         "create_revision":2,"revision":2,"version":1,"author":"","reason":"",
         "modified_at":"2023-11-14T22:13:20.123Z"}}]})"));
    const auto second = desk.post(target, body);
    EXPECT_EQ(second->status(), 200U);
    EXPECT_EQ(second->json()["succeeded"], false);
    EXPECT_EQ(second->json()["failed"], 0);
    EXPECT_EQ(second->json()["results"][0]["get"]["value"], json::parse(R"({"n":1})"));
    EXPECT_EQ(second->json()["results"][1], json::parse(R"({"get":{"exists":false,"key":"b"}})"));
}

TEST(TransactionResource, ComparesEverythingThatIsNamed) {
    Desk desk;
    const auto session = desk.gateway.open_session();
    const auto token =
        desk.gateway.run(statemachine::AcquireLock{.name = "l", .session = session}).revision;
    desk.put("/v1/config/text", "old", {{"content-type", "text/plain"}});
    desk.put("/v1/config/text", "a b", {{"content-type", "text/plain"}});  // Revision 4.
    desk.put("/v1/config/json", R"({"n": 1})", {{"content-type", "application/json"}});
    desk.put("/v1/config/quoted", R"("x")", {{"content-type", "application/json"}});
    desk.put("/v1/config/bytes", "\xff");
    const std::pair<std::string, bool> cases[] = {
        {R"({"key":"text","exists":true})", true},
        {R"({"key":"text","exists":false})", false},
        {R"({"key":"none","exists":false})", true},
        {R"({"key":"text","revision":4})", true},
        {R"({"key":"text","revision":3})", false},
        {R"({"key":"none","revision":0})", true},
        {R"({"key":"text","version":2})", true},
        {R"({"key":"text","version":1})", false},
        {R"({"key":"text","value":"a b"})", true},
        {R"({"key":"text","value":"a b","revision":4,"exists":true})", true},
        {R"({"key":"text","value":"a b","revision":3})", false},
        {R"({"key":"text","value":"ab"})", false},
        {R"({"key":"text","value":"YSBi","encoding":"base64"})", true},
        {R"({"key":"json","value":{"n":1}})", true},
        {R"({"key":"json","value":{"n":2}})", false},
        {R"({"key":"json","value":"{\"n\": 1}"})", true},
        {R"({"key":"quoted","value":"x"})", false},
        {R"({"key":"quoted","value":"x","content_type":"application/json"})", true},
        {R"({"key":"bytes","value":"/w==","encoding":"base64"})", true},
        {R"({"lock":"l","token":)" + std::to_string(token) + "}", true},
        {R"({"lock":"l","token":99})", false},
        {R"({"lock":"m","token":0})", false}};
    for (const auto& [condition, expected] : cases) {
        const auto call = desk.post(target, R"({"if":[)" + condition + "]}");
        EXPECT_EQ(call->json()["succeeded"], expected) << condition;
    }
}

TEST(TransactionResource, SaysWhichConditionFailed) {
    Desk desk;
    desk.put("/v1/config/a", "1");

    const auto call = desk.post(target, R"({"if":[{"key":"a","exists":true,"version":1},
        {"key":"a","exists":true,"version":2},{"key":"b","exists":true}]})");

    EXPECT_EQ(call->json()["failed"], 1);
}

TEST(TransactionResource, PutsValuesAsListsShowThem) {
    Desk desk;
    const auto call = desk.post(target, R"({"then":[
        {"put":{"key":"json","value":[1, 2]}},
        {"put":{"key":"null","value":null}},
        {"put":{"key":"text","value":"h\u00e9"}},
        {"put":{"key":"bytes","value":"/w==","encoding":"base64"}},
        {"put":{"key":"typed","value":"x","content_type":"text/html"}},
        {"put":{"key":"quoted","value":"x","content_type":"text/x+json"}},
        {"put":{"key":"decoded","value":"MQ==","encoding":"base64","content_type":"application/json"}}
        ]})");
    ASSERT_EQ(call->status(), 200U);

    const std::tuple<std::string, std::string, std::string> expected[] = {
        {"json", "[1, 2]", "application/json"},
        {"null", "null", "application/json"},
        {"text", "h\xC3\xA9", "text/plain; charset=utf-8"},
        {"bytes", "\xff", "application/octet-stream"},
        {"typed", "x", "text/html"},
        {"quoted", R"("x")", "text/x+json"},
        {"decoded", "1", "application/json"}};
    for (const auto& [key, value, type] : expected) {
        const auto got = desk.get("/v1/config/" + key);
        EXPECT_EQ(got->answer->content(), value) << key;
        EXPECT_EQ(got->field("Content-Type"), type) << key;
    }
}

TEST(TransactionResource, RefusesABodyThatIsNotFitAndSaysWhere) {
    Desk desk;
    const std::pair<std::string, std::string> cases[] = {
        {"", "the body"},
        {"[]", "the body"},
        {"{}", "nothing"},
        {R"({"if":[],"then":[]})", "nothing"},
        {R"({"iff":[]})", "iff: there is no such field; there are: if then else"},
        {R"({"then":{}})", "then: is not a list"},
        {R"({"then":[1]})", "then[0]: is not an object"},
        {R"({"then":[{}]})", "then[0]: names one of: put delete get"},
        {R"({"then":[{"move":{"key":"a"}}]})", "then[0]: names one of"},
        {R"({"then":[{"get":{"key":"a"},"delete":{"key":"a"}}]})", "then[0]: names one of"},
        {R"({"then":[{"get":"a"}]})", "then[0].get: is not an object"},
        {R"({"then":[{"get":{}}]})", "then[0].get.key: is missing"},
        {R"({"then":[{"get":{"key":1}}]})", "then[0].get.key: is not a text"},
        {R"({"then":[{"get":{"key":"/a"}}]})", "then[0].get.key: has an empty segment"},
        {R"({"then":[{"get":{"key":"a","x":1}}]})", "then[0].get.x: there is no such field"},
        {R"({"else":[{"get":{"key":"a"}},{"put":{"key":"a"}}]})", "else[1].put.value: is missing"},
        {R"({"then":[{"put":{"key":"a","value":1,"content_type":"text/plain"}}]})",
         "then[0].put.value: is not a text"},
        {R"({"then":[{"put":{"key":"a","value":"x","content_type":"x"}}]})",
         "then[0].put.content_type: not TYPE/SUBTYPE"},
        {R"({"then":[{"put":{"key":"a","value":"x","content_type":1}}]})",
         "then[0].put.content_type: is not a text"},
        {R"({"then":[{"put":{"key":"a","value":"x","encoding":"hex"}}]})",
         "then[0].put.encoding: is \"base64\""},
        {R"({"then":[{"put":{"key":"a","value":"x","encoding":"base64"}}]})",
         "then[0].put.value: is not base64"},
        {R"({"then":[{"put":{"key":"a","value":1,"encoding":"base64"}}]})",
         "then[0].put.value: is not base64"},
        {R"({"then":[{"put":{"key":"a","value":"x","session":"12"}}]})",
         "then[0].put.session: is not the id of a session"},
        {R"({"then":[{"put":{"key":"a","value":"x","session":"s0"}}]})",
         "then[0].put.session: is not the id of a session"},
        {R"({"then":[{"delete":{"key":"a","recursive":"yes"}}]})",
         "then[0].delete.recursive: is not true or false"},
        {R"({"then":[{"put":{"key":"a","value":1}},{"delete":{"key":"a"}}]})",
         "then[1].delete.key: is written twice"},
        {R"({"else":[{"put":{"key":"a","value":1}},{"put":{"key":"a","value":1}}]})",
         "else[1].put.key: is written twice"},
        {R"({"then":[{"delete":{"key":"a","recursive":true}},
                     {"delete":{"key":"a","recursive":true}}]})",
         "then[1].delete.key: is written twice"},
        {R"({"then":[{"put":{"key":"a/b","value":1}},{"delete":{"key":"a","recursive":true}}]})",
         "then[1].delete.key: is written twice"},
        {R"({"then":[{"delete":{"key":"a"}},{"delete":{"key":"a","recursive":true}}]})",
         "then[1].delete.key: is written twice"},
        {R"({"if":[{"key":"a"}]})", "if[0]: names one of: exists revision version value"},
        {R"({"if":[{"exists":true}]})", "if[0].key: is missing"},
        {R"({"if":[{"key":"a","exists":1}]})", "if[0].exists: is not true or false"},
        {R"({"if":[{"key":"a","revision":"1"}]})", "if[0].revision: is not a whole number"},
        {R"({"if":[{"key":"a","version":-1}]})", "if[0].version: is not a whole number"},
        {R"({"if":[{"key":"a","revision":9007199254740992}]})", "if[0].revision"},
        {R"({"if":[{"key":"a","encoding":"base64"}]})", "if[0].value: is missing"},
        {R"({"if":[{"key":"a","exists":true,"content_type":"a/b"}]})", "if[0].value: is missing"},
        {R"({"if":[{"key":"a","value":"x","owner":1}]})", "if[0].owner: there is no such field"},
        {R"({"if":[{"key":"a","token":1}]})", "if[0].lock: is missing"},
        {R"({"if":[{"lock":"a"}]})", "if[0].token: is missing"},
        {R"({"if":[{"lock":"a","token":1,"key":"b"}]})", "if[0].key: there is no such field"},
        {R"({"if":[{"lock":"a","token":"1"}]})", "if[0].token: is not a whole number"},
        {R"({"if":[{"lock":"a//b","token":1}]})", "if[0].lock: has an empty segment"}};
    for (const auto& [body, why] : cases) {
        const auto call = desk.post(target, body);
        EXPECT_EQ(call->status(), 400U) << body;
        EXPECT_EQ(call->code(), "malformed-body") << body;
        EXPECT_THAT(std::string(call->json()["detail"]), HasSubstr(why)) << body;
    }
    EXPECT_TRUE(desk.gateway.submissions.empty());
}

TEST(TransactionResource, ChecksThatWhatSaysItIsJsonIs) {
    Desk desk;
    const auto call = desk.post(target, R"({"then":[{"put":{"key":"a","value":"eA==",
        "encoding":"base64","content_type":"application/json"}}]})");
    EXPECT_EQ(call->status(), 400U);
    EXPECT_EQ(call->code(), "value-not-json");
    EXPECT_THAT(std::string(call->json()["detail"]), HasSubstr("then[0].put.value"));
}

TEST(TransactionResource, HasAtMost128Parts) {
    Desk desk;
    const auto many = [](int count, const std::string& part) {
        std::string list;
        for (int i = 0; i < count; ++i) list += (list.empty() ? "" : ",") + part;
        return list;
    };
    const std::string get = R"({"get":{"key":"a"}})", condition = R"({"key":"a","exists":false})";
    const auto body = [&](int conditions, int then, int otherwise) {
        return R"({"if":[)" + many(conditions, condition) + R"(],"then":[)" + many(then, get) +
               R"(],"else":[)" + many(otherwise, get) + "]}";
    };

    EXPECT_EQ(desk.post(target, body(40, 44, 44))->status(), 200U);
    EXPECT_EQ(desk.post(target, body(128, 0, 0))->status(), 200U);
    for (const auto& too_many : {body(40, 44, 45), body(129, 0, 0), body(0, 0, 129)}) {
        const auto call = desk.post(target, too_many);
        EXPECT_EQ(call->code(), "malformed-body");
        EXPECT_THAT(std::string(call->json()["detail"]), HasSubstr("more than 128"));
    }
    // Each thing that is demanded of a key counts.
    const auto call = desk.post(
        target, R"({"if":[)" + many(65, R"({"key":"a","revision":0,"version":0})") + "]}");
    EXPECT_THAT(std::string(call->json()["detail"]), HasSubstr("if[64]: more than 128"));
}

// What is taken in can be handed on: no body becomes a command that is too large.
TEST(TransactionResource, OfTheLargestBodyIsACommandThatCanTravel) {
    Desk desk;
    const std::string type = "a/" + std::string(254, 'b');
    std::string puts;
    for (int i = 0; i < 127; ++i) {
        const auto number = std::to_string(1'000 + i);
        puts += R"({"put":{"key":")" + std::string(396, 'k') + number +
                R"(","value":"","content_type":")" + type + R"("}},)";
    }
    std::string body = R"({"then":[)" + puts + R"({"put":{"key":"a","value":")";
    const std::string end = R"("}}]})";
    body += std::string(desk.options.body_bytes_max - body.size() - end.size(), 'v') + end;

    const auto call = desk.post(target, body,
                                {{"gavel-lock", std::string(400, 'l') + ";token=1"},
                                 {"idempotency-key", std::string(255, 'i')}});

    ASSERT_EQ(call->code(), "stale-token");
    const auto& submission = desk.gateway.submissions.back();
    const auto entry = proto::encode(statemachine::Entry{.request = {65'535, ~0ULL, ~0ULL},
                                                         .stamp = -1,
                                                         .idempotency = submission.idempotency,
                                                         .command = submission.command});
    EXPECT_LE(entry.size(), proto::command_bytes_max);
    EXPECT_TRUE(proto::decode_entry(entry).has_value());
}

TEST(TransactionResource, ChangesNothingWhenALimitIsReached) {
    Desk desk({}, {.keys = 2, .deleted_at_once = 1, .got_at_once = 3});
    desk.put("/v1/config/a/1", "1234");

    const auto full = desk.post(target, R"({"then":[{"put":{"key":"b","value":"1"}},
        {"put":{"key":"c","value":"1"}}]})");
    EXPECT_EQ(full->status(), 507U);
    EXPECT_EQ(full->code(), "storage-limit-reached");
    const auto gone =
        desk.post(target, R"({"then":[{"put":{"key":"b","value":"1","session":"s99"}}]})");
    EXPECT_EQ(gone->status(), 404U);
    EXPECT_EQ(gone->code(), "session-not-found");
    const auto large = desk.post(target, R"({"then":[{"put":{"key":"b","value":"1"}},
        {"get":{"key":"a/1"}}]})");
    EXPECT_EQ(large->status(), 409U);
    EXPECT_EQ(large->code(), "too-much-at-once");
    EXPECT_EQ(large->json()["limit"], "bytes_got");
    desk.put("/v1/config/a/2", "1");
    const auto many = desk.post(target, R"({"then":[{"delete":{"key":"a","recursive":true}}]})");
    EXPECT_EQ(many->code(), "too-much-at-once");
    EXPECT_EQ(many->json()["limit"], "keys_deleted");
    EXPECT_EQ(desk.get("/v1/config")->json()["items"].size(), 2U);
}

TEST(TransactionResource, IsDoneOncePerIdempotencyKey) {
    Desk desk;
    desk.put("/v1/config/b", "old", {{"content-type", "text/plain"}});
    const Desk::Headers once{{"idempotency-key", "k"}};
    const std::string body = R"({"then":[{"put":{"key":"a","value":1}},{"get":{"key":"a"}},
        {"get":{"key":"b"}}]})";

    const auto first = desk.post(target, body, once);
    const auto again = desk.post(target, body, once);
    desk.put("/v1/config/b", "new");
    const auto later = desk.post(target, body, once);

    EXPECT_EQ(again->json(), first->json());
    EXPECT_EQ(later->json()["revision"], first->json()["revision"]);
    EXPECT_EQ(later->json()["results"][1], first->json()["results"][1]);
    // Another value has taken the place of the one that was got.
    EXPECT_EQ(later->json()["results"][2],
              json::parse(R"({"get":{"exists":true,"key":"b","revision":1}})"));
    EXPECT_EQ(desk.post(target, R"({"then":[{"get":{"key":"a"}}]})", once)->code(),
              "idempotency-key-reused");
    EXPECT_EQ(desk.get("/v1/config/a")->field("Gavel-Version"), "1");
}

TEST(TransactionResource, SaysWhyTheServiceCouldNot) {
    Desk desk;
    const std::string body = R"({"then":[{"get":{"key":"a"}}]})";
    desk.gateway.failure = Failure{Failure::Kind::no_leader};
    EXPECT_EQ(desk.post(target, body)->code(), "no-leader");
    desk.gateway.failure = Failure{Failure::Kind::outcome_unknown};
    EXPECT_EQ(desk.post(target, body, {{"idempotency-key", "k"}})->json()["retryable"], true);
}

}  // namespace
}  // namespace gavel::api
