#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace gavel::daemon {

// A thread that does one job at a time for the core: the log has two, one that commits and one that
// keeps it, and the state has one. The core gives it the next job when it has heard of the end of
// the last one, so nothing queues up here.
class Writer {
public:
    using Job = std::function<void()>;

    Writer();
    ~Writer();  // Waits for the job under way.
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    // Only when the job before has ended.
    void start(Job job);

private:
    void run();

    std::mutex mutex_;
    std::condition_variable wake_;
    Job job_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace gavel::daemon
