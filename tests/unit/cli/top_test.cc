#include "cli/top.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/exit_code.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"
#include "tests/unit/cli/surveyed.h"

namespace gavel::cli {
namespace {

using std::chrono::milliseconds;
using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::healthy;
using test::lose;
using test::run;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Top, CountsWhatWasDoneInASecond) {
    const auto before = healthy();
    auto now = healthy();
    now.asked[0].status.commits = 500;
    now.asked[0].status.proposals = 1'000;
    now.asked[0].status.reads = 3;
    now.asked[1].status.applied = 40;

    const auto view = view_of(before, now, milliseconds{500});

    ASSERT_EQ(view.rows.size(), 3U);
    EXPECT_EQ(view.rows[0].rates->commits, 1'000);
    EXPECT_EQ(view.rows[0].rates->proposals, 2'000);
    EXPECT_EQ(view.rows[0].rates->reads, 6);
    EXPECT_EQ(view.rows[1].lag, 60U);
    EXPECT_EQ(view.leader, "n1");
    EXPECT_EQ(view.tolerated, 1);
}

TEST(Top, HasNoRateOfAMemberThatBeganAnewOrIsAway) {
    auto before = healthy();
    before.asked[0].status.commits = 10;
    lose(before, 2);
    auto now = healthy();
    lose(now, 3);

    const auto view = view_of(before, now, milliseconds{1'000});

    EXPECT_FALSE(view.rows[0].rates) << "its counter went back";
    EXPECT_FALSE(view.rows[1].rates) << "it was not there";
    EXPECT_EQ(view.rows[2].role, "away");
    EXPECT_EQ(view.errors.size(), 1U);
}

TEST(Top, TellsOfMembersOfAnotherCluster) {
    auto now = healthy();
    now.asked[2].status.cluster = "c2";
    now.asked[2].status.applied = 900;

    const auto view = view_of(healthy(), now, milliseconds{1'000});

    EXPECT_EQ(view.rows[2].role, "away");
    EXPECT_EQ(view.rows[0].lag, 0U) << "its slots are not ours";
    EXPECT_THAT(view.errors, ElementsAre("http://10.0.0.3:7400 belongs to cluster c2"));
}

TEST(Top, DrawsWhatFits) {
    auto now = healthy();
    lose(now, 3);
    now.asked[0].status.alarms = {"the disk\nis slow"};
    const auto view = view_of(healthy(), now, milliseconds{1'000});

    const auto all = draw(view, 0, 0);
    EXPECT_EQ(all[0], "cluster c1  n1 leads  epoch 1  3 voters, 0 may be lost");
    EXPECT_EQ(all[1], "0 sessions  42 keys (0 B)  0 watches  0 waiting for locks");
    EXPECT_THAT(all[3], StartsWith("MEMBER  NAME  ROLE      APPLIED  LAG  COMMITS/S"));
    EXPECT_EQ(all[6], "3       n3    away");
    EXPECT_EQ(all[8], "alarm: n1: the disk\\nis slow");
    EXPECT_THAT(all[9], StartsWith("away: unreachable: http://10.0.0.3:7400"));

    const auto some = draw(view, 20, 5);
    EXPECT_EQ(some.size(), 5U);
    for (const auto& line : some) EXPECT_LE(width(line), 20U);
    EXPECT_THAT(some[0], EndsWith("…"));
}

// A member that has done `count` more each time it is asked.
FakeServer counting() {
    auto count = std::make_shared<std::atomic<int>>(0);
    return FakeServer([count](const FakeRequest& request) {
        if (request.target != "/v1/status") {
            return FakeReply{.body = R"({"members":[{"member_id":1,"name":"n1","role":"voter"}]})"};
        }
        const auto commits = std::to_string(10 * ++*count);
        return FakeReply{.body = R"({"member_id":1,"name":"n1","role":"leader","leader_id":1,
            "applied":5,"cluster_id":"c1","commits":)" +
                                 commits + "}"};
    });
}

TEST(Top, PrintsOnceWithoutATerminal) {
    auto server = counting();

    const auto ran = run({"top", "--interval", "100ms"}, {server.endpoint()});
    EXPECT_EQ(ran.code, exit_success);
    EXPECT_THAT(ran.out, HasSubstr("cluster c1  n1 leads"));
    EXPECT_EQ(ran.out.find('\x1b'), std::string::npos);
    EXPECT_EQ(server.requests("GET /v1/status").size(), 2U);

    const auto once =
        run({"top", "--once", "--interval", "100ms", "-o", "json"}, {server.endpoint()}, true);
    const auto document = nlohmann::json::parse(once.out);
    EXPECT_GT(document["members"][0]["commits_per_second"].get<double>(), 1.0);
    EXPECT_LE(document["members"][0]["commits_per_second"].get<double>(), 100.0);
}

TEST(Top, RedrawsInPlaceAndLeavesTheTerminalAsItWas) {
    auto server = counting();
    // No thread of ours but the tool's is to be hit by it.
    const SignalQueue blocked{SIGINT};
    std::thread impatient([&] {
        // Once it has looked three times.
        while (server.requests("GET /v1/status").size() < 4) std::this_thread::yield();
        ::kill(::getpid(), SIGINT);
    });

    const auto ran = run({"top", "--interval", "100ms"}, {server.endpoint()}, true);
    impatient.join();

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_THAT(ran.out, StartsWith("\x1b[?1049h\x1b[?25l\x1b[H"));
    EXPECT_THAT(ran.out, EndsWith("\x1b[J\x1b[?25h\x1b[?1049l"));
    EXPECT_THAT(ran.out, HasSubstr("\x1b[K"));
}

// A member that answers the first two times, and then sends a signal instead.
FakeServer stuck(int signal, std::atomic<std::chrono::steady_clock::time_point>& stuck_since) {
    auto count = std::make_shared<std::atomic<int>>(0);
    return FakeServer([=, &stuck_since](const FakeRequest& request) {
        if (request.target != "/v1/status") {
            return FakeReply{.body = R"({"members":[{"member_id":1,"name":"n1","role":"voter"}]})"};
        }
        if (++*count <= 2) {
            return FakeReply{.body = R"({"member_id":1,"name":"n1","role":"leader","leader_id":1,
                "applied":5,"cluster_id":"c1"})"};
        }
        stuck_since = std::chrono::steady_clock::now();
        ::kill(::getpid(), signal);
        return FakeReply{.silent = true};
    });
}

TEST(Top, EndsAtOnceThoughAMemberDoesNotAnswer) {
    for (const int signal : {SIGINT, SIGTERM}) {
        std::atomic<std::chrono::steady_clock::time_point> since{};
        auto server = stuck(signal, since);

        const auto ran = run({"top", "--interval", "100ms"}, {server.endpoint()}, true);

        EXPECT_LT(std::chrono::steady_clock::now() - since.load(), milliseconds{1'000});
        EXPECT_EQ(ran.code, signal == SIGINT ? exit_success : exit_by_signal(signal));
        EXPECT_THAT(ran.out, EndsWith("\x1b[J\x1b[?25h\x1b[?1049l")) << "the terminal is as it was";
    }
}

TEST(Top, SaysThatNobodyAnswers) {
    const auto ran = run({"top"}, {test::closed_endpoint()}, true);
    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr("unreachable"));
    EXPECT_EQ(ran.out, "");
}

}  // namespace
}  // namespace gavel::cli
