#include "cli/context.h"

#include <ostream>

#include "cli/exit_code.h"
#include "cli/text.h"

namespace gavel::cli {

void Context::say(const std::string& message) const {
    err << "gavel: " << printable(message) << std::endl;
}

int Context::fail(const Failure& failure) const {
    say(describe(failure));
    return exit_error;
}

}  // namespace gavel::cli
