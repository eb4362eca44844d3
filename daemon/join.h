#pragma once

#include <filesystem>

#include "base/result.h"
#include "daemon/options.h"
#include "persistence/log_store.h"

namespace gavel::daemon {

// How a member comes to a cluster that runs already: it registers with any member of it, over HTTP,
// and is told its number, which was never used before, and where the others are. What it is told
// becomes its data directory's identity; from there on it catches up like any member that was away.
//
// Asks again while the cluster cannot answer, for as long as it takes, and until SIGTERM or SIGINT,
// which are blocked. A definite no is an error.
//
// What the registration is known by, the incarnation that the directory is to have, stands in
// `.joining` in the data directory before the cluster hears of it: a start that is cut short finds
// its number again.
Result<persistence::Identity, ConfigError> join_cluster(const Options& options);

// A start that was to join and was cut short left its mark: this directory must found no cluster.
bool is_joining(const std::filesystem::path& folder);
// To be called before the member serves. Who had a log once must not get its number back without
// it: an acceptor that lost its memory joins under a new one (pitfall 15). Durable when it returns.
Result<void, ConfigError> forget_registration(const std::filesystem::path& folder);

}  // namespace gavel::daemon
