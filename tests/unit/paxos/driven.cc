#include "tests/unit/paxos/driven.h"

#include <gtest/gtest.h>

#include "persistence/recovery.h"

namespace gavel::paxos {
namespace {

std::map<Slot, Epoch> epochs_of(const Setup& setup) {
    if (!setup.epochs.empty()) return setup.epochs;
    return {{Slot{1}, epoch_of_members(1, setup.voters)}};
}

Replica::Config config_of(const Setup& setup) {
    return {.self = setup.self,
            .boot = setup.boot,
            .seed = setup.seed,
            .elections = setup.elections,
            .limits = setup.limits};
}

}  // namespace

Driven::Driven(Setup setup)
    : self_(setup.self),
      disk_(setup.durable),
      replica_(config_of(setup), {setup.durable, setup.alpha, setup.executed, epochs_of(setup)},
               now_) {}

Effects Driven::step(const Input& input) {
    Effects all;
    settle(replica_.step(input), all);
    return all;
}

void Driven::settle(Effects effects, Effects& all) {
    replica_.check_invariants();
    for (const auto& record : effects.records) persistence::replay(record, disk_);
    std::vector<Envelope> own;
    std::erase_if(effects.once_durable, [&](const Envelope& envelope) {
        if (envelope.peer != self_) return false;
        own.push_back(envelope);
        return true;
    });
    const std::vector<Chosen> chosen = effects.chosen;
    append(all, std::move(effects));

    for (auto& envelope : own) {
        if (hold_disk_) {
            held_.push_back(std::move(envelope));
        } else {
            settle(replica_.step(Received{std::move(envelope)}), all);
        }
    }
    if (!executes_) return;
    for (const auto& [slot, value] : chosen) {
        if (slot == replica_.membership().executed().next()) {
            settle(replica_.step(Executed{slot, std::nullopt}), all);
        }
    }
}

Effects Driven::make_durable() {
    hold_disk_ = false;
    Effects all;
    while (!held_.empty()) {
        Envelope envelope = std::move(held_.front());
        held_.pop_front();
        settle(replica_.step(Received{std::move(envelope)}), all);
    }
    return all;
}

Effects Driven::pass(std::uint64_t ms) {
    now_ = now_ + ms;
    return step(TimePassed{now_});
}

Ballot Driven::stand(const std::vector<MemberId>& followers) {
    for (int patience = 0; patience < 100; ++patience) {
        const auto canvasses = sent<Canvass>(pass(100));
        if (canvasses.empty()) continue;
        const Canvass canvass = canvasses.front().second;
        for (const MemberId member : followers) {
            const Effects effects =
                hears(member, CanvassAnswer{canvass.number, true, {}, canvass.chosen_prefix});
            const auto prepares = sent<Prepare>(effects);
            if (!prepares.empty()) return prepares.front().second.ballot;
        }
    }
    ADD_FAILURE() << "never stood";
    return {};
}

Ballot Driven::lead(const std::vector<MemberId>& followers) {
    const Ballot ballot = stand(followers);
    for (const MemberId member : followers) {
        hears(member, promise(ballot, replica_.chosen_prefix().next()));
    }
    EXPECT_EQ(replica_.role(), Role::leader);
    return ballot;
}

}  // namespace gavel::paxos
