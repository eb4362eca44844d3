#include "api/durations.h"

#include <array>

namespace gavel::api {
namespace {

using std::chrono::milliseconds;

struct Unit {
    std::string_view name;
    std::int64_t ms;
};
constexpr std::array<Unit, 4> units{{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::int64_t duration_ms_max = 1'000LL * 3'600'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Decimal digits at the start, at most `count` of them; taken off `text`.
std::optional<std::int64_t> take_digits(std::string_view& text, std::size_t count) {
    std::size_t length = 0;
    std::int64_t number = 0;
    while (length < text.size() && is_digit(text[length])) {
        if (++length > count) return std::nullopt;
        number = number * 10 + (text[length - 1] - '0');
    }
    if (length == 0) return std::nullopt;
    text.remove_prefix(length);
    return number;
}

void append_padded(std::string& out, std::int64_t number, unsigned width) {
    std::string digits = std::to_string(number);
    if (digits.size() < width) out.append(width - digits.size(), '0');
    out += digits;
}

struct Calendar {
    std::int64_t year;
    unsigned month, day, weekday;
    std::int64_t hour, minute, second, ms;
};

Calendar calendar(std::int64_t ms) {
    using namespace std::chrono;
    const sys_time<milliseconds> time{milliseconds(ms)};
    const auto days_since = floor<days>(time);
    const year_month_day date{days_since};
    const hh_mm_ss clock{time - days_since};
    return {static_cast<int>(date.year()),
            static_cast<unsigned>(date.month()),
            static_cast<unsigned>(date.day()),
            weekday{days_since}.c_encoding(),
            clock.hours().count(),
            clock.minutes().count(),
            clock.seconds().count(),
            clock.subseconds().count()};
}

void append_clock(std::string& out, const Calendar& at) {
    append_padded(out, at.hour, 2);
    out += ':';
    append_padded(out, at.minute, 2);
    out += ':';
    append_padded(out, at.second, 2);
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    const auto whole = take_digits(text, 10);
    if (!whole) return std::nullopt;
    std::int64_t thousandths = 0;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        const auto before = text.size();
        const auto fraction = take_digits(text, 3);
        if (!fraction) return std::nullopt;
        thousandths = *fraction;
        for (auto digits = before - text.size(); digits < 3; ++digits) thousandths *= 10;
    }
    for (const auto& unit : units) {
        if (text != unit.name) continue;
        if (thousandths * unit.ms % 1'000 != 0) return std::nullopt;
        if (*whole > duration_ms_max / unit.ms) return std::nullopt;
        const auto ms = *whole * unit.ms + thousandths * unit.ms / 1'000;
        if (ms > duration_ms_max) return std::nullopt;
        return milliseconds(ms);
    }
    return std::nullopt;
}

std::string format_duration(milliseconds duration) {
    const auto ms = duration.count();
    if (ms == 0) return "0s";
    if (ms > -1'000 && ms < 1'000) return std::to_string(ms) + "ms";
    std::string text = std::to_string(ms / 1'000);
    if (auto rest = (ms < 0 ? -ms : ms) % 1'000; rest != 0) {
        text += '.';
        unsigned width = 3;
        for (; rest % 10 == 0; rest /= 10) --width;
        append_padded(text, rest, width);
    }
    return text + 's';
}

std::string format_time(std::int64_t ms) {
    const auto at = calendar(ms);
    std::string text;
    text.reserve(24);
    append_padded(text, at.year, 4);
    text += '-';
    append_padded(text, at.month, 2);
    text += '-';
    append_padded(text, at.day, 2);
    text += 'T';
    append_clock(text, at);
    text += '.';
    append_padded(text, at.ms, 3);
    text += 'Z';
    return text;
}

std::string format_http_date(std::int64_t ms) {
    constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto at = calendar(ms);
    std::string text;
    text.reserve(29);
    text.append(weekdays[at.weekday]).append(", ");
    append_padded(text, at.day, 2);
    text.append(" ").append(months[at.month - 1]).append(" ");
    append_padded(text, at.year, 4);
    text += ' ';
    append_clock(text, at);
    text += " GMT";
    return text;
}

}  // namespace gavel::api
