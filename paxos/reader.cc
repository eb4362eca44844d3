#include "paxos/reader.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace gavel::paxos {

Reader::Reader(MemberId self, std::uint64_t boot, Limits limits, const Membership& membership)
    : self_(self),
      limits_(limits),
      membership_(membership),
      last_number_(boot << 40),
      own_in_round_(last_number_),
      asked_through_(last_number_) {}

void Reader::on_read(std::uint64_t read) {
    invariant(own_.empty() || own_.back().read < read, "numbers of reads rise");
    own_.push_back({++last_number_, read});
}

void Reader::give_up(std::uint64_t read) {
    const auto own = std::ranges::lower_bound(own_, read, {}, &Own::read);
    if (own != own_.end() && own->read == read) own_.erase(own);
}

void Reader::on_ask(MemberId from, const ReadIndexAsk& ask) {
    auto& number = asks_[from];
    number = std::max(number, ask.number);
}

bool Reader::is_asked() const {
    return !asks_.empty() || (!own_.empty() && own_.back().number > own_in_round_);
}

Reader::Round Reader::begin_round(Slot index) {
    Round result;
    const Epoch& governing = membership_.epoch_of(index.next());
    if (!rounds_.empty() && rounds_.front().governing != governing) take_back_rounds();
    if (!is_asked() || rounds_.size() >= limits_.read_rounds) return result;

    own_in_round_ = last_number_;
    rounds_.push_back({.round = ++round_,
                       .index = index,
                       .governing = governing,
                       .own_through = own_in_round_,
                       .asked = std::exchange(asks_, {})});
    result.begin = true;
    finish_rounds(result.effects);
    return result;
}

// The set that was to confirm them governs no more, and its members may be gone.
void Reader::take_back_rounds() {
    for (const Pending& pending : rounds_) {
        for (const auto& [member, number] : pending.asked) {
            auto& asked = asks_[member];
            asked = std::max(asked, number);
        }
    }
    rounds_.clear();
    own_in_round_ = own_.empty() ? last_number_ : own_.front().number - 1;
}

Effects Reader::on_ack(MemberId from, std::uint64_t round) {
    Effects effects;
    auto& acked = acked_[from];
    if (round <= acked) return effects;
    acked = round;
    finish_rounds(effects);
    return effects;
}

bool Reader::is_confirmed(const Pending& pending) const {
    Votes votes;
    votes.add(self_);
    for (const auto& [member, round] : acked_) {
        if (round >= pending.round) votes.add(member);
    }
    return votes.is_quorum(pending.governing);
}

void Reader::finish_rounds(Effects& effects) {
    while (!rounds_.empty() && is_confirmed(rounds_.front())) {
        const Pending done = std::move(rounds_.front());
        rounds_.pop_front();
        confirm_own(done.own_through, done.index, effects);
        for (const auto& [member, number] : done.asked) {
            effects.at_once.push_back({member, ReadIndexAnswer{number, done.index}});
        }
    }
}

void Reader::confirm_own(std::uint64_t through, Slot index, Effects& effects) {
    while (!own_.empty() && own_.front().number <= through) {
        effects.reads.push_back({own_.front().read, index});
        own_.pop_front();
    }
}

std::optional<ReadIndexAsk> Reader::ask(bool again) {
    if (own_.empty()) return std::nullopt;
    const std::uint64_t newest = own_.back().number;
    if (newest <= asked_through_ && !again) return std::nullopt;
    asked_through_ = newest;
    return ReadIndexAsk{newest};
}

Effects Reader::on_answer(const ReadIndexAnswer& answer) {
    Effects effects;
    if (answer.number <= last_number_) confirm_own(answer.number, answer.index, effects);
    return effects;
}

void Reader::reset() {
    rounds_.clear();
    asks_.clear();
    acked_.clear();
    own_in_round_ = own_.empty() ? last_number_ : own_.front().number - 1;
    asked_through_ = own_in_round_;
}

}  // namespace gavel::paxos
