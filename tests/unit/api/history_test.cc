#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/json_patch.h"
#include "base/prng.h"
#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Desk;

const Desk::Headers as_json{{"content-type", "application/json"}};

Desk::Headers note(const std::string& author, const std::string& reason) {
    return {{"gavel-author", author}, {"gavel-reason", reason}};
}

TEST(PastKey, IsWhatItWasAtARevision) {
    Desk desk;
    desk.put("/v1/config/a", "1");
    desk.put("/v1/config/other", "1");
    desk.put("/v1/config/a", "2", as_json);
    desk.remove("/v1/config/a");

    const auto first = desk.get("/v1/config/a?revision=2");
    EXPECT_EQ(first->answer->content(), "1");
    EXPECT_EQ(first->field("ETag"), "\"1\"");
    EXPECT_EQ(desk.get("/v1/config/a?revision=3&meta=true")->json()["value"], 2);
    EXPECT_EQ(desk.get("/v1/config/a?revision=3", {{"if-none-match", "\"3\""}})->status(), 304U);
    EXPECT_EQ(desk.get("/v1/config/a?revision=4")->code(), "key-not-found");
    EXPECT_EQ(desk.get("/v1/config/a?revision=0")->code(), "key-not-found");
}

TEST(PastKey, IsRefusedWhereItIsNotKnownOrYetToCome) {
    Desk desk({}, {.versions_per_key = 1});
    for (const char* value : {"1", "2", "3"}) desk.put("/v1/config/a", value);

    const auto forgotten = desk.get("/v1/config/a?revision=1");
    EXPECT_EQ(forgotten->status(), 410U);
    EXPECT_EQ(forgotten->code(), "compacted");
    EXPECT_EQ(forgotten->json()["oldest_revision"], 2);
    EXPECT_EQ(forgotten->json()["key"], "a");
    EXPECT_EQ(desk.get("/v1/config/a?revision=2")->answer->content(), "2");
    EXPECT_EQ(desk.get("/v1/config/a?revision=4")->code(), "future-revision");
    EXPECT_EQ(desk.get("/v1/config/a?revision=x")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/config/a?revision=3&wait=1s")->code(), "bad-parameter");
}

TEST(PastList, HoldsTheKeysOfThatRevision) {
    Desk desk;
    desk.put("/v1/config/app/a", "1");
    desk.put("/v1/config/app/b", "1");
    desk.put("/v1/config/app/a", "2");
    desk.remove("/v1/config/app/b");
    desk.put("/v1/config/app/c", "1");

    const auto list = desk.get("/v1/config?prefix=app/&revision=2")->json();
    EXPECT_EQ(list["revision"], 2);
    ASSERT_EQ(list["items"].size(), 2U);
    EXPECT_EQ(list["items"][0]["value"], "1");
    EXPECT_EQ(list["items"][1]["key"], "app/b");
    EXPECT_EQ(desk.get("/v1/config?revision=9")->code(), "future-revision");
}

// All pages are of the revision of the first, whatever happens meanwhile.
TEST(PastList, IsReadAtOneRevisionThroughAllItsPages) {
    Desk desk;
    for (const char* key : {"a", "b", "c", "d"}) desk.gateway.put(key, "1");
    const auto first = desk.get("/v1/config?limit=2");
    EXPECT_EQ(first->json()["revision"], 4);
    desk.put("/v1/config/bb", "new");
    desk.put("/v1/config/c", "2");
    desk.remove("/v1/config/d");

    const std::string cursor = first->json()["next_cursor"];
    EXPECT_EQ(first->field("Link"), "</v1/config?limit=2&cursor=" + cursor + ">; rel=\"next\"");
    const auto second = desk.get("/v1/config?limit=2&cursor=" + cursor);
    EXPECT_EQ(second->json()["revision"], 4);
    EXPECT_EQ(second->json()["items"][0]["key"], "c");
    EXPECT_EQ(second->json()["items"][0]["value"], "1");
    EXPECT_EQ(second->json()["items"][1]["key"], "d");
    EXPECT_FALSE(second->json().contains("next_cursor"));
    EXPECT_EQ(desk.gateway.reads.back().min_revision, 4U) << "of a member that lags, too";
    EXPECT_EQ(desk.get("/v1/config?revision=3&cursor=" + cursor)->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/config?revision=4&cursor=" + cursor)->status(), 200U);
}

TEST(PastList, EndsWhenItsRevisionIsForgotten) {
    Desk desk({}, {.versions_per_key = 1});
    for (const char* key : {"a", "b"}) desk.gateway.put(key, "1");
    const std::string cursor = desk.get("/v1/config?limit=1")->json()["next_cursor"];
    for (int i = 0; i < 2; ++i) desk.put("/v1/config/b", "2");

    const auto second = desk.get("/v1/config?limit=1&cursor=" + cursor);

    EXPECT_EQ(second->code(), "compacted");
    EXPECT_EQ(second->json()["key"], "b");
    EXPECT_EQ(second->json()["oldest_revision"], 3);
    for (const char* foreign : {"MQ", "YSBi", "IGE", "MSAB"}) {
        EXPECT_EQ(desk.get(std::string("/v1/config?cursor=") + foreign)->code(), "bad-parameter")
            << foreign;
    }
}

TEST(Note, SaysWhoChangedAKeyAndWhy) {
    Desk desk;
    desk.put("/v1/config/a", "1", note("ann", "größer"));

    EXPECT_EQ(desk.get("/v1/config/a")->field("Gavel-Author"), "ann");
    EXPECT_EQ(desk.get("/v1/config/a")->field("Gavel-Reason"), "größer");
    const auto item = desk.get("/v1/config")->json()["items"][0];
    EXPECT_EQ(item["author"], "ann");
    EXPECT_EQ(item["reason"], "größer");
    for (const std::string& unfit :
         {std::string(257, 'x'), std::string("\xff"), std::string("\t")}) {
        EXPECT_EQ(desk.put("/v1/config/a", "2", note(unfit, ""))->code(), "bad-header");
        EXPECT_EQ(desk.put("/v1/config/a", "2", note("", unfit))->code(), "bad-header");
        EXPECT_EQ(desk.remove("/v1/config/a", note("", unfit))->code(), "bad-header");
    }
    EXPECT_EQ(desk.get("/v1/config/a")->answer->content(), "1");
}

TEST(KeyHistory, ListsTheChangesNewestFirst) {
    Desk desk;
    desk.put("/v1/config/a", R"({"x":1})", as_json);
    desk.put("/v1/config/a", std::string("\xff"), note("ann", "why"));
    desk.remove("/v1/config/a", note("bob", "tidy"));

    const auto read = desk.get("/v1/history?key=a")->json();

    EXPECT_EQ(read, json::parse(R"({"key":"a","revision":3,"oldest_revision":0,"changes":[
        {"kind":"delete","revision":3,"version":2,"time":"2023-11-14T22:13:20.123Z","author":"bob",
         "reason":"tidy"},
        {"kind":"put","revision":2,"version":2,"time":"2023-11-14T22:13:20.123Z","author":"ann",
         "reason":"why","content_type":"application/octet-stream","value":"/w==",
         "encoding":"base64"},
        {"kind":"put","revision":1,"version":1,"time":"2023-11-14T22:13:20.123Z","author":"",
         "reason":"","content_type":"application/json","value":{"x":1}}]})"));
}

TEST(KeyHistory, ComesInPages) {
    Desk desk({}, {.versions_per_key = 3});
    for (const char* value : {"1", "2", "3", "4", "5"}) desk.put("/v1/config/a", value);

    auto page = desk.get("/v1/history?key=a&limit=2")->json();
    EXPECT_EQ(page["oldest_revision"], 2);
    EXPECT_EQ(page["changes"][1]["value"], "4");
    const std::string cursor = page["next_cursor"];
    desk.put("/v1/config/a", "6");
    page = desk.get("/v1/history?key=a&limit=2&cursor=" + cursor)->json();
    EXPECT_EQ(page["changes"].size(), 1U) << "one is forgotten meanwhile";
    EXPECT_EQ(page["changes"][0]["value"], "3");
    EXPECT_FALSE(page.contains("next_cursor"));
    EXPECT_EQ(desk.get("/v1/history?key=a&cursor=YQ")->code(), "bad-parameter");
}

TEST(KeyHistory, IsOfAKey) {
    Desk desk;
    EXPECT_EQ(desk.get("/v1/history")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/history?key=a//b")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/history?key=a")->code(), "key-not-found");
    desk.put("/v1/config/a", "1");
    EXPECT_EQ(desk.get("/v1/history?key=a&to=1")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/history?key=a&from=1&limit=1")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/history?key=a&from=2")->code(), "future-revision");
    EXPECT_EQ(desk.get("/v1/history?key=a&from=1&to=2")->json()["revision"], 1);
}

TEST(KeyDifference, IsAPatchOfJson) {
    Desk desk;
    desk.put("/v1/config/a", R"({"hosts":["a","b"],"n":1})", as_json);
    desk.put("/v1/config/a", R"({"hosts":["a"],"n":2})", as_json);

    const auto read = desk.get("/v1/history?key=a&from=1&to=2")->json();

    EXPECT_EQ(read["same"], false);
    EXPECT_EQ(read["from"]["value"].patch(read["json_patch"]), read["to"]["value"]);
    EXPECT_EQ(desk.get("/v1/history?key=a&from=2&to=1")->json()["to"]["revision"], 1);
    EXPECT_EQ(desk.get("/v1/history?key=a&from=2")->json()["same"], true);
    EXPECT_EQ(desk.get("/v1/history?key=a&from=2")->json()["json_patch"], json::array());
}

TEST(KeyDifference, StatesBothSidesOfWhatIsNotJson) {
    Desk desk({}, {.versions_per_key = 2});
    desk.put("/v1/config/a", "old", {{"content-type", "text/plain"}});
    desk.put("/v1/config/a", "1", as_json);
    desk.remove("/v1/config/a");

    EXPECT_EQ(desk.get("/v1/history?key=a&from=1")->code(), "compacted");
    const auto read = desk.get("/v1/history?key=a&from=2")->json();
    EXPECT_EQ(read["from"]["value"], 1);
    EXPECT_EQ(read["to"], json());
    EXPECT_FALSE(read.contains("json_patch"));
}

TEST(JsonPatch, IsOfJsonThatIsNotTooLarge) {
    EXPECT_EQ(json_patch("[1,2]", "[1]"), R"([{"op":"remove","path":"/1"}])");
    EXPECT_EQ(json_patch("[1", "[1]"), std::nullopt);
    EXPECT_EQ(json_patch("1", std::string(json_patch_bytes_max - 1, '1')), std::nullopt)
        << "a number beyond all bounds";
    std::string large(json_patch_bytes_max - 1, 'x');
    large.front() = large.back() = '"';
    EXPECT_TRUE(json_patch("1", large));
    EXPECT_EQ(json_patch("12", large), std::nullopt);
    std::string deep(512, '[');
    deep += std::string(512, ']');
    EXPECT_EQ(json_patch(deep, deep), "[]");
}

// Each operation states its whole path.
TEST(JsonPatch, IsLeftOutWhereItIsTooLarge) {
    const auto zeros = [](const std::string& name, char digit, std::size_t count) {
        std::string text = "{\"" + name + "\":[";
        for (std::size_t i = 0; i < count; ++i) (text += digit) += ',';
        text.back() = ']';
        return text + '}';
    };
    const std::string name(63'000, 'k');

    EXPECT_EQ(json_patch(zeros(name, '0', 33'000), zeros(name, '1', 33'000)), std::nullopt);
    EXPECT_EQ(json_patch("[]", zeros(name, '0', 33'000))->size(), 129'043U);
    const auto ten = json_patch(zeros(name, '0', 10), zeros(name, '1', 10));
    ASSERT_TRUE(ten);
    EXPECT_LE(ten->size(), json_patch_size_max);
    EXPECT_EQ(json_patch(zeros(name, '0', 20), zeros(name, '1', 20)), std::nullopt);
}

TEST(JsonPatch, IsLeftOutWhereANumberDoesNotSurvive) {
    EXPECT_EQ(json_patch("18446744073709551617", "18446744073709551618"), std::nullopt);
    EXPECT_EQ(json_patch(R"({"a":1,"b":0.1234567890123456789})", R"({"a":2})"), std::nullopt);
    EXPECT_EQ(json_patch("1", R"([1e-400])"), std::nullopt);
    EXPECT_EQ(json_patch("1", R"([1e400])"), std::nullopt);
    EXPECT_EQ(json_patch("1", R"({"a":1,"a":2})"), std::nullopt);
    EXPECT_EQ(json_patch("[1,0.1,1e17,0,-2.50]", "[1.0,1.00e-1,100000000000000000,-0.0,-25e-1]"),
              "[]");
    EXPECT_TRUE(json_patch("0e99999999999999999999", "[0.30000000000000004,5e-324,1E+300]"));
    EXPECT_EQ(json_patch("9007199254740993", "9007199254740992.0"),
              R"([{"op":"replace","path":"","value":9.007199254740992e+15}])");
}

// Small ones, which often have something in common.
json any_json(Prng& prng, unsigned levels) {
    static const std::vector<std::string> names{"a", "b/c", "~", "~1", "", "\n\"", "0", "-"};
    switch (prng.below(levels == 0 ? 6 : 10)) {
        case 0:
            return nullptr;
        case 1:
            return prng.chance(50);
        case 2:
            return names[prng.below(names.size())];
        case 3:
            return static_cast<int>(prng.below(3)) / 2.0;
        case 4:
        case 5:
            return prng.below(3);
        case 6:
        case 7: {
            auto list = json::array();
            for (auto count = prng.below(5); count > 0; --count) {
                list.push_back(any_json(prng, levels - 1));
            }
            return list;
        }
        default: {
            auto object = json::object();
            for (auto count = prng.below(5); count > 0; --count) {
                object[names[prng.below(names.size())]] = any_json(prng, levels - 1);
            }
            return object;
        }
    }
}

TEST(JsonPatch, MakesTheOneOfTheOther) {
    Prng prng(7);
    for (int i = 0; i < 5'000; ++i) {
        const json from = any_json(prng, 4);
        json to = prng.chance(20) ? from : any_json(prng, 4);
        if (to.is_array() && prng.chance(50)) to.push_back(from);

        const auto patch = json_patch(from.dump(), to.dump());

        ASSERT_TRUE(patch);
        EXPECT_EQ(from.patch(json::parse(*patch)), to) << from << ' ' << to << ' ' << *patch;
        if (from == to) {
            EXPECT_EQ(*patch, "[]");
        }
    }
}

TEST(RollBackResource, BringsAKeyBack) {
    Desk desk;
    desk.put("/v1/config/a", "1");
    desk.put("/v1/config/a", "2");

    const auto answer = desk.post(
        "/v1/rollback", R"({"key":"a","to_revision":1,"reason":"broken"})", note("ann", ""));

    EXPECT_EQ(answer->json(),
              json::parse(R"({"revision":3,"to_revision":1,"restored":1,"deleted":0})"));
    EXPECT_EQ(desk.get("/v1/config/a")->answer->content(), "1");
    EXPECT_EQ(desk.get("/v1/config/a")->field("Gavel-Author"), "ann");
    EXPECT_EQ(desk.get("/v1/config/a")->field("Gavel-Reason"), "broken");
}

TEST(RollBackResource, SaysWhatItWouldDo) {
    Desk desk;
    desk.put("/v1/config/app/a", "1");
    desk.put("/v1/config/app/a", "2");
    desk.put("/v1/config/app/b", "1");

    const auto plan = desk.post("/v1/rollback?dry_run", R"({"prefix":"app/","to_revision":1})");

    EXPECT_EQ(plan->json(), json::parse(R"({"dry_run":true,"revision":3,"to_revision":1,
        "restored":1,"deleted":1,"changes":[{"key":"app/a","kind":"put"},
                                            {"key":"app/b","kind":"delete"}]})"));
    EXPECT_EQ(desk.get("/v1/config/app/a")->answer->content(), "2");
    EXPECT_EQ(desk.gateway.submissions.size(), 3U);
}

TEST(RollBackResource, RefusesWhatIsNotFit) {
    Desk desk({}, {.versions_per_key = 1, .rolled_back_keys = 1});
    for (const char* value : {"1", "2", "3"}) desk.put("/v1/config/a", value);
    desk.put("/v1/config/b", "1");
    for (const auto* body :
         {"", "{}", R"({"key":"a"})", R"({"to_revision":1})",
          R"({"key":"a","prefix":"a","to_revision":1})", R"({"key":"a","to_revision":"1"})",
          R"({"key":"a","to_revision":-1})", R"({"key":"a//b","to_revision":1})",
          R"({"key":1,"to_revision":1})", R"({"key":"a","to_revision":1,"reason":"\u0001"})",
          R"({"key":"a","to_revision":1,"author":"x"})"}) {
        EXPECT_EQ(desk.post("/v1/rollback", body)->code(), "malformed-body") << body;
    }
    EXPECT_EQ(
        desk.post("/v1/rollback", R"({"key":"a","to_revision":1,"reason":"x"})", note("", "y"))
            ->code(),
        "malformed-body");
    EXPECT_EQ(desk.post("/v1/rollback", R"({"key":"a","to_revision":99})")->code(),
              "future-revision");
    EXPECT_EQ(desk.post("/v1/rollback?dry_run", R"({"key":"a","to_revision":0})",
                        {{"idempotency-key", ""}})
                  ->code(),
              "bad-header");
    const auto forgotten = desk.post("/v1/rollback", R"({"key":"a","to_revision":1})");
    EXPECT_EQ(forgotten->code(), "compacted");
    EXPECT_EQ(forgotten->json()["oldest_revision"], 2);
    for (const auto* target : {"/v1/rollback", "/v1/rollback?dry_run"}) {
        EXPECT_EQ(desk.post(target, R"({"prefix":"","to_revision":2})")->code(),
                  "rollback-too-large");
    }
    EXPECT_EQ(desk.get("/v1/config/a")->field("ETag"), "\"3\"");
}

}  // namespace
}  // namespace gavel::api
