#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "api/call.h"
#include "api/json_schema.h"
#include "api/problem.h"
#include "statemachine/commands.h"
#include "statemachine/past.h"

namespace gavel::api {

// What a command is to put, and where it says which schema the value was judged by.
struct PutOfCommand {
    std::string_view key{};
    std::string_view content_type{};
    std::string_view value{};
    statemachine::Revision* schema{};
};
// In order, those of either branch of a transaction; the command must outlive it.
std::vector<PutOfCommand> puts_of(statemachine::Command& command);
// From now on it is refused wherever it is executed, unless it is a repetition.
void make_unfit(statemachine::Command& command);

// Judges what the command puts by the schemas of this member's state, and notes in it by which. A
// problem: a value does not fit, or all of them together take too much.
std::optional<Problem> judge(const Call& call, statemachine::Command& command);

using Deadline = std::chrono::steady_clock::time_point;

// Likewise what a rollback would bring back. That may be much: others have their turn in between,
// and past the deadline the call is answered that it has taken too long.
struct RestoredVerdict {
    std::optional<Problem> problem{};
    std::uint64_t judged{};  // For RollBack::judged.
};
void judge(const CallPtr& call, const statemachine::RollBackPlan& plan, Deadline deadline,
           std::function<void(const CallPtr& call, const RestoredVerdict& verdict)> then);

// Of the effort that values take, what is done in one turn on the HTTP thread.
inline constexpr std::uint64_t effort_per_turn = 1'000'000;

class JsonWriter;
void write_violations(JsonWriter& json, const std::vector<JsonSchema::Reason>& reasons);

}  // namespace gavel::api
