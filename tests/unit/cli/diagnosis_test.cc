#include "cli/diagnosis.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/cli/surveyed.h"

namespace gavel::cli {
namespace {

using std::chrono::milliseconds;
using test::healthy;
using test::lose;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Level = Finding::Level;

// "problem member-unreachable n3", in their order.
std::vector<std::string> found(const Survey& survey) {
    std::vector<std::string> lines;
    for (const auto& each : diagnose(survey)) {
        lines.push_back(std::string(to_string(each.level)) + ' ' + each.code +
                        (each.who.empty() ? "" : ' ' + each.who));
        EXPECT_NE(each.what, "");
        EXPECT_NE(each.advice, "") << "what is wrong is of no use without what to do";
    }
    return lines;
}

TEST(Diagnosis, FindsNothingWhereAllIsWell) {
    EXPECT_THAT(found(healthy()), IsEmpty());
    EXPECT_TRUE(is_healthy(diagnose(healthy())));
    EXPECT_THAT(found(healthy(5)), IsEmpty());
    EXPECT_THAT(found(healthy(1)), ElementsAre("note single-voter"));
    EXPECT_TRUE(is_healthy(diagnose(healthy(1))));
}

TEST(Diagnosis, OfALostMemberSaysWhatIsLeft) {
    auto three = healthy(3);
    lose(three, 3);
    EXPECT_THAT(found(three),
                ElementsAre("problem no-fault-tolerated", "problem member-unreachable n3"));
    EXPECT_FALSE(is_healthy(diagnose(three)));

    auto five = healthy(5);
    lose(five, 3);
    EXPECT_THAT(found(five), ElementsAre("problem member-unreachable n3"));
    EXPECT_EQ(margin_of(five).tolerated(), 1);

    lose(three, 2);
    three.asked[0].status.leader = 0;
    three.asked[0].status.role = "follower";
    EXPECT_THAT(found(three),
                ElementsAre("problem no-leader", "problem no-quorum",
                            "problem member-unreachable n2", "problem member-unreachable n3"));
    EXPECT_EQ(margin_of(three).tolerated(), -1);
    EXPECT_TRUE(is_passing(diagnose(three)));
}

TEST(Diagnosis, TellsAMemberThatIsAwayFromAnAddressThatIsWrong) {
    // n3 answers at another address than the one it tells.
    auto survey = healthy();
    survey.asked[2].url = "http://192.168.0.3:7400";
    survey.asked.push_back({.url = "http://10.0.0.3:7400", .error = "no route"});
    EXPECT_THAT(found(survey), ElementsAre("warning address-unreachable n3"));

    survey = healthy();
    survey.asked.push_back({.url = "http://10.0.0.9:7400", .given = true, .error = "no route"});
    EXPECT_THAT(found(survey), ElementsAre("problem endpoint-unreachable http://10.0.0.9:7400"));
}

TEST(Diagnosis, SeesMembersThatNobodyHeardFrom) {
    auto survey = healthy();
    for (auto& asked : survey.asked) {
        asked.members.push_back({.id = 4, .name = "n4", .wants_vote = true});
        asked.members.push_back({.id = 5, .name = "n5", .last_contact = milliseconds{90'000}});
    }
    EXPECT_THAT(found(survey),
                ElementsAre("problem never-heard-from n4", "problem member-unreachable n5",
                            "note waits-for-vote n4"));
    EXPECT_EQ(margin_of(survey).voters, 3U) << "learners do not vote";
}

TEST(Diagnosis, CountsAVoterThatTheLeaderHearsThoughWeDoNot) {
    auto survey = healthy();
    lose(survey, 3);
    for (auto& asked : survey.asked) {
        for (auto& member : asked.members) member.last_contact = milliseconds{30};
    }
    EXPECT_EQ(margin_of(survey).alive, 3U);
    EXPECT_THAT(found(survey), ElementsAre("problem member-unreachable n3"));
}

TEST(Diagnosis, SeesClustersAndLeadersThatDiffer) {
    auto survey = healthy();
    survey.asked[2].status.cluster = "c2";
    survey.asked[2].status.leader = 3;
    EXPECT_THAT(found(survey), ElementsAre("problem different-clusters n3"));

    survey = healthy();
    survey.asked[2].status.leader = 3;
    EXPECT_THAT(found(survey), ElementsAre("warning leaders-differ"));
    survey.asked[2].status.leader = 0;
    EXPECT_THAT(found(survey), ElementsAre("problem no-leader-known n3"));
}

TEST(Diagnosis, TakesNoMemberOfAnotherClusterForOneOfThisBecauseOfItsNumber) {
    // Where n3 was there is a member 3 of another cluster; n3 itself is gone.
    auto survey = healthy();
    auto foreign = survey.asked[2];
    lose(survey, 3);
    foreign.url = "http://10.0.0.9:7400";
    foreign.status.cluster = "c2";
    survey.asked.push_back(foreign);

    EXPECT_EQ(survey.find(3), nullptr);
    EXPECT_THAT(found(survey),
                ElementsAre("problem different-clusters n3", "problem no-fault-tolerated",
                            "problem member-unreachable n3"));

    // Nor is it at one of our endpoints that this one is.
    survey = healthy();
    survey.asked[2].status.cluster = "c2";
    survey.asked[2].url = "http://10.0.0.9:7400";
    EXPECT_THAT(found(survey),
                ElementsAre("problem different-clusters n3", "note endpoints-incomplete n3"));
}

TEST(Diagnosis, SeesEvenVotersVersionsAndLag) {
    EXPECT_THAT(found(healthy(4)), ElementsAre("warning even-voters"));
    EXPECT_THAT(found(healthy(2)),
                ElementsAre("problem no-fault-tolerated", "warning even-voters"));

    auto survey = healthy();
    survey.asked[1].status.version = "0.2.0";
    survey.asked[0].members[2].lag = 5'000;
    survey.asked[0].members[1].lag = 4'096;
    EXPECT_THAT(found(survey), ElementsAre("warning lagging n3", "warning versions-differ"));
}

TEST(Diagnosis, SeesWhatFillsAndWhatRaisesAlarms) {
    auto survey = healthy();
    survey.asked[0].status.log_bytes = 13ULL << 30;
    survey.asked[1].status.state_bytes = 9ULL << 30;
    survey.asked[2].status.alarms = {"member 9 was never heard from"};
    survey.asked[2].status.ready = false;
    survey.asked[0].status.key_bytes = 4ULL << 30;
    EXPECT_THAT(found(survey), ElementsAre("problem log-filling n1", "problem keys-filling",
                                           "problem state-filling n2", "problem not-ready n3",
                                           "problem alarm n3"));
    EXPECT_THAT(diagnose(survey)[0].what, HasSubstr("13.0 GiB of 16.0 GiB"));

    auto full = healthy();
    for (auto& asked : full.asked) asked.status.alarms = {"the quota is nearly used up"};
    EXPECT_THAT(found(full), ElementsAre("problem alarm n1, n2, n3")) << "told by all, shown once";

    survey.asked[0].status = healthy().asked[0].status;
    survey.asked[0].status.log_bytes = 12ULL << 30;
    survey.asked[1].status.state_bytes = 8ULL << 30;
    survey.asked.pop_back();
    EXPECT_THAT(diagnose(survey),
                testing::Each(testing::Field(&Finding::code, "endpoints-incomplete")))
        << "three quarters and half may be used";
}

TEST(Diagnosis, SaysThatClocksDifferOnlyWhenTheySurelyDo) {
    auto survey = healthy();
    survey.asked[1].clock_ahead = milliseconds{1'007};
    EXPECT_THAT(found(survey), IsEmpty()) << "as far as can be told";
    survey.asked[1].clock_ahead = milliseconds{1'008};
    EXPECT_THAT(found(survey), ElementsAre("warning clocks-differ n2"));
    survey.asked[1].clock_ahead = std::nullopt;
    EXPECT_THAT(found(survey), IsEmpty());
}

TEST(Diagnosis, NamesTheEndpointsThatAreMissing) {
    auto survey = healthy();
    survey.asked[1].given = survey.asked[2].given = false;
    EXPECT_THAT(found(survey), ElementsAre("note endpoints-incomplete n2, n3"));
    EXPECT_EQ(diagnose(survey)[0].advice,
              "export GAVEL_ENDPOINTS=http://10.0.0.1:7400,http://10.0.0.2:7400,"
              "http://10.0.0.3:7400");

    for (auto& asked : survey.asked) asked.members[2].client_address = "http://127.0.0.1:7400";
    EXPECT_THAT(found(survey),
                ElementsAre("warning advertises-loopback n3", "note endpoints-incomplete n2, n3"));
}

TEST(Diagnosis, TellsOfChangesUnderWay) {
    auto survey = healthy();
    survey.asked[0].has_pending = true;
    EXPECT_THAT(found(survey), ElementsAre("note members-change"));
}

TEST(Survey, BelievesTheLeaderOfTheHighestBallot) {
    auto survey = healthy();
    survey.asked[2].status.role = "leader";
    survey.asked[2].status.ballot = 131075;
    EXPECT_EQ(survey.best()->status.id, 3U);
    lose(survey, 3);
    EXPECT_EQ(survey.best()->status.id, 1U);
    lose(survey, 1);
    EXPECT_EQ(survey.best()->status.id, 2U);
    lose(survey, 2);
    EXPECT_EQ(survey.best(), nullptr);
}

}  // namespace
}  // namespace gavel::cli
