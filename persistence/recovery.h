#pragma once

#include "paxos/records.h"

namespace gavel::persistence {

// Puts together what the two environments hold after a crash: the log's memory and the slot up to
// which the state is durable. Pure: the simulator recovers its members with the same function.
//
// The chosen prefix is the larger of both. Entries at or below `applied` may be missing; what is
// faulty there counts as cut. A hole above `applied` but below the log's prefix is faulty: it was
// there once.
paxos::Durable recover(paxos::Durable log, paxos::Slot applied);

// Replays one record onto the memory, as writing it to the log and reading it back would.
void replay(const paxos::Record& record, paxos::Durable& onto);

}  // namespace gavel::persistence
