#pragma once

#include "proto/wire.h"
#include "statemachine/outcomes.h"

namespace gavel::schema {
class Outcome;
}

// Not for other rooms: only the row codec remembers outcomes.
namespace gavel::proto {

void put(const statemachine::Outcome& from, schema::Outcome& to);
statemachine::Outcome take(schema::Outcome& from, Check& check);

}  // namespace gavel::proto
