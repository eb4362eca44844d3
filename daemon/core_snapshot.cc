// Core: what this member lacks was cut from the others' logs, or what they lack from its own.

#include <algorithm>
#include <string>

#include "daemon/core.h"

namespace gavel::daemon {
namespace {

using paxos::MemberId;
using paxos::Slot;
using paxos::Tick;
using statemachine::Revision;

// Members that were heard from within this time are waited for when the log is cut, as long as it
// holds no more than so many times what is kept anyway.
constexpr std::uint64_t wait_for_ms = 10'000;
constexpr std::uint64_t wait_for_factor = 8;
// A fetch that makes no headway for so long is not waited for.
constexpr std::uint64_t headway_ms = 1'000;

}  // namespace

void Core::ask_for_snapshot(std::optional<SnapshotSink::Question> question) {
    if (question) send(question->to, std::move(question->ask));
}

void Core::on(MemberId from, proto::SnapshotAsk ask) {
    turn_.snapshot_asks.insert_or_assign(from, std::move(ask));
}

void Core::on(MemberId from, proto::SnapshotChunk chunk) {
    const std::uint64_t before = sink_.bytes();
    ask_for_snapshot(sink_.on_chunk(from, std::move(chunk), replica_.chosen_prefix(), now_));
    if (learns_later_until_ && sink_.bytes() > before) learns_later_until_ = now_ + headway_ms;
    if (auto whole = sink_.take()) turn_.snapshot = std::move(whole);
}

// A newcomer. What it was met by may well be there and, unlike the leader, has time.
void Core::fetch_rather_than_learn() {
    if (machine_.applied() != 0 || learns_later_until_) return;
    const Slot prefix = replica_.chosen_prefix();
    if (replica_.known_chosen() <= prefix + config_.limits.replayed) return;
    const MemberId leader = replica_.leader();
    MemberId source = leader;
    for (const MemberId member : replica_.membership().everyone()) {
        if (member != leader && member != config_.self && incarnations_.contains(member)) {
            source = member;
        }
    }
    if (!source || source == config_.self) return;
    learns_later_until_ = now_ + headway_ms;
    ask_for_snapshot(sink_.want(source, prefix, now_));
}

// What it learned meanwhile would have to be executed for nothing.
bool Core::learns_later() const {
    return machine_.applied() == 0 && sink_.source() && learns_later_until_ &&
           now_ < *learns_later_until_;
}

void Core::go_on_fetching() {
    std::vector<MemberId> others = replica_.membership().everyone();
    std::erase(others, config_.self);
    ask_for_snapshot(sink_.tick(others, replica_.chosen_prefix(), now_));
}

void Core::drop_a_snapshot_of_no_use() {
    if (turn_.snapshot && turn_.snapshot->applied() <= replica_.chosen_prefix().number) {
        turn_.snapshot.reset();
    }
}

// As far as is known: 0 of one that was not heard from.
Revision Core::durable_at(MemberId member) const {
    const auto report = reports_.find(member);
    return report == reports_.end() ? 0 : report->second.report.durable;
}

Slot Core::cut_point(std::uint64_t keep, const std::map<MemberId, Slot>& fetched) const {
    const auto behind = [this](std::uint64_t slots) {
        return durable_applied_ > slots ? durable_applied_ - slots : 0;
    };
    Revision cut = behind(keep);
    for (const auto& [member, slot] : fetched) {
        if (durable_at(member) < slot.number) cut = std::min(cut, slot.number);
    }
    for (const MemberId member : replica_.membership().everyone()) {
        if (member == config_.self) continue;
        const auto report = reports_.find(member);
        const Tick heard_at = report == reports_.end() ? started_at_ : report->second.at;
        if (now_ - heard_at > wait_for_ms) continue;
        cut = std::min(cut, durable_at(member));
    }
    const bool bounded = keep <= durable_applied_ / wait_for_factor;
    return {std::max(cut, bounded ? behind(wait_for_factor * keep) : 0)};
}

}  // namespace gavel::daemon
