#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"

namespace gavel::cli {
namespace {

using nlohmann::json;
using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::run;

TEST(QuotaCommand, ListsWhatIsInUse) {
    FakeServer server([](const FakeRequest& request) {
        EXPECT_EQ(request.target, "/v1/quotas");
        return FakeReply{.body = R"({"revision":7,"quotas":[
            {"prefix":"","bytes":{"used":10,"limit":20},"keys":{"used":1,"limit":2},
             "sessions":{"used":0,"limit":3}},
            {"prefix":"app/","keys":{"used":1,"limit":5}}]})"};
    });

    EXPECT_EQ(run({"quota", "ls"}, {server.endpoint()}).out,
              "PREFIX        BYTES     KEYS    SESSIONS\n"
              "(everything)  10 of 20  1 of 2  0 of 3\n"
              "app/                    1 of 5\n");
    EXPECT_EQ(run({"-o", "value", "quota", "ls"}, {server.endpoint()}).out, "\napp/\n");
}

TEST(QuotaCommand, SetsBoundsOfAPrefixOrOfEverything) {
    std::string target;
    json body;
    FakeServer server([&](const FakeRequest& request) {
        EXPECT_EQ(request.method, "PUT");
        target = request.target;
        body = json::parse(request.body);
        return FakeReply{.body = R"({"prefix":"a b/","revision":9})"};
    });

    const auto ran =
        run({"quota", "set", "a b/", "--bytes", "64MiB", "--keys", "10"}, {server.endpoint()});
    EXPECT_EQ(ran.out, "set the quota of a b/: revision 9\n");
    EXPECT_EQ(target, "/v1/quotas/a%20b/");
    EXPECT_EQ(body, json::parse(R"({"bytes":67108864,"keys":10})"));

    EXPECT_EQ(run({"quota", "set", "--sessions", "0", "--bytes", "12"}, {server.endpoint()}).code,
              exit_success);
    EXPECT_EQ(target, "/v1/quotas");
    EXPECT_EQ(body, json::parse(R"({"bytes":12,"sessions":0})"));
}

TEST(QuotaCommand, RemovesOne) {
    std::string asked;
    FakeServer server([&](const FakeRequest& request) {
        asked = request.method + " " + request.target;
        return FakeReply{.body = R"({"prefix":"","revision":9})"};
    });

    EXPECT_EQ(run({"quota", "rm"}, {server.endpoint()}).out,
              "removed the quota of everything: revision 9\n");
    EXPECT_EQ(asked, "DELETE /v1/quotas");
    EXPECT_EQ(run({"quota", "rm", "app/", "-o", "value"}, {server.endpoint()}).out, "9\n");
    EXPECT_EQ(asked, "DELETE /v1/quotas/app/");
}

}  // namespace
}  // namespace gavel::cli
