#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace gavel::api {

// A bounded number of places, shared by all HTTP threads. A place is given back when the last copy
// of what take() returned goes.
class Places {
public:
    explicit Places(std::size_t max) : max_(max) {}

    // Null: all are taken.
    std::shared_ptr<void> take() {
        if (taken_->fetch_add(1, std::memory_order_relaxed) >= max_) {
            taken_->fetch_sub(1, std::memory_order_relaxed);
            return nullptr;
        }
        // The counter is held by its places, for one may outlive the server in a late callback.
        return {taken_.get(),
                [taken = taken_](void*) { taken->fetch_sub(1, std::memory_order_relaxed); }};
    }
    std::size_t taken() const { return taken_->load(std::memory_order_relaxed); }

private:
    std::size_t max_;
    std::shared_ptr<std::atomic<std::size_t>> taken_ =
        std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace gavel::api
