#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace gavel::cli {

// "2026-01-31T12:00:00.000Z", as the API writes times: UTC, milliseconds or none.
std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view text);

}  // namespace gavel::cli
