#include "cli/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include "base/invariant.h"

namespace gavel::cli {

SignalQueue::SignalQueue(std::initializer_list<int> signals) {
    sigemptyset(&signals_);
    for (const int signal : signals) sigaddset(&signals_, signal);
    invariant(pthread_sigmask(SIG_BLOCK, &signals_, &before_) == 0, "signals can be blocked");
    fd_ = ::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
    invariant(fd_ >= 0, "there is a descriptor for signals");
}

SignalQueue::~SignalQueue() {
    // What still waits has been dealt with or concerns a child that is no more, except for what an
    // outer queue waits for as well: that is left to it.
    sigset_t ours = signals_;
    for (int signal = 1; signal < NSIG; ++signal) {
        if (sigismember(&before_, signal) == 1) sigdelset(&ours, signal);
    }
    ::signalfd(fd_, &ours, 0);
    while (take()) {
    }
    ::close(fd_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> SignalQueue::take() {
    signalfd_siginfo info{};
    if (::read(fd_, &info, sizeof info) != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
}

}  // namespace gavel::cli
