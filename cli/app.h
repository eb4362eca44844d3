#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_tree.h"

namespace gavel::cli {

// Where the tool's output goes and what of the environment it heeds.
struct Surroundings {
    std::ostream& out;
    std::ostream& err;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    bool no_color = false;       // NO_COLOR, or a terminal that has none.
    std::string endpoints{};     // GAVEL_ENDPOINTS
    std::string held_lock{};     // GAVEL_LOCK_NAME, of a command that `gavel lock` runs.
    std::string held_token{};    // GAVEL_LOCK_TOKEN
    std::string held_session{};  // GAVEL_SESSION
    std::string author{};        // GAVEL_AUTHOR, or USER@HOST.
};

// The whole tool: reads the arguments (without the program's name), runs what they ask for, and
// returns the exit code.
int run_gavel(const std::vector<std::string>& arguments, const Surroundings& surroundings);

// Every command that there is.
CommandNode describe_gavel();

// The arguments with the command that a child is to run cut off: for `lock` what follows the first
// "--", for `watch` what follows the first "--exec".
struct SplitArguments {
    std::vector<std::string> own{};
    std::vector<std::string> command{};
    bool empty_command = false;  // The mark was there, but nothing after it.
};
SplitArguments split_arguments(const std::vector<std::string>& arguments);

}  // namespace gavel::cli
