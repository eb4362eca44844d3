#pragma once

#include <string>

#include "cli/client.h"
#include "cli/context.h"

namespace CLI {
class App;
}

namespace gavel::cli {

// USER@HOST of this process, which a cluster believes as it believes all that a client says.
std::string author_of_this_process();

// Who makes a change and why, for those that read the history.
struct Note {
    std::string author{};  // Empty: that of the context.
    std::string reason{};
};
void add_note_options(CLI::App& app, Note& note);
void add_note(Call& call, const Context& context, const Note& note);

}  // namespace gavel::cli
