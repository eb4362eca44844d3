#include "daemon/clients.h"

#include <utility>

namespace gavel::daemon {
namespace {

using api::Failure;
using statemachine::Machine;
using Waiting = Clients::Waiting;

// What an answer of the core is to him who waits for one of that kind.

void tell(Waiting& waiting, Turn::Submitted& answer, const Machine&) {
    std::get<std::function<void(api::SubmitResult)>>(waiting)(std::move(answer.result));
}
void tell(Waiting& waiting, Turn::ReadReady& answer, const Machine& machine) {
    std::get<api::Query>(waiting)(answer.failure ? nullptr : &machine, answer.failure);
}
void tell(Waiting& waiting, Turn::KeptAlive& answer, const Machine&) {
    std::get<std::function<void(api::KeepAliveResult)>>(waiting)(std::move(answer.result));
}
void tell(Waiting& waiting, Turn::Leases& answer, const Machine&) {
    std::get<std::function<void(api::Leases)>>(waiting)(std::move(answer.leases));
}
void tell(Waiting& waiting, Turn::HandedOver& answer, const Machine&) {
    std::get<std::function<void(api::HandOverResult)>>(waiting)(std::move(answer.result));
}

// ... and what he is told when none comes.

void give_up(std::function<void(api::SubmitResult)>& done, Failure::Kind) {
    done(Failure{Failure::Kind::outcome_unknown});
}
void give_up(api::Query& query, Failure::Kind why) { query(nullptr, Failure{why}); }
void give_up(std::function<void(api::KeepAliveResult)>& done, Failure::Kind why) {
    done(Failure{why});
}
void give_up(std::function<void(api::Leases)>& done, Failure::Kind) { done({}); }
void give_up(std::function<void(api::HandOverResult)>& done, Failure::Kind why) {
    done(Failure{why});
}

}  // namespace

void Clients::enter(Call call) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = inbox_.empty();
        inbox_.push_back(std::move(call));
    }
    if (first) callbacks_.post([this] { call_all(); });
}

void Clients::call_all() {
    std::vector<Call> calls;
    {
        const std::lock_guard lock(mutex_);
        calls.swap(inbox_);
    }
    for (auto& call : calls) call();
    callbacks_.on_entered();
}

std::uint64_t Clients::await(Waiting waiting) {
    waiting_.emplace(++last_ticket_, std::move(waiting));
    return last_ticket_;
}

void Clients::deliver(Turn::Answer answer, const Machine& machine) {
    const auto found =
        waiting_.find(std::visit([](const auto& each) { return each.ticket; }, answer));
    if (found == waiting_.end()) return;
    Waiting waiting = std::move(found->second);
    waiting_.erase(found);
    std::visit([&](auto& each) { tell(waiting, each, machine); }, answer);
}

void Clients::fail(Failure::Kind why) {
    for (auto& [ticket, waiting] : std::exchange(waiting_, {})) {
        std::visit([why](auto& each) { give_up(each, why); }, waiting);
    }
}

void Clients::publish(std::vector<statemachine::Ptr<statemachine::Change>> changes) {
    if (changes.empty() || sinks_.empty()) return;
    tell_sinks(std::make_shared<const std::vector<statemachine::Ptr<statemachine::Change>>>(
        std::move(changes)));
}

void Clients::tell_sinks(const Changes& changes) {
    std::erase_if(sinks_, [&](const auto& weak) {
        const auto sink = weak.lock();
        if (sink) (*sink)(changes);
        return !sink;
    });
}

}  // namespace gavel::daemon
