#include "cli/context.h"

#include <ostream>

#include "cli/exit_code.h"
#include "cli/text.h"

namespace gavel::cli {

void Context::say(const std::string& message, Tone tone) const {
    err << painted("gavel:", tone, err_color) << ' ' << printable(message) << std::endl;
}

int Context::fail(const Failure& failure) const { return fail(describe(failure)); }

int Context::fail(const std::string& complaint) const {
    say(complaint, Tone::bad);
    return exit_error;
}

}  // namespace gavel::cli
