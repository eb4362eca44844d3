#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "daemon/notify.h"

namespace gavel::daemon {

// While it lives the service manager is asked to wait: recovery takes as long as there is state to
// read. Not for ever, or a start that hangs would never be noticed.
class StartupPatience {
public:
    StartupPatience() : thread_([this] { run(); }) {}
    ~StartupPatience() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    StartupPatience(const StartupPatience&) = delete;
    StartupPatience& operator=(const StartupPatience&) = delete;

private:
    static constexpr std::chrono::seconds interval{10};
    static constexpr int extensions_max = 180;  // Half an hour.

    void run() {
        std::unique_lock lock(mutex_);
        for (int i = 0; i < extensions_max && !over_; ++i) {
            notify::extend_timeout(3 * interval);
            wake_.wait_for(lock, interval, [this] { return over_; });
        }
    }

    std::mutex mutex_{};
    std::condition_variable wake_{};
    bool over_ = false;
    std::thread thread_;
};

}  // namespace gavel::daemon
