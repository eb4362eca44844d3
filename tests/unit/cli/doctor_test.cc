#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "cli/rfc3339.h"
#include "cli/survey.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"

namespace gavel::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::run;
using testing::HasSubstr;
using testing::StartsWith;

// A member `id` of three, of which 1 leads, that knows the others at these addresses.
FakeServer member(int id, std::vector<std::string> addresses, const std::string& time = "") {
    return FakeServer([=](const FakeRequest& request) {
        if (request.target == "/v1/status") {
            json status{{"member_id", id},
                        {"name", "n" + std::to_string(id)},
                        {"role", id == 1 ? "leader" : "follower"},
                        {"leader_id", 1},
                        {"ballot", 65537},
                        {"applied", 100},
                        {"epoch", 1},
                        {"cluster_id", "c1"},
                        {"version", "0.1.0"},
                        {"alarms", json::array()}};
            if (!time.empty()) status["time"] = time;
            return FakeReply{.body = status.dump()};
        }
        json members = json::array();
        for (std::size_t i = 0; i < addresses.size(); ++i) {
            members.push_back({{"member_id", i + 1},
                               {"name", "n" + std::to_string(i + 1)},
                               {"role", "voter"},
                               {"client_address", addresses[i]},
                               {"lag", 0},
                               {"last_contact", i == 2 ? json("70s") : json("40ms")}});
        }
        return FakeReply{.body = json{{"members", members}, {"pending", json::array()}}.dump()};
    });
}

TEST(Doctor, AsksTheMembersThatTheEndpointsName) {
    auto two = member(2, {});
    const auto gone = test::closed_endpoint();
    auto one = member(1, {"", two.endpoint().url(), gone.url()});

    const auto ran = run({"doctor", "-o", "json"}, {one.endpoint()});

    EXPECT_EQ(ran.code, 1);
    const auto document = json::parse(ran.out);
    EXPECT_EQ(document["healthy"], false);
    EXPECT_EQ(document["voters"], 3);
    EXPECT_EQ(document["alive"], 2);
    EXPECT_EQ(document["tolerated"], 0);
    ASSERT_EQ(document["asked"].size(), 3U);
    EXPECT_EQ(document["asked"][1]["member_id"], 2);
    EXPECT_EQ(document["asked"][1]["given"], false);
    EXPECT_THAT(document["asked"][2]["error"].get<std::string>(), HasSubstr(gone.url()));
    EXPECT_EQ(document["findings"][0]["code"], "no-fault-tolerated");
    EXPECT_EQ(document["findings"][1]["code"], "member-unreachable");
    EXPECT_EQ(document["findings"][1]["who"], "n3");
}

TEST(Doctor, ShowsTheWorstInRedAndThatAllIsWellInGreen) {
    const auto gone = test::closed_endpoint();
    auto two = member(2, {});
    auto one = member(1, {"", two.endpoint().url(), gone.url()});

    const auto ran = run({"doctor", "--color", "always"}, {one.endpoint()});

    EXPECT_THAT(ran.out, StartsWith("\x1b[1;31mproblem\x1b[0m: "));
    EXPECT_THAT(ran.out, HasSubstr("\n\x1b[1;31mnot healthy\x1b[0m: 3 members"));
}

TEST(Doctor, SaysWhatIsWrongAndWhatToDoAboutIt) {
    const auto gone = test::closed_endpoint();
    auto two = member(2, {});
    auto one = member(1, {"", two.endpoint().url(), gone.url()});
    const std::vector<Endpoint> all{one.endpoint(), two.endpoint(), gone};

    const auto ran = run({"doctor"}, all);

    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.out, HasSubstr("problem: n3: unreachable: " + gone.url()));
    EXPECT_THAT(ran.out, HasSubstr("\n    Start it, or mend the network to it."));
    EXPECT_THAT(ran.out,
                HasSubstr("\nnot healthy: 3 members, n1 leads, 0 of 3 voters may be lost"));
    EXPECT_EQ(run({"doctor", "-o", "value"}, all).out, "no-fault-tolerated\nmember-unreachable\n");
}

TEST(Doctor, IsContentWithAHealthyCluster) {
    auto three = member(3, {});
    auto two = member(2, {});
    auto one = member(1, {"", two.endpoint().url(), three.endpoint().url()});
    const std::vector<Endpoint> all{one.endpoint(), two.endpoint(), three.endpoint()};

    const auto ran = run({"doctor"}, all);

    EXPECT_EQ(ran.code, exit_success) << ran.out;
    EXPECT_EQ(ran.out, "healthy: 3 members, n1 leads, 1 of 3 voters may be lost\n");
    EXPECT_EQ(run({"doctor", "-o", "value"}, all).out, "healthy\n");
    EXPECT_THAT(run({"doctor", "-o", "jsonl"}, all).out, StartsWith("{\"alive\":3,"));
}

TEST(Doctor, SaysThatNobodyAnswers) {
    FakeServer other([](const FakeRequest&) { return FakeReply{.body = "{}"}; });

    const auto ran = run({"doctor"}, {test::closed_endpoint(), other.endpoint()});

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr("unreachable"));
    EXPECT_THAT(ran.err, HasSubstr("no member of a Gavel cluster"));
    EXPECT_EQ(ran.out, "");
}

TEST(Survey, MeasuresClocksAgainstItsOwn) {
    auto one = member(1, {}, "2040-01-01T00:00:00.000Z");

    const auto survey = take_survey({one.endpoint(), one.endpoint()}, milliseconds{3000});

    ASSERT_EQ(survey.asked.size(), 1U) << "nobody is asked twice";
    const auto ahead = *survey.asked[0].clock_ahead;
    const auto expected =
        *parse_rfc3339("2040-01-01T00:00:00.000Z") - std::chrono::system_clock::now();
    EXPECT_LT(ahead - expected, std::chrono::seconds(10));
    EXPECT_GT(ahead - expected, std::chrono::seconds(-1));
    EXPECT_GT(survey.asked[0].clock_error, milliseconds{0});
}

TEST(Rfc3339, IsReadAsTheApiWritesIt) {
    using namespace std::chrono;
    EXPECT_EQ(*parse_rfc3339("1970-01-01T00:00:01.250Z"), system_clock::time_point(1250ms));
    EXPECT_EQ(*parse_rfc3339("2026-01-31T12:00:00Z"),
              system_clock::time_point(sys_days{2026y / January / 31} + 12h));
    for (const auto* bad : {"", "2026-01-31", "2026-02-30T12:00:00Z", "2026-01-31T24:00:00Z",
                            "2026-01-31T12:00:00.1Z", "2026-01-31T12:00:00+01:00",
                            "2026-01-31T12:00:00Zx", "-026-01-31T12:00:00Z"}) {
        EXPECT_FALSE(parse_rfc3339(bad)) << bad;
    }
}

}  // namespace
}  // namespace gavel::cli
