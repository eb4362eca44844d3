#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gavel::api {

// "250ms", "15s", "1.5s", "2m", "1h": one number with at most three decimals and one unit. None:
// not a duration, finer than a millisecond, or more than 1000 hours.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// "250ms" below a second, else "15s" or "12.345s".
std::string format_duration(std::chrono::milliseconds duration);

// RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.000Z. `ms` counts from 1970.
std::string format_time(std::int64_t ms);
// RFC 9110, section 5.6.7: Sat, 31 Jan 2026 12:00:00 GMT.
std::string format_http_date(std::int64_t ms);

}  // namespace gavel::api
