#include "api/position.h"

#include <charconv>

#include "api/names.h"

namespace gavel::api {
namespace {

constexpr std::size_t history_digits = 8;

bool is_hexadecimal(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string to_string(const Position& position) {
    std::string text = std::to_string(position.revision);
    if (position.history == 0) return text;
    char digits[history_digits];
    const auto end = std::to_chars(digits, digits + history_digits, position.history, 16).ptr;
    const auto count = static_cast<std::size_t>(end - digits);
    return (text += '.').append(history_digits - count, '0').append(digits, count);
}

std::optional<Position> parse_position(std::string_view text) {
    const auto dot = text.find('.');
    const auto revision = parse_number(text.substr(0, dot));
    if (!revision) return std::nullopt;
    Position position{*revision, 0};
    if (dot == std::string_view::npos) return position;
    const auto history = text.substr(dot + 1);
    if (history.size() != history_digits || !is_hexadecimal(history)) return std::nullopt;
    std::from_chars(history.data(), history.data() + history.size(), position.history, 16);
    if (position.history == 0) return std::nullopt;
    return position;
}

}  // namespace gavel::api
