#include "persistence/log_tables.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/invariant.h"
#include "persistence/owner.h"
#include "proto/codec.h"

namespace gavel::persistence {
namespace {

using lmdb::IntegerKey;
using lmdb::Transaction;
using paxos::Slot;

constexpr std::size_t cut_batch = 4'096;

IntegerKey key_of(Slot slot) { return IntegerKey(slot.number); }

Slot slot_of(std::string_view key) { return {IntegerKey::number_of(key)}; }

}  // namespace

LogTables::Handles LogTables::Handles::open(Transaction& transaction, unsigned flags) {
    return {.meta = transaction.table("meta", flags),
            .promise = transaction.table("promise", flags),
            .log = transaction.table("log", flags | MDB_INTEGERKEY),
            .pieces = RecordTable::open_pieces(transaction, flags)};
}

MarkTable LogTables::Handles::marks(const Identity& owner) const {
    return {meta, promise, owner_of(owner)};
}

void LogTables::make(Transaction& transaction, const Identity& owner, std::uint64_t settled) {
    const Handles tables = Handles::open(transaction, MDB_CREATE);
    write_owner(transaction, tables.meta, owner);
    const MarkTable marks = tables.marks(owner);
    marks.put_promised(transaction, {});
    marks.put_attempted(transaction, {});
    marks.put_chosen_prefix(transaction, {});
    marks.put_cut(transaction, {});
    marks.put_boot(transaction, 0);
    marks.put_runs(transaction, {});
    marks.put_settled(transaction, settled);
    marks.put_direct(transaction, 0);
}

void begin_run(Marks& marks, std::uint64_t writes) {
    std::random_device device;
    const std::uint64_t id = std::uint64_t{device()} << 32 | device();
    ++marks.boot;
    marks.runs.push_back({.id = id, .began = writes});
    if (marks.runs.size() > proto::runs_max) marks.runs.erase(marks.runs.begin());
}

LogTables::LogTables(lmdb::Environment environment, Handles tables, const Identity& owner,
                     const Marks& found)
    : environment_(std::move(environment)),
      map_bytes_(environment_.map_bytes()),
      tables_(tables),
      log_(environment_, tables.log, tables.pieces, owner_of(owner), "log"),
      mark_table_(tables.marks(owner)),
      written_(found) {
    const Transaction transaction(environment_, Transaction::Kind::read);
    if (const auto item = lmdb::Cursor(transaction, tables_.log).last()) last_ = slot_of(item->key);
}

// Writing.

void LogTables::write(std::span<const paxos::Record> moved, std::span<const paxos::Record> direct,
                      std::uint64_t settled) {
    Batch batch{Transaction(environment_, Transaction::Kind::write), written_, last_};
    batch.marks.settled = settled;
    if (!direct.empty()) ++batch.marks.direct;
    for (const auto records : {moved, direct}) {
        for (const auto& record : records) {
            std::visit([&](const auto& alternative) { write(alternative, batch); }, record);
        }
    }
    write_marks(batch);
    write_notes(batch);
    batch.transaction.commit();
    written_ = batch.marks;
    last_ = batch.last;
}

// These do to the table what replay() does to the memory.

void LogTables::write(const paxos::PromiseRecord& record, Batch& batch) const {
    batch.marks.promised = std::max(batch.marks.promised, record.ballot);
}

void LogTables::write(const paxos::AttemptRecord& record, Batch& batch) const {
    batch.marks.attempted = std::max(batch.marks.attempted, record.ballot);
}

void LogTables::write(const paxos::AcceptRecord& record, Batch& batch) const {
    batch.marks.promised = std::max(batch.marks.promised, record.proposal.ballot);
    if (record.slot <= written_.cut) return;  // It was cut before it settled.
    const auto before = entry(batch, record.slot);
    put(batch, record.slot, {record.proposal, before && before->chosen});
}

void LogTables::write(const paxos::ChosenRecord& record, Batch& batch) const {
    if (record.slot <= written_.cut) return;
    const auto before = entry(batch, record.slot);
    const auto ballot = before ? before->proposal.ballot : paxos::Ballot{};
    put(batch, record.slot, {{ballot, record.value}, true});
}

void LogTables::write(const paxos::PrefixRecord& record, Batch& batch) const {
    batch.marks.chosen_prefix = std::max(batch.marks.chosen_prefix, record.slot);
}

// Once for a batch, and only what it changed.
void LogTables::write_marks(Batch& batch) const {
    if (batch.marks.promised != written_.promised) {
        mark_table_.put_promised(batch.transaction, batch.marks.promised);
    }
    if (batch.marks.attempted != written_.attempted) {
        mark_table_.put_attempted(batch.transaction, batch.marks.attempted);
    }
    if (batch.marks.chosen_prefix != written_.chosen_prefix) {
        mark_table_.put_chosen_prefix(batch.transaction, batch.marks.chosen_prefix);
    }
    if (batch.marks.settled != written_.settled) {
        mark_table_.put_settled(batch.transaction, batch.marks.settled);
    }
    if (batch.marks.direct != written_.direct) {
        mark_table_.put_direct(batch.transaction, batch.marks.direct);
    }
}

// The transaction is the only one that writes: whatever is remembered later outranks this.
void LogTables::write_notes(Batch& batch) {
    const std::lock_guard guard(notes_->mutex);
    for (const auto& [member, acquaintance] : std::exchange(notes_->of_members, {})) {
        mark_table_.put_acquaintance(batch.transaction, member, acquaintance);
    }
}

void LogTables::remember(std::uint16_t member, const Acquaintance& acquaintance) {
    change([&](Transaction& transaction, const MarkTable& marks) {
        const std::lock_guard guard(notes_->mutex);
        notes_->of_members.erase(member);
        marks.put_acquaintance(transaction, member, acquaintance);
    });
}

void LogTables::note(std::uint16_t member, const Acquaintance& acquaintance) {
    const std::lock_guard guard(notes_->mutex);
    notes_->of_members[member] = acquaintance;
}

bool LogTables::has_notes() const {
    const std::lock_guard guard(notes_->mutex);
    return !notes_->of_members.empty();
}

std::optional<paxos::LogEntry> LogTables::entry(const Batch& batch, Slot slot) const {
    if (slot > batch.last) return std::nullopt;
    const IntegerKey key = key_of(slot);
    const auto stored = batch.transaction.find(tables_.log, key.view());
    return stored ? opened(batch.transaction, {key.view(), *stored}) : std::nullopt;
}

// Accepts arrive out of order; those that do not are appended, which fills the pages.
void LogTables::put(Batch& batch, Slot slot, const paxos::LogEntry& entry) const {
    const bool beyond = slot > batch.last;
    log_.put(batch.transaction, key_of(slot).view(), proto::encode(entry), beyond);
    if (beyond) batch.last = slot;
}

std::optional<paxos::LogEntry> LogTables::opened(const Transaction& transaction,
                                                 const lmdb::Cursor::Item& item) const {
    std::string room;
    const auto payload = log_.open(transaction, item, room);
    if (!payload) return std::nullopt;
    auto entry = proto::decode_log_entry(*payload);
    if (!entry) return std::nullopt;
    return std::move(*entry);
}

Slot LogTables::cut_some(Slot through, std::uint64_t bytes) {
    Transaction transaction(environment_, Transaction::Kind::write);
    Slot reached = through;
    {
        lmdb::Cursor cursor(transaction, tables_.log);
        std::size_t removed = 0;
        for (auto item = cursor.first(); item; item = cursor.first()) {
            const Slot slot = slot_of(item->key);
            if (slot > through) break;
            if (removed == cut_batch || bytes_used(transaction) <= bytes) {
                reached = {slot.number - 1};
                break;
            }
            log_.erase(transaction, cursor, *item);
            ++removed;
        }
    }
    mark_table_.put_cut(transaction, reached);
    transaction.commit();
    written_.cut = reached;
    return reached;
}

std::uint64_t LogTables::next_boot(std::uint64_t writes) {
    Marks marks = written_;
    begin_run(marks, writes);
    Transaction transaction(environment_, Transaction::Kind::write);
    mark_table_.put_boot(transaction, marks.boot);
    mark_table_.put_runs(transaction, marks.runs);
    transaction.commit();
    written_ = std::move(marks);
    return written_.boot;
}

void LogTables::change(const std::function<void(Transaction&, const MarkTable&)>& put) {
    Transaction transaction(environment_, Transaction::Kind::write);
    put(transaction, mark_table_);
    transaction.commit();
}

// Reading.

Result<paxos::Durable, StorageError> LogTables::read_above(Slot applied) const {
    const Transaction transaction(environment_, Transaction::Kind::read);
    const auto marks = mark_table_.read(transaction);
    if (!marks) return marks.error();
    paxos::Durable log{.promised = marks->promised,
                       .attempted = marks->attempted,
                       .chosen_prefix = marks->chosen_prefix,
                       .cut = marks->cut};
    lmdb::Cursor cursor(transaction, tables_.log);
    for (auto item = cursor.seek(key_of(applied.next()).view()); item; item = cursor.next()) {
        const Slot slot = slot_of(item->key);
        if (auto entry = opened(transaction, *item)) {
            log.log.emplace_hint(log.log.end(), slot, std::move(*entry));
        } else {
            log.faulty.insert(slot);
        }
    }
    if (const Slot hole = hole_below(transaction, applied, marks->cut); hole > Slot{}) {
        log.faulty.insert(hole);
    }
    return log;
}

// The last slot in (from, applied] that the table lacks; 0: none. The state went past it without
// the log, so whoever asks for it must be told that it is gone.
Slot LogTables::hole_below(const Transaction& transaction, Slot applied, Slot from) const {
    lmdb::Cursor cursor(transaction, tables_.log);
    auto item = cursor.seek(key_of(applied.next()).view()) ? cursor.previous() : cursor.last();
    for (Slot slot = applied; slot > from; slot = {slot.number - 1}) {
        if (!item || slot_of(item->key) != slot) return slot;
        item = cursor.previous();
    }
    return {};
}

std::vector<paxos::Value> LogTables::read_chosen(Slot from, std::size_t max_bytes,
                                                 Slot prefix) const {
    std::vector<paxos::Value> values;
    const Transaction transaction(environment_, Transaction::Kind::read);
    lmdb::Cursor cursor(transaction, tables_.log);
    std::size_t bytes = 0;
    Slot expected = from;
    for (auto item = cursor.seek(key_of(from).view()); item; item = cursor.next()) {
        if (slot_of(item->key) != expected) break;
        auto entry = opened(transaction, *item);
        if (!entry || !(entry->chosen || expected <= prefix)) break;
        bytes += entry->proposal.value.command.size();
        if (!values.empty() && bytes > max_bytes) break;
        values.push_back(std::move(entry->proposal.value));
        expected = expected.next();
    }
    return values;
}

std::map<std::uint16_t, Acquaintance> LogTables::acquaintances() const {
    const Transaction transaction(environment_, Transaction::Kind::read);
    auto known = mark_table_.acquaintances(transaction);
    if (!known) throw DiskError{"read whom it knows", MDB_CORRUPTED};
    return std::move(*known);
}

std::uint64_t LogTables::bytes_used() const {
    return bytes_used(Transaction(environment_, Transaction::Kind::read));
}

std::uint64_t LogTables::bytes_used(const Transaction& transaction) const {
    return transaction.bytes_of(tables_.meta) + transaction.bytes_of(tables_.promise) +
           transaction.bytes_of(tables_.log) + transaction.bytes_of(tables_.pieces);
}

}  // namespace gavel::persistence
