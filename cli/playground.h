#pragma once

#include <filesystem>
#include <string>

#include "cli/context.h"

namespace gavel::cli {

// `gavel playground`: a throw-away cluster of `members` gaveld processes on loopback, in the
// foreground until a signal comes. Returns the process's exit code.
int run_playground(const Context& context, const std::filesystem::path& gaveld, int members);

// The gaveld beside this program, else the one on PATH; empty when there is neither.
std::filesystem::path find_gaveld();

}  // namespace gavel::cli
