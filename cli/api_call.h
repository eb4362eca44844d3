#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "cli/client.h"
#include "cli/failure.h"

namespace gavel::cli {

// The answer's body as JSON; an answer that is not JSON is a failure, too.
Result<nlohmann::json, Failure> call_json(Client& client, const Call& call);

// All pages of a list: the elements of `member` of each, in one array. `target` has a query.
Result<nlohmann::json, Failure> fetch_all(Client& client, const std::string& target,
                                          const std::string& member);

// Calls that several commands make.
Call create_session_call(const nlohmann::json& body);
Call end_session_call(const std::string& session);
Call release_lock_call(const std::string& lock, const std::string& session);

}  // namespace gavel::cli
