#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "cli/child.h"
#include "cli/jeopardy.h"
#include "cli/lease.h"
#include "cli/session_keeper.h"
#include "cli/signals.h"
#include "cli/tone.h"

namespace gavel::cli {

// The lock that a child runs under.
struct Tenure {
    std::string lock{};
    std::string session{};
    OnLost on_lost = OnLost::term;
};

// Watches over a child that runs under a lock: passes signals on, judges the loss of the session
// and tells when it is in jeopardy, and hands the terminal to and fro. Returns the child's exit
// code, or 122 if the lock was lost.
int supervise(Child& child, SignalQueue& signals, const SessionKeeper& keeper, const Tenure& tenure,
              const std::function<void(const std::string&, Tone)>& say);

// The same without a lock: returns the child's exit code; `signalled` becomes the signal that was
// passed on to it last. A child that wants the terminal needs SIGCONT among the signals.
int wait_for(Child& child, SignalQueue& signals, int& signalled);

}  // namespace gavel::cli
