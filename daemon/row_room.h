#pragma once

#include <cstdint>

#include "statemachine/state.h"

namespace gavel::daemon {

// About how many bytes of pages a commit writes anew for a row: those of the row, of the leaf it
// stands on and of that where its pieces stand, if it is long. A row that is gone takes a leaf,
// too.
std::uint64_t room_to_commit(const statemachine::RowKey& key, const statemachine::RowValue& value);

}  // namespace gavel::daemon
