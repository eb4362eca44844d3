#include "api/response_head.h"

#include <gtest/gtest.h>

namespace gavel::api {
namespace {

std::string head(const Response& response, CommonFields common) {
    common.date = "D";
    common.request_id = "r";
    std::string out;
    append_head(out, response, common);
    return out;
}

TEST(ResponseHead, CarriesTheCommonFields) {
    Response response;
    response.add("ETag", "\"1\"");
    response.body = "hello";
    EXPECT_EQ(head(response, {.applied = 7, .leader = 2, .keep_alive = true}),
              "HTTP/1.1 200 OK\r\nDate: D\r\nETag: \"1\"\r\nContent-Length: 5\r\n"
              "Gavel-Revision: 7\r\nGavel-Leader: 2\r\nX-Request-Id: r\r\n\r\n");
}

TEST(ResponseHead, LetsAPageOfAListedOriginReadIt) {
    const auto text =
        head({}, {.keep_alive = true, .origin = "https://ui.example", .depends_on_origin = true});
    EXPECT_NE(text.find("Vary: Origin\r\nAccess-Control-Allow-Origin: https://ui.example\r\n"
                        "Access-Control-Expose-Headers: *\r\n"),
              std::string::npos);
    const auto others = head({}, {.keep_alive = true, .depends_on_origin = true});
    EXPECT_NE(others.find("Vary: Origin\r\n"), std::string::npos);
    EXPECT_EQ(others.find("Access-Control"), std::string::npos);
}

TEST(ResponseHead, SaysNoneWhenThereIsNoLeader) {
    const auto text = head({}, {.leader = 0, .keep_alive = true});
    EXPECT_NE(text.find("Gavel-Leader: none\r\n"), std::string::npos);
}

TEST(ResponseHead, HasNoLengthWithoutContentOrOfAStream) {
    for (const unsigned status : {204U, 304U}) {
        const auto text = head({.status = status}, {.keep_alive = true});
        EXPECT_EQ(text.find("Content-Length"), std::string::npos) << status;
    }
    EXPECT_EQ(head({}, {.streamed = true}).find("Content-Length"), std::string::npos);
}

TEST(ResponseHead, SaysWhetherTheConnectionStays) {
    EXPECT_NE(head({}, {.keep_alive = false}).find("Connection: close\r\n"), std::string::npos);
    EXPECT_NE(head({}, {.http_1_0 = true, .keep_alive = true}).find("Connection: keep-alive\r\n"),
              std::string::npos);
    EXPECT_EQ(head({}, {.keep_alive = true}).find("Connection"), std::string::npos);
}

}  // namespace
}  // namespace gavel::api
