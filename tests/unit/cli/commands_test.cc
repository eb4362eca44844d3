#include <gmock/gmock.h>

#include <algorithm>
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
using test::problem;
using test::run;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

FakeServer answering(const std::string& body) {
    return FakeServer([body](const FakeRequest&) { return FakeReply{.body = body}; });
}

TEST(Gavel, SuggestsTheNearestCommandAtBothLevels) {
    EXPECT_EQ(run({"lokc", "a"}).code, exit_usage);
    EXPECT_EQ(run({"lokc", "a"}).err, "gavel: there is no command 'lokc'; did you mean 'lock'?\n");
    EXPECT_THAT(run({"-o", "json", "session", "nwe"}).err, HasSubstr("'session new'"));
    EXPECT_THAT(run({"xyzzy"}).err, HasSubstr("gavel --help"));
}

TEST(Gavel, AnswersBadUsageWithOneLineAndExitCode2) {
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{},
                                               {"get"},
                                               {"get", "a", "b"},
                                               {"put", "a", "b", "--if-revision", "x"},
                                               {"put", "a", "b", "--if-revision", "-1"},
                                               {"put", "a", "b", "--lock", "l"},
                                               {"put", "a", "b", "--token", "1"},
                                               {"put", "a", "b", "--guard"},
                                               {"rm", "-r", "a", "--if-revision", "1"},
                                               {"txn"},
                                               {"txn", "/dev/null", "--guard"},
                                               {"put", "a", "b", "--content-type", "a/b\r\nX: y"},
                                               {"get", "a", "--min-revision", "9007199254740992"},
                                               {"locks", "release", "a", "--token", "-1"},
                                               {"watch", "a", "--since", "-1"},
                                               {"watch", "a", "--count", "0"},
                                               {"--endpoint", "http://a:0", "status"},
                                               {"lock", "a"},
                                               {"lock", "a", "--"},
                                               {"lock", "a", "--ttl", "15", "--", "true"},
                                               {"lock", "a", "--ttl", "1ms", "--", "true"},
                                               {"lock", "a", "--on-lost", "cry", "--", "true"},
                                               {"watch"},
                                               {"watch", "a", "--exec"},
                                               {"locks", "release", "a"},
                                               {"session"},
                                               {"playground", "-n", "8"},
                                               {"schema"},
                                               {"schema", "get"},
                                               {"schema", "set", "a/"},
                                               {"quota"},
                                               {"quota", "set", "app/"},
                                               {"quota", "set", "--bytes", "5MB"},
                                               {"quota", "set", "--bytes", "-1"},
                                               {"quota", "set", "--bytes", "8388608GiB"},
                                               {"quota", "set", "--keys", "many"},
                                               {"member"},
                                               {"member", "add", "n4"},
                                               {"member", "rm"},
                                               {"member", "rm", ""},
                                               {"member", "rm", "n4", "--epoch", "0"},
                                               {"member", "promote", "n4", "n5"},
                                               {"member", "replace"},
                                               {"member", "replace", ""},
                                               {"--endpoint", "https://a", "status"},
                                               {"-o", "xml", "status"}}) {
        const auto ran = run(arguments);

        EXPECT_EQ(ran.code, exit_usage) << testing::PrintToString(arguments);
        EXPECT_THAT(ran.err, StartsWith("gavel: "));
        EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
        EXPECT_EQ(ran.out, "");
    }
}

TEST(Gavel, TakesNothingBehindAnEqualsSignForAnEmptyValue) {
    auto server = answering("{\"revision\":17}");

    EXPECT_EQ(
        run({"put", "a", "1", "--reason=", "--content-type", "a/b"}, {server.endpoint()}).code,
        exit_success);
    EXPECT_EQ(run({"put", "--reason=", "a", "1"}, {server.endpoint()}).code, exit_success);
    EXPECT_EQ(run({"put", "a", "--", "--reason="}, {server.endpoint()}).code, exit_success);

    const auto requests = server.requests();
    EXPECT_EQ(requests.at(0).headers.at("content-type"), "a/b");
    EXPECT_EQ(requests.at(1).target, "/v1/config/a");
    EXPECT_EQ(requests.at(1).body, "1");
    EXPECT_EQ(requests.at(2).body, "--reason=");
    EXPECT_EQ(run({"--endpoint=", "status"}).code, exit_usage);
    EXPECT_EQ(run({"get", "a", "--revision="}).code, exit_usage);
}

TEST(Gavel, PrintsHelpToStandardOutput) {
    EXPECT_EQ(run({"--help"}).code, exit_success);
    EXPECT_THAT(run({"--help"}).out, HasSubstr("playground"));
    EXPECT_THAT(run({"lock", "--help"}).out, HasSubstr("--on-lost"));
}

TEST(Gavel, SplitsOffTheCommandOfAChild) {
    const auto lock = split_arguments({"--endpoint", "a:1", "lock", "x", "--", "sh", "--", "-c"});
    EXPECT_THAT(lock.own, ElementsAre("--endpoint", "a:1", "lock", "x"));
    EXPECT_THAT(lock.command, ElementsAre("sh", "--", "-c"));

    const auto watch = split_arguments({"watch", "a/", "--exec", "make", "--exec"});
    EXPECT_THAT(watch.command, ElementsAre("make", "--exec"));

    EXPECT_THAT(split_arguments({"put", "lock", "--", "-5"}).command, ElementsAre());
}

TEST(Gavel, SaysCodeDetailAndRequestIdOfAServersErrorInOneLine) {
    FakeServer server([](const FakeRequest&) { return problem(404, "key-not-found"); });

    const auto ran = run({"get", "a"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_EQ(ran.err, "gavel: key-not-found: it is so (request r-1)\n");
    EXPECT_EQ(ran.out, "");
}

TEST(Gavel, SaysWhereItFoundNobody) {
    const auto endpoint = test::closed_endpoint();

    const auto ran = run({"status"}, {endpoint});

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr(endpoint.url()));
}

TEST(Get, GivesTheBytesAsTheyAre) {
    FakeServer server([](const FakeRequest&) {
        return FakeReply{.body = "no newline", .content_type = "text/plain"};
    });

    EXPECT_EQ(run({"get", "app/a b"}, {server.endpoint()}).out, "no newline");
    EXPECT_EQ(run({"get", "app/a b"}, {server.endpoint()}, true).out, "no newline\n");
    EXPECT_EQ(run({"get", "app/a b", "-o", "value"}, {server.endpoint()}).out, "no newline");
    EXPECT_EQ(server.requests()[0].target, "/v1/config/app/a%20b");
}

TEST(Get, AsksForTheJsonViewAndPassesReadOptionsOn) {
    auto server = answering("{\"key\":\"a\",\"value\":1}");

    const auto ran =
        run({"-o", "jsonl", "get", "a", "--stale", "--min-revision", "7"}, {server.endpoint()});

    EXPECT_EQ(ran.out, "{\"key\":\"a\",\"value\":1}\n");
    EXPECT_EQ(server.requests()[0].target,
              "/v1/config/a?meta=true&consistency=stale&min_revision=7");
}

TEST(Put, SendsValueTypeConditionAndKey) {
    auto server = answering("{\"key\":\"a\",\"revision\":17,\"version\":3}");

    const auto ran = run({"put", "a", "{\"n\":1}", "--if-revision", "12"}, {server.endpoint()});

    EXPECT_EQ(ran.out, "put a: revision 17, version 3\n");
    const auto request = server.requests()[0];
    EXPECT_EQ(request.method, "PUT");
    EXPECT_EQ(request.body, "{\"n\":1}");
    EXPECT_EQ(request.headers.at("content-type"), "application/json");
    EXPECT_EQ(request.headers.at("if-match"), "\"12\"");
    EXPECT_EQ(request.headers.at("idempotency-key").size(), 32u);
}

TEST(Put, TellsTextFromBytesAndTakesAnEmptyValueAndOneThatLooksLikeAnOption) {
    auto server = answering("{\"revision\":17}");

    run({"put", "a", "grün"}, {server.endpoint()});
    run({"put", "a", "\xff\xfe"}, {server.endpoint()});
    run({"put", "a", std::string("a\0b", 3)}, {server.endpoint()});
    run({"put", "a", "", "--if-absent"}, {server.endpoint()});
    EXPECT_EQ(run({"-o", "value", "put", "a", "--", "-5"}, {server.endpoint()}).out, "17\n");

    const auto requests = server.requests();
    EXPECT_EQ(requests[0].headers.at("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(requests[1].headers.at("content-type"), "application/octet-stream");
    EXPECT_EQ(requests[2].headers.at("content-type"), "application/octet-stream");
    EXPECT_EQ(requests[3].headers.at("if-none-match"), "*");
    EXPECT_EQ(requests[3].body, "");
    EXPECT_EQ(requests[3].headers.at("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(requests[4].body, "-5");
}

TEST(Put, TakesTheBytesOfAFileOrSaysWhyItCannot) {
    auto server = answering("{\"revision\":17}");
    const std::string file = testing::TempDir() + "gavel-put-test";
    std::ofstream(file) << std::string("a\0b\n", 4);

    EXPECT_EQ(run({"put", "a", "--file", file}, {server.endpoint()}).code, exit_success);
    EXPECT_EQ(server.requests()[0].body, std::string("a\0b\n", 4));
    std::remove(file.c_str());
    EXPECT_EQ(run({"put", "a", "--file", file}, {server.endpoint()}).err,
              "gavel: cannot read " + file + ": No such file or directory\n");
    EXPECT_THAT(run({"put", "a", "--file", testing::TempDir()}, {server.endpoint()}).err,
                HasSubstr("Is a directory"));
    EXPECT_THAT(run({"put", "a", "--file", "/dev/zero"}, {server.endpoint()}).err,
                HasSubstr("File too large"));
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(Put, MakesAKeyEphemeral) {
    auto server = answering("{\"revision\":17,\"version\":1}");

    run({"put", "nodes/a b", "x", "--session", "s12"}, {server.endpoint()});

    EXPECT_EQ(server.requests()[0].target, "/v1/config/nodes/a%20b?session=s12");
}

TEST(Guard, IsTheLockThatIsNamed) {
    auto server = answering("{\"revision\":17,\"version\":1}");

    run({"put", "a", "x", "--lock", "deploy/a;b", "--token", "17"}, {server.endpoint()});
    run({"rm", "a", "--lock", "deploy", "--token", "0"}, {server.endpoint()});

    EXPECT_EQ(server.requests()[0].headers.at("gavel-lock"), "deploy/a%3Bb;token=17");
    EXPECT_EQ(server.requests()[1].headers.at("gavel-lock"), "deploy;token=0");
}

// Another session may share the token, and live on when this one has ended.
TEST(Guard, IsTheHoldOfTheSessionThatTheToolRunsIn) {
    auto server = answering("{\"revision\":17,\"version\":1}");
    const auto put = [&](const std::string& session) {
        return run({"put", "a", "x", "--guard"}, {server.endpoint()}, false, false, "deploy", "17",
                   session);
    };

    EXPECT_EQ(put("s12").code, exit_success);
    EXPECT_EQ(server.requests()[0].headers.at("gavel-lock"), "deploy;token=17;session=s12");
    for (const auto* session : {"12", "s", "s1;a=b", "s1\r\nA: b"}) {
        EXPECT_EQ(put(session).code, exit_usage) << session;
    }
}

TEST(Guard, IsTheLockThatTheToolRunsUnder) {
    auto server = answering("{\"revision\":17,\"version\":1}");
    const auto held = [&](std::vector<std::string> arguments, const std::string& token) {
        return run(std::move(arguments), {server.endpoint()}, false, false, "deploy/web", token);
    };

    EXPECT_EQ(held({"put", "a", "x", "--guard"}, "17").code, exit_success);
    EXPECT_EQ(held({"put", "a", "x"}, "17").code, exit_success);
    EXPECT_EQ(held({"rm", "a", "-r", "--guard"}, "17").code, exit_success);
    for (const auto* token : {"", "x", "1;a=b", "-1"}) {
        const auto ran = held({"put", "a", "x", "--guard"}, token);
        EXPECT_EQ(ran.code, exit_usage) << token;
        EXPECT_THAT(ran.err, HasSubstr("GAVEL_LOCK_TOKEN"));
    }

    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 3U);
    EXPECT_EQ(requests[0].headers.at("gavel-lock"), "deploy/web;token=17");
    EXPECT_FALSE(requests[1].headers.contains("gavel-lock"));
    EXPECT_EQ(requests[2].headers.at("gavel-lock"), "deploy/web;token=17");
}

TEST(Rm, RemovesAllBelowAKey) {
    auto server = answering("{\"key\":\"a\",\"revision\":18,\"deleted\":3}");

    EXPECT_EQ(run({"rm", "-r", "a"}, {server.endpoint()}).out,
              "removed 3 keys of a: revision 18\n");
    EXPECT_EQ(server.requests()[0].target, "/v1/config/a?recursive=true");
}

TEST(Rm, TakesATreeInPiecesThatIsTooLargeToGoAtOnce) {
    int refused = 0;
    FakeServer server([&](const FakeRequest& request) {
        if (request.method == "GET") {
            auto items = nlohmann::json::array();
            for (int i = 0; i < 200; ++i) items.push_back({{"key", "a/" + std::to_string(i)}});
            return FakeReply{.body = nlohmann::json{{"items", items}}.dump()};
        }
        if (request.method == "POST") {
            auto results = nlohmann::json::array();
            const auto body = nlohmann::json::parse(request.body);
            for (const auto& each : body["then"]) {
                const auto key = each["delete"]["key"];
                // One went in between.
                results.push_back({{"delete", {{"key", key}, {"deleted", key == "a/7" ? 0 : 1}}}});
            }
            return FakeReply{.body = nlohmann::json{{"results", results}}.dump()};
        }
        if (++refused <= 2) return test::problem(409, "too-much-at-once");
        return FakeReply{.body = R"({"key":"a","revision":30,"deleted":10000})"};
    });

    const auto ran =
        run({"rm", "-r", "a", "--lock", "deploy", "--token", "9"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_success) << ran.err;
    EXPECT_EQ(ran.out, "removed 10398 keys of a: revision 30\n");
    EXPECT_EQ(ran.err, "gavel: these are too many keys for one revision; they go in pieces\n");
    const auto pieces = server.requests("POST /v1/transactions");
    ASSERT_EQ(pieces.size(), 4U);
    for (const auto& piece : pieces) {
        EXPECT_EQ(piece.headers.at("gavel-lock"), "deploy;token=9") << "each of them rests on it";
        EXPECT_LE(nlohmann::json::parse(piece.body)["then"].size(), 128U);
    }
    EXPECT_EQ(server.requests("GET ")[0].target, "/v1/config?prefix=a/&keys_only=true&limit=1000");
}

TEST(Rm, SaysHowMuchIsGoneWhenAPieceIsRefused) {
    int pieces = 0;
    FakeServer server([&](const FakeRequest& request) {
        if (request.method == "DELETE") return test::problem(409, "too-much-at-once");
        if (request.method == "GET" && pieces > 0) return FakeReply{.body = R"({"items":[]})"};
        if (request.method == "GET") return FakeReply{.body = R"({"items":[{"key":"a/b"}]})"};
        ++pieces;
        return FakeReply{.body = R"({"results":[{"delete":{"key":"a/b","deleted":1}}]})"};
    });

    const auto ran = run({"rm", "-r", "a"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr("removed 1 key of a, and then:\ngavel: too-much-at-once"));
}

TEST(Txn, SendsTheFileAndShowsWhatWasDone) {
    auto server = answering(R"({"succeeded":true,"revision":18,"results":[
        {"put":{"key":"a","revision":18,"version":2}},{"delete":{"key":"b","deleted":1}},
        {"get":{"key":"c","exists":true,"value":{"n":1}}},{"get":{"key":"d","exists":false}},
        {"get":{"key":"e","exists":true,"revision":7}}]})");
    const std::string file = testing::TempDir() + "gavel-txn-test";
    std::ofstream(file) << R"({"then":[{"get":{"key":"c"}}]})";

    const auto ran = run({"txn", file, "--lock", "l", "--token", "9"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(ran.out,
              "then at revision 18\n"
              "OPERATION  KEY  RESULT\n"
              "put        a    version 2\n"
              "delete     b    1 deleted\n"
              "get        c    {\"n\":1}\n"
              "get        d    no such key\n"
              "get        e    revision 7, replaced since\n");
    const auto request = server.requests()[0];
    EXPECT_EQ(request.method + " " + request.target, "POST /v1/transactions");
    EXPECT_EQ(request.body, R"({"then":[{"get":{"key":"c"}}]})");
    EXPECT_EQ(request.headers.at("content-type"), "application/json");
    EXPECT_EQ(request.headers.at("gavel-lock"), "l;token=9");
    EXPECT_EQ(request.headers.at("idempotency-key").size(), 32u);
    EXPECT_EQ(run({"-o", "value", "txn", file}, {server.endpoint()}).out, "18\n");
    EXPECT_THAT(run({"-o", "jsonl", "txn", file}, {server.endpoint()}).out,
                StartsWith("{\"results\":[{\"put\":"));
    std::remove(file.c_str());
    EXPECT_THAT(run({"txn", file}, {server.endpoint()}).err, HasSubstr("cannot read " + file));
}

TEST(Txn, TellsByItsExitCodeThatElseWasDone) {
    auto server = answering(R"({"succeeded":false,"revision":18,"failed":1,"results":[]})");

    const auto ran = run({"txn", "/dev/null"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_else);
    EXPECT_EQ(ran.out, "else at revision 18, for if[1] does not hold\n");
    EXPECT_EQ(ran.err, "");
}

TEST(Rm, SaysTheRevisionOfTheDeletion) {
    auto server = answering("{\"key\":\"a\",\"revision\":18}");

    EXPECT_EQ(run({"rm", "a"}, {server.endpoint()}).out, "removed a: revision 18\n");
    EXPECT_EQ(server.requests()[0].method, "DELETE");
}

TEST(Ls, ReadsAllPagesIntoOneTable) {
    FakeServer server([](const FakeRequest& request) {
        const bool second = request.target.find("&cursor=n%2B1") != std::string::npos;
        return FakeReply{.body = second
                                     ? R"({"items":[{"key":"bb","value":"AAE=","encoding":"base64",
                                              "revision":9,"version":2}]})"
                                     : R"({"items":[{"key":"a","value":{"n":1},"revision":17,
                                              "version":1}],"next_cursor":"n+1"})"};
    });

    EXPECT_EQ(run({"ls", "p/"}, {server.endpoint()}).out,
              "KEY  VALUE      REVISION  VERSION  MODIFIED  AUTHOR\n"
              "a    {\"n\":1}    17        1\n"
              "bb   (2 bytes)  9         2\n");
    EXPECT_EQ(run({"-o", "value", "ls"}, {server.endpoint()}).out, "a\nbb\n");
    EXPECT_THAT(server.requests()[0].target, StartsWith("/v1/config?prefix=p/&"));
}

TEST(Output, ThatCannotBeWrittenIsAnError) {
    auto server = answering("{\"revision\":17,\"version\":1}");
    std::ofstream full("/dev/full");
    std::ostringstream err;

    EXPECT_EQ(run_gavel({"put", "a", "b"},
                        {.out = full, .err = err, .endpoints = server.endpoint().url()}),
              exit_error);
    EXPECT_EQ(err.str(), "gavel: cannot write to standard output\n");
}

TEST(Output, IsBoldOnlyOnATerminalWithoutNoColor) {
    auto server = answering("{\"items\":[]}");

    EXPECT_THAT(run({"ls"}, {server.endpoint()}, true).out, StartsWith("\x1b[1mKEY"));
    EXPECT_THAT(run({"ls"}, {server.endpoint()}, true, true).out, StartsWith("KEY"));
    EXPECT_THAT(run({"ls"}, {server.endpoint()}).out, StartsWith("KEY"));
}

TEST(Locks, ShowsHoldersAndQueue) {
    auto server = answering(R"({"name":"deploy","held":true,"holders":[{"session":"s1",
        "session_name":"web-1","mode":"exclusive","token":7,"since":"T1","held_for":"3s",
        "expires_in":"12s"}],"holder_count":1,
        "queue":[{"session":"s2","session_name":"","position":1,"mode":"shared","since":"T2"}],
        "last_release":{"session":"s0","token":5,"at":"T0","reason":"expired"}})");

    EXPECT_EQ(run({"locks", "show", "deploy"}, {server.endpoint()}).out,
              "LOCK deploy   SESSION     MODE       TOKEN  SINCE  HELD FOR  EXPIRES IN\n"
              "held by       s1 (web-1)  exclusive  7      T1     3s        12s\n"
              "waiting 1     s2          shared            T2\n"
              "last expired  s0                     5      T0\n");
    EXPECT_EQ(run({"locks", "show", "deploy", "-o", "value"}, {server.endpoint()}).out, "7\n");
}

TEST(Locks, ShowADelay) {
    auto server = answering(R"({"name":"deploy","held":false,"holders":[],"holder_count":0,
        "queue":[],"delay":{"remaining":"4s","since":"T1","until":"T2"}})");

    EXPECT_EQ(run({"locks", "show", "deploy"}, {server.endpoint()}).out,
              "LOCK deploy  SESSION  MODE  TOKEN  SINCE  HELD FOR  EXPIRES IN\n"
              "free\n"
              "delayed                            T1               4s\n");
}

TEST(Locks, AreListedAndReleasedByToken) {
    auto server = answering(R"({"locks":[{"name":"a","held":true,"holders":[{"session":"s1",
        "mode":"exclusive","token":7}],"holder_count":1,"queue_length":2}],
        "released":true,"revision":30})");

    EXPECT_EQ(run({"locks", "ls"}, {server.endpoint()}).out,
              "LOCK  HOLDER  MODE       TOKEN  WAITING\na     s1      exclusive  7      2\n");
    EXPECT_EQ(run({"locks", "release", "a", "--token", "7"}, {server.endpoint()}).out,
              "released a\n");
    EXPECT_EQ(server.requests("DELETE ")[0].target, "/v1/locks/a?token=7");
}

TEST(Locks, ShowHowManyHoldASemaphoreAndWhoBrokeIt) {
    auto server = answering(R"({"name":"slots","held":true,"limit":5,"holders":[
        {"session":"s1","mode":"shared","token":7},{"session":"s2","mode":"shared","token":7},
        {"session":"s3","mode":"shared","token":8},{"session":"s4","mode":"shared","token":9}],
        "holder_count":4,"queue":[],"queue_length":0,"last_release":{"session":"s0","token":5,
        "at":"T0","reason":"forced","author":"ada","comment":"hangs"}})");
    const auto shown = run({"locks", "show", "slots"}, {server.endpoint()}).out;
    EXPECT_THAT(shown, HasSubstr("\n4 of 5 hold it\nforced by ada: hangs\n"));
    EXPECT_EQ(run({"locks", "show", "slots", "-o", "value"}, {server.endpoint()}).out, "7, 8, 9\n");

    auto list = answering(R"({"locks":[{"name":"slots","held":true,"limit":5,"holders":[
        {"session":"s1","token":7},{"session":"s2","token":7},{"session":"s3","token":8},
        {"session":"s4","token":9}],"holder_count":4,"queue_length":0}]})");
    EXPECT_THAT(run({"locks", "ls"}, {list.endpoint()}).out,
                HasSubstr("slots  s1, s2, s3, 1 more  4 of 5  7, 8, 9  0\n"));
}

TEST(Locks, AreBrokenWithAReason) {
    auto server = answering(R"({"released":true,"revision":30})");

    EXPECT_EQ(run({"locks", "break", "a"}, {server.endpoint()}).code, exit_usage);
    EXPECT_EQ(
        run({"locks", "break", "a", "--reason", "it hangs", "--author", "ada", "--token", "7"},
            {server.endpoint()})
            .out,
        "broke a\n");
    ASSERT_EQ(server.requests("DELETE ").size(), 1U);
    EXPECT_EQ(server.requests("DELETE ")[0].target,
              "/v1/locks/a?token=7&force=true&reason=it%20hangs&author=ada");
}

TEST(Session, IsMadeShownKeptAndEnded) {
    FakeServer server([](const FakeRequest& request) {
        if (request.method == "DELETE") return FakeReply{.status = 204};
        return FakeReply{.body = R"({"id":"s12","name":"job","ttl":"30s","expires_in":"29.5s",
                                     "held":["a","b"],"waiting":[],"metadata":{"k":"v"}})"};
    });

    const auto made = run({"-o", "value", "session", "new", "--name", "job", "--ttl", "30s",
                           "--metadata", "k=v", "--metadata", "e=a=b"},
                          {server.endpoint()});

    EXPECT_EQ(made.out, "s12\n");
    EXPECT_EQ(server.requests()[0].body,
              R"({"metadata":{"e":"a=b","k":"v"},"name":"job","ttl":"30s"})");
    EXPECT_THAT(run({"session", "show", "s12"}, {server.endpoint()}).out,
                testing::ContainsRegex("\nheld +a, b\n"));
    EXPECT_EQ(run({"session", "keep", "s12"}, {server.endpoint()}).out,
              "session s12 expires in 29.5s\n");
    EXPECT_EQ(run({"session", "end", "s12"}, {server.endpoint()}).out, "ended session s12\n");
}

TEST(Status, AsksEveryEndpointAndSurvivesADeadOne) {
    auto one = answering(R"({"member_id":1,"name":"n1","role":"leader"})");
    auto two = answering(R"({"member_id":2,"name":"n2","role":"follower"})");

    const auto ran =
        run({"status", "-o", "value"}, {one.endpoint(), test::closed_endpoint(), two.endpoint()});

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(ran.out, "leader\nfollower\n");
    EXPECT_THAT(ran.err, HasSubstr("unreachable"));
}

TEST(Version, IsKnownWithoutACluster) {
    EXPECT_THAT(run({"version"}).out, StartsWith("gavel "));
    EXPECT_THAT(run({"version", "-o", "jsonl"}).out, StartsWith("{\"version\":"));
}

}  // namespace
}  // namespace gavel::cli
