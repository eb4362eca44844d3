#include "api/door.h"

#include <gtest/gtest.h>

namespace gavel::api {
namespace {

Request request(std::vector<Header> headers, Method method = Method::put) {
    return {.method = method, .target = "/v1/config/a", .headers = std::move(headers)};
}

std::optional<ProblemCode> refusal(const Request& asked, bool loopback = true,
                                   std::vector<std::string> hosts = {}) {
    const auto problem = refuse(asked, {loopback, hosts, {}});
    return problem ? std::optional(problem->code) : std::nullopt;
}

TEST(Door, AsksForAHostUnlessHttp10) {
    EXPECT_EQ(refusal(request({})), ProblemCode::malformed_request);
    auto old = request({});
    old.http_1_0 = true;
    EXPECT_EQ(refusal(old), std::nullopt);
    EXPECT_EQ(refusal(request({{"host", "localhost, evil.example"}})),
              ProblemCode::malformed_request);
}

TEST(Door, LetsNoRebindedNameInOnLoopback) {
    for (const auto* host : {"127.0.0.1:7400", "127.0.0.1", "[::1]:7400", "[::1]", "localhost",
                             "LocalHost:80", "10.1.2.3", "lock.test:7400"}) {
        EXPECT_EQ(refusal(request({{"host", host}}), true, {"Lock.test"}), std::nullopt) << host;
    }
    for (const auto* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "",
                             "1.2.3", "1.2.3.4.5", "1.2.3.256", "[evil]", "[::1", "localhost:x",
                             "localhost:7400:1", "127.0.0.1x"}) {
        EXPECT_EQ(refusal(request({{"host", host}}), true, {"lock.test"}),
                  ProblemCode::host_not_allowed)
            << host;
    }
    EXPECT_EQ(refusal(request({{"host", "any.example"}}), false), std::nullopt);
}

TEST(Door, LetsNoWriteOfAnotherOriginIn) {
    const Header host{"host", "127.0.0.1:7400"};
    EXPECT_EQ(refusal(request({host, {"origin", "http://evil.example"}})),
              ProblemCode::origin_not_allowed);
    EXPECT_EQ(refusal(request({host, {"origin", "null"}})), ProblemCode::origin_not_allowed);
    EXPECT_EQ(refusal(request({host, {"origin", "http://127.0.0.1:7400"}})), std::nullopt);
    EXPECT_EQ(refusal(request({host, {"origin", "http://evil.example"}}, Method::get)),
              std::nullopt);
}

TEST(Door, LetsWritesOfListedOriginsIn) {
    const std::vector<std::string> origins{"https://ui.example", "http://localhost:3000"};
    const auto of = [&](const std::string& origin) {
        const auto asked = request({{"host", "127.0.0.1:7400"}, {"origin", origin}});
        const auto problem = refuse(asked, {.loopback = true, .hosts = {}, .origins = origins});
        EXPECT_EQ(listed_origin(asked, origins), problem ? "" : origin);
        return !problem;
    };
    EXPECT_TRUE(of("https://ui.example"));
    EXPECT_TRUE(of("http://localhost:3000"));
    for (const auto* other : {"http://ui.example", "https://ui.example:444", "http://localhost",
                              "https://ui.example.evil.example", "null", ""}) {
        EXPECT_FALSE(of(other)) << other;
    }
}

TEST(Door, KnowsWhatAnOriginIs) {
    for (const auto* origin : {"https://ui.example", "http://localhost:3000", "http://127.0.0.1:80",
                               "http://[::1]:8080", "http://a-b.c"}) {
        EXPECT_TRUE(is_origin(origin)) << origin;
    }
    for (const auto* text :
         {"", "*", "null", "http", "https:", "http:/", "ui.example", "https://",
          "https://ui.example/", "https://UI.example", "ftp://ui.example",
          "https://ui.example:", "https://ui.example:x", "https://ui.example:123456", "http://[::1",
          "http://a b", "http://a\r\nb", "http://me@ui.example"}) {
        EXPECT_FALSE(is_origin(text)) << text;
    }
}

TEST(Door, KnowsOneExpectation) {
    const Header host{"host", "localhost"};
    EXPECT_EQ(refusal(request({host, {"expect", "100-Continue"}})), std::nullopt);
    EXPECT_EQ(refusal(request({host, {"expect", "200-ok"}})), ProblemCode::expectation_failed);
}

TEST(RequestId, IsTakenOverWhenItIsSane) {
    EXPECT_EQ(given_request_id(request({{"x-request-id", "a-b_c.1:2+3/4=5@6"}})),
              "a-b_c.1:2+3/4=5@6");
    for (const auto& id : {std::string(), std::string(129, 'a'), std::string("a b"),
                           std::string("a\"b"), std::string("\x1b[m"), std::string("a,b")}) {
        EXPECT_EQ(given_request_id(request({{"x-request-id", id}})), "") << id;
    }
    EXPECT_EQ(given_request_id(request({})), "");
}

}  // namespace
}  // namespace gavel::api
