#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_tree.h"

namespace gavel::cli {

struct NamedPage {
    std::string file{};  // "gavel-lock.1"
    std::string text{};
};

// The manual: a page on the whole, and one on each command.
std::vector<NamedPage> manual_pages(const CommandNode& tree);

// The call by which the build has them written: gavel __manual FOLDER. Gives the exit code.
inline constexpr std::string_view manual_call = "__manual";
int write_manual(const CommandNode& tree, const std::filesystem::path& folder);

}  // namespace gavel::cli
