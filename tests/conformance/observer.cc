#include "tests/conformance/observer.h"

#include <algorithm>
#include <sstream>
#include <variant>

namespace gavel::paxos {
namespace {

constexpr std::string_view change_of_members = "members ";

std::string text(Ballot ballot) {
    return std::to_string(ballot.round) + "." + std::to_string(ballot.member.number);
}

std::string text(const Value& value) {
    return value.is_noop() ? "no-op" : std::string(value.command.view());
}

std::string at(MemberId member) { return "member " + std::to_string(member.number) + ": "; }

std::string in(Slot slot) { return " in slot " + std::to_string(slot.number); }

}  // namespace

std::vector<MemberId> members_named_by(const Value& command) {
    std::vector<MemberId> members;
    const std::string_view bytes = command.command.view();
    if (!bytes.starts_with(change_of_members)) return members;
    std::istringstream list{std::string(bytes.substr(change_of_members.size()))};
    for (std::string number; std::getline(list, number, ',');) {
        members.push_back({static_cast<std::uint16_t>(std::stoul(number))});
    }
    return members;
}

Observer::Observer(std::uint64_t alpha, std::map<Slot, Epoch> epochs)
    : alpha_(alpha), epochs_(std::move(epochs)) {}

void Observer::expect(bool holds, const std::string& claim) {
    if (!holds) violations_.push_back(claim);
}

void Observer::submitted(const Value& command) {
    submitted_.insert(std::string(command.command.view()));
}

void Observer::started(MemberId member, std::uint64_t boot, const Durable& disk, Ballot promised) {
    boots_[member] = boot;
    expect(promised >= promised_[member], at(member) + "a promise was forgotten over a restart");
    expect(disk.promised >= promised_[member], at(member) + "the disk lost a promise");
}

void Observer::sent(const Envelope& envelope, MemberId from, const Durable& disk, Slot prefix) {
    if (const auto* prepare = std::get_if<Prepare>(&envelope.message)) {
        const auto user = std::pair(from, boots_[from]);
        expect(prepare->ballot.member == from, at(from) + "a ballot of another residue class");
        expect(prepared_by_.emplace(prepare->ballot, user).first->second == user,
               at(from) + "ballot " + text(prepare->ballot) + " is used by two runs (S17)");
        expect(disk.attempted >= prepare->ballot, at(from) + "a prepare before the disk (S17)");
    } else if (const auto* accept = std::get_if<Accept>(&envelope.message)) {
        expect(accept->ballot.member == from, at(from) + "a ballot of another residue class");
        proposed(accept->ballot, accept->slot, accept->value);
    } else if (const auto* promise = std::get_if<Promise>(&envelope.message)) {
        expect(disk.promised >= promise->ballot, at(from) + "a promise before the disk (S18)");
    } else if (const auto* accepted = std::get_if<Accepted>(&envelope.message)) {
        const auto& slots = accepted_[accepted->slot];
        const auto votes = slots.find(accepted->ballot);
        const bool stored = votes != slots.end() && votes->second.contains(from);
        expect(disk.promised >= accepted->ballot, at(from) + "a vote before the disk (S18)");
        expect(stored || chosen_.contains(accepted->slot),
               at(from) + "a vote" + in(accepted->slot) + " without a record (S18)");
        expect(stored || accepted->slot <= prefix || disk.faulty.contains(accepted->slot),
               at(from) + "a vote for what it did not accept" + in(accepted->slot));
    }
}

void Observer::proposed(Ballot ballot, Slot slot, const Value& value) {
    expect(slot.number <= history_.size() + alpha_,
           "ballot " + text(ballot) + " proposes beyond the window" + in(slot) + " (S32)");
    const auto [known, added] = proposals_[slot].emplace(ballot, value);
    expect(known->second == value, "ballot " + text(ballot) + " has two values" + in(slot) + ": " +
                                       text(known->second) + " and " + text(value));
    if (!added) return;
    const auto outcomes = chosen_.find(slot);
    if (outcomes == chosen_.end()) return;
    for (const auto& [lower, chosen] : outcomes->second) {
        expect(ballot < lower || chosen == value, "P2: " + text(chosen) + " was chosen at " +
                                                      text(lower) + in(slot) + ", ballot " +
                                                      text(ballot) + " proposes " + text(value));
    }
}

void Observer::durable(MemberId member, const Record& record) {
    if (const auto* promise = std::get_if<PromiseRecord>(&record)) {
        expect(promise->ballot >= promised_[member], at(member) + "a promise went down");
        promised_[member] = std::max(promised_[member], promise->ballot);
    }
    const auto* accept = std::get_if<AcceptRecord>(&record);
    if (accept == nullptr) return;

    const auto& [ballot, value] = accept->proposal;
    expect(ballot >= promised_[member],
           at(member) + "accepts" + in(accept->slot) + " below its promise (S10)");
    promised_[member] = std::max(promised_[member], ballot);
    proposed(ballot, accept->slot, value);
    auto& votes = accepted_[accept->slot][ballot];
    votes.insert(member);
    const Epoch& epoch = epoch_of(accept->slot);
    const auto yes = std::count_if(votes.begin(), votes.end(),
                                   [&](MemberId voter) { return epoch.has_voter(voter); });
    if (static_cast<std::size_t>(yes) * 2 <= epoch.voters.size()) return;

    auto& outcomes = chosen_[accept->slot];
    if (!outcomes.emplace(ballot, value).second) return;
    expect(value.is_noop() || submitted_.contains(std::string(value.command.view())),
           "nobody proposed " + text(value) + ", chosen" + in(accept->slot) + " (S03)");
    for (const auto& [other, chosen] : outcomes) {
        expect(chosen == value, "two values are chosen" + in(accept->slot) + ": " + text(chosen) +
                                    " and " + text(value) + " (S04)");
    }
    for (const auto& [higher, other] : proposals_[accept->slot]) {
        expect(higher < ballot || other == value,
               "P2: " + text(value) + " is chosen at " + text(ballot) + in(accept->slot) +
                   ", ballot " + text(higher) + " proposed " + text(other));
    }
}

void Observer::handed_out(MemberId member, Slot slot, const Value& value) {
    const Value* outcome = chosen(slot);
    expect(outcome != nullptr && *outcome == value,
           at(member) + "believes " + text(value) + " chosen" + in(slot) + " (S05)");
    if (slot.number <= history_.size()) {
        expect(history_[slot.number - 1] == value, at(member) + "differs from others" + in(slot));
        return;
    }
    expect(slot.number == history_.size() + 1, at(member) + "skips a slot (S31)");
    history_.push_back(value);
    auto members = members_named_by(value);
    if (members.empty()) return;
    const std::uint64_t number = epochs_.rbegin()->second.number + 1;
    epochs_[slot + alpha_] = {number, std::move(members), {}};
}

const Value* Observer::chosen(Slot slot) const {
    const auto found = chosen_.find(slot);
    if (found == chosen_.end()) return nullptr;
    return &found->second.begin()->second;
}

const Epoch& Observer::epoch_of(Slot slot) const {
    return std::prev(epochs_.upper_bound(slot))->second;
}

}  // namespace gavel::paxos
