#include "daemon/snapshot_sink.h"

#include <algorithm>
#include <utility>

#include "proto/codec.h"

namespace gavel::daemon {

using paxos::MemberId;
using paxos::Slot;
using paxos::Tick;
using statemachine::Machine;
using statemachine::RowKey;

namespace {

bool has_voter(const statemachine::Epoch& epoch) {
    return std::ranges::any_of(epoch.members, [](const statemachine::Member& member) {
        return member.role == statemachine::Role::voter;
    });
}

}  // namespace

std::optional<SnapshotSink::Question> SnapshotSink::want(MemberId from, Slot prefix, Tick now) {
    told_by_ = from;
    if (source_ || complete_) return std::nullopt;
    source_ = from;
    wanted_at_ = prefix;
    return ask(now);
}

SnapshotSink::Question SnapshotSink::ask(Tick now) {
    due_ = now + patience_ms;
    ++asks_;
    return {*source_, {applied_ != 0 ? applied_ : wanted_at_.number, last_}};
}

std::optional<SnapshotSink::Question> SnapshotSink::tick(const std::vector<MemberId>& others,
                                                         Slot prefix, Tick now) {
    if (!source_) return std::nullopt;
    const bool overtaken = applied_ == 0 ? prefix > wanted_at_ : prefix.number >= applied_;
    if (overtaken) {
        end();
        return std::nullopt;
    }
    if (now < due_) return std::nullopt;
    if (!turned_away_ && asks_ < asks_max) return ask(now);

    if (applied_ != 0) ++reached_.begun_anew;
    const auto next = whom_to_turn_to(others);
    forget();
    if (!next) return std::nullopt;
    source_ = *next;
    wanted_at_ = prefix;
    return ask(now);
}

// Whoever said last that it has cut what this member lacks is there, and has it; those whom this
// member knows may all be gone.
std::optional<MemberId> SnapshotSink::whom_to_turn_to(const std::vector<MemberId>& others) {
    if (const auto told_by = std::exchange(told_by_, std::nullopt); told_by && told_by != source_) {
        return told_by;
    }
    const auto next = std::upper_bound(others.begin(), others.end(), *source_);
    if (next != others.end()) return *next;
    if (others.empty()) return std::nullopt;
    return others.front();
}

std::optional<SnapshotSink::Question> SnapshotSink::on_chunk(MemberId from,
                                                             proto::SnapshotChunk chunk,
                                                             Slot prefix, Tick now) {
    if (source_ != from || turned_away_) return std::nullopt;
    if (chunk.after == RowKey{} && chunk.applied > applied_) {
        if (chunk.applied <= prefix.number) {
            turn_away(now + patience_ms);
            return std::nullopt;
        }
        if (applied_ != 0) ++reached_.begun_anew;
        begin(chunk.applied);
    } else if (chunk.applied != applied_ || chunk.after != last_) {
        return std::nullopt;  // The answer to a question that was asked twice.
    }
    if (asks_ > 1) ++reached_.resumed;
    if (!load(chunk)) {
        refuse(now);
        return std::nullopt;
    }
    asks_ = 0;
    if (chunk.globals.empty()) return ask(now);
    complete_ = std::move(loading_);
    end();
    return std::nullopt;
}

void SnapshotSink::begin(std::uint64_t applied) {
    applied_ = applied;
    last_ = {};
    loading_ = std::make_unique<Machine>(limits_, alpha_, std::vector<statemachine::Member>());
}

bool SnapshotSink::load(proto::SnapshotChunk& chunk) {
    for (auto& row : chunk.rows) {
        auto value = proto::decode_row(row.key.table, row.value);
        if (!value) return false;
        bytes_ += row.key.key.size() + row.value.size();
        last_ = row.key;
        loading_->load({std::move(row.key), std::move(*value)});
    }
    if (chunk.globals.empty()) return true;
    const auto globals = proto::decode_globals(chunk.globals);
    return globals && globals->applied == applied_ && globals->alpha == alpha_ &&
           std::ranges::all_of(globals->epochs, has_voter) && loading_->finish_load(*globals) &&
           loading_->hash() == chunk.hash;
}

// It may be damaged where it came from, or be taken for damaged here, and then from everybody: no
// member is kept busy with that.
void SnapshotSink::refuse(Tick now) {
    ++reached_.refused;
    refused_from_ = source_;
    turn_away(now + refused_wait_ms_);
    refused_wait_ms_ = std::min(2 * refused_wait_ms_, refused_ms_max);
}

void SnapshotSink::turn_away(Tick until) {
    applied_ = 0;
    last_ = {};
    loading_.reset();
    turned_away_ = true;
    due_ = until;
}

void SnapshotSink::forget() {
    source_.reset();
    asks_ = 0;
    applied_ = 0;
    last_ = {};
    loading_.reset();
    turned_away_ = false;
}

// This member has what it needs.
void SnapshotSink::end() {
    forget();
    refused_from_.reset();
    refused_wait_ms_ = refused_ms_min;
}

std::unique_ptr<Machine> SnapshotSink::take() { return std::move(complete_); }

}  // namespace gavel::daemon
