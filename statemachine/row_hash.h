#pragma once

#include <cstdint>

#include "statemachine/state.h"

namespace gavel::statemachine {

// Depends on the table, the key and every field of the value.
std::uint64_t row_hash(const RowKey& key, const RowValue& value);

// Over everything that belongs to no row, and over the sum of the rows' hashes.
std::uint64_t state_hash(const Globals& globals);

}  // namespace gavel::statemachine
