#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace gavel::cli {

// An option whose value is a duration, between the bounds.
CLI::Option* add_duration(CLI::App& app, const std::string& flags,
                          std::optional<std::chrono::milliseconds>& duration,
                          const std::string& help,
                          std::chrono::milliseconds at_least = std::chrono::milliseconds{0},
                          std::chrono::milliseconds at_most = std::chrono::hours{24 * 365});

// An option whose value is a revision, a token or a count: a whole number below 2^53.
CLI::Option* add_number(CLI::App& app, const std::string& flags,
                        std::optional<std::uint64_t>& number, const std::string& help,
                        std::uint64_t at_least = 0);

// An option whose value is one of `names`; `chosen` gets its position.
CLI::Option* add_choice(CLI::App& app, const std::string& flags,
                        const std::vector<std::string>& names,
                        const std::function<void(std::size_t)>& chosen, const std::string& help);

}  // namespace gavel::cli
