#pragma once

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
// problem: a value does not fit.
std::optional<Problem> judge(const Call& call, statemachine::Command& command);

// Likewise what a rollback would bring back.
std::optional<Problem> judge(const Call& call, const statemachine::RollBackPlan& plan,
                             statemachine::RollBack& command);

class JsonWriter;
void write_violations(JsonWriter& json, const std::vector<JsonSchema::Reason>& reasons);

}  // namespace gavel::api
