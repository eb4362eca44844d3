#pragma once

#include <gmock/gmock.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/core.h"

namespace gavel::daemon {

using paxos::MemberId;
using paxos::Tick;

// A few cores in one thread, with a network that loses nothing and disks that are at once durable.
// What faults do is the simulator's business; here is what the core answers when all goes well, and
// when a member is simply not there.
class CoreCluster {
public:
    explicit CoreCluster(std::uint16_t size, paxos::LearnerMode learner_mode = {}) {
        for (std::uint16_t id = 1; id <= size; ++id) {
            members_.push_back({.id = id, .name = "n" + std::to_string(id)});
        }
        for (std::uint16_t id = 1; id <= size; ++id) {
            Core::Config config{.self = {id}, .boot = 1, .seed = id, .learner_mode = learner_mode};
            cores_[{id}] = std::make_unique<Core>(config, statemachine::Machine({}, 8, members_),
                                                  paxos::Durable{}, now_, wall_);
        }
    }

    Core& core(std::uint16_t id) { return *cores_.at({id}); }
    void kill(std::uint16_t id) { cores_.erase({id}); }
    // Nothing it says arrives, and nothing reaches it.
    void cut_off(std::uint16_t id) { cut_off_.insert({id}); }
    // A newcomer with an empty directory.
    void start(std::uint16_t id) {
        Core::Config config{.self = {id}, .boot = 1, .seed = id};
        cores_[{id}] = std::make_unique<Core>(config, statemachine::Machine({}, 8, members_),
                                              paxos::Durable{}, now_, wall_);
    }
    const statemachine::Globals& globals(std::uint16_t id) { return core(id).machine().globals(); }
    bool is_voter(std::uint16_t of, std::uint16_t id) {
        const auto& membership = core(of).replica().membership();
        return membership.epoch_of(membership.executed().next()).has_voter({id});
    }
    std::optional<statemachine::MembersChanged> change(
        std::uint16_t at, std::vector<statemachine::MemberChange> wanted) {
        return outcome<statemachine::MembersChanged>(submit(
            at, statemachine::ChangeMembers{globals(at).epochs.back().number, std::move(wanted)}));
    }

    void run_for(std::uint64_t duration_ms) {
        for (std::uint64_t passed = 0; passed < duration_ms; passed += 10) {
            now_ = now_ + 10;
            wall_ += 10;
            for (auto& [id, core] : cores_) {
                core->tick(now_, wall_);
                core->on_state_durable(core->machine().applied());
            }
            settle();
        }
    }

    void settle() {
        while (settle_once()) {
        }
    }

    // One turn of each member, and what they say meanwhile arrives. False: nothing was said.
    bool settle_once() {
        bool busy = false;
        for (auto& [id, core] : cores_) {
            Turn turn = core->end_turn();
            if (turn.diverged) diverged[id] = *turn.diverged;
            if (turn.retired) retired.insert(id);
            for (auto& messages : {&turn.once_durable, &turn.at_once}) {
                for (auto& outgoing : *messages) {
                    bag_.push_back({id, std::move(outgoing)});
                }
            }
            for (auto& answer : turn.answers) take(answer);
            for (auto& change : turn.changes) changes[id].push_back(change);
        }
        while (!bag_.empty()) {
            busy = true;
            auto [from, outgoing] = std::move(bag_.front());
            bag_.pop_front();
            if (cut_off_.contains(from) != cut_off_.contains(outgoing.to)) continue;
            const auto to = cores_.find(outgoing.to);
            if (to != cores_.end()) to->second->receive(from, std::move(outgoing.message));
        }
        return busy;
    }

    std::uint16_t leader() {
        for (int tries = 0; tries < 1'000; ++tries) {
            for (auto& [id, core] : cores_) {
                if (core->status().role == "leader") return id.number;
            }
            run_for(10);
        }
        return 0;
    }
    std::uint16_t follower() { return static_cast<std::uint16_t>(leader() % cores_.size() + 1); }

    // Submits at the member and gives the answer, if it came within the time.
    std::optional<api::SubmitResult> submit(std::uint16_t id, statemachine::Command command,
                                            std::uint64_t patience_ms = 2'000) {
        const std::uint64_t ticket = ++ticket_;
        core(id).submit(ticket,
                        {.command = std::move(command), .timeout = std::chrono::seconds(1)});
        settle();
        for (std::uint64_t passed = 0; passed < patience_ms && !submitted.contains(ticket);
             passed += 10) {
            run_for(10);
        }
        const auto found = submitted.find(ticket);
        if (found == submitted.end()) return std::nullopt;
        return found->second;
    }

    template <class Outcome>
    std::optional<Outcome> outcome(const std::optional<api::SubmitResult>& result) {
        if (!result || !std::holds_alternative<api::Executed>(*result)) return std::nullopt;
        const auto* found = std::get_if<Outcome>(&std::get<api::Executed>(*result).outcome);
        return found == nullptr ? std::nullopt : std::optional(*found);
    }

    statemachine::SessionId open_session(std::uint16_t id, std::int64_t ttl_ms) {
        const auto opened = outcome<statemachine::SessionOpened>(
            submit(id, statemachine::OpenSession{.name = "test", .ttl = ttl_ms}));
        return opened ? opened->session : 0;
    }

    std::map<std::uint64_t, api::SubmitResult> submitted;
    std::map<std::uint64_t, std::optional<api::Failure>> reads;
    std::map<std::uint64_t, api::KeepAliveResult> kept;
    std::map<std::uint64_t, api::Leases> leases;
    std::map<std::uint64_t, api::HandOverResult> handed_over;
    std::map<MemberId, std::vector<statemachine::Ptr<statemachine::Change>>> changes;
    std::map<MemberId, paxos::Slot> diverged;
    std::set<MemberId> retired;

private:
    void take(Turn::Answer& answer) {
        if (auto* done = std::get_if<Turn::Submitted>(&answer)) {
            EXPECT_TRUE(submitted.emplace(done->ticket, done->result).second) << "answered twice";
        } else if (auto* read = std::get_if<Turn::ReadReady>(&answer)) {
            reads[read->ticket] = read->failure;
        } else if (auto* alive = std::get_if<Turn::KeptAlive>(&answer)) {
            kept.emplace(alive->ticket, alive->result);
        } else if (auto* led = std::get_if<Turn::HandedOver>(&answer)) {
            EXPECT_TRUE(handed_over.emplace(led->ticket, led->result).second) << "answered twice";
        } else {
            auto& told = std::get<Turn::Leases>(answer);
            EXPECT_TRUE(leases.emplace(told.ticket, told.leases).second) << "answered twice";
        }
    }

    std::vector<statemachine::Member> members_;
    std::map<MemberId, std::unique_ptr<Core>> cores_;
    std::set<MemberId> cut_off_;
    std::deque<std::pair<MemberId, Outgoing>> bag_;
    Tick now_{1'000};
    statemachine::TimeMs wall_ = 1'700'000'000'000;
    std::uint64_t ticket_ = 0;
};

inline statemachine::PutKey put(std::string key, std::string value) {
    return {.key = std::move(key), .value = Bytes(std::move(value)), .content_type = "text/plain"};
}

}  // namespace gavel::daemon
