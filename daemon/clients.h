#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "api/gateway.h"
#include "daemon/core.h"

namespace gavel::daemon {

// This member's own clients, between the threads of HTTP and the core: calls on their way in, who
// waits for which answer, and who watches what changes. How many wait is bounded by Core::Limits,
// which answers at once whoever is too many.
//
// enter() is for any thread, everything else, and every callback, for the core's.
class Clients {
public:
    using Call = std::function<void()>;
    using Changes = api::Gateway::Changes;
    using Sink = std::function<void(Changes)>;
    // One that waits for an answer of the core, by what it is told.
    using Waiting =
        std::variant<std::function<void(api::SubmitResult)>, api::Query,
                     std::function<void(api::KeepAliveResult)>, std::function<void(api::Leases)>,
                     std::function<void(api::HandOverResult)>>;

    struct Callbacks {
        std::function<void(Call)> post{};  // To the core thread.
        Call on_entered{};                 // Everything that had come has been called.
    };

    explicit Clients(Callbacks callbacks) : callbacks_(std::move(callbacks)) {}

    // Runs `call` on the core thread, together with whatever else came meanwhile.
    void enter(Call call);

    // The ticket under which the core is to answer.
    std::uint64_t await(Waiting waiting);
    // To whom it belongs, if he still waits; what was read is as `machine` is now.
    void deliver(Turn::Answer answer, const statemachine::Machine& machine);
    // No answer comes any more: everyone is told why, and of a command that what becomes of it is
    // not known.
    void fail(api::Failure::Kind why);

    // For as long as the sink lives.
    void subscribe(std::weak_ptr<Sink> sink) { sinks_.push_back(std::move(sink)); }
    void publish(std::vector<statemachine::Ptr<statemachine::Change>> changes);
    // What comes next does not follow what was published.
    void cut_watchers() { tell_sinks(nullptr); }

private:
    void call_all();
    void tell_sinks(const Changes& changes);

    Callbacks callbacks_;

    std::mutex mutex_;
    std::vector<Call> inbox_;

    std::uint64_t last_ticket_ = 0;
    boost::unordered_flat_map<std::uint64_t, Waiting> waiting_;
    std::vector<std::weak_ptr<Sink>> sinks_;
};

}  // namespace gavel::daemon
