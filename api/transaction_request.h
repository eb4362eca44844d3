#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/problem.h"
#include "base/result.h"
#include "statemachine/commands.h"

namespace gavel::api {

// A transaction as it was asked for.
struct TransactionRequest {
    statemachine::Transact command{};
    std::vector<std::size_t> conditions{};  // Of each of the command's compares: its place in "if".
    // Of each operation: the key it names. For the answer, when the command has gone its way.
    std::vector<std::string> then_keys{};
    std::vector<std::string> else_keys{};
};
Result<TransactionRequest, Problem> parse_transaction(std::string_view body);

}  // namespace gavel::api
