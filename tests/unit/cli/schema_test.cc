#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"

namespace gavel::cli {
namespace {

using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::run;
using testing::HasSubstr;

std::string a_file(const std::string& text) {
    const std::string name = testing::TempDir() + "schema.json";
    std::ofstream(name) << text;
    return name;
}

TEST(SchemaCommand, SetsOneFromAFile) {
    FakeRequest asked;
    FakeServer server([&](const FakeRequest& request) {
        asked = request;
        return FakeReply{.body = R"({"prefix":"a b/","revision":9})"};
    });

    const auto ran =
        run({"schema", "set", "a b/", a_file(R"({"type":"object"})")}, {server.endpoint()});
    EXPECT_EQ(ran.out, "set the schema of a b/: revision 9\n") << ran.err;
    EXPECT_EQ(asked.method + ' ' + asked.target, "PUT /v1/schemas/a%20b/");
    EXPECT_EQ(asked.body, R"({"type":"object"})");

    run({"schema", "set", "app/", a_file("{}"), "--force"}, {server.endpoint()});
    EXPECT_EQ(asked.target, "/v1/schemas/app/?force=true");
    EXPECT_THAT(run({"schema", "set", "app/", "/nowhere/x"}, {server.endpoint()}).err,
                HasSubstr("cannot read /nowhere/x"));
}

TEST(SchemaCommand, ListsPrintsAndRemoves) {
    std::string asked;
    FakeServer server([&](const FakeRequest& request) {
        asked = request.method + ' ' + request.target;
        if (request.method == "DELETE") {
            return FakeReply{.body = R"({"prefix":"app/","revision":9})"};
        }
        if (request.target != "/v1/schemas") return FakeReply{.body = R"({"type": "object"})"};
        return FakeReply{.body = R"({"revision":7,"schemas":[{"prefix":"app/","revision":3,
            "set_at":"2026-01-31T12:00:05.000Z","bytes":18}]})"};
    });

    EXPECT_EQ(run({"schema", "ls"}, {server.endpoint()}).out,
              "PREFIX  REVISION  BYTES  SET\n"
              "app/    3         18     2026-01-31T12:00:05.000Z\n");
    EXPECT_EQ(run({"schema", "get", "app/"}, {server.endpoint()}).out, R"({"type": "object"})");
    EXPECT_EQ(asked, "GET /v1/schemas/app/");
    EXPECT_EQ(run({"schema", "rm", "app/"}, {server.endpoint()}).out,
              "removed the schema of app/: revision 9\n");
    EXPECT_EQ(asked, "DELETE /v1/schemas/app/");
}

TEST(SchemaCommand, ChecksAFileOrTheOneThatIsSet) {
    std::string body;
    bool fits = false;
    FakeServer server([&](const FakeRequest& request) {
        if (request.method == "GET") return FakeReply{.body = R"({"set":true})"};
        EXPECT_EQ(request.target, "/v1/schemas/app/?check=true");
        body = request.body;
        if (fits) {
            return FakeReply{
                .body = R"({"prefix":"app/","keys_checked":5,"complete":true,"conflicts":[]})"};
        }
        return FakeReply{.body = R"({"prefix":"app/","keys_checked":5,"complete":false,
            "conflicts":[{"key":"app/a","violations":[{"pointer":"/p","reason":"is not x"},
                                                      {"pointer":"","reason":"is bad"}]}]})"};
    });

    const auto bad = run({"schema", "check", "app/", a_file("{}")}, {server.endpoint()});
    EXPECT_EQ(bad.code, exit_error);
    EXPECT_EQ(bad.out,
              "KEY    AT  REASON\n"
              "app/a  /p  is not x\n"
              "app/a      is bad\n");
    EXPECT_THAT(bad.err, HasSubstr("more keys"));
    EXPECT_EQ(body, "{}");

    fits = true;
    const auto good = run({"schema", "check", "app/"}, {server.endpoint()});
    EXPECT_EQ(good.code, exit_success);
    EXPECT_EQ(good.out, "5 keys fit\n");
    EXPECT_EQ(body, R"({"set":true})");
}

}  // namespace
}  // namespace gavel::cli
