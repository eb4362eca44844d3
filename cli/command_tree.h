#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace gavel::cli {

// One option or positional argument of a command.
struct Parameter {
    std::vector<std::string> flags{};  // "-o", "--output"; empty: a positional argument.
    std::string value{};               // What its value is called; empty: a switch.
    std::string help{};
    std::vector<std::string> choices{};  // The only values it takes, if these can be told.
    bool required = false;
    bool repeatable = false;

    bool is_positional() const { return flags.empty(); }
};

// What the tool can do, as data: read off the very parser that reads the command line, so that
// completion and manual cannot say anything else.
struct CommandNode {
    std::string path{};  // "", "lock", "session new".
    std::string help{};
    std::string footer{};
    std::vector<Parameter> options{};
    std::vector<Parameter> arguments{};
    std::vector<CommandNode> commands{};

    std::string name() const;  // The last word of the path; "gavel" of the whole.
    const CommandNode* find(std::string_view word) const;
    // Whether it runs a command of the user's, and behind which mark that stands.
    std::string_view command_mark() const;
};

CommandNode describe_commands(const CLI::App& app);

// "lock NAME [--ttl DURATION] …", without the options that every command has.
std::string synopsis(const CommandNode& command);

}  // namespace gavel::cli
