#include "cli/duration.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace gavel::cli {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t milliseconds;
};

// "ms" before "m": the longer name is tried first.
constexpr std::array<Unit, 4> units{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::int64_t longest_ms = 365LL * 24 * 3'600'000;

Complaint complaint(std::string_view text) {
    return {"'" + std::string(text) + "' is not a duration such as 250ms, 15s or 2m"};
}

}  // namespace

Result<std::chrono::milliseconds, Complaint> parse_duration(std::string_view text) {
    double total_ms = 0;
    std::string_view rest = text;
    do {
        double amount = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), amount,
                                                  std::chars_format::fixed);
        if (error != std::errc{} || !std::isfinite(amount) || std::signbit(amount)) {
            return complaint(text);
        }
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        const Unit* found = nullptr;
        for (const Unit& unit : units) {
            if (found == nullptr && rest.starts_with(unit.name)) found = &unit;
        }
        if (found == nullptr) return complaint(text);
        rest.remove_prefix(found->name.size());
        total_ms += amount * static_cast<double>(found->milliseconds);
    } while (!rest.empty());

    if (total_ms > static_cast<double>(longest_ms)) return complaint(text);
    return std::chrono::milliseconds(std::llround(total_ms));
}

std::string format_duration(std::chrono::milliseconds duration) {
    const std::int64_t count = duration.count();
    for (const Unit& unit : {units[3], units[2], units[1]}) {
        if (count != 0 && count % unit.milliseconds == 0) {
            return std::to_string(count / unit.milliseconds) + std::string(unit.name);
        }
    }
    return std::to_string(count) + "ms";
}

}  // namespace gavel::cli
