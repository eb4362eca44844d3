#include <gmock/gmock.h>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Desk;

TEST(QuotasOverHttp, ShowTheLimitsOfTheStateWhenNoneIsSet) {
    Desk desk;
    desk.put("/v1/config/app/a", "12345");
    desk.post("/v1/sessions", "{}");

    const auto call = desk.get("/v1/quotas");

    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(call->json()["quotas"], json::parse(R"([{"prefix":"",
        "bytes":{"used":10,"limit":4294967296},
        "keys":{"used":1,"limit":4000000},
        "sessions":{"used":1,"limit":200000}}])"));
}

TEST(QuotasOverHttp, AreSetShownAndRemoved) {
    Desk desk;
    desk.put("/v1/config/app/a", "12345");

    EXPECT_EQ(desk.put("/v1/quotas", R"({"keys":100})")->status(), 200U);
    const auto set = desk.put("/v1/quotas/app/", R"({"bytes":20})");
    EXPECT_EQ(set->status(), 200U);
    EXPECT_EQ(set->json(), json::parse(R"({"prefix":"app/","revision":3})"));

    const json quotas = desk.get("/v1/quotas")->json()["quotas"];
    ASSERT_EQ(quotas.size(), 2U);
    EXPECT_EQ(quotas[0]["keys"], json::parse(R"({"used":1,"limit":100})"));
    EXPECT_EQ(quotas[0]["bytes"]["limit"], 4294967296);
    EXPECT_EQ(quotas[1], json::parse(R"({"prefix":"app/","bytes":{"used":10,"limit":20}})"));

    EXPECT_EQ(desk.remove("/v1/quotas/app/")->status(), 200U);
    EXPECT_EQ(desk.remove("/v1/quotas")->status(), 200U);
    EXPECT_EQ(desk.get("/v1/quotas")->json()["quotas"].size(), 1U);
    for (const auto* gone : {"/v1/quotas/app/", "/v1/quotas"}) {
        const auto again = desk.remove(gone);
        EXPECT_EQ(again->status(), 404U);
        EXPECT_EQ(again->code(), "quota-not-found");
    }
}

TEST(QuotasOverHttp, RefuseWhatIsTooMuchWithTheNumbers) {
    Desk desk;
    desk.put("/v1/quotas/app/", R"({"bytes":20,"keys":2})");
    desk.put("/v1/config/app/a", "12345");

    const auto refused = desk.put("/v1/config/app/b", "123456");

    EXPECT_EQ(refused->status(), 507U);
    EXPECT_EQ(refused->code(), "quota-exceeded");
    EXPECT_EQ(refused->json()["retryable"], false);
    EXPECT_EQ(refused->json()["detail"],
              "the quota of the keys under 'app/' is 20 bytes, 10 are in use, and this asks for 11 "
              "more");
    EXPECT_EQ(refused->json()["quota"],
              json::parse(R"({"prefix":"app/","what":"bytes","limit":20,"used":10,"asked":11})"));
    EXPECT_EQ(desk.remove("/v1/config/app/a")->status(), 200U);
    EXPECT_EQ(desk.put("/v1/config/app/b", "123456")->status(), 201U);
}

TEST(QuotasOverHttp, RefuseASessionTooMany) {
    Desk desk;
    desk.put("/v1/quotas", R"({"sessions":0})");

    const auto refused = desk.post("/v1/sessions", "{}");

    EXPECT_EQ(refused->status(), 507U);
    EXPECT_EQ(refused->json()["quota"]["what"], "sessions");
}

TEST(QuotasOverHttp, AreNoMoreThanTheLimitsAndNotMadeOfAnythingElse) {
    Desk desk;
    for (const auto* body :
         {"", "[]", "{}", R"({"bytes":-1})", R"({"bytes":"5"})", R"({"bytes":4294967297})",
          R"({"keys":4000001})", R"({"keys":1.5})", R"({"sessions":200001})", R"({"key":1})"}) {
        EXPECT_EQ(desk.put("/v1/quotas", body)->status(), 400U) << body;
    }
    EXPECT_EQ(desk.put("/v1/quotas/app/", R"({"sessions":1})")->status(), 400U)
        << "sessions have no prefix";
    EXPECT_EQ(desk.put("/v1/quotas/", R"({"keys":1})")->code(), "bad-name");
    EXPECT_EQ(desk.put("/v1/quotas/%FF", R"({"keys":1})")->code(), "bad-name");
    EXPECT_EQ(desk.put("/v1/quotas/" + std::string(401, 'a'), R"({"keys":1})")->code(), "bad-name");
    EXPECT_EQ(desk.get("/v1/quotas")->json()["quotas"].size(), 1U);
}

TEST(QuotasOverHttp, AreAsManyAsThereMayBe) {
    Desk desk({}, {.quotas = 1});
    desk.put("/v1/quotas/a", R"({"keys":1})");

    const auto refused = desk.put("/v1/quotas/b", R"({"keys":1})");

    EXPECT_EQ(refused->status(), 429U);
    EXPECT_EQ(refused->json()["limit"], "quotas");
}

}  // namespace
}  // namespace gavel::api
