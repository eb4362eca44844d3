#pragma once

#include <string_view>

namespace gavel::cli {

enum class Shell { bash, zsh, fish };

// What a shell reads to complete `gavel`. The scripts know no command and no option: they ask this
// tool, by complete_call, and so are never older than it.
std::string_view completion_script(Shell shell);

// What the tool answers beside words, by its exit code.
inline constexpr int complete_file = 10;
inline constexpr int complete_command = 11;

}  // namespace gavel::cli
