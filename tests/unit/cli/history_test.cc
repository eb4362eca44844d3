#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cli/author.h"
#include "cli/exit_code.h"
#include "cli/text_diff.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"

namespace gavel::cli {
namespace {

using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::run;
using testing::HasSubstr;
using testing::Not;

FakeServer answering(const std::string& body) {
    return FakeServer([body](const FakeRequest&) { return FakeReply{.body = body}; });
}

TEST(History, IsATableOfChanges) {
    auto server = answering(R"({"key":"a","changes":[
        {"kind":"delete","revision":9,"version":2,"time":"T2","author":"ann","reason":"tidy"},
        {"kind":"put","revision":7,"version":2,"time":"T1","author":"","reason":"","value":"x"}]})");

    EXPECT_EQ(run({"history", "a b"}, {server.endpoint()}).out,
              "REVISION  CHANGE  VERSION  TIME  AUTHOR  REASON  VALUE\n"
              "9         delete  2        T2    ann     tidy\n"
              "7         put     2        T1                    x\n");
    EXPECT_EQ(server.requests()[0].target, "/v1/history?key=a%20b&limit=500");
    EXPECT_EQ(run({"-o", "value", "history", "a", "--limit", "2"}, {server.endpoint()}).out,
              "9\n7\n");
    EXPECT_EQ(server.requests()[1].target, "/v1/history?key=a&limit=2");
}

TEST(Diff, ShowsTheLinesOfJsonThatDiffer) {
    auto server = answering(R"({"key":"a","from_revision":3,"to_revision":8,"same":false,
        "from":{"value":{"n":1,"x":2}},"to":{"value":{"n":1,"x":3}}})");

    EXPECT_EQ(run({"diff", "a", "--from", "3", "--to", "8"}, {server.endpoint()}).out,
              "--- a at revision 3\n+++ a at revision 8\n@@ -1,4 +1,4 @@\n {\n   \"n\": 1,\n"
              "-  \"x\": 2\n+  \"x\": 3\n }\n");
    EXPECT_EQ(server.requests()[0].target, "/v1/history?key=a&from=3&to=8");
}

TEST(Diff, IsOfTheLastChangeUnlessToldOtherwise) {
    FakeServer server([](const FakeRequest& request) {
        const bool first = request.target.find("limit") != std::string::npos;
        return FakeReply{.body = first ? R"({"changes":[{"kind":"put","revision":9}]})"
                                       : R"({"from_revision":8,"to_revision":9,"same":false,
                                             "from":null,"to":{"value":"one\n"}})"};
    });

    EXPECT_EQ(run({"diff", "a"}, {server.endpoint()}).out,
              "--- (no such key)\n+++ a at revision 9\n@@ -0,0 +1,1 @@\n+one\n");
    EXPECT_EQ(server.requests()[1].target, "/v1/history?key=a&from=8&to=9");
    EXPECT_EQ(run({"diff", "a", "--to", "9"}, {server.endpoint()}).code, exit_usage);
}

TEST(Diff, SaysThatNothingDiffersOrThatBytesDo) {
    auto same = answering(R"({"same":true,"from":{"value":"x"},"to":{"value":"x"}})");
    const auto ran = run({"diff", "a", "--from", "1"}, {same.endpoint()});
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.err, "gavel: no difference\n");
    auto bytes = answering(R"({"same":false,"from":{"value":"AAE=","encoding":"base64"},
                               "to":{"value":"AAI=","encoding":"base64"}})");
    EXPECT_THAT(run({"diff", "a", "--from", "1"}, {bytes.endpoint()}).out,
                HasSubstr("the bytes or the content type differ\n"));
}

TEST(Rollback, SendsAKeyOrAPrefixAndWhoAndWhy) {
    auto server = answering(R"({"revision":40,"to_revision":30,"restored":2,"deleted":1})");

    EXPECT_EQ(run({"rollback", "app/", "--to", "30", "--reason", "bad deploy", "--author", "ann"},
                  {server.endpoint()})
                  .out,
              "rolled back app/ to revision 30, 2 restored, 1 deleted: revision 40\n");
    run({"rollback", "app/a", "--to", "30"}, {server.endpoint()});
    run({"rollback", "app", "--prefix", "--to", "30"}, {server.endpoint()});
    run({"rollback", "app/", "--to", "30", "--lock", "deploy/web", "--token", "17"},
        {server.endpoint()});

    const auto requests = server.requests();
    EXPECT_EQ(requests[0].method, "POST");
    EXPECT_EQ(requests[0].target, "/v1/rollback");
    EXPECT_EQ(requests[0].body, R"({"prefix":"app/","to_revision":30})");
    EXPECT_EQ(requests[0].headers.at("gavel-author"), "ann");
    EXPECT_EQ(requests[0].headers.at("gavel-reason"), "bad deploy");
    EXPECT_TRUE(requests[0].headers.contains("idempotency-key"));
    EXPECT_EQ(requests[1].body, R"({"key":"app/a","to_revision":30})");
    EXPECT_FALSE(requests[1].headers.contains("gavel-reason"));
    EXPECT_EQ(requests[2].body, R"({"prefix":"app","to_revision":30})");
    EXPECT_FALSE(requests[2].headers.contains("gavel-lock"));
    EXPECT_EQ(requests[3].headers.at("gavel-lock"), "deploy/web;token=17");
    EXPECT_EQ(run({"rollback", "app/"}, {server.endpoint()}).code, exit_usage);
    EXPECT_EQ(
        run({"rollback", "a", "--to", "1", "--reason", "x\r\nY: z"}, {server.endpoint()}).code,
        exit_usage);
}

TEST(Rollback, ShowsWhatItWouldDo) {
    auto server = answering(R"({"dry_run":true,"revision":40,"to_revision":30,"restored":1,
        "deleted":1,"changes":[{"key":"app/a","kind":"put"},{"key":"app/b","kind":"delete"}]})");

    EXPECT_EQ(run({"rollback", "app/", "--to", "30", "--dry-run"}, {server.endpoint()}).out,
              "put  app/a\ndelete  app/b\n"
              "would roll back app/ to revision 30, 1 restored, 1 deleted\n");
    EXPECT_EQ(server.requests()[0].target, "/v1/rollback?dry_run=true");
}

TEST(Author, IsWhoRunsTheToolUnlessNamed) {
    EXPECT_THAT(author_of_this_process(), HasSubstr("@"));
    auto server = answering(R"({"revision":1,"version":1})");
    std::ostringstream out, err;
    const Surroundings surroundings{
        .out = out, .err = err, .endpoints = server.endpoint().url(), .author = "ann@desk"};

    run_gavel({"put", "a", "1"}, surroundings);
    run_gavel({"rm", "a", "--reason", "why", "--author", "bob"}, surroundings);

    EXPECT_EQ(server.requests()[0].headers.at("gavel-author"), "ann@desk");
    EXPECT_EQ(server.requests()[1].headers.at("gavel-author"), "bob");
    EXPECT_EQ(server.requests()[1].headers.at("gavel-reason"), "why");
}

TEST(Past, IsAskedForByRevision) {
    auto server = answering("{\"items\":[]}");
    run({"get", "a", "--revision", "7"}, {server.endpoint()});
    run({"ls", "a/", "--revision", "7"}, {server.endpoint()});
    EXPECT_EQ(server.requests()[0].target, "/v1/config/a?revision=7");
    EXPECT_EQ(server.requests()[1].target, "/v1/config?prefix=a/&revision=7&limit=500");
}

TEST(TextDiff, ShowsWhatChangedWithThreeLinesAround) {
    EXPECT_EQ(text_diff("a\nb\n", "a\nb\n"), "");
    EXPECT_EQ(text_diff("", ""), "");
    EXPECT_EQ(text_diff("", "a\n"), "@@ -0,0 +1,1 @@\n+a\n");
    EXPECT_EQ(text_diff("a\n", ""), "@@ -1,1 +0,0 @@\n-a\n");
    EXPECT_EQ(text_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
              "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    EXPECT_EQ(text_diff("a\nb\nc\n", "a\nc\nd\n"), "@@ -1,3 +1,3 @@\n a\n-b\n c\n+d\n");
}

TEST(TextDiff, JoinsWhatIsNearAndPartsWhatIsFar) {
    const std::string from = "a\n1\n2\n3\n4\n5\n6\nb\n1\n2\n3\n4\n5\n6\n7\nc\n";
    const std::string to = "A\n1\n2\n3\n4\n5\n6\nB\n1\n2\n3\n4\n5\n6\n7\nC\n";

    EXPECT_EQ(text_diff(from, to),
              "@@ -1,11 +1,11 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n 1\n 2\n 3\n"
              "@@ -13,4 +13,4 @@\n 5\n 6\n 7\n-c\n+C\n");
}

TEST(TextDiff, TellsALastLineWithoutItsEnd) {
    EXPECT_EQ(text_diff("a", "a\n"), "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

TEST(TextDiff, PutsInWholeWhatIsTooLongToCompare) {
    std::string from, to;
    for (int i = 0; i < 3'000; ++i) {
        from += "a" + std::to_string(i) + "\n";
        to += "b" + std::to_string(i) + "\n";
    }
    EXPECT_THAT(text_diff(from + "same\n", to + "same\n"), HasSubstr("-a2999\n+b0\n"));
}

}  // namespace
}  // namespace gavel::cli
