#include "api/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/prng.h"
#include "tests/unit/api/contract.h"

namespace gavel::api {
namespace {

using State = RequestParser::State;

// Feeds a message in pieces of `step` bytes, as a connection would.
struct Parsed {
    State state{};
    Request request{};
    std::optional<Problem> problem{};
    std::string left{};
};
Parsed parse(std::string_view text, std::size_t step = 100'000, std::size_t header_max = 1'024,
             std::size_t body_max = 1'000) {
    RequestParser parser(header_max, body_max);
    std::string buffer;
    while (parser.state() == State::needs_more && !text.empty()) {
        buffer += text.substr(0, step);
        text.remove_prefix(std::min(step, text.size()));
        buffer.erase(0, parser.feed(buffer));
    }
    Parsed parsed{parser.state(), {}, {}, buffer + std::string(text)};
    if (parsed.state == State::failed) parsed.problem = parser.problem();
    parsed.request = parser.take();
    return parsed;
}

std::optional<ProblemCode> refusal(std::string_view text) {
    const auto parsed = parse(text);
    return parsed.problem ? std::optional(parsed.problem->code) : std::nullopt;
}

TEST(RequestParser, TakesARequestInPiecesOfAnySize) {
    const std::string text =
        "PUT /v1/config/a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nX-Other: y\r\n"
        "If-Match: \"1\"\r\nIf-match: \"2\"\r\nContent-Length: 5\r\n\r\nhelloGET /next";
    for (std::size_t step = 1; step < text.size(); ++step) {
        const auto parsed = parse(text, step);
        ASSERT_EQ(parsed.state, State::complete) << step;
        EXPECT_EQ(parsed.request.method, Method::put);
        EXPECT_EQ(parsed.request.path(), "/v1/config/a");
        EXPECT_EQ(parsed.request.query(), "x=1");
        EXPECT_EQ(parsed.request.body, "hello");
        EXPECT_EQ(*parsed.request.header("if-match"), "\"1\", \"2\"");
        EXPECT_EQ(parsed.request.header("x-other"), nullptr);
        EXPECT_TRUE(parsed.request.keep_alive);
        EXPECT_EQ(parsed.left, "GET /next");
    }
}

// Else a resource would look in vain for what a client sent.
TEST(RequestParser, KeepsEachFieldThatTheContractNames) {
    std::size_t count = 0;
    for (const auto& route : routes()) {
        const auto& operation = testing::Contract::operation(route);
        for (const auto& given : operation.value("parameters", nlohmann::json::array())) {
            const auto& parameter = testing::Contract::resolve(given);
            if (parameter.at("in") != "header") continue;
            const std::string name = parameter.at("name");
            const auto parsed = parse("GET /a HTTP/1.1\r\nHost: h\r\n" + name + ": x\r\n\r\n");
            const auto* value = parsed.request.header(lower(name));
            ASSERT_NE(value, nullptr) << name;
            EXPECT_EQ(*value, "x") << name;
            ++count;
        }
    }
    EXPECT_GT(count, 10U);
}

TEST(RequestParser, TakesAChunkedBodyAndForgetsItsTrailer) {
    const std::string text =
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
        "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nIf-Match: \"9\"\r\n\r\n";
    for (std::size_t step = 1; step < text.size(); ++step) {
        const auto parsed = parse(text, step);
        ASSERT_EQ(parsed.state, State::complete) << step;
        EXPECT_EQ(parsed.request.body, "abcde");
        EXPECT_EQ(parsed.request.header("if-match"), nullptr);
    }
}

TEST(RequestParser, RefusesAmbiguousLengths) {
    const std::string start = "PUT /a HTTP/1.1\r\nHost: h\r\n";
    for (const auto* fields :
         {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
          "Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: 3, 4\r\n",
          "Content-Length: -3\r\n", "Content-Length: +3\r\n", "Content-Length: 3x\r\n",
          "Content-Length: \r\n", "Content-Length: 99999999999999999999999\r\n",
          "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: chunked, gzip\r\n",
          "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"}) {
        EXPECT_EQ(refusal(start + fields + "\r\nabc"), ProblemCode::malformed_request) << fields;
    }
    EXPECT_EQ(refusal("PUT /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
              ProblemCode::malformed_request);
}

TEST(RequestParser, RefusesWhatIsNoRequest) {
    for (const auto* text : {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
                             "GET\r\n\r\n",
                             "GET /a\r\n\r\n",
                             "GET /a b HTTP/1.1\r\n\r\n",
                             "GET /a HTTP/1.1\r\nBad Name: x\r\n\r\n",
                             "GET /a HTTP/1.1\r\n: x\r\n\r\n",
                             "GET /a HTTP/1.1\r\nHost : x\r\n\r\n",
                             "GET /a HTTP/1.1\r\nno-colon\r\n\r\n",
                             "GET /a HTTP/1.1\r\nA: b\rc\r\n\r\n",
                             "GET /a\x01 HTTP/1.1\r\n\r\n",
                             "GET http://other/a HTTP/1.1\r\n\r\n",
                             "CONNECT h:1 HTTP/1.1\r\n\r\n",
                             "GET * HTTP/1.1\r\n\r\n",
                             "\r\n\r\nGET /a HTTP/1.1\r\n\r\n",
                             "GET /a#b HTTP/1.1\r\n\r\n",
                             "GET /a HTTP/1.1\r\nContent-Type: a/b\r\ncontent-type: a/b\r\n\r\n",
                             "GET /a HTTP/1.1\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n",
                             "GET /a HTTP/1.1\r\nGavel-Author: a\r\nGavel-Author: a\r\n\r\n",
                             "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                             "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"}) {
        EXPECT_EQ(refusal(text), ProblemCode::malformed_request) << text;
    }
}

TEST(RequestParser, RefusesAFieldThatIsFoldedOverLines) {
    for (const auto* fields :
         {"X-Other: a\r\n b\r\n", "X-Other: a\r\n\tb\r\n", "X-Other:\r\n a\r\n",
          "X-Other: a\r\n \r\n", "Host: h\r\n b\r\nX-Other: a\r\n", " X-Other: a\r\n"}) {
        const auto text = "GET /a HTTP/1.1\r\n" + std::string(fields) + "\r\n";
        for (std::size_t step = 1; step <= text.size(); ++step) {
            const auto parsed = parse(text, step);
            ASSERT_EQ(parsed.state, State::failed) << text << step;
            EXPECT_EQ(parsed.problem->code, ProblemCode::malformed_request);
        }
    }
    const std::string text =
        "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n a\r\n b\r\n\r\n c";
    for (std::size_t step = 1; step <= text.size(); ++step) {
        EXPECT_EQ(parse(text, step).request.body, " a\r\n b\r\n\r\n c")
            << "what a body holds is no field";
    }
}

TEST(RequestParser, TakesALaterMinorVersionForTheHighestItKnows) {
    const std::string text =
        "PUT /a HTTP/1.2\r\nHost: h\r\nContent-Length: 8\r\n\r\nHTTP/1.2GET /next";
    for (std::size_t step = 1; step <= text.size(); ++step) {
        const auto parsed = parse(text, step);
        ASSERT_EQ(parsed.state, State::complete) << step;
        EXPECT_EQ(parsed.request.target, "/a");
        EXPECT_EQ(parsed.request.body, "HTTP/1.2");
        EXPECT_TRUE(parsed.request.keep_alive);
        EXPECT_FALSE(parsed.request.http_1_0);
    }
    EXPECT_EQ(parse("GET /HTTP/1.2 HTTP/1.9\r\n\r\n").request.target, "/HTTP/1.2");
    for (const auto* version :
         {"HTTP/1.20", "HTTP/1.10", "HTTP/1.2 ", "HTTP/1.x", "HTTP/1.", "http/1.2"}) {
        EXPECT_EQ(refusal("GET /a " + std::string(version) + "\r\n\r\n"),
                  ProblemCode::malformed_request)
            << version;
    }
}

TEST(RequestParser, ServesHttp1Only) {
    for (const auto* start :
         {"GET /a HTTP/2.0", "GET /a HTTP/3.0", "GET /a HTTP/0.9", "PRI * HTTP/2.0"}) {
        const auto text = std::string(start) + "\r\n\r\n";
        for (std::size_t step = 1; step <= text.size(); ++step) {
            EXPECT_EQ(parse(text, step).problem.value().code, ProblemCode::http_version) << text;
        }
    }
    for (const auto* start :
         {"GET /a HTTQ/1.1", "GET /a HTTP/2", "GET /a HTTP/2.x", "GET /a HTTP/22.0"}) {
        EXPECT_EQ(refusal(std::string(start) + "\r\n\r\n"), ProblemCode::malformed_request)
            << start;
    }
    EXPECT_EQ(parse("GET /a HTTP/1.0\r\n\r\n").state, State::complete);
    EXPECT_FALSE(parse("GET /a HTTP/1.0\r\n\r\n").request.keep_alive);
    EXPECT_TRUE(parse("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").request.keep_alive);
    EXPECT_FALSE(parse("GET /a HTTP/1.1\r\nConnection: close\r\n\r\n").request.keep_alive);
}

TEST(RequestParser, DoesNotCareHowDamagedBytesAreSplit) {
    const std::string requests[] = {
        "PUT /v1/config/a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: h\r\nIf-Match: \"1\"\r\nConnection: close, x\r\n\r\n"};
    constexpr std::string_view alphabet = "\r\n :;,0159afHTP/\"\t\x80";
    Prng prng(11);
    int complete = 0;
    for (int round = 0; round < 5'000; ++round) {
        auto text = requests[prng.below(3)];
        for (auto edits = prng.between(0, 2); edits > 0; --edits) {
            const auto at = prng.below(text.size());
            if (prng.chance(50)) {
                text[at] = alphabet[prng.below(alphabet.size())];
            } else {
                text.erase(at, 1);
            }
        }
        const auto whole = parse(text);
        const auto split = parse(text, prng.between(1, 9));
        // What is refused may be refused earlier, but never taken for a request.
        ASSERT_EQ(whole.state == State::complete, split.state == State::complete) << text;
        if (whole.state != State::complete) continue;
        ++complete;
        EXPECT_EQ(whole.request.target, split.request.target) << text;
        EXPECT_EQ(whole.request.body, split.request.body) << text;
        EXPECT_EQ(whole.left, split.left) << text;
    }
    EXPECT_GT(complete, 1'000);
}

TEST(RequestParser, BoundsHeaderAndBody) {
    const std::string long_field = "GET /a HTTP/1.1\r\nX: " + std::string(2'000, 'x') + "\r\n\r\n";
    EXPECT_EQ(refusal(long_field), ProblemCode::header_too_large);
    EXPECT_EQ(refusal("GET /" + std::string(2'000, 'a')), ProblemCode::header_too_large);
    EXPECT_EQ(refusal("PUT /a HTTP/1.1\r\nContent-Length: 1001\r\n\r\n"),
              ProblemCode::body_too_large);
    EXPECT_EQ(refusal("PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                      std::string(1'001, 'x')),
              ProblemCode::body_too_large);
    EXPECT_EQ(
        parse("PUT /a HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" + std::string(1'000, 'x')).state,
        State::complete);
}

TEST(RequestParser, BoundsWhatStandsBetweenAndBehindChunks) {
    const std::string start = "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const auto* begun : {"1;", "0", "0\r\nX: ", "1\r\nx\r\n0\r\nX: "}) {
        for (const std::size_t step : {10U, 100U, 100'000U}) {
            const auto parsed = parse(start + begun + std::string(5'000, '0'), step);
            ASSERT_EQ(parsed.state, State::failed) << begun;
            EXPECT_EQ(parsed.problem->code, ProblemCode::header_too_large) << begun;
        }
    }
    const std::string chunk = "1;" + std::string(900, 'x') + "\r\nx\r\n";
    EXPECT_EQ(parse(start + chunk + chunk + chunk + "0\r\n\r\n").request.body, "xxx");
}

TEST(RequestParser, SaysWhenTheClientWaitsForAWord) {
    RequestParser parser(1'024, 1'000);
    const std::string header =
        "PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    EXPECT_EQ(parser.feed(header), header.size());
    EXPECT_TRUE(parser.wants_continue());
    parser.feed("x");
    EXPECT_FALSE(parser.wants_continue());
    EXPECT_EQ(parser.state(), State::complete);
}

}  // namespace
}  // namespace gavel::api
