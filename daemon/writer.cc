#include "daemon/writer.h"

#include <utility>

#include "base/invariant.h"

namespace gavel::daemon {

Writer::Writer() : thread_([this] { run(); }) {}

Writer::~Writer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Writer::start(Job job) {
    {
        const std::lock_guard lock(mutex_);
        invariant(!job_, "a writer is given one job at a time");
        job_ = std::move(job);
    }
    wake_.notify_one();
}

void Writer::run() {
    for (;;) {
        Job job;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || job_; });
            if (!job_) return;
            job = std::exchange(job_, {});
        }
        job();
    }
}

}  // namespace gavel::daemon
