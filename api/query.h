#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/problem.h"
#include "base/result.h"

namespace gavel::api {

// The parameters of a request's query, decoded, in the order given.
class Parameters {
public:
    // Refuses names that are not among `known`, repeats of those not among `repeatable`, texts that
    // are not UTF-8, and more than 256 parameters.
    static Result<Parameters, Problem> parse(std::string_view query,
                                             std::span<const std::string_view> known,
                                             std::span<const std::string_view> repeatable);

    const std::string* find(std::string_view name) const;
    std::vector<std::string> all(std::string_view name) const;
    bool empty() const { return given_.empty(); }

    // The typed ones: the default (or none) when absent, a problem when present but unfit.
    Result<bool, Problem> flag(std::string_view name) const;  // true, false, or nothing for true
    Result<std::optional<std::uint64_t>, Problem> number(std::string_view name) const;
    Result<std::optional<std::chrono::milliseconds>, Problem> duration(
        std::string_view name, std::chrono::milliseconds longest) const;

private:
    std::vector<std::pair<std::string, std::string>> given_{};
};

Problem bad_parameter(std::string_view name, std::string_view why);

}  // namespace gavel::api
