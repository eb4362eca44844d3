#include "cli/content_type.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/text.h"

namespace gavel::cli {

std::string default_content_type(const std::string& value) {
    constexpr const char* bytes = "application/octet-stream";
    if (value.find('\0') != std::string::npos) return bytes;
    const auto first = value.find_first_not_of(" \t\r\n");
    const bool maybe_json =
        first != std::string::npos && (value[first] == '{' || value[first] == '[');
    if (maybe_json && nlohmann::json::accept(value)) return "application/json";
    try {
        const auto quoted = nlohmann::json(value).dump();
        return quoted.empty() ? "" : "text/plain; charset=utf-8";
    } catch (const nlohmann::json::type_error&) {
        return bytes;
    }
}

bool is_json_type(std::string_view content_type) {
    std::string type(content_type.substr(0, content_type.find(';')));
    while (type.ends_with(' ')) type.pop_back();
    type = lower(std::move(type));
    return type == "application/json" || type.ends_with("+json");
}

std::string json_complaint(const std::string& text) {
    try {
        const auto parsed = nlohmann::json::parse(text);
        return parsed.is_discarded() ? "it is not JSON" : "";
    } catch (const nlohmann::json::parse_error& error) {
        const auto end = std::min<std::size_t>(error.byte, text.size());
        const auto line =
            1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
        return "line " + std::to_string(line) + " is not JSON";
    }
}

}  // namespace gavel::cli
