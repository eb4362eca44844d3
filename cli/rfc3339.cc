#include "cli/rfc3339.h"

#include <charconv>

namespace gavel::cli {

namespace {

// `text` without its first digits, which become `number`; false when there are not `count` of them.
bool take(std::string_view& text, std::size_t count, int& number) {
    if (text.size() < count) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + count, number);
    if (error != std::errc{} || end != text.data() + count || number < 0) return false;
    text.remove_prefix(count);
    return true;
}

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view text) {
    using namespace std::chrono;
    int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, ms = 0;
    const bool good = take(text, 4, y) && take(text, '-') && take(text, 2, mo) && take(text, '-') &&
                      take(text, 2, d) && take(text, 'T') && take(text, 2, h) && take(text, ':') &&
                      take(text, 2, mi) && take(text, ':') && take(text, 2, s) &&
                      (!take(text, '.') || take(text, 3, ms)) && text == "Z";
    const year_month_day date{year{y}, month{static_cast<unsigned>(mo)},
                              day{static_cast<unsigned>(d)}};
    if (!good || !date.ok() || h > 23 || mi > 59 || s > 60) return std::nullopt;
    return sys_days{date} + hours{h} + minutes{mi} + seconds{s} + milliseconds{ms};
}

}  // namespace gavel::cli
