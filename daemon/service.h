#pragma once

#include <functional>

#include "daemon/options.h"

namespace gavel::daemon {

// The options as they are now: the file may have changed.
using ReadOptionsAgain = std::function<Result<Invocation, ConfigError>()>;

// Runs a member until it is asked to end (SIGTERM, SIGINT) and gives the exit code: 0 after a clean
// end, 1 when it could not start, with one line on stderr. SIGHUP reads the options again and takes
// over what may change while it runs: the level of the log.
int run_service(Options options, const ReadOptionsAgain& read_again);

}  // namespace gavel::daemon
