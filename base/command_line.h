#pragma once

#include <span>
#include <string>

namespace CLI {
class App;
}

namespace gavel {

// Parses the words behind the program's name; throws as CLI::App::parse does. "--option=" gives the
// option the empty value: CLI11 2.1 would take the next word for it, so that a unit's
// --option=${VARIABLE} with nothing in the variable swallowed the option behind it.
void parse_command_line(CLI::App& app, std::span<const std::string> words);

}  // namespace gavel
