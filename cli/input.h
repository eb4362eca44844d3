#pragma once

#include <optional>
#include <string>

#include "cli/complaint.h"

namespace gavel::cli {

// All that a file holds, or, without a name or as "-", what comes on standard input. None, and the
// complaint, when it cannot be read, which is not the same as empty.
std::optional<std::string> read_input(const std::string& file, Complaint& complaint);

}  // namespace gavel::cli
