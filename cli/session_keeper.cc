#include "cli/session_keeper.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;

void raise_event(int fd) { ::eventfd_write(fd, 1); }

}  // namespace

SessionKeeper::SessionKeeper(std::vector<Endpoint> endpoints, std::string session, milliseconds ttl,
                             BootClock::time_point confirmed)
    : session_(std::move(session)),
      stop_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      news_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      client_(std::move(endpoints), stop_fd_),
      lease_{.ttl = ttl, .confirmed = confirmed} {
    // The thread takes no signals: they are for whoever polls for them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SessionKeeper::~SessionKeeper() {
    raise_event(stop_fd_);
    thread_.join();
    ::close(stop_fd_);
    ::close(news_fd_);
}

Lease SessionKeeper::lease() const {
    const std::lock_guard lock(mutex_);
    return lease_;
}

std::string SessionKeeper::trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

void SessionKeeper::take_news() const {
    eventfd_t count = 0;
    ::eventfd_read(news_fd_, &count);
}

void SessionKeeper::run() {
    auto due = lease().keepalive_due();
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(due - BootClock::now());
        if (!client_.pause(std::max(left, milliseconds{0}))) return;
        due = keep_alive();
        if (lease().ended) return;
    }
}

BootClock::time_point SessionKeeper::keep_alive() {
    const auto ttl = lease().ttl;
    const auto sent = BootClock::now();
    // A member that hangs must leave time to ask another one.
    const auto answer = client_.attempt(
        {.method = "POST",
         .target = "/v1/sessions/" + encode_path(session_) + "/keepalive",
         .attempt_limit = std::clamp(ttl / 6, milliseconds{100}, milliseconds{3000})});

    const std::lock_guard lock(mutex_);
    if (answer) {
        lease_.confirmed = sent;
        trouble_.clear();
        raise_event(news_fd_);
        return lease_.keepalive_due();
    }
    lease_.ended = answer.error().code == "session-not-found";
    trouble_ = describe(answer.error());
    if (lease_.ended) raise_event(news_fd_);
    return BootClock::now() + std::clamp(ttl / 30, milliseconds{20}, milliseconds{500});
}

}  // namespace gavel::cli
