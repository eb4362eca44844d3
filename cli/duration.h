#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/complaint.h"

namespace gavel::cli {

// "250ms", "15s", "1m30s", "12.3s", "24h".
Result<std::chrono::milliseconds, Complaint> parse_duration(std::string_view text);

// The shortest form in one unit that loses nothing: "15s", "1500ms", "2m".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace gavel::cli
