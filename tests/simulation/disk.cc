#include "tests/simulation/disk.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "persistence/recovery.h"
#include "proto/codec.h"
#include "tests/simulation/failure.h"

namespace gavel::simulation {
namespace {

constexpr std::size_t learn_bytes = 4 * 1024;

// A copy of what was durable at a moment, read in small pieces.
class Copy final : public daemon::SnapshotReader {
public:
    Copy(std::map<statemachine::RowKey, std::string> rows, std::string globals,
         statemachine::Revision applied, std::uint64_t bytes)
        : rows_(std::move(rows)), globals_(std::move(globals)), applied_(applied), bytes_(bytes) {}

    std::uint64_t applied() const override { return applied_; }

    std::optional<proto::SnapshotChunk> read(const statemachine::RowKey& after) override {
        proto::SnapshotChunk chunk{.applied = applied_, .after = after, .rows = {}, .globals = {}};
        std::uint64_t held = 0;
        for (auto row = rows_.upper_bound(after); row != rows_.end(); ++row) {
            if (held >= bytes_) return chunk;
            held += row->first.key.size() + row->second.size();
            chunk.rows.push_back({row->first, row->second});
        }
        daemon::complete(chunk, *proto::decode_globals(globals_));
        return chunk;
    }

private:
    std::map<statemachine::RowKey, std::string> rows_;
    std::string globals_;
    statemachine::Revision applied_;
    std::uint64_t bytes_;
};

paxos::LogEntry through_codec(const paxos::LogEntry& entry) {
    auto decoded = proto::decode_log_entry(proto::encode(entry));
    expect(decoded.has_value(), "a log entry can be read back");
    return std::move(*decoded);
}

}  // namespace

Disk::Disk(const Settings& settings, Schedule& schedule, Reached& reached, std::uint64_t seed,
           Callbacks callbacks)
    : settings_(settings),
      schedule_(schedule),
      reached_(reached),
      prng_(seed),
      callbacks_(std::move(callbacks)),
      run_ids_(seed ^ 0x7275'6E73ULL) {}

std::uint64_t Disk::next_boot() {
    kept_.runs.push_back({.id = run_ids_.next(), .began = kept_.writes});
    return ++kept_.boot;
}

void Disk::restore(statemachine::Machine& machine) const {
    if (!kept_.globals) return;
    for (const auto& [key, bytes] : kept_.rows) {
        auto value = proto::decode_row(key.table, bytes);
        expect(value.has_value(), "a row of the state can be read back");
        machine.load({key, std::move(*value)});
    }
    const auto globals = proto::decode_globals(*kept_.globals);
    expect(globals.has_value(), "the state's globals can be read back");
    expect(machine.finish_load(*globals), "the state on disk is the one that was written");
}

paxos::Durable Disk::recover(paxos::Slot applied) {
    if (kept_.replaced > kept_.log.cut) {
        reached_.count("log not cut yet under a snapshot");
        cut_now(kept_.replaced);
    }
    paxos::Durable found = kept_.log;
    found.log.clear();
    for (auto it = kept_.log.log.upper_bound(applied); it != kept_.log.log.end(); ++it) {
        found.log.emplace(it->first, through_codec(it->second));
    }
    return persistence::recover(std::move(found), applied);
}

paxos::Durable Disk::survey() const {
    paxos::Durable found = kept_.log;
    const paxos::Slot applied{kept_.applied};
    found.log.erase(found.log.begin(), found.log.upper_bound(applied));
    return persistence::recover(std::move(found), applied);
}

// ---- The log ------------------------------------------------------------------------------------

Time Disk::sync_time() {
    Time time = settings_.sync / 2 + prng_.below(settings_.sync);
    if (healed_) return time;
    if (prng_.chance(settings_.slow_percent)) {
        reached_.count("disk slow");
        time += prng_.below(settings_.slow);
    }
    if (stalled_until_ > schedule_.now()) {
        reached_.count("disk stalled");
        time += stalled_until_ - schedule_.now();
    }
    return time;
}

void Disk::append(std::vector<paxos::Record> records, std::vector<daemon::Outgoing> once_durable) {
    if (records.empty() && once_durable.empty()) return;
    if (settings_.sabotage == Sabotage::answers_before_durable) {
        callbacks_.released(std::exchange(once_durable, {}));
    }
    const bool under_way = syncing_ || cutting_ || !collecting_.records.empty();
    if (records.empty() && !under_way) {
        callbacks_.released(std::move(once_durable));
        return;
    }
    std::move(records.begin(), records.end(), std::back_inserter(collecting_.records));
    std::move(once_durable.begin(), once_durable.end(),
              std::back_inserter(collecting_.once_durable));
    start_log();
}

void Disk::begin(Transaction transaction, Time lasts, std::function<void()> done) {
    callbacks_.begins(transaction, lasts);
    schedule_.after(lasts, [this, run = run_, done = std::move(done)] {
        if (run == run_) done();
    });
}

void Disk::start_log() {
    if (syncing_ || cutting_) return;
    if (collecting_.records.empty()) {
        if (!collecting_.once_durable.empty()) {
            callbacks_.released(std::exchange(collecting_, {}).once_durable);
        }
        start_cut();
        return;
    }
    syncing_ = std::exchange(collecting_, {});
    ++handed_;
    begin(Transaction::log, sync_time(), [this] { on_log_durable(); });
}

void Disk::write(const std::vector<paxos::Record>& records) {
    for (const auto& record : records) persistence::replay(record, kept_.log);
    ++kept_.writes;
    callbacks_.durable(records);
}

void Disk::on_log_durable() {
    Batch batch = std::move(*syncing_);
    syncing_.reset();
    done_ = handed_;
    write(batch.records);
    start_state();
    if (!collecting_.records.empty() && !prng_.chance(5)) start_log();
    const std::uint64_t run = run_;
    callbacks_.released(std::move(batch.once_durable));
    if (run != run_) return;
    start_cut();
    start_log();
}

void Disk::cut(paxos::Slot through) { cut_target_ = std::max(cut_target_, through); }

void Disk::start_cut() {
    if (syncing_ || cutting_ || cut_target_ < kept_.log.cut + settings_.log_cut_at_least) return;
    cutting_ = cut_target_;
    begin(Transaction::cut, sync_time(), [this] {
        cut_now(*std::exchange(cutting_, {}));
        start_log();
    });
}

void Disk::cut_now(paxos::Slot through) {
    kept_.log.log.erase(kept_.log.log.begin(), kept_.log.log.upper_bound(through));
    kept_.log.faulty.erase(kept_.log.faulty.begin(), kept_.log.faulty.upper_bound(through));
    kept_.log.cut = through;
    reached_.count("log cut");
    callbacks_.cut(through);
}

paxos::LearnAnswer Disk::read(const paxos::LogRead& wanted) const {
    paxos::LearnAnswer answer{.from = wanted.from,
                              .oldest = kept_.log.cut.next(),
                              .chosen_prefix = wanted.chosen_prefix,
                              .values = {}};
    std::size_t bytes = 0;
    for (paxos::Slot slot = wanted.from;; slot = slot.next()) {
        const auto entry = kept_.log.log.find(slot);
        if (entry == kept_.log.log.end() || kept_.log.faulty.contains(slot)) break;
        // What the durable state holds is chosen, though the record that says so may be missing.
        const bool chosen = slot <= kept_.log.chosen_prefix || slot.number <= kept_.applied;
        if (!chosen && !entry->second.chosen) break;
        bytes += entry->second.proposal.value.command.size() + 16;
        if (!answer.values.empty() && bytes > learn_bytes) break;
        answer.values.push_back(through_codec(entry->second).proposal.value);
    }
    if (wanted.from <= kept_.log.cut) reached_.count("log cut before a laggard asked");
    if (!answer.values.empty()) reached_.count("log read served");
    return answer;
}

// ---- The state ----------------------------------------------------------------------------------

void Disk::commit_state(daemon::StateBatch batch) {
    held_state_ = std::move(batch);
    held_until_ = handed_ + (collecting_.records.empty() ? 0 : 1);
    start_state();
}

void Disk::start_state() {
    if (!held_state_ || state_busy_ || done_ < held_until_) return;
    state_busy_ = true;
    syncing_state_ = std::move(held_state_);
    held_state_.reset();
    begin(Transaction::state, 2 * sync_time(), [this] { on_state_durable(); });
}

void Disk::write(const daemon::StateBatch& batch) {
    for (const auto& row : batch.rows) {
        if (std::holds_alternative<std::monostate>(row.value)) {
            kept_.rows.erase(row.key);
        } else {
            kept_.rows[row.key] = proto::encode(row.value);
        }
    }
    kept_.globals = proto::encode(batch.globals);
    kept_.applied = batch.globals.applied;
}

void Disk::on_state_durable() {
    state_busy_ = false;
    write(*syncing_state_);
    syncing_state_.reset();
    reached_.count("state committed");
}

// ---- Snapshots ----------------------------------------------------------------------------------

std::unique_ptr<daemon::SnapshotReader> Disk::snapshot() const {
    if (!kept_.globals) return nullptr;
    return std::make_unique<Copy>(kept_.rows, *kept_.globals, kept_.applied,
                                  settings_.snapshot_bytes);
}

bool Disk::idle() const {
    return !syncing_ && !cutting_ && collecting_.records.empty() && state_is_idle();
}

void Disk::install(const statemachine::Machine& snapshot, std::function<void()> done) {
    collecting_ = {};
    cut_target_ = {};
    installing_ = daemon::StateBatch{.rows = snapshot.rows(), .globals = snapshot.globals()};
    begin(Transaction::install, 4 * sync_time(), [this, done = std::move(done)] {
        take_over(*std::exchange(installing_, {}));
        cutting_ = kept_.replaced;
        begin(Transaction::cut, sync_time(), [this, done] {
            cut_now(*std::exchange(cutting_, {}));
            done();
        });
    });
}

void Disk::take_over(const daemon::StateBatch& snapshot) {
    kept_.rows.clear();
    write(snapshot);
    kept_.replaced = {snapshot.globals.applied};
}

// ---- Trouble ------------------------------------------------------------------------------------

void Disk::crash() {
    ++run_;
    if (syncing_ && survives("log batch under way")) write(syncing_->records);
    if (!collecting_.records.empty()) reached_.count("collected log batch lost in a crash");
    if (cutting_ && survives("cut under way")) cut_now(*cutting_);
    if (held_state_) reached_.count("held state batch lost in a crash");
    if (syncing_state_) {
        if (survives("state batch under way")) {
            write(*syncing_state_);
        } else if (settings_.sabotage == Sabotage::state_is_torn) {
            syncing_state_->rows.resize(syncing_state_->rows.size() / 2);
            write(*syncing_state_);
        }
    }
    if (installing_ && survives("install under way")) take_over(*installing_);
    installing_.reset();
    syncing_.reset();
    collecting_ = {};
    cutting_.reset();
    handed_ = done_ = 0;
    state_busy_ = false;
    held_state_.reset();
    syncing_state_.reset();
    cut_target_ = {};
    stalled_until_ = 0;
}

bool Disk::survives(const char* transaction) {
    const bool survives = prng_.chance(50);
    reached_.count(std::string(transaction) +
                   (survives ? " survived a crash" : " lost in a crash"));
    return survives;
}

bool Disk::spoil_an_entry() {
    const auto first = kept_.log.log.upper_bound({kept_.applied});
    const auto count = static_cast<std::uint64_t>(std::distance(first, kept_.log.log.end()));
    if (count == 0) return false;
    // The newest are those that recovery needs.
    const std::uint64_t which = prng_.chance(50) ? count - 1 : prng_.below(count);
    const auto entry = std::next(first, static_cast<std::ptrdiff_t>(which));
    if (settings_.sabotage != Sabotage::unreadable_is_none) kept_.log.faulty.insert(entry->first);
    kept_.log.log.erase(entry);
    return true;
}

void Disk::forget_log() {
    const paxos::Durable old = std::exchange(kept_.log, {});
    kept_.log.cut = old.cut;
}

}  // namespace gavel::simulation
