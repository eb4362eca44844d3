// The command line of gavel-sim, and what it says when a run ends badly: by the real program.
#include "tests/simulation/options.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/cluster/process.h"
#include "tests/simulation/last_words.h"

namespace gavel::simulation {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

std::string complaint_about(const std::vector<std::string_view>& words) {
    const auto parsed = parse_options(words);
    const auto* bad = std::get_if<BadOption>(&parsed);
    return bad == nullptr ? "" : bad->text;
}

TEST(SimulatorOptions, TakeValuesAfterASpaceOrAnEqualsSign) {
    for (const auto& words : {std::vector<std::string_view>{"--seeds", "500", "--first-seed", "7"},
                              std::vector<std::string_view>{"--first-seed=7", "--seeds=500"}}) {
        const auto options = std::get<Options>(parse_options(words));

        EXPECT_EQ(options.seeds, 500U);
        EXPECT_EQ(options.first_seed, 7U);
    }
    const auto one = std::get<Options>(parse_options({"--seed=18446744073709551615", "--trace"}));
    EXPECT_EQ(one.seed, 18446744073709551615U);
    EXPECT_TRUE(one.trace);
    EXPECT_TRUE(std::get<Options>(parse_options({"--help"})).help);
}

TEST(SimulatorOptions, AreRefusedWithWhatIsWrong) {
    EXPECT_EQ(complaint_about({"--sedes", "5"}), "unknown option --sedes");
    EXPECT_EQ(complaint_about({"--sedes=5"}), "unknown option --sedes");
    EXPECT_EQ(complaint_about({"-s", "5"}), "unknown option -s");
    EXPECT_EQ(complaint_about({"5"}), "unexpected word '5'");
    EXPECT_EQ(complaint_about({"--seed"}), "--seed needs a number");
    EXPECT_EQ(complaint_about({"--seed="}), "--seed needs a number");
    EXPECT_EQ(complaint_about({"--seed", "--trace"}), "--seed needs a number");
    for (const char* bad : {"five", "5x", "-5", "+5", " 5", "5.0", "0x5", "18446744073709551616"}) {
        EXPECT_EQ(complaint_about({"--seed", bad}),
                  "--seed needs a number, not '" + std::string(bad) + "'");
    }
    EXPECT_EQ(complaint_about({"--seeds", "0"}), "--seeds needs at least 1");
    EXPECT_EQ(complaint_about({"--seed", "1", "--seed", "2"}), "--seed is given twice");
    EXPECT_EQ(complaint_about({"--trace=yes", "--seed", "1"}), "--trace takes no value");
    EXPECT_EQ(complaint_about({"--seed", "1", "--seeds", "2"}),
              "--seed and --seeds exclude each other");
    EXPECT_EQ(complaint_about({"--first-seed", "1"}), "--first-seed goes with --seeds");
    EXPECT_EQ(complaint_about({"--seeds", "1", "--trace"}), "--trace goes with --seed");
    EXPECT_EQ(complaint_about({}), "give --seed S or --seeds N");
}

// gavel-sim itself, its output in files.
class Program {
public:
    explicit Program(std::vector<std::string> words) {
        std::string pattern = std::filesystem::temp_directory_path() / "gavel-sim-test-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for output");
        folder_ = pattern;
        words.insert(words.begin(), GAVEL_SIM);
        process_ = test::Process(words, (folder_ / "sim").string());
    }
    ~Program() {
        process_.kill();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    std::string out() const { return test::contents((folder_ / "sim.out").string()); }
    std::string err() const { return test::contents((folder_ / "sim.err").string()); }
    int end() { return process_.wait(60s); }
    // Once it has said something: then it runs.
    int end_by(int signal) {
        const auto deadline = std::chrono::steady_clock::now() + 30s;
        while (out().empty() && err().empty() && std::chrono::steady_clock::now() < deadline) {
            ::poll(nullptr, 0, 5);
        }
        process_.signal(signal);
        return end();
    }

private:
    std::filesystem::path folder_;
    test::Process process_{};
};

TEST(GavelSim, RunsTheSeedItIsGivenAndNamesItInItsFirstLine) {
    Program spaced({"--seed", "11"});
    Program joined({"--seed=11"});

    EXPECT_EQ(spaced.end(), 0) << spaced.out();
    EXPECT_EQ(joined.end(), 0) << joined.out();
    EXPECT_THAT(spaced.out(), MatchesRegex("seed 11 at commit (unknown|[0-9a-f]+\\+?)\n"
                                           "seed 11 passed: .*\n"));
    EXPECT_EQ(joined.out(), spaced.out());
}

TEST(GavelSim, NamesTheSeedsOfACampaignInItsFirstLine) {
    Program program({"--seeds=2", "--first-seed=7"});

    EXPECT_EQ(program.end(), 0) << program.out();
    EXPECT_THAT(program.err(), MatchesRegex("seeds 7 to 8 at commit (unknown|[0-9a-f]+\\+?)\n"));
}

TEST(GavelSim, RefusesABadOptionInOneLine) {
    Program program({"--sedes", "5"});

    EXPECT_EQ(program.end(), 2);
    EXPECT_EQ(program.err(), "gavel-sim: unknown option --sedes (see --help)\n");
    EXPECT_THAT(program.out(), IsEmpty());
}

TEST(GavelSim, PrintsItsUsageWhenAsked) {
    Program program({"--help"});

    EXPECT_EQ(program.end(), 0);
    EXPECT_THAT(program.out(), StartsWith("usage: gavel-sim --seed S"));
    EXPECT_THAT(program.err(), IsEmpty());
}

TEST(GavelSim, NamesTheSeedWhenASignalEndsIt) {
    // Under a sanitizer the signal would come to it next, and end the process by a code of its own.
    for (const auto* options : {"ASAN_OPTIONS", "TSAN_OPTIONS"}) {
        ::setenv(options, "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_abort=0", 1);
    }
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) {
        Program program({"--seeds=1000000", "--first-seed=100"});

        EXPECT_EQ(program.end_by(signal), 128 + signal);

        EXPECT_THAT(program.out(), StartsWith("seed 1"));
        EXPECT_THAT(program.out(), HasSubstr(" failed: ended by SIG"));
        EXPECT_THAT(program.out(), HasSubstr("\nreplay: gavel-sim --seed 1"));
    }
}

// Not sent but met: by a wild pointer, and where no stack is left to handle it on.
void meet(int (*fault)(volatile int*)) {
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    name_seed_at_the_end(42);
    std::_Exit(fault(nullptr) & 0);  // Not reached.
}
int wild_pointer(volatile int* nowhere) { return *nowhere; }
[[maybe_unused]] int endless(volatile int* outer) {
    volatile int here = outer == nullptr ? 1 : *outer;
    return here < 0 ? 0 : endless(&here) + here;
}
bool ended_badly(int status) { return status != 0; }

TEST(GavelSim, NamesTheSeedWhenItMeetsAFault) {
    const char* said = "seed 42 failed: ended by SIGSEGV\nreplay: gavel-sim --seed 42 --trace\n";
    EXPECT_EXIT(meet(wild_pointer), ended_badly, said);
#ifndef __SANITIZE_THREAD__  // It keeps a stack of its own, which overflows first.
    EXPECT_EXIT(meet(endless), ended_badly, said);
#endif
}

}  // namespace
}  // namespace gavel::simulation
