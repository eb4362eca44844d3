// gavel-sim: whole clusters in one thread, from a seed.

#include <cstdint>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "tests/simulation/campaign.h"
#include "tests/simulation/commit.h"
#include "tests/simulation/last_words.h"
#include "tests/simulation/options.h"

namespace {

using namespace gavel::simulation;

constexpr const char* usage =
    "usage: gavel-sim --seed S [--trace]\n"
    "       gavel-sim --seeds N [--first-seed K]\n"
    "\n"
    "Runs simulated clusters over the production core, codec and recovery. One seed decides\n"
    "everything; the same seed gives the same run, to the byte.\n"
    "\n"
    "  --seed S        run one seed; --trace prints each event\n"
    "  --seeds N       run N seeds, from 1 or from K on; stops at the first failure\n"
    "  --first-seed K  where to begin\n"
    "  --help          this text\n"
    "\n"
    "Exit code: 0 when all passed, 1 when one failed, 2 for a bad option. A run that ends by a\n"
    "signal, as a broken invariant does, names its seed first.\n";

int run_one(std::uint64_t seed, bool trace) {
    // If it crashes, every line up to there is wanted.
    if (trace) std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    std::printf("seed %s at commit %s\n", std::to_string(seed).c_str(), commit());
    std::fflush(stdout);
    const Outcome outcome = run(Settings::of_seed(seed), trace);
    if (outcome.failure) {
        std::printf("%s", failure_report(seed, *outcome.failure).c_str());
        return 1;
    }
    std::printf("seed %llu passed: %llu events, trace %016llx\n",
                static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(outcome.trace_lines),
                static_cast<unsigned long long>(outcome.trace_hash));
    return 0;
}

}  // namespace

int main(int count, char** words) {
    const auto parsed = parse_options({words + (count > 0 ? 1 : 0), words + count});
    if (const auto* bad = std::get_if<BadOption>(&parsed)) {
        std::fprintf(stderr, "gavel-sim: %s (see --help)\n", bad->text.c_str());
        return 2;
    }
    const auto& options = std::get<Options>(parsed);
    if (options.help) {
        std::fputs(usage, stdout);
        return 0;
    }
    if (options.seed) return run_one(*options.seed, options.trace);
    return run_campaign(options.first_seed.value_or(1), *options.seeds) ? 0 : 1;
}
