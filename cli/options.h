#pragma once

#include <chrono>
#include <optional>
#include <string>

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

}  // namespace gavel::cli
