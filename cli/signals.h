#pragma once

#include <signal.h>

#include <initializer_list>
#include <optional>

namespace gavel::cli {

// Turns signals into something that can be polled for. While it lives the given signals are blocked
// in this thread and in those it starts; each arrives here instead.
class SignalQueue {
public:
    explicit SignalQueue(std::initializer_list<int> signals);
    ~SignalQueue();
    SignalQueue(const SignalQueue&) = delete;
    SignalQueue& operator=(const SignalQueue&) = delete;

    // Readable when a signal waits.
    int fd() const { return fd_; }
    // The next signal that waits; nothing when there is none.
    std::optional<int> take();
    // The mask from before, which a child is to start with.
    const sigset_t& mask_before() const { return before_; }

private:
    sigset_t signals_{};
    sigset_t before_{};
    int fd_ = -1;
};

}  // namespace gavel::cli
