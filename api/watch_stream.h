#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/call.h"
#include "api/http.h"
#include "api/watch_hub.h"
#include "api/watch_snapshot.h"

namespace gavel::api {

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

// First those of `changes`, in pieces as the client takes them, then what comes above `applied`.
void begin_stream(NewStream stream, std::vector<statemachine::Ptr<statemachine::Change>> changes);
// First what is there, in pieces likewise, of which `piece` is the first, read at `applied`. A
// bookmark closes it: at its revision all that was sent is what is there, and it goes on with what
// comes above that.
void begin_stream(NewStream stream, std::shared_ptr<const Snapshot> snapshot,
                  const Snapshot::Piece& piece);

// The data of an event that says nothing but where the stream stands.
std::string position_data(statemachine::Revision revision);

}  // namespace gavel::api
