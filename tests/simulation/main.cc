// gavel-sim: whole clusters in one thread, from a seed.

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>

#include "tests/simulation/campaign.h"

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
    "Exit code: 0 when all passed, 1 when one failed, 2 for a bad option.\n";

struct Options {
    std::optional<std::uint64_t> seed{};
    std::optional<std::uint64_t> seeds{};
    std::optional<std::uint64_t> first_seed{};
    bool trace = false;
    bool help = false;
};

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Nothing: a bad option.
std::optional<Options> parse(int count, char** words) {
    Options options;
    for (int i = 1; i < count; ++i) {
        std::string_view word = words[i];
        if (word == "--help") {
            options.help = true;
            continue;
        }
        if (word == "--trace") {
            options.trace = true;
            continue;
        }
        std::optional<std::uint64_t> value;
        if (const auto equals = word.find('='); equals != std::string_view::npos) {
            value = number(word.substr(equals + 1));
            word = word.substr(0, equals);
        } else if (i + 1 < count) {
            value = number(words[++i]);
        }
        if (!value) return std::nullopt;
        if (word == "--seed") {
            options.seed = value;
        } else if (word == "--seeds") {
            options.seeds = value;
        } else if (word == "--first-seed") {
            options.first_seed = value;
        } else {
            return std::nullopt;
        }
    }
    const bool one = options.seed && !options.seeds && !options.first_seed;
    const bool many = options.seeds && !options.seed && !options.trace;
    if (!options.help && !one && !many) return std::nullopt;
    return options;
}

int run_one(std::uint64_t seed, bool trace) {
    const Outcome outcome = run(Settings::of_seed(seed), trace);
    if (outcome.failure) {
        std::printf("seed %llu failed: %s\nreplay: %s\n", static_cast<unsigned long long>(seed),
                    outcome.failure->c_str(), replay_command(seed).c_str());
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
    const auto options = parse(count, words);
    if (!options) {
        std::fputs(usage, stderr);
        return 2;
    }
    if (options->help) {
        std::fputs(usage, stdout);
        return 0;
    }
    if (options->seed) return run_one(*options->seed, options->trace);
    return run_campaign(options->first_seed.value_or(1), *options->seeds) ? 0 : 1;
}
