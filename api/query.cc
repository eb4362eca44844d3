#include "api/query.h"

#include <algorithm>

#include "api/durations.h"
#include "api/names.h"

namespace gavel::api {
namespace {

constexpr std::size_t parameters_max = 256;

bool among(std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

Problem unknown(std::string_view name, std::span<const std::string_view> known) {
    std::string detail = "there is no parameter '" + std::string(name.substr(0, 64)) + "' here";
    if (!known.empty()) {
        detail += "; there are:";
        for (const auto& each : known) detail.append(" ").append(each);
    }
    return {ProblemCode::unknown_parameter, detail};
}

}  // namespace

Problem bad_parameter(std::string_view name, std::string_view why) {
    return {ProblemCode::bad_parameter, std::string(name) + ": " + std::string(why)};
}

Result<Parameters, Problem> Parameters::parse(std::string_view query,
                                              std::span<const std::string_view> known,
                                              std::span<const std::string_view> repeatable) {
    Parameters parsed;
    while (!query.empty()) {
        const auto part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        if (part.empty()) continue;
        const auto equals = std::min(part.find('='), part.size());
        auto name = percent_decode(part.substr(0, equals));
        auto value = percent_decode(equals < part.size() ? part.substr(equals + 1) : "");
        if (!name || !value || !valid_utf8(*name) || !valid_utf8(*value)) {
            return Problem{ProblemCode::bad_parameter, "the query is not percent-encoded UTF-8"};
        }
        if (!among(known, *name)) return unknown(*name, known);
        if (!among(repeatable, *name) && parsed.find(*name) != nullptr) {
            return bad_parameter(*name, "given twice");
        }
        if (parsed.given_.size() == parameters_max) {
            return bad_parameter(*name, "more than 256 parameters");
        }
        parsed.given_.emplace_back(*std::move(name), *std::move(value));
    }
    return parsed;
}

const std::string* Parameters::find(std::string_view name) const {
    for (const auto& [each, value] : given_) {
        if (each == name) return &value;
    }
    return nullptr;
}

std::vector<std::string> Parameters::all(std::string_view name) const {
    std::vector<std::string> values;
    for (const auto& [each, value] : given_) {
        if (each == name) values.push_back(value);
    }
    return values;
}

Result<bool, Problem> Parameters::flag(std::string_view name) const {
    const auto* value = find(name);
    if (value == nullptr || *value == "false") return false;
    if (*value == "true" || value->empty()) return true;
    return bad_parameter(name, "is true or false");
}

Result<std::optional<std::uint64_t>, Problem> Parameters::number(std::string_view name) const {
    const auto* value = find(name);
    if (value == nullptr) return std::optional<std::uint64_t>();
    const auto number = parse_number(*value);
    if (!number) return bad_parameter(name, "is not a whole number below 2^53");
    return number;
}

Result<std::optional<std::chrono::milliseconds>, Problem> Parameters::duration(
    std::string_view name, std::chrono::milliseconds longest) const {
    const auto* value = find(name);
    if (value == nullptr) return std::optional<std::chrono::milliseconds>();
    const auto duration = parse_duration(*value);
    if (!duration) return bad_parameter(name, "is not a duration such as 250ms, 15s or 2m");
    if (*duration > longest) {
        return bad_parameter(name, "is longer than " + format_duration(longest));
    }
    return duration;
}

}  // namespace gavel::api
