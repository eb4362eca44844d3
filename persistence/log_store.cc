#include "persistence/log_store.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "base/invariant.h"
#include "persistence/failure.h"
#include "persistence/folder.h"
#include "persistence/journal.h"
#include "persistence/log_tables.h"
#include "persistence/owner.h"
#include "persistence/recovery.h"
#include "persistence/unsettled.h"

namespace gavel::persistence {
namespace {

namespace fs = std::filesystem;
using lmdb::Transaction;
using paxos::Slot;

constexpr const char* environment_name = "log";
constexpr MDB_dbi tables_max = 8;
constexpr std::uint64_t first_batch = 1;
// Records in one half of the journal: they are kept in memory until they settle, and one
// transaction moves them.
constexpr std::size_t unsettled_max = 4'000;

// Its first batch is empty, and counts as settled: from here on a blank journal is not this one.
void make_journal(const fs::path& place, const Identity& identity) {
    Journal::make(place);
    auto journal = Journal::open(place, owner_of(identity), identity.incarnation);
    invariant(journal.has_value(), "a journal that was just made can be opened");
    journal->append(first_batch, "");
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

std::string explain_set_back(const Identity& identity) {
    return "the other members have seen more of member " + std::to_string(identity.member) + ", '" +
           identity.name +
           "', than stands in it: it was set back in time, and has forgotten what it promised; "
           "remove the member (gavel member rm " +
           std::to_string(identity.member) + ") and let it join anew, with an empty directory";
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

// What a start found, all of it verified; nothing has changed yet, and the transaction may be given
// up.
struct Found {
    Identity identity{};
    LogTables::Handles tables{};
    Marks marks{};
    Unsettled unsettled;
};

std::optional<StorageError> unfit(const Identity& identity, const LogStore::Options& options,
                                  const std::optional<Identity>& fresh) {
    if (options.refuse) {
        const auto reason = options.refuse(identity);
        return reason ? std::optional<StorageError>{{*reason}} : std::nullopt;
    }
    return fresh ? mismatch(identity, *fresh) : std::nullopt;
}

Result<Found, StorageError> look(const fs::path& folder, Transaction& transaction,
                                 const LogStore::Options& options,
                                 const std::optional<Identity>& fresh) {
    const auto tables = LogTables::Handles::open(transaction, 0);
    auto identity = read_owner(transaction, tables.meta);
    if (!identity) return in(folder, identity.error());
    if (auto error = unfit(*identity, options, fresh)) return in(folder, *error);

    const MarkTable table = tables.marks(*identity);
    const auto marks = table.read(transaction);
    if (!marks) return in(folder, marks.error());
    if (marks->diverged) return in(folder, {explain_diverged(*marks->diverged)});
    if (marks->retired) return in(folder, {explain_retired(*identity, *marks->retired)});
    if (marks->set_back) return in(folder, {explain_set_back(*identity)});
    const auto known = table.acquaintances(transaction);
    if (!known) return in(folder, known.error());

    auto unsettled = Unsettled::open(folder / environment_name, *identity, marks->settled);
    if (!unsettled) return unsettled.error();
    return Found{std::move(*identity), tables, *marks, std::move(*unsettled)};
}

// Another run begins. A promise with one bad copy has two good ones again from here on.
void count_boot(Transaction& transaction, Found& found) {
    const MarkTable table = found.tables.marks(found.identity);
    begin_run(found.marks, found.unsettled.batches + found.marks.direct);
    table.put_boot(transaction, found.marks.boot);
    table.put_runs(transaction, found.marks.runs);
    table.put_promised(transaction, found.marks.promised);
}

// While it runs, a failure of the disk is the end.
template <class Work>
auto or_end_process(Work work) {
    try {
        return work();
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

}  // namespace

struct LogStore::Impl {
    Impl(FolderLock held, lmdb::Environment environment, Found found)
        : lock(std::move(held)),
          journal(std::move(found.unsettled.journal)),
          identity(std::move(found.identity)),
          tables(std::move(environment), found.tables, identity, found.marks),
          promised(found.marks.promised),
          batches(found.unsettled.batches),
          writes(found.unsettled.batches + found.marks.direct),
          chosen_prefix(found.marks.chosen_prefix.number),
          cut(found.marks.cut.number) {
        // The half in use is a blank one: there is no need to turn to the other.
        if (!found.unsettled.records.empty()) tables.write(found.unsettled.records, {}, batches);
        note_room();
        raise_chosen_prefix(tables.marks().chosen_prefix);
    }

    bool is_ordinary(std::span<const paxos::Record> records) const;
    void append(std::span<const paxos::Record> records, std::string_view payload);
    paxos::Ballot settle(std::span<const paxos::Record> more);
    void cut_up_to(Slot through, std::uint64_t bytes = 0);
    void note_room() { bytes_used = tables.bytes_used(); }
    void raise_chosen_prefix(Slot slot);

    FolderLock lock;
    Journal journal;
    Identity identity;

    std::mutex settling;  // Held by who writes records to the tables, or cuts them.
    LogTables tables;

    paxos::Ballot promised;  // As the tables have it. Of the thread that commits.
    std::mutex adding;       // Guards the next three, and the journal. Taken after `settling`.
    std::vector<paxos::Record> unsettled;
    std::uint64_t batches = 0;  // The number of the last one.
    std::atomic<bool> half_full{};
    // For readers on other threads. Counted once they are durable, so that nobody is told of more.
    std::atomic<std::uint64_t> writes;
    // For them, too. Of the prefix recover() may know more than the record says.
    std::atomic<std::uint64_t> chosen_prefix;
    std::atomic<std::uint64_t> cut;
    std::atomic<std::uint64_t> bytes_used{};
};

// Opening.

Result<LogStore, StorageError> LogStore::open(Options options, std::optional<Identity> fresh) {
    const fs::path folder = plain(options.folder);
    const bool made = has_environment(folder, environment_name);
    if (!made && !fresh) return in(folder, {"no Gavel data is here", true});
    if (!made) {
        if (auto error = unfit_for_new_member(folder, options.beside_state)) return *error;
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
            LogTables::make(transaction, *fresh, first_batch);
        }
        auto found = look(folder, transaction, options, fresh);
        if (!found) return found.error();
        count_boot(transaction, *found);
        transaction.commit();
        if (auto error = sync_folder(place)) return *error;
        return LogStore(
            std::make_unique<Impl>(std::move(*lock), std::move(environment), std::move(*found)));
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
std::uint64_t LogStore::boot() const { return impl_->tables.marks().boot; }

std::uint64_t LogStore::next_boot() {
    return or_end_process([&] {
        const std::lock_guard one_at_a_time(impl_->settling);
        return impl_->tables.next_boot(impl_->writes);
    });
}

std::vector<proto::Run> LogStore::runs() const { return impl_->tables.marks().runs; }
std::uint64_t LogStore::writes() const { return impl_->writes; }

// Writing.

void LogStore::commit(std::span<const paxos::Record> records) {
    if (records.empty()) return;
    or_end_process([&] {
        if (impl_->is_ordinary(records) && Journal::can_hold(packed_bytes(records))) {
            impl_->append(records, packed(records));
        } else {
            impl_->promised = impl_->settle(records);
        }
    });
}

void LogStore::settle(Slot executed) {
    or_end_process([&] { impl_->settle({}); });
    // Of what the state executed every record was durable before the state was, so all of them
    // stand in the tables now; the one that says how far they are chosen may come much later.
    impl_->raise_chosen_prefix(executed);
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
                ++writes;
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
    if (!moving.empty() || !more.empty() || tables.has_notes()) {
        tables.write(moving, more, through);
        note_room();
    }
    if (!more.empty()) ++writes;
    raise_chosen_prefix(tables.marks().chosen_prefix);
    return tables.marks().promised;
}

void LogStore::Impl::raise_chosen_prefix(Slot slot) {
    std::uint64_t known = chosen_prefix;
    while (known < slot.number && !chosen_prefix.compare_exchange_weak(known, slot.number)) {
    }
}

// In bounded transactions, for a commit may wait for one.
void LogStore::Impl::cut_up_to(Slot through, std::uint64_t bytes) {
    while (cut < through.number && tables.bytes_used() > bytes) {
        const std::lock_guard one_at_a_time(settling);
        cut = tables.cut_some(through, bytes).number;
        note_room();
    }
}

void LogStore::cut(Slot through) {
    or_end_process([&] { impl_->cut_up_to(through); });
}

bool LogStore::is_crowded() const { return impl_->bytes_used > impl_->tables.map_bytes() / 2; }

bool LogStore::is_nearly_full(std::size_t more) const {
    return impl_->bytes_used + more > impl_->tables.map_bytes() / 4 * 3;
}

// An eighth of the map at a time: not a few entries after each batch.
void LogStore::make_room(Slot through) {
    or_end_process([&] { impl_->cut_up_to(through, impl_->tables.map_bytes() / 8 * 3); });
}

void LogStore::remember(std::uint16_t member, const Acquaintance& acquaintance) {
    or_end_process([&] { impl_->tables.remember(member, acquaintance); });
}

void LogStore::note(std::uint16_t member, const Acquaintance& acquaintance) {
    impl_->tables.note(member, acquaintance);
}

void LogStore::condemn(Slot slot) {
    or_end_process([&] {
        impl_->tables.change([&](Transaction& transaction, const MarkTable& marks) {
            marks.put_diverged(transaction, slot);
        });
    });
}

void LogStore::retire(Slot slot) {
    or_end_process([&] {
        impl_->tables.change([&](Transaction& transaction, const MarkTable& marks) {
            marks.put_retired(transaction, slot);
        });
    });
}

void LogStore::quarantine() {
    or_end_process([&] {
        impl_->tables.change([&](Transaction& transaction, const MarkTable& marks) {
            marks.put_set_back(transaction, boot());
        });
    });
}

// Reading.

Result<paxos::Durable, StorageError> LogStore::recover(Slot applied, Slot replaced) {
    try {
        impl_->settle({});
        impl_->cut_up_to(replaced);
        auto log = impl_->tables.read_above(applied);
        if (!log) return log.error();
        if (applied < log->cut) {
            return StorageError{"the state stands at slot " + std::to_string(applied.number) +
                                ", but the log is cut up to slot " +
                                std::to_string(log->cut.number) +
                                ": the state was lost or set back; remove this member and let it "
                                "join anew, empty"};
        }
        paxos::Durable recovered = persistence::recover(std::move(*log), applied);
        impl_->chosen_prefix = recovered.chosen_prefix.number;
        impl_->cut = recovered.cut.number;
        return recovered;
    } catch (const DiskError& error) {
        return StorageError{explain(environment_name, error)};
    }
}

std::vector<paxos::Value> LogStore::read_chosen(Slot from, std::size_t max_bytes) const {
    // Asked before the transaction begins: what that shows is at least as new.
    const Slot prefix{impl_->chosen_prefix};
    return or_end_process([&] { return impl_->tables.read_chosen(from, max_bytes, prefix); });
}

Slot LogStore::oldest() const { return Slot{impl_->cut}.next(); }

std::map<std::uint16_t, Acquaintance> LogStore::acquaintances() const {
    return or_end_process([&] { return impl_->tables.acquaintances(); });
}

std::uint64_t LogStore::bytes_used() const {
    return or_end_process([&] { return impl_->tables.bytes_used(); });
}

std::uint64_t LogStore::map_bytes() const { return impl_->tables.map_bytes(); }

}  // namespace gavel::persistence
