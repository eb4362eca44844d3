#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "cli/endpoint.h"
#include "cli/failure.h"
#include "cli/tone.h"

namespace gavel::cli {

enum class Format { table, json, jsonl, value };

// What one run of the tool was given: where it writes, how, and whom it talks to.
struct Context {
    std::ostream& out;  // Data.
    std::ostream& err;  // Messages.
    bool out_is_terminal = false;
    bool color = false;      // Of data.
    bool err_color = false;  // Of messages.
    Format format = Format::table;
    std::vector<Endpoint> endpoints{};
    std::vector<std::string> command{};  // What followed "--" or "--exec".
    // Of the `gavel lock` that this runs under; empty: of none.
    std::string held_lock{};
    std::string held_token{};
    std::string held_session{};
    std::string author{};  // Of changes, unless another one is named.

    // One line on stderr.
    void say(const std::string& message, Tone tone = Tone::plain) const;
    // Says why and gives the exit code for it.
    int fail(const Failure& failure) const;
    int fail(const std::string& complaint) const;
};

}  // namespace gavel::cli
