#include "persistence/survivor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "persistence/failure.h"
#include "persistence/folder.h"
#include "persistence/log_tables.h"
#include "persistence/owner.h"
#include "persistence/recovery.h"
#include "persistence/state_store.h"
#include "persistence/unsettled.h"

namespace gavel::persistence {
namespace {

namespace fs = std::filesystem;
using lmdb::Transaction;
using paxos::Slot;

constexpr const char* log_name = "log";
constexpr MDB_dbi tables_max = 8;

// All that a log holds, but for the entries.
struct LogRemains {
    Identity identity{};
    Marks marks{};
    std::map<std::uint16_t, Acquaintance> others{};
    std::vector<paxos::Record> unsettled{};
    LogTables tables;
};

StorageError refusal(const fs::path& folder, const DiskError& error) {
    if (error.code == MDB_NOTFOUND || error.code == MDB_INVALID || error.code == MDB_INCOMPATIBLE) {
        return in(folder, {"not a Gavel data directory: its log is not one of ours"});
    }
    return in(folder, {explain(log_name, error)});
}

Result<LogRemains, StorageError> open_log(const fs::path& folder) {
    if (!has_environment(folder, log_name)) return in(folder, {"no Gavel data is here", true});
    const fs::path place = folder / log_name;
    try {
        auto environment = lmdb::Environment::read_only(place.string(), tables_max);
        if (!is_at_least(place / "data.mdb", environment.bytes_reached())) {
            return in(place,
                      {"its file is shorter than its pages: it was cut off or copied in part"});
        }
        Transaction transaction(environment, Transaction::Kind::read);
        if (is_blank(transaction)) return in(folder, {"no Gavel data is here", true});
        const auto tables = LogTables::Handles::open(transaction, 0);
        auto identity = read_owner(transaction, tables.meta);
        if (!identity) return in(folder, identity.error());
        const MarkTable table = tables.marks(*identity);
        const auto marks = table.read(transaction);
        if (!marks) return in(folder, marks.error());
        auto others = table.acquaintances(transaction);
        if (!others) return in(folder, others.error());
        auto unsettled = Unsettled::open(place, *identity, marks->settled, Journal::Access::read);
        if (!unsettled) return unsettled.error();
        transaction.commit();  // Keeps the tables open.
        LogTables entries(std::move(environment), tables, *identity, *marks);
        return LogRemains{std::move(*identity), *marks, std::move(*others),
                          std::move(unsettled->records), std::move(entries)};
    } catch (const DiskError& error) {
        return refusal(folder, error);
    }
}

}  // namespace

struct Survivor::Impl {
    FolderLock lock;
    fs::path folder;
    Result<LogRemains, StorageError> log;
    Result<StateStore, StorageError> state;
    Identity identity{};
};

Result<Survivor, StorageError> Survivor::open(const fs::path& given) {
    const fs::path folder = plain(given);
    auto lock = FolderLock::share(folder);
    if (!lock) return lock.error();
    auto impl = std::make_unique<Impl>(
        Impl{std::move(*lock), folder, open_log(folder), StateStore::open_to_read(folder)});
    if (!impl->log && !impl->state) return impl->log.error();
    impl->identity = impl->log ? impl->log->identity : impl->state->owner();
    if (impl->log && impl->state && impl->state->owner() != impl->identity) {
        impl->state = in(folder, {"the state belongs to another member than the log beside it"});
    }
    return Survivor(std::move(impl));
}

Survivor::Survivor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Survivor::~Survivor() = default;
Survivor::Survivor(Survivor&&) noexcept = default;
Survivor& Survivor::operator=(Survivor&&) noexcept = default;

const Identity& Survivor::identity() const { return impl_->identity; }

std::uint64_t Survivor::state_map_bytes() const {
    return impl_->state ? impl_->state->map_bytes() : 0;
}

Result<Survivor::State, StorageError> Survivor::load_state(
    const std::function<void(statemachine::Row)>& row) const {
    const auto& [lock, folder, log, store, identity] = *impl_;
    State state;
    if (store) {
        auto globals = store->load(row);
        if (!globals) return in(folder, globals.error());
        state = {std::move(*globals), {store->replaced()}};
    } else if (!store.error().nothing_there) {
        return store.error();
    }
    const Slot applied{state.globals ? state.globals->applied : 0};
    if (log && applied < log->marks.cut) {
        return in(folder,
                  {"the state stands at slot " + std::to_string(applied.number) +
                   ", but the log is cut up to slot " + std::to_string(log->marks.cut.number) +
                   ": the state was lost or set back"});
    }
    return state;
}

Result<Survivor::Log, StorageError> Survivor::read_log(const std::optional<State>& state) const {
    if (!impl_->log) return impl_->log.error();
    const LogRemains& log = *impl_->log;
    Slot applied = log.marks.cut;
    if (state) applied = {state->globals ? state->globals->applied : 0};
    try {
        auto durable = log.tables.read_above(applied);
        if (!durable) return in(impl_->folder, durable.error());
        for (const auto& record : log.unsettled) replay(record, *durable);
        // What a state from elsewhere stands on was compared with nothing.
        if (state) durable->cut = std::max(durable->cut, state->replaced);
        auto recovered = recover(std::move(*durable), applied);
        recovered.log.erase(recovered.log.begin(), recovered.log.upper_bound(applied));
        return Log{log.marks, log.others, std::move(recovered)};
    } catch (const DiskError& error) {
        return refusal(impl_->folder, error);
    }
}

}  // namespace gavel::persistence
