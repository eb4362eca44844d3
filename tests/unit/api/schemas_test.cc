#include <gmock/gmock.h>

#include <chrono>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Desk;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Desk::Headers as_json = {{"content-type", "application/json"}};
const std::string ports = R"({"type":"object","properties":{"port":{"type":"integer"}}})";

class SchemasOverHttp : public ::testing::Test {
protected:
    auto put_json(const std::string& key, const std::string& value, Desk::Headers more = {}) {
        more.insert(more.end(), as_json.begin(), as_json.end());
        return desk.put("/v1/config/" + key, value, std::move(more));
    }
    Desk desk;
};

TEST_F(SchemasOverHttp, AreSetShownListedAndRemoved) {
    const auto set = desk.put("/v1/schemas/app/", ports);
    EXPECT_EQ(set->status(), 200U);
    EXPECT_EQ(set->json(), json::parse(R"({"prefix":"app/","revision":1})"));

    const auto shown = desk.get("/v1/schemas/app/");
    EXPECT_EQ(shown->status(), 200U);
    EXPECT_EQ(shown->field("Content-Type"), "application/schema+json");
    EXPECT_EQ(shown->answer->body, ports);
    const json list = desk.get("/v1/schemas")->json()["schemas"];
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0]["prefix"], "app/");
    EXPECT_EQ(list[0]["revision"], 1);
    EXPECT_EQ(list[0]["bytes"], ports.size());

    EXPECT_EQ(desk.remove("/v1/schemas/app/")->status(), 200U);
    EXPECT_EQ(desk.remove("/v1/schemas/app/")->code(), "schema-not-found");
    EXPECT_EQ(desk.get("/v1/schemas/app/")->code(), "schema-not-found");
    EXPECT_EQ(put_json("app/a", R"({"port":"x"})")->status(), 201U);
}

TEST_F(SchemasOverHttp, RefuseWhatDoesNotFitAndSayWhereAndWhy) {
    desk.put("/v1/schemas/app/", ports);

    EXPECT_EQ(put_json("app/a", R"({"port":80})")->status(), 201U);
    const auto refused = put_json("app/b", R"({"port":"80"})");

    EXPECT_EQ(refused->status(), 422U);
    EXPECT_EQ(refused->code(), "schema-violation");
    const json body = refused->json();
    EXPECT_EQ(body["retryable"], false);
    EXPECT_EQ(body["key"], "app/b");
    EXPECT_EQ(body["schema"], json::parse(R"({"prefix":"app/","revision":1})"));
    EXPECT_EQ(body["violations"],
              json::parse(R"([{"pointer":"/port","reason":"is not integer"}])"));
    EXPECT_EQ(body["detail"],
              "the value of 'app/b' does not fit the schema of 'app/': what is at "
              "/port is not integer");
    EXPECT_EQ(desk.get("/v1/config/app/b")->status(), 404U);
    EXPECT_EQ(put_json("other", R"({"port":"80"})")->status(), 201U) << "another prefix";
    EXPECT_EQ(desk.put("/v1/config/app/c", "port=80")->json()["violations"][0]["reason"],
              "is of type 'application/octet-stream', which is not JSON");
}

TEST_F(SchemasOverHttp, OfTheLongestPrefixGoverns) {
    desk.put("/v1/schemas/a", R"({"type":"integer"})");
    desk.put("/v1/schemas/a/b", R"({"type":"string"})");

    EXPECT_EQ(put_json("a/b/c", "\"x\"")->status(), 201U);
    EXPECT_EQ(put_json("a/b/c", "1")->status(), 422U);
    EXPECT_EQ(put_json("a/c", "1")->status(), 201U);
}

TEST_F(SchemasOverHttp, AreRefusedWhenNoValueCouldBeHeldToThem) {
    const auto refused = desk.put("/v1/schemas/app/", R"({"proprties":{}})");

    EXPECT_EQ(refused->status(), 422U);
    EXPECT_EQ(refused->code(), "bad-schema");
    EXPECT_THAT(refused->json()["detail"].get<std::string>(), HasSubstr("/proprties"));
    EXPECT_EQ(desk.put("/v1/schemas/app/", "")->code(), "bad-schema");
    EXPECT_EQ(desk.put("/v1/schemas/app/", '"' + std::string(65'536, 'x') + '"')->status(), 413U);
    EXPECT_EQ(desk.put("/v1/schemas/", "{}")->code(), "bad-name");
    EXPECT_THAT(desk.gateway.submissions, IsEmpty());
}

TEST_F(SchemasOverHttp, AreRefusedWhenValuesThatAreThereDoNotFit) {
    for (int i = 0; i < 40; ++i) put_json("app/" + std::to_string(100 + i), "{}");
    put_json("app/bad", R"({"port":"x"})");
    desk.put("/v1/config/app/text", "x");
    put_json("aq", R"({"port":"x"})");

    const auto refused = desk.put("/v1/schemas/app/", ports);

    EXPECT_EQ(refused->status(), 409U);
    EXPECT_EQ(refused->code(), "schema-conflict");
    EXPECT_EQ(refused->json()["keys_checked"], 42);
    EXPECT_EQ(refused->json()["complete"], true);
    const json conflicts = refused->json()["conflicts"];
    ASSERT_EQ(conflicts.size(), 2U);
    EXPECT_EQ(conflicts[0], json::parse(R"({"key":"app/bad","violations":
                                            [{"pointer":"/port","reason":"is not integer"}]})"));
    EXPECT_EQ(conflicts[1]["key"], "app/text");
    EXPECT_EQ(desk.get("/v1/schemas")->json()["schemas"].size(), 0U);

    EXPECT_EQ(desk.put("/v1/schemas/app/?force=true", ports)->status(), 200U);
    EXPECT_EQ(put_json("app/bad", R"({"port":"x"})")->status(), 422U);
    EXPECT_EQ(desk.remove("/v1/config/app/bad")->status(), 200U) << "what is there may go";
}

TEST_F(SchemasOverHttp, OnlyCheckWhenAskedTo) {
    put_json("app/a", R"({"port":"x"})");

    const auto check = desk.put("/v1/schemas/app/?check=true", ports);

    EXPECT_EQ(check->status(), 200U);
    EXPECT_EQ(check->json()["prefix"], "app/");
    EXPECT_EQ(check->json()["conflicts"][0]["key"], "app/a");
    EXPECT_EQ(desk.put("/v1/schemas/app/?check", "true")->json()["conflicts"], json::array());
    EXPECT_EQ(desk.get("/v1/schemas")->json()["schemas"].size(), 0U);
    EXPECT_EQ(desk.put("/v1/schemas/app/?check", "{")->code(), "bad-schema");
}

TEST_F(SchemasOverHttp, ListAHundredConflictsAtMost) {
    for (int i = 0; i < 150; ++i) put_json("app/" + std::to_string(100 + i), "1");

    const json body = desk.put("/v1/schemas/app/", ports)->json();

    EXPECT_GE(body["conflicts"].size(), 100U);
    EXPECT_LT(body["conflicts"].size(), 132U);
    EXPECT_EQ(body["complete"], false);
}

TEST_F(SchemasOverHttp, LeaveToALongerPrefixWhatThatGoverns) {
    desk.put("/v1/schemas/app/web", R"({"type":"string"})");
    put_json("app/web/a", "\"x\"");

    const auto set = desk.put("/v1/schemas/app/", ports);

    EXPECT_EQ(set->status(), 200U) << set->answer->body;
}

// The member has not heard yet: the state machine refuses, and the value is judged anew.
TEST_F(SchemasOverHttp, ThatTheMemberDoesNotKnowYetCount) {
    desk.put("/v1/schemas/app/", ports);
    desk.gateway.lags = true;
    EXPECT_EQ(put_json("app/a", R"({"port":80})")->status(), 201U);
    EXPECT_THAT(desk.gateway.submissions, SizeIs(3)) << "once in vain";
    EXPECT_EQ(desk.gateway.submissions.back().idempotency, std::nullopt);

    desk.gateway.lags = true;
    EXPECT_EQ(put_json("app/a", R"({"port":"x"})")->status(), 422U);
}

TEST_F(SchemasOverHttp, ThatAreNoMoreDoNotRefuse) {
    desk.put("/v1/schemas/app/", "false");
    desk.gateway.behind = desk.gateway.schemas();
    desk.remove("/v1/schemas/app/");
    desk.gateway.lags = true;

    EXPECT_EQ(put_json("app/a", "1")->status(), 201U) << "judged anew by what there is now";
}

TEST_F(SchemasOverHttp, DoNotComeBetweenARequestAndItsRepetition) {
    const Desk::Headers once = {{"idempotency-key", "k1"}};
    ASSERT_EQ(put_json("app/a", "1", once)->status(), 201U);
    desk.put("/v1/schemas/app/?force=true", R"({"type":"string"})");

    const auto again = put_json("app/a", "1", once);

    EXPECT_EQ(again->status(), 201U) << again->answer->body;
    EXPECT_EQ(again->json()["revision"], 1);
    EXPECT_EQ(put_json("app/b", "1", {{"idempotency-key", "k2"}})->code(), "schema-violation");
    EXPECT_EQ(put_json("app/b", "\"x\"", {{"idempotency-key", "k2"}})->status(), 201U)
        << "a violation is no outcome that is kept";
}

TEST_F(SchemasOverHttp, HoldEveryPutOfATransaction) {
    desk.put("/v1/schemas/app/", ports);
    const auto transact = [&](const std::string& port, Desk::Headers headers = {}) {
        return desk.post("/v1/transactions",
                         R"({"if":[{"key":"x","exists":true}],"then":[{"put":{"key":"app/a",
                            "value":{"port":)" +
                             port + R"(}}}],"else":[{"put":{"key":"b","value":1}}]})",
                         std::move(headers));
    };

    const auto refused = transact("\"x\"");
    EXPECT_EQ(refused->code(), "schema-violation");
    EXPECT_EQ(refused->json()["key"], "app/a");
    EXPECT_EQ(transact("\"x\"", {{"idempotency-key", "k"}})->code(), "schema-violation");
    EXPECT_EQ(desk.get("/v1/config/b")->status(), 404U) << "neither branch is done";
    EXPECT_EQ(transact("80", {{"idempotency-key", "l"}})->status(), 200U);

    desk.put("/v1/schemas/app/", R"({"type":"string"})");
    EXPECT_EQ(transact("80", {{"idempotency-key", "l"}})->status(), 200U) << "done before";
}

TEST_F(SchemasOverHttp, HoldWhatARollbackBringsBack) {
    const auto old = put_json("app/a", R"({"port":"x"})")->json()["revision"].get<int>();
    const auto good = put_json("app/a", R"({"port":1})")->json()["revision"].get<int>();
    put_json("app/a", R"({"port":2})");
    desk.put("/v1/schemas/app/", ports);
    const auto back_to = [&](int revision) {
        return desk.post("/v1/rollback",
                         R"({"key":"app/a","to_revision":)" + std::to_string(revision) + "}");
    };

    const auto refused = back_to(old);
    EXPECT_EQ(refused->status(), 422U);
    EXPECT_EQ(refused->code(), "schema-violation");
    EXPECT_EQ(refused->json()["violations"][0]["pointer"], "/port");
    EXPECT_EQ(back_to(good)->status(), 200U);
    EXPECT_EQ(desk.get("/v1/config/app/a")->answer->content(), R"({"port":1})");
    EXPECT_EQ(desk.gateway.schemas()->size(), 1U);
}

// However it comes: it is JSON, and so it may be there before there is a schema.
TEST_F(SchemasOverHttp, RefuseANumberOutOfRange) {
    const std::string huge = R"({"port":1e400})";
    const auto old = put_json("app/a", huge)->json()["revision"].get<int>();
    const auto check = desk.put("/v1/schemas/app/?check=true", ports);
    EXPECT_EQ(check->json()["conflicts"][0]["violations"][0]["reason"],
              "has a number out of range");
    put_json("app/a", R"({"port":1})");
    desk.put("/v1/schemas/app/", ports);

    EXPECT_EQ(put_json("app/a", huge)->code(), "schema-violation");
    EXPECT_EQ(
        desk.post("/v1/transactions", R"({"then":[{"put":{"key":"app/a","value":)" + huge + "}}]}")
            ->code(),
        "schema-violation");
    EXPECT_EQ(
        desk.post("/v1/rollback", R"({"key":"app/a","to_revision":)" + std::to_string(old) + "}")
            ->code(),
        "schema-violation");
    EXPECT_EQ(desk.put("/v1/schemas/app/", R"({"maximum":1e400})")->code(), "bad-schema");
}

// Each takes some of what one judgement may, and fits.
const std::string dear = R"({"pattern":"^(a{1,30}){1,30}$"})";
const std::string dear_value = '"' + std::string(100, 'a') + '"';

// Many values that may each take their time must not take it one after the other.
TEST_F(SchemasOverHttp, JudgeATransactionAsOne) {
    desk.put("/v1/schemas/app/", dear);
    const auto transact = [&](int count) {
        std::string puts;
        for (int i = 0; i < count; ++i) {
            puts += R"({"put":{"key":"app/)" + std::to_string(i) +
                    R"(","content_type":"application/json","value":)" + dear_value + "}},";
        }
        puts.back() = ']';
        return desk.post("/v1/transactions", R"({"then":[)" + puts + "}");
    };

    EXPECT_EQ(transact(2)->status(), 200U);
    const auto refused = transact(128);

    EXPECT_EQ(refused->code(), "schema-violation");
    EXPECT_EQ(refused->json()["violations"][0]["reason"], std::string(too_much_effort));
}

TEST_F(SchemasOverHttp, LetOthersHaveTheirTurnWhileTheyAreChecked) {
    for (int i = 0; i < 20; ++i) put_json("app/" + std::to_string(10 + i), dear_value);
    const auto check = desk.send(Method::put, "/v1/schemas/app/?check=true", dear);
    const auto other = desk.send(Method::get, "/v1/schemas");

    while (!other->answer && desk.take_one()) {
    }

    EXPECT_FALSE(check->answer) << "it takes more than one turn";
    desk.take_mail();
    EXPECT_EQ(check->json()["keys_checked"], 20);
    EXPECT_EQ(check->json()["complete"], true);
    EXPECT_EQ(check->json()["conflicts"], json::array());
}

TEST(SchemasOverHttpInTime, AreCheckedNoLongerThanARequestMayTake) {
    Desk desk({.request_timeout = std::chrono::milliseconds(0)});
    for (int i = 0; i < 5; ++i) desk.gateway.put("app/" + std::to_string(i), "1", "text/plain");

    const auto check = desk.put("/v1/schemas/app/?check=true", "{}");

    EXPECT_EQ(check->json()["keys_checked"], 1);
    EXPECT_EQ(check->json()["complete"], false);
}

class SchemasAndRollback : public SchemasOverHttp {
protected:
    // Before: dear values; now: cheap ones.
    void SetUp() override {
        for (int i = 0; i < 20; ++i) put_json("app/" + std::to_string(10 + i), dear_value);
        then = desk.gateway.applied();
        for (int i = 0; i < 20; ++i) put_json("app/" + std::to_string(10 + i), "\"a\"");
    }
    std::string body() const {
        return R"({"prefix":"app/","to_revision":)" + std::to_string(then) + "}";
    }
    std::uint64_t then{};
};

TEST_F(SchemasAndRollback, LetOthersHaveTheirTurn) {
    ASSERT_EQ(desk.put("/v1/schemas/app/", dear)->status(), 200U);
    const auto back = desk.send(Method::post, "/v1/rollback", body());
    const auto other = desk.send(Method::get, "/v1/schemas");

    while (!other->answer && desk.take_one()) {
    }

    EXPECT_FALSE(back->answer) << "it takes more than one turn";
    desk.take_mail();
    EXPECT_EQ(back->json()["restored"], 20);
}

TEST_F(SchemasAndRollback, TakeNoLongerThanARequestMay) {
    ASSERT_EQ(desk.put("/v1/schemas/app/", dear)->status(), 200U);
    desk.options.request_timeout = std::chrono::milliseconds(0);

    EXPECT_EQ(desk.post("/v1/rollback", body())->code(), "timed-out");
    EXPECT_EQ(desk.get("/v1/config/app/10")->answer->content(), "\"a\"");
}

TEST_F(SchemasAndRollback, AreForeseen) {
    EXPECT_EQ(desk.post("/v1/rollback?dry_run", body())->json()["restored"], 20);
    ASSERT_EQ(desk.put("/v1/schemas/app/", R"({"maxLength":50})")->status(), 200U);

    const auto plan = desk.post("/v1/rollback?dry_run", body());

    EXPECT_EQ(plan->code(), "schema-violation");
    EXPECT_EQ(plan->json()["key"], "app/10");
    desk.put("/v1/schemas/app/", dear);
    EXPECT_EQ(desk.post("/v1/rollback?dry_run", body())->json()["restored"], 20);
}

TEST_F(SchemasOverHttp, AreAsManyAsThereMayBe) {
    Desk small({}, {.schemas = 1});
    small.put("/v1/schemas/a", "{}");

    const auto refused = small.put("/v1/schemas/b", "{}");

    EXPECT_EQ(refused->status(), 429U);
    EXPECT_EQ(refused->json()["limit"], "schemas");
}

class SchemaBookOf : public ::testing::Test {
protected:
    static constexpr int count = 40;
    // One for each of the keys k1/a, k2/a, …
    static Gateway::Schemas schemas_of(const std::string& text) {
        std::vector<statemachine::Ptr<statemachine::Schema>> all;
        for (statemachine::Revision i = 1; i <= count; ++i) {
            all.push_back(std::make_shared<const statemachine::Schema>(statemachine::Schema{
                .prefix = "k" + std::to_string(i) + "/", .text = text, .revision = i}));
        }
        return std::make_shared<const std::vector<statemachine::Ptr<statemachine::Schema>>>(all);
    }
    SchemaBook::Verdict judge(const Gateway::Schemas& schemas, const std::string& key,
                              const std::string& value) {
        Effort effort;
        return book.judge(schemas, key, "application/json", value, effort);
    }
    SchemaBook book;
};

TEST_F(SchemaBookOf, ManyForgetsWhatItReadWhenItIsTooMuch) {
    for (const auto& text :
         {R"({"type":"integer","description":")" + std::string(60'000, 'x') + "\"}",
          // Small, and large once it is read.
          R"({"type":"integer","allOf":[)" +
              []() {
                  std::string all;
                  for (int i = 0; i < 15; ++i) all += R"({"pattern":".{4095}"},)";
                  return all;
              }() +
              "true]}"}) {
        book = {};
        const auto schemas = schemas_of(text);
        for (int round = 0; round < 2; ++round) {
            for (int i = 1; i <= count; ++i) {
                const std::string key = "k" + std::to_string(i) + "/a";
                const auto good = judge(schemas, key, "1");
                EXPECT_THAT(good.reasons, IsEmpty());
                EXPECT_EQ(good.revision(), static_cast<statemachine::Revision>(i));
                EXPECT_THAT(judge(schemas, key, "true").reasons, SizeIs(1));
                EXPECT_LE(book.kept_bytes(), SchemaBook::kept_bytes_max);
            }
        }
        EXPECT_GT(book.kept_bytes(), text.size());
    }
    Effort effort;
    const auto schemas = schemas_of("{}");
    EXPECT_EQ(book.judge(schemas, "other", "text/plain", "x", effort).schema, nullptr);
    EXPECT_EQ(book.judge(nullptr, "k1/a", "text/plain", "x", effort).schema, nullptr);
}

// The memory of one that is read is not that of its text.
TEST_F(SchemaBookOf, ManyCountsWhatItKeeps) {
    judge(schemas_of(R"({"pattern":".{4000}"})"), "k1/a", "1");

    EXPECT_GT(book.kept_bytes(), 4'000U * 16U);
}

}  // namespace
}  // namespace gavel::api
