#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/call.h"
#include "api/http.h"
#include "api/watch_hub.h"
#include "api/watch_snapshot.h"

namespace gavel::api {

// Changes of the past, as the core thread gives them out: some at a time, for many may ask for
// many.
struct HistoryPiece {
    std::vector<statemachine::Ptr<statemachine::Change>> changes{};
    statemachine::Revision through{};  // All above where it began, up to here.
    bool is_last{};                    // There was no more when it was read.
    bool compacted{};                  // Where it was to begin is not kept any more.

    static HistoryPiece read(const statemachine::Machine& state, statemachine::Revision after);
};

// An event stream in the making: what its call, its filter and its places are.
struct NewStream {
    CallPtr call{};
    WatchFilter filter{};
    std::shared_ptr<void> place{};  // Among the bounded number of streams.
    WatchHub::Attention attention{};
    statemachine::Revision applied{};  // Where its query ran.
    std::string first{};               // Is sent before all else.
};

Response stream_head();

// First the history that begins with `piece`, read on as the client takes it, then what comes
// above. One that takes it more slowly than the history is forgotten is cut.
void begin_stream(NewStream stream, HistoryPiece piece);
// First what is there, in pieces likewise, of which `piece` is the first, read at `applied`. A
// bookmark closes it: at its revision all that was sent is what is there, and it goes on with what
// comes above that.
void begin_stream(NewStream stream, std::shared_ptr<const Snapshot> snapshot,
                  const Snapshot::Piece& piece);

// The data of an event that says nothing but where the stream stands.
std::string position_data(statemachine::Revision revision);

}  // namespace gavel::api
