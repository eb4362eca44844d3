#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace gavel::cli {

// "s12 (web-1)": of one who holds a lock or waits for it.
std::string session_label(const nlohmann::json& claim);

// Who holds a lock, in a cell of a table: the first of them, and how many more there are.
std::string holder_labels(const nlohmann::json& lock);

// The same for a message, with what is told of them: "s12 (web-1) since 2026-01-31T12:00:00.000Z
// (41.2s)". `told` is a lock, or the problem of a request that did not get it; empty when it names
// nobody.
std::string holders_account(const nlohmann::json& told);

}  // namespace gavel::cli
