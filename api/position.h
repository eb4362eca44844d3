#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/gateway.h"

namespace gavel::api {

// Where a watch stands: everything up to `revision` of that history has been seen. As text, the id
// of an event: "35.c1a2b3c4". A bare "35" says nothing of the history, and is taken at its word.
struct Position {
    statemachine::Revision revision{};
    HistoryId history{};  // 0: not said.
    bool operator==(const Position&) const = default;

    // The numbers of two histories mean nothing to each other.
    bool contradicts(HistoryId present) const {
        return history != 0 && present != 0 && history != present;
    }
};

std::string to_string(const Position& position);
std::optional<Position> parse_position(std::string_view text);

}  // namespace gavel::api
