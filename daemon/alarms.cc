#include "daemon/alarms.h"

namespace gavel::daemon {

void add_alarm_of_use(std::vector<std::string>& alarms, const std::string& what, std::uint64_t used,
                      std::uint64_t limit) {
    const bool full = used >= limit - limit / 20;
    if (!full && used < limit - limit / 5) return;
    if (limit == 0) return;  // Nothing may be there, and nothing is missing.
    alarms.push_back(what + (full ? " is nearly used up: " : " is filling up: ") +
                     std::to_string(used) + " of " + std::to_string(limit));
}

std::string quota_of(std::string_view prefix, std::string_view what) {
    const std::string whose =
        prefix.empty() ? std::string("of everything") : "of '" + std::string(prefix) + "'";
    return "the quota " + whose + " in " + std::string(what);
}

}  // namespace gavel::daemon
