#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command_tree.h"

namespace gavel::cli {

// What can stand where a person pressed TAB.
struct Completion {
    enum class Kind {
        words,  // One of `candidates`.
        keys,   // These come from the cluster.
        locks,
        sessions,
        members,
        file,
        command,  // A command of the user's, whose words begin at `command_from`.
        nothing,  // Free text.
    };
    struct Candidate {
        std::string word{};
        std::string help{};

        friend bool operator==(const Candidate&, const Candidate&) = default;
    };

    Kind kind = Kind::nothing;
    std::vector<Candidate> candidates{};
    std::string prefix{};   // What of the last word stands before the part to complete: "--key=".
    std::string partial{};  // That part, as far as it is typed.
    std::size_t command_from = 0;
    std::vector<std::string> endpoints{};  // Those given before it.
};

// `words` are those behind "gavel"; the last, which may be empty, is the one to complete. Pure.
Completion complete(const CommandNode& tree, const std::vector<std::string>& words);

// A command line, as far as it is typed, as a shell would split it. The last word is the one to
// complete: empty behind a space. `open_quote` becomes the quote that it is in, if any.
std::vector<std::string> split_command_line(std::string_view line, char& open_quote);

// A word so that bash takes it as one, within the quote that is open or without.
std::string quote_for_bash(std::string_view word, char open_quote);

// What of a value is known by its name and by the command: which names the cluster has for it.
Completion::Kind source_of(const CommandNode& command, const Parameter& parameter);

}  // namespace gavel::cli
