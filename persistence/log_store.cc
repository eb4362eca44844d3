#include "persistence/log_store.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <mutex>
#include <utility>

#include "base/invariant.h"
#include "persistence/failure.h"
#include "persistence/folder.h"
#include "persistence/journal.h"
#include "persistence/marks.h"
#include "persistence/owner.h"
#include "persistence/recovery.h"
#include "proto/codec.h"

namespace gavel::persistence {
namespace {

namespace fs = std::filesystem;
using lmdb::Transaction;
using paxos::Slot;

constexpr const char* environment_name = "log";
constexpr MDB_dbi tables_max = 8;
constexpr std::size_t cut_batch = 4'096;
// Records in one half of the journal: they are kept in memory until they settle, and one
// transaction moves them.
constexpr std::size_t unsettled_max = 4'000;

// A slot as MDB_INTEGERKEY wants it: eight bytes in the machine's order.
class SlotKey {
public:
    explicit SlotKey(Slot slot) : number_(slot.number) {}
    std::string_view view() const {
        return {reinterpret_cast<const char*>(&number_), sizeof(number_)};  // NOLINT
    }

private:
    std::uint64_t number_;
};

Slot slot_of(std::string_view key) {
    Slot slot;
    invariant(key.size() == sizeof(slot.number), "keys of the log are slots");
    std::memcpy(&slot.number, key.data(), sizeof(slot.number));
    return slot;
}

struct Tables {
    MDB_dbi meta{};
    MDB_dbi promise{};
    MDB_dbi log{};
};

Tables open_tables(Transaction& transaction, unsigned flags) {
    return {.meta = transaction.table("meta", flags),
            .promise = transaction.table("promise", flags),
            .log = transaction.table("log", flags | MDB_INTEGERKEY)};
}

// Its first batch is empty, and counts as settled: from here on a blank journal is not this one.
void make_journal(const fs::path& place, const Identity& identity) {
    Journal::make(place);
    auto journal = Journal::open(place, owner_of(identity), identity.incarnation);
    invariant(journal.has_value(), "a journal that was just made can be opened");
    journal->append(1, "");
}

void write_new_member(Transaction& transaction, const Identity& identity) {
    const Tables tables = open_tables(transaction, MDB_CREATE);
    write_owner(transaction, tables.meta, identity);
    const MarkTable marks(tables.meta, tables.promise, owner_of(identity));
    marks.put_promised(transaction, {});
    marks.put_attempted(transaction, {});
    marks.put_chosen_prefix(transaction, {});
    marks.put_cut(transaction, {});
    marks.put_boot(transaction, 0);
    marks.put_settled(transaction, 1);
}

std::string explain_diverged(Slot slot) {
    return "its state at slot " + std::to_string(slot.number) +
           " was not that of the other members: it must not serve again; keep it for "
           "examination and let the member join anew, empty";
}

std::string explain_retired(const Identity& identity, Slot slot) {
    return "member " + std::to_string(identity.member) + ", '" + identity.name +
           "', was removed from its cluster at slot " + std::to_string(slot.number) +
           " and cannot come back; let it join anew, with an empty directory";
}

// What is wrong with opening `there` as `wanted`; nothing, when they are the same member.
std::optional<StorageError> mismatch(const Identity& there, const Identity& wanted) {
    const auto belongs = [](const std::string& there_text, const std::string& wanted_text) {
        return StorageError{"belongs to " + there_text + ", not to " + wanted_text};
    };
    if (there.name != wanted.name || there.member != wanted.member) {
        const auto shown = [](const Identity& identity) {
            return "member '" + identity.name + "' (number " + std::to_string(identity.member) +
                   ")";
        };
        return belongs(shown(there), shown(wanted));
    }
    if (there.cluster_id != wanted.cluster_id) {
        return belongs("cluster " + there.cluster_id, "cluster " + wanted.cluster_id);
    }
    if (there.alpha != wanted.alpha) {
        return belongs("a cluster with alpha " + std::to_string(there.alpha),
                       "one with alpha " + std::to_string(wanted.alpha));
    }
    return std::nullopt;
}

// The journal, and what it held when the last run ended.
struct Unsettled {
    Journal journal;
    std::uint64_t batches{};
    std::vector<paxos::Record> records{};
};

Result<Unsettled, StorageError> open_journal(const fs::path& place, const Identity& identity,
                                             std::uint64_t settled) {
    auto journal = Journal::open(place, owner_of(identity), identity.incarnation);
    if (!journal) return journal.error();
    const auto batches = journal->read(settled);
    if (!batches) return in(place, batches.error());
    Unsettled all{.journal = std::move(*journal), .batches = settled + batches->size()};
    for (const auto& batch : *batches) {
        auto records = unpacked_records(batch.payload);
        if (!records) {
            return in(place, {"its journal holds what no gaveld writes, in batch " +
                              std::to_string(batch.number)});
        }
        std::move(records->begin(), records->end(), std::back_inserter(all.records));
    }
    return all;
}

}  // namespace

struct LogStore::Impl {
    Impl(FolderLock held, lmdb::Environment opened, Journal first, Tables of, Identity who,
         Marks found)
        : lock(std::move(held)),
          environment(std::move(opened)),
          journal(std::move(first)),
          tables(of),
          identity(std::move(who)),
          log_seal(owner_of(identity), "log"),
          marks(tables.meta, tables.promise, owner_of(identity)),
          written(found),
          promised(found.promised),
          batches(found.settled),
          chosen_prefix(found.chosen_prefix.number),
          cut(found.cut.number) {}

    bool is_ordinary(std::span<const paxos::Record> records) const;
    void append(std::span<const paxos::Record> records, std::string_view payload);
    paxos::Ballot settle(std::span<const paxos::Record> more);
    void raise_chosen_prefix(Slot slot);

    // One batch on its way to the tables.
    struct Batch {
        Transaction transaction;
        Marks marks;
        Slot last;  // The largest slot in the table.
    };

    void write(const paxos::PromiseRecord& record, Batch& batch) const;
    void write(const paxos::AttemptRecord& record, Batch& batch) const;
    void write(const paxos::AcceptRecord& record, Batch& batch) const;
    void write(const paxos::ChosenRecord& record, Batch& batch) const;
    void write(const paxos::PrefixRecord& record, Batch& batch) const;
    void write_marks(Batch& batch) const;

    // None: not there, or not readable.
    std::optional<paxos::LogEntry> entry(const Batch& batch, Slot slot) const;
    void put(Batch& batch, Slot slot, const paxos::LogEntry& entry) const;
    std::optional<paxos::LogEntry> opened(const lmdb::Cursor::Item& item) const;

    Slot hole_below(const Transaction& transaction, Slot applied, Slot from) const;
    void cut_some(Slot through);

    FolderLock lock;
    lmdb::Environment environment;
    Journal journal;
    Tables tables;
    Identity identity;
    Seal log_seal;
    MarkTable marks;

    std::mutex settling;  // Held by who changes the log's table. Guards the next two.
    Marks written;        // As the tables have them.
    Slot last;            // The largest slot in the table.

    paxos::Ballot promised;  // As the tables have it. Of the thread that commits.
    std::mutex adding;       // Guards the next three, and the journal. Taken after `settling`.
    std::vector<paxos::Record> unsettled;
    std::uint64_t batches = 0;  // The number of the last one.
    std::atomic<bool> half_full{};
    // For readers on other threads. Of the prefix recover() may know more than the record says.
    std::atomic<std::uint64_t> chosen_prefix;
    std::atomic<std::uint64_t> cut;
};

// Opening.

bool LogStore::exists(const fs::path& folder) {
    return has_environment(plain(folder), environment_name);
}

Result<LogStore, StorageError> LogStore::open(Options options, std::optional<Identity> fresh) {
    const fs::path folder = plain(options.folder);
    const bool made = has_environment(folder, environment_name);
    if (!made && !fresh) return in(folder, {"no Gavel data is here", true});
    if (!made) {
        if (auto error = unfit_for_new_member(folder)) return *error;
        if (auto error = make_folder(folder)) return *error;
    }
    auto lock = FolderLock::take(folder);
    if (!lock) return lock.error();

    const fs::path place = folder / environment_name;
    if (auto error = make_folder(place)) return *error;
    try {
        lmdb::Environment environment(place.string(), options.map_bytes, tables_max);
        if (made && !is_at_least(place / "data.mdb", environment.bytes_reached())) {
            return in(place,
                      {"its file is shorter than its pages: it was cut off or copied in part"});
        }
        Transaction transaction(environment, Transaction::Kind::write);
        if (is_blank(transaction)) {
            if (!fresh) return in(folder, {"no Gavel data is here", true});
            make_journal(place, *fresh);
            write_new_member(transaction, *fresh);
        }
        const Tables tables = open_tables(transaction, 0);
        auto identity = read_owner(transaction, tables.meta);
        if (!identity) return in(folder, identity.error());
        if (options.refuse) {
            if (auto reason = options.refuse(*identity)) return in(folder, {*reason});
        } else if (fresh) {
            if (auto error = mismatch(*identity, *fresh)) return in(folder, *error);
        }

        // A promise with one bad copy has two good ones again from here on.
        const MarkTable table(tables.meta, tables.promise, owner_of(*identity));
        auto marks = table.read(transaction);
        if (!marks) return in(folder, marks.error());
        if (marks->diverged) return in(folder, {explain_diverged(*marks->diverged)});
        if (marks->retired) return in(folder, {explain_retired(*identity, *marks->retired)});
        if (auto known = table.acquaintances(transaction); !known) {
            return in(folder, known.error());
        }
        auto unsettled = open_journal(place, *identity, marks->settled);
        if (!unsettled) return unsettled.error();
        ++marks->boot;
        table.put_boot(transaction, marks->boot);
        table.put_promised(transaction, marks->promised);
        Slot last;
        if (const auto item = lmdb::Cursor(transaction, tables.log).last()) {
            last = slot_of(item->key);
        }
        transaction.commit();
        if (auto error = sync_folder(place)) return *error;

        auto impl = std::make_unique<Impl>(std::move(*lock), std::move(environment),
                                           std::move(unsettled->journal), tables,
                                           std::move(*identity), *marks);
        impl->last = last;
        impl->batches = unsettled->batches;
        impl->settle(unsettled->records);
        return LogStore(std::move(impl));
    } catch (const DiskError& error) {
        if (error.code == MDB_NOTFOUND || error.code == MDB_INVALID ||
            error.code == MDB_INCOMPATIBLE) {
            return in(folder, {"not a Gavel data directory: its log is not one of ours"});
        }
        return in(folder, {explain(environment_name, error)});
    }
}

LogStore::LogStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogStore::~LogStore() = default;
LogStore::LogStore(LogStore&&) noexcept = default;
LogStore& LogStore::operator=(LogStore&&) noexcept = default;

const Identity& LogStore::identity() const { return impl_->identity; }
std::uint64_t LogStore::boot() const { return impl_->written.boot; }

// Writing.

void LogStore::commit(std::span<const paxos::Record> records) {
    if (records.empty()) return;
    try {
        if (impl_->is_ordinary(records) && Journal::can_hold(packed_bytes(records))) {
            return impl_->append(records, packed(records));
        }
        impl_->promised = impl_->settle(records);
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

void LogStore::settle(Slot executed) {
    try {
        impl_->settle({});
        // Of what the state executed every record was durable before the state was, so all of them
        // stand in the tables now; the one that says how far they are chosen may come much later.
        impl_->raise_chosen_prefix(executed);
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

bool LogStore::wants_to_settle() const { return impl_->half_full; }

// Promises and attempts are rare and the most precious: they go to the tables, where they stand
// twice, at once.
bool LogStore::Impl::is_ordinary(std::span<const paxos::Record> records) const {
    return std::all_of(records.begin(), records.end(), [&](const paxos::Record& record) {
        if (const auto* accept = std::get_if<paxos::AcceptRecord>(&record)) {
            return accept->proposal.ballot <= promised;
        }
        return !std::holds_alternative<paxos::PromiseRecord>(record) &&
               !std::holds_alternative<paxos::AttemptRecord>(record);
    });
}

void LogStore::Impl::append(std::span<const paxos::Record> records, std::string_view payload) {
    for (;;) {
        {
            const std::lock_guard guard(adding);
            const bool crowded = unsettled.size() + records.size() > unsettled_max;
            if (journal.has_room(payload.size()) && (!crowded || unsettled.empty())) {
                journal.append(++batches, payload);
                unsettled.insert(unsettled.end(), records.begin(), records.end());
                half_full = unsettled.size() > unsettled_max / 2 ||
                            journal.used() > Journal::half_bytes / 2;
                return;
            }
        }
        settle({});  // Waits for one that is under way, too.
    }
}

// What stood in the journal, then `more`, in one durable transaction. What is committed meanwhile
// goes to the journal's other half. Gives the promise as the tables have it now.
paxos::Ballot LogStore::Impl::settle(std::span<const paxos::Record> more) {
    const std::lock_guard one_at_a_time(settling);
    std::vector<paxos::Record> moving;
    std::uint64_t through = 0;
    {
        const std::lock_guard guard(adding);
        moving.swap(unsettled);
        through = batches;
        half_full = false;
        // The half turned to holds nothing that is not in the tables: it was left by an earlier
        // settle(), which has ended. With nothing to move the journal stays where it is, so that
        // the last batch that settled is there until one after the next settle() takes its place.
        if (!moving.empty()) journal.turn();
    }
    if (moving.empty() && more.empty()) return written.promised;

    Batch batch{Transaction(environment, Transaction::Kind::write), written, last};
    batch.marks.settled = through;
    for (const auto records : {std::span<const paxos::Record>(moving), more}) {
        for (const auto& record : records) {
            std::visit([&](const auto& alternative) { write(alternative, batch); }, record);
        }
    }
    write_marks(batch);
    batch.transaction.commit();

    written = batch.marks;
    last = batch.last;
    raise_chosen_prefix(batch.marks.chosen_prefix);
    return written.promised;
}

void LogStore::Impl::raise_chosen_prefix(Slot slot) {
    std::uint64_t known = chosen_prefix;
    while (known < slot.number && !chosen_prefix.compare_exchange_weak(known, slot.number)) {
    }
}

// These do to the table what replay() does to the memory.

void LogStore::Impl::write(const paxos::PromiseRecord& record, Batch& batch) const {
    batch.marks.promised = std::max(batch.marks.promised, record.ballot);
}

void LogStore::Impl::write(const paxos::AttemptRecord& record, Batch& batch) const {
    batch.marks.attempted = std::max(batch.marks.attempted, record.ballot);
}

void LogStore::Impl::write(const paxos::AcceptRecord& record, Batch& batch) const {
    batch.marks.promised = std::max(batch.marks.promised, record.proposal.ballot);
    if (record.slot <= written.cut) return;  // It was cut before it settled.
    const auto before = entry(batch, record.slot);
    put(batch, record.slot, {record.proposal, before && before->chosen});
}

void LogStore::Impl::write(const paxos::ChosenRecord& record, Batch& batch) const {
    if (record.slot <= written.cut) return;
    const auto before = entry(batch, record.slot);
    const auto ballot = before ? before->proposal.ballot : paxos::Ballot{};
    put(batch, record.slot, {{ballot, record.value}, true});
}

void LogStore::Impl::write(const paxos::PrefixRecord& record, Batch& batch) const {
    batch.marks.chosen_prefix = std::max(batch.marks.chosen_prefix, record.slot);
}

// Once for a batch, and only what it changed.
void LogStore::Impl::write_marks(Batch& batch) const {
    if (batch.marks.promised != written.promised) {
        marks.put_promised(batch.transaction, batch.marks.promised);
    }
    if (batch.marks.attempted != written.attempted) {
        marks.put_attempted(batch.transaction, batch.marks.attempted);
    }
    if (batch.marks.chosen_prefix != written.chosen_prefix) {
        marks.put_chosen_prefix(batch.transaction, batch.marks.chosen_prefix);
    }
    if (batch.marks.settled != written.settled) {
        marks.put_settled(batch.transaction, batch.marks.settled);
    }
}

std::optional<paxos::LogEntry> LogStore::Impl::entry(const Batch& batch, Slot slot) const {
    if (slot > batch.last) return std::nullopt;
    const SlotKey key(slot);
    const auto stored = batch.transaction.find(tables.log, key.view());
    return stored ? opened({key.view(), *stored}) : std::nullopt;
}

// Accepts arrive out of order; those that do not are appended, which fills the pages.
void LogStore::Impl::put(Batch& batch, Slot slot, const paxos::LogEntry& entry) const {
    const bool beyond = slot > batch.last;
    log_seal.put(batch.transaction, tables.log, SlotKey(slot).view(), proto::encode(entry),
                 beyond ? MDB_APPEND : 0);
    if (beyond) batch.last = slot;
}

std::optional<paxos::LogEntry> LogStore::Impl::opened(const lmdb::Cursor::Item& item) const {
    const auto payload = log_seal.open(item.key, item.value);
    if (!payload) return std::nullopt;
    auto entry = proto::decode_log_entry(*payload);
    if (!entry) return std::nullopt;
    return std::move(*entry);
}

void LogStore::cut(Slot through) {
    try {
        while (impl_->cut < through.number) impl_->cut_some(through);
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

// A bounded transaction, for a commit may wait for it.
void LogStore::Impl::cut_some(Slot through) {
    const std::lock_guard one_at_a_time(settling);
    Transaction transaction(environment, Transaction::Kind::write);
    Slot reached = through;
    {
        lmdb::Cursor cursor(transaction, tables.log);
        std::size_t removed = 0;
        for (auto item = cursor.first(); item; item = cursor.first()) {
            const Slot slot = slot_of(item->key);
            if (slot > through) break;
            if (removed == cut_batch) {
                reached = {slot.number - 1};
                break;
            }
            cursor.erase();
            ++removed;
        }
    }
    marks.put_cut(transaction, reached);
    transaction.commit();
    written.cut = reached;
    cut = reached.number;
}

void LogStore::remember(std::uint16_t member, const Acquaintance& acquaintance) {
    try {
        Transaction transaction(impl_->environment, Transaction::Kind::write);
        impl_->marks.put_acquaintance(transaction, member, acquaintance);
        transaction.commit();
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

void LogStore::condemn(Slot slot) {
    try {
        Transaction transaction(impl_->environment, Transaction::Kind::write);
        impl_->marks.put_diverged(transaction, slot);
        transaction.commit();
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

void LogStore::retire(Slot slot) {
    try {
        Transaction transaction(impl_->environment, Transaction::Kind::write);
        impl_->marks.put_retired(transaction, slot);
        transaction.commit();
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

// Reading.

Result<paxos::Durable, StorageError> LogStore::recover(Slot applied) {
    try {
        impl_->settle({});
        const Transaction transaction(impl_->environment, Transaction::Kind::read);
        const auto marks = impl_->marks.read(transaction);
        if (!marks) return marks.error();
        if (applied < marks->cut) {
            return StorageError{"the state stands at slot " + std::to_string(applied.number) +
                                ", but the log is cut up to slot " +
                                std::to_string(marks->cut.number) +
                                ": the state was lost or set back; remove this member and let it "
                                "join anew, empty"};
        }
        paxos::Durable log{.promised = marks->promised,
                           .attempted = marks->attempted,
                           .chosen_prefix = marks->chosen_prefix,
                           .cut = marks->cut};
        lmdb::Cursor cursor(transaction, impl_->tables.log);
        for (auto item = cursor.seek(SlotKey(applied.next()).view()); item; item = cursor.next()) {
            const Slot slot = slot_of(item->key);
            if (auto entry = impl_->opened(*item)) {
                log.log.emplace_hint(log.log.end(), slot, std::move(*entry));
            } else {
                log.faulty.insert(slot);
            }
        }
        if (const Slot hole = impl_->hole_below(transaction, applied, marks->cut); hole > Slot{}) {
            log.faulty.insert(hole);
        }
        paxos::Durable recovered = persistence::recover(std::move(log), applied);
        impl_->chosen_prefix = recovered.chosen_prefix.number;
        impl_->cut = recovered.cut.number;
        return recovered;
    } catch (const DiskError& error) {
        return StorageError{explain(environment_name, error)};
    }
}

// The last slot in (from, applied] that the table lacks; 0: none. The state went past it without
// the log, so whoever asks for it must be told that it is gone.
Slot LogStore::Impl::hole_below(const Transaction& transaction, Slot applied, Slot from) const {
    lmdb::Cursor cursor(transaction, tables.log);
    auto item = cursor.seek(SlotKey(applied.next()).view()) ? cursor.previous() : cursor.last();
    for (Slot slot = applied; slot > from; slot = {slot.number - 1}) {
        if (!item || slot_of(item->key) != slot) return slot;
        item = cursor.previous();
    }
    return {};
}

std::vector<paxos::Value> LogStore::read_chosen(Slot from, std::size_t max_bytes) const {
    std::vector<paxos::Value> values;
    // Before the transaction begins: what it shows is at least as new.
    const Slot prefix{impl_->chosen_prefix};
    try {
        const Transaction transaction(impl_->environment, Transaction::Kind::read);
        lmdb::Cursor cursor(transaction, impl_->tables.log);
        std::size_t bytes = 0;
        Slot expected = from;
        for (auto item = cursor.seek(SlotKey(from).view()); item; item = cursor.next()) {
            if (slot_of(item->key) != expected) break;
            auto entry = impl_->opened(*item);
            if (!entry || !(entry->chosen || expected <= prefix)) break;
            bytes += entry->proposal.value.command.size();
            if (!values.empty() && bytes > max_bytes) break;
            values.push_back(std::move(entry->proposal.value));
            expected = expected.next();
        }
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
    return values;
}

Slot LogStore::oldest() const { return Slot{impl_->cut}.next(); }

std::map<std::uint16_t, Acquaintance> LogStore::acquaintances() const {
    try {
        const Transaction transaction(impl_->environment, Transaction::Kind::read);
        auto known = impl_->marks.acquaintances(transaction);
        if (!known) throw DiskError{"read whom it knows", MDB_CORRUPTED};
        return std::move(*known);
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

std::uint64_t LogStore::bytes_used() const {
    try {
        const Transaction transaction(impl_->environment, Transaction::Kind::read);
        return transaction.bytes_of(impl_->tables.meta) +
               transaction.bytes_of(impl_->tables.promise) +
               transaction.bytes_of(impl_->tables.log);
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

}  // namespace gavel::persistence
