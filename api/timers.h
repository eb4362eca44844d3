#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace gavel::api {

// Tasks to be run at a time, in its order. Owned by one thread, which says what time it is.
class Timers {
public:
    using Time = std::chrono::steady_clock::time_point;

    // The task is forgotten when the returned object goes.
    [[nodiscard]] std::shared_ptr<void> add(Time due, std::function<void()> task) {
        const Key key{due, ++count_};
        tasks_->emplace(key, std::move(task));
        return {this, [tasks = std::weak_ptr(tasks_), key](void*) {
                    if (const auto alive = tasks.lock()) alive->erase(key);
                }};
    }
    std::optional<Time> next() const {
        if (tasks_->empty()) return std::nullopt;
        return tasks_->begin()->first.first;
    }
    void run_due(Time now) {
        while (!tasks_->empty() && tasks_->begin()->first.first <= now) {
            // Taken out before it runs: it may add and forget others.
            auto node = tasks_->extract(tasks_->begin());
            node.mapped()();
        }
    }

private:
    using Key = std::pair<Time, std::uint64_t>;
    using Tasks = std::map<Key, std::function<void()>>;

    std::shared_ptr<Tasks> tasks_ = std::make_shared<Tasks>();
    std::uint64_t count_{};
};

}  // namespace gavel::api
