#include "daemon/disk.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "base/invariant.h"
#include "daemon/log.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

constexpr std::uint64_t cut_step = 8'192;  // Entries removed in one transaction.
constexpr std::uint64_t cut_from = 4'096;  // Not worth one for less.
constexpr std::size_t learn_bytes = 256 * 1024;

// What it holds in memory, about.
std::size_t bytes_of(const paxos::Record& record) {
    std::size_t bytes = sizeof(record);
    if (const auto* accept = std::get_if<paxos::AcceptRecord>(&record)) {
        bytes += accept->proposal.value.command.size();
    } else if (const auto* chosen = std::get_if<paxos::ChosenRecord>(&record)) {
        bytes += chosen->value.command.size();
    }
    return bytes;
}

// Reads from a transaction of its own.
class StateSnapshot final : public SnapshotReader {
public:
    explicit StateSnapshot(std::unique_ptr<persistence::StateReader> reader)
        : reader_(std::move(reader)) {}

    std::uint64_t applied() const override { return reader_->globals().applied; }

    std::optional<proto::SnapshotChunk> read(const statemachine::RowKey& after) override {
        auto piece = reader_->read(after, proto::snapshot_chunk_bytes);
        if (!piece) {
            log::error("the state cannot be handed on", {{"reason", piece.error().what}});
            return std::nullopt;
        }
        proto::SnapshotChunk chunk{
            .applied = applied(), .after = after, .rows = std::move(piece->rows), .globals = {}};
        if (piece->last) complete(chunk, reader_->globals());
        return chunk;
    }

private:
    std::unique_ptr<persistence::StateReader> reader_;
};

bool by_key(const statemachine::Row& a, const statemachine::Row& b) { return a.key < b.key; }

}  // namespace

Disk::Disk(persistence::LogStore log, persistence::StateStore state,
           statemachine::Revision durable_applied, Post post)
    : log_(std::move(log)),
      state_(std::move(state)),
      post_(std::move(post)),
      state_bytes_(state_.bytes_used()),
      durable_applied_(durable_applied) {}

void Disk::append(std::vector<paxos::Record> records, std::vector<Outgoing> once_durable) {
    if (records.empty() && once_durable.empty()) return;
    if (records.empty() && !log_busy_ && collecting_.empty()) {
        released(std::move(once_durable));
        return;
    }
    std::size_t bytes = once_durable.size() * sizeof(Outgoing);
    for (const auto& record : records) bytes += bytes_of(record);
    collecting_.bytes += bytes;
    waiting_bytes_ += bytes;
    std::move(records.begin(), records.end(), std::back_inserter(collecting_.records));
    std::move(once_durable.begin(), once_durable.end(),
              std::back_inserter(collecting_.once_durable));
    start_log();
}

void Disk::start_log() {
    if (log_busy_) return;
    if (collecting_.records.empty()) {
        if (collecting_.empty()) return;
        waiting_bytes_ -= collecting_.bytes;
        released(std::exchange(collecting_, {}).once_durable);
        return;
    }
    log_busy_ = true;
    ++handed_;
    auto batch = std::make_shared<Batch>(std::exchange(collecting_, {}));
    log_writer_.start([this, batch] {
        log_.commit(batch->records);
        post_([this, batch] { on_log_durable(std::move(*batch)); });
    });
}

void Disk::on_log_durable(Batch batch) {
    log_busy_ = false;
    durable_ = handed_;
    ++commits_;
    waiting_bytes_ -= batch.bytes;
    start_state();
    start_keeping();
    // The next commit begins before the answers to this one are worked off.
    if (!collecting_.records.empty()) start_log();
    released(std::move(batch.once_durable));
    if (!log_busy_) start_log();
}

void Disk::cut(paxos::Slot through) {
    cut_target_ = std::max(cut_target_, through);
    start_keeping();
}

void Disk::keep_notes() {
    notes_wait_ = true;
    start_keeping();
}

// Bounded transactions: the next batch may come to wait for one.
void Disk::start_keeping() {
    if (keeping_ || !may_keep_) return;
    const paxos::Slot oldest = log_.oldest();
    const paxos::Slot executed{durable_applied_};
    const bool cuts = cut_target_ >= oldest + cut_from;
    const bool lacks_room = log_.is_crowded() && executed >= oldest;
    const bool has_to = cuts || lacks_room || asked_in_vain_ || notes_wait_;
    if (!has_to && !log_.wants_to_settle()) return;
    asked_in_vain_ = notes_wait_ = false;
    const paxos::Slot through{std::min(cut_target_.number, oldest.number + cut_step)};
    keeping_ = true;
    log_keeper_.start([this, cuts, executed, through] {
        log_.settle(executed);
        if (cuts) log_.cut(through);
        if (log_.is_crowded()) log_.make_room(executed);
        post_([this] {
            keeping_ = false;
            start_keeping();
        });
    });
}

void Disk::commit_state(StateBatch batch) {
    state_bytes_coming_ = batch.bytes;
    held_state_ = std::move(batch);
    // What was executed may rest on records that still collect, or are being synced.
    held_until_ = handed_ + (collecting_.records.empty() ? 0 : 1);
    start_state();
}

void Disk::start_state() {
    if (!held_state_ || state_busy_ || durable_ < held_until_) return;
    state_busy_ = true;
    auto batch = std::make_shared<StateBatch>(std::move(*held_state_));
    held_state_.reset();
    state_writer_.start([this, batch] {
        std::sort(batch->rows.begin(), batch->rows.end(), by_key);
        state_.commit(batch->rows, batch->globals);
        post_([this, applied = batch->globals.applied] {
            state_busy_ = false;
            state_bytes_ = state_.bytes_used();
            state_bytes_coming_ = 0;
            durable_applied_ = applied;
        });
    });
}

paxos::LearnAnswer Disk::read(const paxos::LogRead& wanted) {
    paxos::LearnAnswer answer{.from = wanted.from,
                              .oldest = log_.oldest(),
                              .chosen_prefix = wanted.chosen_prefix,
                              .values = log_.read_chosen(wanted.from, learn_bytes)};
    // A quiet cluster may not write again for hours: it must not wait for the journal to fill up.
    // What was cut does not come back that way.
    const bool held = wanted.from >= answer.oldest && wanted.from.number <= durable_applied_;
    if (answer.values.empty() && held) {
        asked_in_vain_ = true;
        start_keeping();
    }
    return answer;
}

std::unique_ptr<SnapshotReader> Disk::snapshot() const {
    auto reader = state_.snapshot();
    if (!reader) log::error("the state cannot be handed on", {{"reason", reader.error().what}});
    if (!reader || *reader == nullptr) return nullptr;
    return std::make_unique<StateSnapshot>(std::move(*reader));
}

void Disk::run_aside(std::function<void()> job, std::function<void()> done) {
    asides_.push_back({std::move(job), std::move(done)});
    start_aside();
}

void Disk::start_aside() {
    if (aside_busy_ || asides_.empty()) return;
    aside_busy_ = true;
    aside_.start([this, next = std::move(asides_.front())]() mutable {
        next.job();
        post_([this, done = std::move(next.done)] {
            aside_busy_ = false;
            done();
            start_aside();
        });
    });
    asides_.pop_front();
}

void Disk::install(const statemachine::Machine& snapshot, std::function<void(Fresh)> done) {
    invariant(idle(), "a snapshot is installed when nothing else is written");
    state_busy_ = true;
    state_writer_.start([this, &snapshot, done = std::move(done)] {
        const paxos::Slot applied{snapshot.applied()};
        state_.replace(snapshot.rows(), snapshot.globals());
        auto fresh = std::make_shared<Fresh>();
        fresh->boot = log_.next_boot();
        fresh->durable = log_.recover(applied, applied);
        post_([this, applied, fresh, done] {
            state_busy_ = false;
            state_bytes_ = state_.bytes_used();
            durable_applied_ = applied.number;
            done(std::move(*fresh));
        });
    });
}

}  // namespace gavel::daemon
