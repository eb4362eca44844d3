#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gavel::daemon {

// Raised from four fifths of `limit` on, and in other words from nineteen twentieths on.
void add_alarm_of_use(std::vector<std::string>& alarms, const std::string& what, std::uint64_t used,
                      std::uint64_t limit);

// "the quota of 'app/' in bytes"; without a prefix, of everything.
std::string quota_of(std::string_view prefix, std::string_view what);

}  // namespace gavel::daemon
