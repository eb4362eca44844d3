#pragma once

#include <optional>
#include <string>

#include "api/call.h"
#include "api/names.h"
#include "api/problem.h"
#include "base/result.h"
#include "statemachine/commands.h"

namespace gavel::api {

// The value of Gavel-Lock: a lock's name, percent-encoded, and a token, as an item of RFC 8941
// would be written: `deploy/web;token=17`. With `;session=s12` it is that session's hold.
Result<statemachine::Guard, Unfit> parse_guard(std::string_view text);

// What the write that is called for rests on; none when it has no Gavel-Lock.
Result<std::optional<statemachine::Guard>, Problem> guard_of(const Call& call);

}  // namespace gavel::api
