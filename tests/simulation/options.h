#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gavel::simulation {

// What gavel-sim is asked to do.
struct Options {
    std::optional<std::uint64_t> seed{};
    std::optional<std::uint64_t> seeds{};
    std::optional<std::uint64_t> first_seed{};
    bool trace = false;
    bool help = false;
};
// One line that says what is wrong with the command line.
struct BadOption {
    std::string text{};
};

// `words`: the command line without the program's name. Values follow as `--seed S` or `--seed=S`.
std::variant<Options, BadOption> parse_options(const std::vector<std::string_view>& words);

}  // namespace gavel::simulation
