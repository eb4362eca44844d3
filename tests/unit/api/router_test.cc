#include "api/router.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/api/desk.h"

namespace gavel::api {

// Made from docs/openapi.yaml.
extern const std::string_view openapi_json;

namespace {

using nlohmann::json;
using testing::Desk;

TEST(Router, KnowsWhatThereIs) {
    Desk desk;
    for (const auto* target : {"/", "/v1", "/v2/config/a", "/v1/configs", "/v1/sessions/",
                               "/v1/sessions/s1/x", "/v1/sessions//keepalive", "//v1/config/a",
                               "/v1/members/1", "/v1/transactions", "/v1/history", "/livez/"}) {
        EXPECT_EQ(desk.get(target)->code(), "not-found") << target;
    }
}

TEST(Router, SaysWhichMethodsAreAllowed) {
    Desk desk;
    const auto call = desk.post("/v1/config/a", "x");
    EXPECT_EQ(call->status(), 405U);
    EXPECT_EQ(call->field("Allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    const auto options = desk.ask(Method::options, "/v1/sessions");
    EXPECT_EQ(options->status(), 204U);
    EXPECT_EQ(options->field("Allow"), "POST, GET, HEAD, OPTIONS");
    EXPECT_EQ(desk.ask(Method::other, "/v1/status")->status(), 405U);
    EXPECT_EQ(desk.ask(Method::options, "/nothing")->status(), 404U);
}

TEST(Router, AnswersHeadLikeGet) {
    Desk desk;
    desk.put("/v1/config/a", "x");
    const auto call = desk.ask(Method::head, "/v1/config/a");
    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(call->field("ETag"), "\"1\"");
}

TEST(Router, RefusesABodyWhereNoneIsTaken) {
    Desk desk;
    EXPECT_EQ(desk.ask(Method::get, "/v1/status", "x")->code(), "malformed-body");
    EXPECT_EQ(desk.ask(Method::remove, "/v1/config/a", "x")->code(), "malformed-body");
}

TEST(OpenApi, HasEachRouteAndNoOther) {
    const auto document = json::parse(openapi_json);
    std::set<std::string> documented, served;
    for (const auto& [path, item] : document.at("paths").items()) {
        for (const auto& [method, operation] : item.items()) {
            if (method != "parameters") documented.insert(method + ' ' + path);
        }
    }
    for (const auto& route : routes()) {
        std::string method(to_string(route.method));
        for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
        served.insert(method + ' ' + route.template_text());
    }
    EXPECT_EQ(documented, served);
}

TEST(OpenApi, HasEachQueryParameterAndNoOther) {
    const auto document = json::parse(openapi_json);
    const auto resolve = [&](json value) {
        if (!value.contains("$ref")) return value;
        return document.at(json::json_pointer(std::string(value["$ref"]).substr(1)));
    };
    for (const auto& route : routes()) {
        std::string method(to_string(route.method));
        for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
        const auto& operation = document.at("paths").at(route.template_text()).at(method);
        std::set<std::string> documented;
        for (const auto& given : operation.value("parameters", json::array())) {
            const auto parameter = resolve(given);
            if (parameter["in"] == "query") documented.insert(parameter["name"]);
        }
        const std::set<std::string> served(route.parameters.begin(), route.parameters.end());
        EXPECT_EQ(documented, served) << method << ' ' << route.template_text();
        EXPECT_EQ(operation.contains("requestBody"), route.takes_body) << route.template_text();
    }
}

TEST(OpenApi, IsServedAsYamlAndAsJson) {
    Desk desk;
    EXPECT_EQ(desk.get("/openapi.json")->json()["openapi"], "3.1.0");
    const auto yaml = desk.get("/openapi.yaml");
    EXPECT_EQ(yaml->field("Content-Type"), "application/yaml");
    EXPECT_TRUE(yaml->answer->body.starts_with("openapi: 3.1.0\n"));
}

}  // namespace
}  // namespace gavel::api
