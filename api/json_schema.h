#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/names.h"
#include "base/result.h"

namespace gavel::api {

// What judging may take of a thread that others wait for, in units of some ten nanoseconds. All
// values of one command share one.
struct Effort {
    static constexpr std::uint64_t most = 20'000'000;
    std::uint64_t left = most;

    bool spend(std::uint64_t effort) {
        const bool enough = effort <= left;
        left = enough ? left - effort : 0;
        return enough;
    }
    bool operator==(const Effort&) const = default;
};
inline constexpr std::string_view too_much_effort = "it takes too much to find out whether it fits";

// A JSON Schema (draft-07 or 2020-12, as docs/http-api.md says), ready to judge values. A schema
// and a value may both come from somebody who means ill: every step is counted, and a value that
// takes too many is no better than one that does not fit. Immutable; shared between threads.
class JsonSchema {
public:
    static constexpr std::size_t levels_max = 64;
    static constexpr std::size_t reasons_max = 10;
    static constexpr std::size_t size_max = 1 << 16;  // Schemas within it, steps of its patterns.

    // Why a value does not fit, and the place in it (RFC 6901).
    struct Reason {
        std::string pointer{};
        std::string text{};
        bool operator==(const Reason&) const = default;
    };

    // Refuses what it could not hold a value to: keywords that it does not know among them.
    static Result<JsonSchema, Unfit> compile(std::string_view text);

    // Empty: the value, which is JSON, fits. What it took is taken from `effort`; what would take
    // more than is left does not fit.
    std::vector<Reason> judge(std::string_view value, Effort& effort) const;

    std::size_t bytes() const { return bytes_; }  // Of memory, about.

    struct Node;

private:
    using Nodes = std::vector<std::unique_ptr<Node>>;

    std::shared_ptr<const Nodes> nodes_;  // The first is the root.
    std::size_t bytes_{};
};

}  // namespace gavel::api
