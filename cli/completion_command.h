#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/app.h"
#include "cli/command_tree.h"

namespace gavel::cli {

// The call that the scripts of `gavel completion` make:
//   gavel __complete bash WORDBREAKS LINE
//   gavel __complete zsh|fish WORD…
// Prints what may stand in place of the last word, one a line. Names come from the cluster, of
// which no more than a moment and a screenful is asked; whatever goes wrong, nothing is said.
inline constexpr std::string_view complete_call = "__complete";

int answer_shell(const CommandNode& tree, std::span<const std::string> arguments,
                 const Surroundings& surroundings);

}  // namespace gavel::cli
