#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/client.h"
#include "cli/lease.h"

namespace gavel::cli {

// Keeps one session alive from a thread of its own, so that nothing else that blocks can make it
// late. `fd()` becomes readable when there is news: the session turns out to have ended, or a
// keep-alive was confirmed.
class SessionKeeper {
public:
    // `confirmed`: when the request that made the session was sent.
    SessionKeeper(std::vector<Endpoint> endpoints, std::string session,
                  std::chrono::milliseconds ttl, BootClock::time_point confirmed);
    // Stops; the session itself is left alone.
    ~SessionKeeper();
    SessionKeeper(const SessionKeeper&) = delete;
    SessionKeeper& operator=(const SessionKeeper&) = delete;

    Lease lease() const;
    // Why the last keep-alive failed; empty when it did not.
    std::string trouble() const;
    int fd() const { return news_fd_; }
    // From now on `fd()` tells of later news.
    void take_news() const;

private:
    void run();
    // One keep-alive; when to send the next.
    BootClock::time_point keep_alive();

    const std::string session_;
    const int stop_fd_;
    const int news_fd_;
    Client client_;
    mutable std::mutex mutex_;  // Guards lease_ and trouble_.
    Lease lease_;
    std::string trouble_{};
    std::thread thread_;
};

}  // namespace gavel::cli
