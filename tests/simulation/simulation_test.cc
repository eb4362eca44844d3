#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "tests/simulation/campaign.h"

namespace gavel::simulation {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

TEST(Simulation, GivesTheSameTraceForTheSameSeed) {
    for (const std::uint64_t seed : {7U, 21U, 42U}) {
        const Outcome once = run(Settings::of_seed(seed));
        const Outcome again = run(Settings::of_seed(seed));

        EXPECT_GT(once.trace_lines, 100U);
        EXPECT_EQ(once.trace_hash, again.trace_hash) << "seed " << seed;
        EXPECT_EQ(once.trace_lines, again.trace_lines) << "seed " << seed;
    }
}

TEST(Simulation, GivesAnotherTraceForAnotherSeed) {
    EXPECT_NE(run(Settings::of_seed(7)).trace_hash, run(Settings::of_seed(8)).trace_hash);
}

// The faults that a campaign promises, each by its own counter.
TEST(Simulation, FailsACampaignThatNeverMetOneOfItsFaults) {
    const Reached nothing;
    const auto all = never_reached(nothing);
    EXPECT_THAT(
        all, IsSupersetOf({"clock jumped ahead", "clock jumped back", "clock drifted", "disk slow",
                           "disk stalled", "member paused", "member restarted", "message late",
                           "message lost", "message overtaken", "message repeated",
                           "partition, one-way", "partition, symmetric"}));

    Reached reached;
    for (const auto& what : all) reached.count(what);
    EXPECT_THAT(never_reached(reached), IsEmpty());
    for (const auto& what : all) {
        Reached all_but_one;
        for (const auto& other : all) {
            if (other != what) all_but_one.count(other);
        }
        EXPECT_THAT(never_reached(all_but_one), ElementsAre(what));
    }
}

TEST(Simulation, PassesTheSeedsThatOnceFailed) {
    std::ifstream file(REGRESSIONS);
    ASSERT_TRUE(file) << REGRESSIONS;
    for (std::string line; std::getline(file, line);) {
        std::uint64_t seed = 0;
        if (line.empty() || line.front() == '#' || !(std::istringstream(line) >> seed)) continue;
        EXPECT_EQ(run(Settings::of_seed(seed)).failure.value_or("none"), "none") << line;
    }
}

// Some seed among the first few hundred runs into what is broken on purpose. The simulator's own
// checks of the order of disk and answers are off: the consequences must show. Where it is not the
// point, nobody's directory is lost, which is a minority's trouble of its own.
std::optional<std::string> what_shows(Sabotage sabotage) {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        Settings settings = Settings::of_seed(seed);
        const bool forgets = sabotage == Sabotage::forgetful_is_welcome;
        if ((settings.set_back_every != 0) != forgets) continue;
        settings.sabotage = sabotage;
        if (!forgets) settings.flaky_members = (settings.members - 1U) / 2U;
        if (auto outcome = run(settings); outcome.failure) return outcome.failure;
    }
    return std::nullopt;
}

bool ended_badly(int status) { return status != 0; }

// A core may itself find that something cannot be, and halts: then that is what shows.
void expect_it_shows(Sabotage sabotage) {
    const auto look = [sabotage] {
        const auto shown = what_shows(sabotage);
        std::fprintf(stderr, "%s\n", shown ? shown->c_str() : "nothing shows");
        std::_Exit(shown ? 1 : 0);
    };
    EXPECT_EXIT(look(), ended_badly, "");
}

TEST(Sabotaged, AnswersBeforeDurableShow) { expect_it_shows(Sabotage::answers_before_durable); }
TEST(Sabotaged, AnAcceptorThatForgetsShows) { expect_it_shows(Sabotage::acceptor_forgets); }
TEST(Sabotaged, AnUnreadableEntryCalledNoneShows) { expect_it_shows(Sabotage::unreadable_is_none); }
TEST(Sabotaged, UnconfirmedReadsShow) { expect_it_shows(Sabotage::reads_are_not_confirmed); }
TEST(Sabotaged, AMemberThatForgotAndIsWelcomeShows) {
    expect_it_shows(Sabotage::forgetful_is_welcome);
}
TEST(Sabotaged, ATornStateShows) { expect_it_shows(Sabotage::state_is_torn); }

}  // namespace
}  // namespace gavel::simulation
