#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "paxos/replica.h"

namespace gavel::paxos {

inline constexpr MemberId m1{1}, m2{2}, m3{3}, m4{4}, m5{5}, m6{6};

inline Epoch epoch_of_members(std::uint64_t number, std::vector<MemberId> voters,
                              std::vector<MemberId> learners = {}) {
    return {number, std::move(voters), std::move(learners)};
}

struct Setup {
    MemberId self = m1;
    std::vector<MemberId> voters{m1, m2, m3};
    std::uint64_t alpha = 8;
    std::uint64_t boot = 1;
    std::uint64_t seed = 7;
    bool elections = true;
    Limits limits{};
    Durable durable{};
    Slot executed{};
    std::map<Slot, Epoch> epochs{};  // Empty: `voters` from slot 1 on.
};

// One replica whose peers are played by the test. Its disk is instant unless held, and what it
// hands out as chosen is executed at once unless told otherwise.
class Driven {
public:
    explicit Driven(Setup setup = {});

    // The effects of the input and of all that the replica said to itself because of it.
    Effects step(const Input& input);
    Effects hears(MemberId from, Message message) {
        return step(Received{{from, std::move(message)}});
    }
    Effects pass(std::uint64_t ms);
    Effects propose(const char* command) { return step(Propose{{command}}); }
    Effects executes(Slot slot, std::optional<Epoch> left = std::nullopt) {
        return step(Executed{slot, std::move(left)});
    }

    // Canvass, prepare and promises of the given members, who report nothing.
    Ballot lead(const std::vector<MemberId>& followers = {m2});
    // As above, up to the Prepares.
    Ballot stand(const std::vector<MemberId>& followers = {m2});

    void hold_disk(bool hold) { hold_disk_ = hold; }
    // What waited for the disk happens now.
    Effects make_durable();
    void execute_by_hand() { executes_ = false; }

    const Replica& replica() const { return replica_; }
    // The records so far, replayed onto what was restored; as after a crash now.
    const Durable& disk() const { return disk_; }
    Tick now() const { return now_; }

private:
    void settle(Effects effects, Effects& all);

    MemberId self_;
    Tick now_{1'000};
    Durable disk_;
    Replica replica_;
    bool hold_disk_ = false;
    bool executes_ = true;
    std::deque<Envelope> held_;
};

// The messages of one kind among those that leave, with their receivers.
template <class T>
std::vector<std::pair<MemberId, T>> sent(const Effects& effects) {
    std::vector<std::pair<MemberId, T>> found;
    for (const auto* way : {&effects.at_once, &effects.once_durable}) {
        for (const auto& envelope : *way) {
            if (const auto* message = std::get_if<T>(&envelope.message)) {
                found.emplace_back(envelope.peer, *message);
            }
        }
    }
    return found;
}

// The promise of a member that accepted only what `reports` says.
inline Promise promise(Ballot ballot, Slot first, std::vector<std::pair<Slot, Report>> reports = {},
                       Slot chosen_prefix = {}, std::uint64_t boot = 1) {
    return {ballot, boot, first, last_slot, chosen_prefix, std::move(reports)};
}

}  // namespace gavel::paxos
