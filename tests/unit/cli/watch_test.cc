#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

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
using testing::HasSubstr;

std::string put_event(int revision, const std::string& key, const std::string& value) {
    const std::string number = std::to_string(revision);
    return "event: put\ndata: {\"revision\":" + number + ",\"key\":\"" + key + "\",\"value\":\"" +
           value + "\"}\nid: " + number + ".c1a2b3c4\n\n";
}

FakeReply stream(const std::string& events) {
    return {.body = events, .content_type = "text/event-stream", .stream = true};
}

class Watch : public testing::Test {
protected:
    Watch() { std::filesystem::remove(file_); }

    std::string said() const {
        std::ifstream in(file_);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    const std::string file_ = testing::TempDir() + "gavel-watch-test-" + std::to_string(::getpid());
};

TEST_F(Watch, PrintsOneLineForEachChange) {
    FakeServer server([](const FakeRequest&) {
        return stream(put_event(5, "app/a", "one") +
                      "event: delete\ndata: {\"revision\":6,\"key\":\"app/a\"}\nid: 6\n\n"
                      "event: lock\ndata: {\"revision\":7,\"lock\":\"deploy\","
                      "\"change\":\"acquired\",\"session\":\"s1\",\"token\":7}\nid: 7\n\n");
    });

    const auto ran = run({"watch", "app/", "--locks", "deploy", "--since", "4", "--count", "3"},
                         {server.endpoint()});

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(ran.out,
              "5  put  app/a  one\n6  delete  app/a\n"
              "7  lock  deploy  acquired by s1, token 7\n");
    EXPECT_EQ(server.requests()[0].target, "/v1/watch?prefix=app/&locks=deploy&since=4");
    EXPECT_EQ(server.requests()[0].headers.at("accept"), "text/event-stream");
}

TEST_F(Watch, PrintsJsonWithTheKindOfChange) {
    FakeServer server([](const FakeRequest&) { return stream(put_event(5, "a", "one")); });

    EXPECT_EQ(run({"watch", "--key", "a", "--count", "1", "-o", "jsonl"}, {server.endpoint()}).out,
              "{\"event\":\"put\",\"key\":\"a\",\"revision\":5,\"value\":\"one\"}\n");
    EXPECT_EQ(run({"watch", "--key", "a", "--count", "1", "-o", "value"}, {server.endpoint()}).out,
              "one\n");
}

TEST_F(Watch, ResumesThroughAnotherEndpointWithoutShowingAnythingTwice) {
    // The first breaks within revision 6; the second brings that revision from its beginning.
    FakeServer second([](const FakeRequest&) {
        return stream("event: put\ndata: {\"revision\":6,\"key\":\"a\",\"value\":\"two\"}\n\n" +
                      put_event(6, "b", "three") + "event: bookmark\nid: 9.c1a2b3c4\ndata: {}\n\n" +
                      put_event(8, "b", "stale") + put_event(10, "b", "four"));
    });
    int streams = 0;
    FakeServer breaks([&](const FakeRequest& request) {
        EXPECT_EQ(request.headers.contains("last-event-id"), ++streams > 1);
        return streams == 1 ? stream(put_event(5, "a", "one") +
                                     "event: put\ndata: {\"revision\":6,\"key\":\"a\",\"value\":"
                                     "\"two\"}\n\nevent: put\ndata: {\"revi")
                            : FakeReply{.hang_up = true};
    });

    const auto ran =
        run({"watch", "", "--count", "4", "-o", "value"}, {breaks.endpoint(), second.endpoint()});

    EXPECT_EQ(ran.out, "one\ntwo\nthree\nfour\n");
    EXPECT_EQ(second.requests()[0].headers.at("last-event-id"), "5.c1a2b3c4");
}

TEST_F(Watch, LeavesAMemberThatEndsTheStream) {
    // It lives, and would go on like that: one event at a time.
    FakeServer lags([](const FakeRequest&) { return stream(put_event(5, "a", "one")); });
    FakeServer other([](const FakeRequest&) {
        return stream(put_event(6, "a", "two") + put_event(7, "a", "three"));
    });

    const auto ran =
        run({"watch", "", "--count", "3", "-o", "value"}, {lags.endpoint(), other.endpoint()});

    EXPECT_EQ(ran.out, "one\ntwo\nthree\n");
    EXPECT_EQ(lags.requests().size(), 1U);
    EXPECT_EQ(other.requests()[0].headers.at("last-event-id"), "5.c1a2b3c4");
}

TEST_F(Watch, DoesNotSendSinceAgainOnceItHasAPosition) {
    int streams = 0;
    FakeServer server(
        [&streams](const FakeRequest&) { return stream(put_event(++streams + 4, "a", "x")); });

    run({"watch", "a", "--since", "4", "--count", "2"}, {server.endpoint()});

    EXPECT_EQ(server.requests()[1].target, "/v1/watch?prefix=a");
    EXPECT_EQ(server.requests()[1].headers.at("last-event-id"), "5.c1a2b3c4");
}

TEST_F(Watch, BeginsWhereItIsToldOrNotAtAll) {
    FakeServer server([](const FakeRequest& request) {
        EXPECT_FALSE(request.headers.contains("last-event-id")) << "that would be a reset";
        return problem(410, "other-cluster");
    });

    const auto ran = run({"watch", "a", "--since", "9000.0badcafe"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr("other-cluster"));
    EXPECT_EQ(server.requests()[0].target, "/v1/watch?prefix=a&since=9000.0badcafe");
    EXPECT_EQ(run({"watch", "a", "--since", "x"}, {server.endpoint()}).code, exit_usage);
}

TEST_F(Watch, SaysWhenItIsAnotherClusterAndGoesOnWithThat) {
    int streams = 0;
    FakeServer server([&streams](const FakeRequest&) {
        return ++streams == 1
                   ? stream(put_event(9000, "a", "x"))
                   : stream(
                         "event: reset\ndata: {\"revision\":3,\"reason\":\"other-cluster\"}\n"
                         "id: 3.0badcafe\n\n"
                         "event: put\ndata: {\"revision\":4,\"key\":\"a\",\"value\":\"y\"}\n"
                         "id: 4.0badcafe\n\n");
    });

    const auto ran = run({"watch", "a", "--count", "2"}, {server.endpoint()});

    EXPECT_EQ(ran.out, "9000  put  a  x\n4  put  a  y\n") << "its revisions are smaller";
    EXPECT_THAT(ran.err, HasSubstr("another cluster"));
    EXPECT_EQ(server.requests()[1].headers.at("last-event-id"), "9000.c1a2b3c4");
}

TEST_F(Watch, ShowsChangesOfTheMembers) {
    FakeServer server([](const FakeRequest&) {
        return stream(
            "event: member\ndata: {\"revision\":7,\"member_id\":4,\"name\":\"n4\","
            "\"change\":\"added\",\"role\":\"learner\",\"epoch\":2,"
            "\"from_slot\":519}\nid: 7.c1a2b3c4\n\n");
    });

    const auto ran = run({"watch", "--members", "--count", "1"}, {server.endpoint()});

    EXPECT_EQ(ran.out, "7  member  n4  added, learner, from slot 519 on\n");
    EXPECT_EQ(server.requests()[0].target, "/v1/watch?members=true");
}

std::string there(int revision, const std::string& key, const std::string& value) {
    return "event: put\ndata: {\"revision\":" + std::to_string(revision) +
           ",\"snapshot\":true,\"key\":\"" + key + "\",\"value\":\"" + value + "\"}\n\n";
}
std::string closed(int revision) {
    const std::string number = std::to_string(revision);
    return "event: bookmark\ndata: {\"revision\":" + number + ",\"snapshot\":true}\nid: " + number +
           ".c1a2b3c4\n\n";
}

TEST_F(Watch, ShowsFirstWhatIsThere) {
    FakeServer server([](const FakeRequest&) {
        return stream(there(9, "a", "x") + there(2, "b", "y") +
                      "event: lock\ndata: {\"revision\":4,\"snapshot\":true,\"lock\":\"l\","
                      "\"change\":\"acquired\",\"session\":\"s1\",\"token\":4}\n\n"
                      "event: delete\ndata: {\"revision\":10,\"snapshot\":true,\"key\":\"a\"}\n\n" +
                      closed(10) + put_event(11, "b", "z"));
    });

    const auto ran =
        run({"watch", "", "--locks", "", "--snapshot", "--count", "5"}, {server.endpoint()});

    EXPECT_EQ(ran.out,
              "9  there  a  x\n2  there  b  y\n4  there  l  acquired by s1, token 4\n"
              "10  delete  a\n11  put  b  z\n");
    EXPECT_EQ(server.requests()[0].target, "/v1/watch?prefix=&locks=&snapshot=true");
    EXPECT_EQ(run({"watch", "", "--snapshot", "--since", "3"}, {server.endpoint()}).code,
              exit_usage);
    EXPECT_THAT(run({"watch", "", "--locks", "", "--snapshot", "--count", "5", "-o", "jsonl"},
                    {server.endpoint()})
                    .out,
                HasSubstr("\n{\"event\":\"bookmark\",\"revision\":10,\"snapshot\":true}\n"));
}

TEST_F(Watch, ShowsNothingTwiceOfASnapshotThatBroke) {
    int streams = 0;
    FakeServer server([&streams](const FakeRequest& request) {
        EXPECT_EQ(request.headers.contains("last-event-id"), ++streams > 2);
        if (streams == 1)
            return stream(there(1, "a", "x") + there(2, "b", "y") + there(3, "c", "z"));
        if (streams == 2) return stream(there(1, "a", "x") + there(5, "c", "new") + closed(6));
        return stream(put_event(7, "a", "end"));
    });

    const auto ran = run({"watch", "", "--snapshot", "--count", "6"}, {server.endpoint()});

    EXPECT_EQ(ran.out,
              "1  there  a  x\n2  there  b  y\n3  there  c  z\n5  there  c  new\n"
              "6  delete  b\n7  put  a  end\n");
    EXPECT_EQ(server.requests()[2].headers.at("last-event-id"), "6.c1a2b3c4");
}

std::string reset(int revision, const std::string& reason) {
    return "event: reset\ndata: {\"revision\":" + std::to_string(revision) + ",\"reason\":\"" +
           reason + "\"}\n\n";
}

TEST_F(Watch, BeginsAnewWhenTheSnapshotBehindAResetBreaks) {
    int streams = 0;
    FakeServer server([&streams](const FakeRequest& request) {
        ++streams;
        EXPECT_EQ(request.headers.contains("last-event-id"), streams == 2)
            << "where it was is no place to go on from any more";
        if (streams == 1) return stream(there(1, "a", "x") + closed(6));
        if (streams == 2) return stream(reset(90, "compacted") + there(80, "b", "y"));
        return stream(there(80, "b", "y") + there(81, "c", "z") + closed(91));
    });

    const auto ran = run({"watch", "", "--snapshot", "--count", "4"}, {server.endpoint()});

    EXPECT_EQ(ran.out, "1  there  a  x\n80  there  b  y\n81  there  c  z\n91  delete  a\n");
    EXPECT_EQ(server.requests().at(2).target, "/v1/watch?prefix=&snapshot=true");
}

TEST_F(Watch, ShowsBehindAResetWhatChangedAndWhatWentMeanwhile) {
    int streams = 0;
    FakeServer server([&streams](const FakeRequest&) {
        if (++streams == 1) {
            return stream(there(1, "same", "x") + there(2, "other", "x") + there(3, "gone", "x") +
                          there(4, "erased", "x") + closed(6) + put_event(7, "new", "x") +
                          "event: delete\ndata: {\"revision\":8,\"key\":\"erased\"}\n"
                          "id: 8.c1a2b3c4\n\n");
        }
        return stream(reset(90, "compacted") + there(1, "same", "x") + there(70, "other", "y") +
                      closed(90));
    });

    const auto ran = run({"watch", "", "--snapshot", "--count", "9"}, {server.endpoint()});

    EXPECT_EQ(ran.out,
              "1  there  same  x\n2  there  other  x\n3  there  gone  x\n4  there  erased  x\n"
              "7  put  new  x\n8  delete  erased\n"
              "70  there  other  y\n90  delete  gone\n90  delete  new\n");
}

TEST_F(Watch, ShowsAllOfAnotherCluster) {
    int streams = 0;
    FakeServer server([&streams](const FakeRequest&) {
        if (++streams == 1) return stream(there(1, "a", "x") + there(2, "b", "x") + closed(6));
        return stream(reset(3, "other-cluster") + there(1, "a", "y") + closed(3));
    });

    const auto ran = run({"watch", "", "--snapshot", "--count", "4"}, {server.endpoint()});

    EXPECT_EQ(ran.out, "1  there  a  x\n2  there  b  x\n1  there  a  y\n3  delete  b\n")
        << "a revision there is not what it was here";
}

TEST_F(Watch, TellsProgramsThatChangesAreMissing) {
    const auto serve = [](const FakeRequest&) {
        return stream("event: reset\ndata: {\"revision\":50,\"reason\":\"compacted\"}\nid: 50\n\n" +
                      put_event(51, "a", "x"));
    };
    FakeServer server(serve);

    EXPECT_EQ(run({"watch", "a", "--count", "1", "-o", "jsonl"}, {server.endpoint()}).out,
              "{\"event\":\"reset\",\"reason\":\"compacted\",\"revision\":50}\n"
              "{\"event\":\"put\",\"key\":\"a\",\"revision\":51,\"value\":\"x\"}\n");
    EXPECT_EQ(run({"watch", "a", "--count", "1", "-o", "value"}, {server.endpoint()}).out, "x\n");

    const auto ran = run({"watch", "a", "--count", "1", "--exec", "sh", "-c",
                          "echo $GAVEL_EVENT=$GAVEL_KEY=$GAVEL_REVISION >>$0", file_},
                         {server.endpoint()});
    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(said(), "reset==50\nput=a=51\n");
    EXPECT_EQ(run({"watch", "a", "--exec", "sh", "-c", "exit 4"}, {server.endpoint()}).code, 4);
}

TEST_F(Watch, KnowsTheHoldersOfASharedLockApart) {
    const auto held = [](int token) {
        const auto number = std::to_string(token);
        return "event: lock\ndata: {\"revision\":" + number +
               ",\"snapshot\":true,\"lock\":\"l\",\"change\":\"acquired\",\"session\":\"s" +
               number + "\",\"token\":" + number + "}\n\n";
    };
    int streams = 0;
    FakeServer server([&](const FakeRequest&) {
        if (++streams == 1) return stream(held(4) + held(5));
        return stream(held(4) + closed(6));
    });

    const auto ran =
        run({"watch", "--locks", "", "--snapshot", "--count", "3"}, {server.endpoint()});

    EXPECT_EQ(ran.out,
              "4  there  l  acquired by s4, token 4\n5  there  l  acquired by s5, token 5\n"
              "6  lock  l  released by s5, token 5\n");
}

TEST_F(Watch, TakesTheEndOfALockDelayForNoHolder) {
    int streams = 0;
    FakeServer server([&](const FakeRequest&) {
        if (++streams == 1) {
            return stream(
                closed(6) +
                "event: lock\ndata: {\"revision\":7,\"lock\":\"l\",\"change\":\"delay_ended\","
                "\"session\":\"s4\",\"token\":4,\"author\":\"ada\",\"comment\":\"why\"}\n"
                "id: 7.c1a2b3c4\n\n");
        }
        return stream(reset(90, "compacted") + closed(90) + put_event(91, "a", "end"));
    });

    const auto ran =
        run({"watch", "", "--locks", "", "--snapshot", "--count", "2"}, {server.endpoint()});

    EXPECT_EQ(ran.out, "7  lock  l  lock-delay ended by ada: why\n91  put  a  end\n");
}

TEST_F(Watch, SaysWhenChangesAreMissing) {
    FakeServer server([](const FakeRequest&) {
        return stream("event: reset\ndata: {\"revision\":50}\nid: 50\n\n" +
                      put_event(51, "a", "x"));
    });

    const auto ran = run({"watch", "a", "--count", "1"}, {server.endpoint()});

    EXPECT_EQ(ran.out, "51  put  a  x\n");
    EXPECT_THAT(ran.err, HasSubstr("changes are missing"));
}

TEST_F(Watch, EndsWhenTheServerRefusesOrNobodyListens) {
    FakeServer server([](const FakeRequest&) { return problem(410, "compacted"); });

    EXPECT_EQ(run({"watch", "a", "--since", "1"}, {server.endpoint()}).code, exit_error);
    EXPECT_EQ(run({"watch", "a"}, {test::closed_endpoint(), test::closed_endpoint()}).code,
              exit_error);
}

TEST_F(Watch, EndsWithASignal) {
    FakeServer server([](const FakeRequest&) {
        ::kill(::getpid(), SIGINT);
        return FakeReply{.silent = true};
    });

    EXPECT_EQ(run({"watch", "a"}, {server.endpoint()}).code, exit_by_signal(SIGINT));
}

TEST_F(Watch, RunsTheCommandForEachChangeNeverTwoAtOnce) {
    FakeServer server([](const FakeRequest&) {
        return stream(put_event(5, "a", "x") + put_event(6, "b", "y") + put_event(7, "c", "z"));
    });

    const auto ran = run({"watch", "", "--count", "3", "--exec", "sh", "-c",
                          "mkdir $0.lock && echo $GAVEL_EVENT $GAVEL_KEY $GAVEL_REVISION "
                          "$GAVEL_SNAPSHOT >> $0 && "
                          "sleep 0.05 && rmdir $0.lock",
                          file_},
                         {server.endpoint()});

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(said(), "put a 5 false\nput b 6 false\nput c 7 false\n");
    EXPECT_EQ(ran.out, "");
}

TEST_F(Watch, EndsWithTheExitCodeOfACommandThatFails) {
    FakeServer server(
        [](const FakeRequest&) { return stream(put_event(5, "a", "x") + put_event(6, "b", "y")); });

    EXPECT_EQ(
        run({"watch", "", "--exec", "sh", "-c", "echo x >> $0; exit 4", file_}, {server.endpoint()})
            .code,
        4);
    EXPECT_EQ(said(), "x\n");
    EXPECT_EQ(run({"watch", "", "--exec", "/nowhere/command"}, {server.endpoint()}).code,
              exit_command_not_found);
}

TEST_F(Watch, GivesItsCommandTheEventOnStandardInput) {
    FakeServer server([](const FakeRequest&) {
        return stream(put_event(5, "a", "one") +
                      "event: lock\ndata: {\"revision\":7,\"lock\":\"deploy\","
                      "\"change\":\"acquired\",\"session\":\"s1\",\"token\":7}\nid: 7\n\n");
    });

    const auto ran =
        run({"watch", "", "--locks", "", "--count", "2", "--exec", "sh", "-c", "cat >> $0", file_},
            {server.endpoint()});

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(said(),
              "{\"event\":\"put\",\"key\":\"a\",\"revision\":5,\"value\":\"one\"}\n"
              "{\"change\":\"acquired\",\"event\":\"lock\",\"lock\":\"deploy\",\"revision\":7,"
              "\"session\":\"s1\",\"token\":7}\n");
}

TEST_F(Watch, LetsItsCommandReadAllOfALargeValueOrNothing) {
    const std::string value(std::size_t{3} << 20, 'v');
    FakeServer server([&](const FakeRequest&) {
        return stream(put_event(5, "a", value) + put_event(6, "b", value));
    });

    const auto ran =
        run({"watch", "", "--count", "2", "--exec", "sh", "-c",
             "case $GAVEL_KEY in a) wc -c;; b) sleep 0.1; echo unread;; esac >> $0", file_},
            {server.endpoint()});

    EXPECT_EQ(ran.code, exit_success) << ran.err;
    const auto line = std::string(R"({"event":"put","key":"a","revision":5,"value":""})").size();
    EXPECT_EQ(said(), std::to_string(value.size() + line + 1) + "\nunread\n");
}

TEST_F(Watch, TellsItsCommandWhatTheEventHasAndNothingOfAnother) {
    FakeServer server([](const FakeRequest&) {
        return stream(
            "event: lock\ndata: {\"revision\":7,\"lock\":\"deploy\","
            "\"change\":\"expired\",\"session\":\"s1\",\"token\":6}\nid: 7\n\n"
            "event: member\ndata: {\"revision\":8,\"member_id\":4,\"name\":\"n4\","
            "\"change\":\"promoted\"}\nid: 8\n\n"
            "event: put\ndata: {\"revision\":9,\"key\":\"a\",\"value\":1,"
            "\"session\":\"s2\"}\nid: 9\n\n"
            "event: delete\ndata: {\"revision\":10,\"key\":\"a\"}\nid: 10\n\n");
    });
    // As it is below `gavel lock`, and below another watch.
    ::setenv("GAVEL_SESSION", "s99", 1);
    ::setenv("GAVEL_LOCK", "other", 1);

    const auto ran =
        run({"watch", "", "--locks", "", "--members", "--count", "4", "--exec", "sh", "-c",
             "echo $GAVEL_EVENT,$GAVEL_CHANGE,$GAVEL_KEY,$GAVEL_LOCK,$GAVEL_TOKEN,"
             "$GAVEL_EVENT_SESSION,$GAVEL_MEMBER,$GAVEL_SESSION >> $0",
             file_},
            {server.endpoint()});
    ::unsetenv("GAVEL_SESSION");
    ::unsetenv("GAVEL_LOCK");

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(said(),
              "lock,expired,deploy,deploy,6,s1,,s99\n"
              "member,promoted,n4,,,,4,s99\n"
              "put,put,a,,,s2,,s99\n"
              "delete,delete,a,,,,,s99\n");
}

TEST_F(Watch, PassesASignalOnToTheCommand) {
    FakeServer server([](const FakeRequest&) { return stream(put_event(5, "a", "x")); });

    const auto ran = run({"watch", "", "--exec", "sh", "-c",
                          "trap 'exit 3' TERM; kill -TERM $PPID; while :; do sleep 0.02; done"},
                         {server.endpoint()});

    EXPECT_EQ(ran.code, 3);
}

}  // namespace
}  // namespace gavel::cli
