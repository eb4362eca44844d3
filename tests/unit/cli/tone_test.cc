#include "cli/tone.h"

#include <gmock/gmock.h>

#include <sstream>

#include "cli/render.h"
#include "cli/top.h"
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

TEST(Tone, PaintsNothingWithoutColourAndNothingThatIsPlainOrEmpty) {
    EXPECT_EQ(painted("n1", Tone::bad, false), "n1");
    EXPECT_EQ(painted("n1", Tone::plain, true), "n1");
    EXPECT_EQ(painted("", Tone::bad, true), "");
    EXPECT_EQ(painted("n1", Tone::bad, true), "\x1b[1;31mn1\x1b[0m");
}

TEST(Tone, TakesNoRoomInATable) {
    Table table({"A", "B"});
    table.add({{"long enough", Tone::warning}, "x"});
    table.add({{"ünïcode", Tone::bad}, {"y", Tone::good}});
    std::ostringstream out;

    table.print(out, true);

    EXPECT_EQ(out.str(),
              "\x1b[1mA\x1b[0m            \x1b[1mB\x1b[0m\n"
              "\x1b[33mlong enough\x1b[0m  x\n"
              "\x1b[1;31münïcode\x1b[0m      \x1b[32my\x1b[0m\n");
}

// What a cell has from outside is made printable before it is painted.
TEST(Tone, ComesFromNoCell) {
    Table table({"NAME"});
    table.add({{"\x1b[31mred", Tone::good}});
    std::ostringstream out;

    table.print(out, true);

    EXPECT_THAT(out.str(), HasSubstr("\x1b[32m\\x1b[31mred\x1b[0m"));
}

TEST(Tone, MarksTheLeaderAndWhoIsAway) {
    EXPECT_EQ(tone_of_role("leader"), Tone::good);
    EXPECT_EQ(tone_of_role("voter, leader"), Tone::good);
    EXPECT_EQ(tone_of_role("follower"), Tone::plain);
    EXPECT_EQ(tone_of_role("away"), Tone::bad);
}

TEST(Tone, MarksInListsWhatIsToBeSeen) {
    FakeServer server([](const FakeRequest& request) {
        if (request.target == "/v1/status") {
            return FakeReply{.body = R"({"member_id":1,"name":"leader","role":"leader"})"};
        }
        if (request.target == "/v1/members") {
            return FakeReply{.body = R"({"leader_id":2,"members":[
                {"member_id":1,"name":"n1","role":"voter"},
                {"member_id":2,"name":"n2","role":"voter"}]})"};
        }
        if (request.target == "/v1/locks/free") {
            return FakeReply{.body = R"({"name":"free","held":false,"holders":[],"queue":[],
                "last_release":{"reason":"expired","session":"s1"}})"};
        }
        return FakeReply{.body = R"({"name":"held","held":true,"holders":[{"session":"s1"}],
            "queue":[{"session":"s2","position":1}],
            "last_release":{"reason":"released","session":"s0"}})"};
    });
    const auto shown = [&](std::vector<std::string> line) {
        return run(std::move(line), {server.endpoint()}, true).out;
    };

    EXPECT_THAT(shown({"status"}), HasSubstr("  leader  \x1b[32mleader\x1b[0m\n"));
    EXPECT_THAT(shown({"member", "ls"}), HasSubstr("n2    \x1b[32mvoter, leader\x1b[0m\n"));
    EXPECT_THAT(shown({"member", "ls"}), HasSubstr("n1    voter\n"));
    EXPECT_THAT(shown({"locks", "show", "free"}), HasSubstr("\x1b[32mfree\x1b[0m\n"));
    EXPECT_THAT(shown({"locks", "show", "free"}), HasSubstr("\x1b[1;31mlast expired\x1b[0m  s1"));
    EXPECT_THAT(shown({"locks", "show", "held"}), HasSubstr("\x1b[33mwaiting 1\x1b[0m      s2"));
    EXPECT_THAT(shown({"locks", "show", "held"}), HasSubstr("\nlast released  s0"));
}

TEST(Tone, MarksTheAlarmsOfTop) {
    EXPECT_EQ(tone_of_line("MEMBER  NAME"), Tone::heading);
    EXPECT_EQ(tone_of_line("alarm: n1: storage"), Tone::bad);
    EXPECT_EQ(tone_of_line("away: http://127.0.0.1:1"), Tone::bad);
    EXPECT_EQ(tone_of_line("1       n1"), Tone::plain);
}

}  // namespace
}  // namespace gavel::cli
