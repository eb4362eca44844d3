#include "persistence/state_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/invariant.h"
#include "persistence/failure.h"
#include "persistence/folder.h"
#include "persistence/owner.h"
#include "persistence/record.h"
#include "persistence/record_table.h"
#include "proto/codec.h"

namespace gavel::persistence {
namespace {

namespace fs = std::filesystem;
using lmdb::Transaction;
using statemachine::Globals;
using statemachine::Revision;
using statemachine::Row;
using statemachine::RowValue;
using statemachine::Table;

constexpr const char* environment_name = "state";
constexpr MDB_dbi tables_max = 16;

constexpr std::string_view globals_key = "globals";
constexpr std::string_view replaced_key = "replaced";

// Tables of rows, in the order of their numbers.
struct RowTable {
    Table table{};
    const char* name{};
};
constexpr std::array row_tables{RowTable{Table::sessions, "sessions"},
                                RowTable{Table::locks, "locks"},
                                RowTable{Table::waiters, "waiters"},
                                RowTable{Table::keys, "keys"},
                                RowTable{Table::history, "history"},
                                RowTable{Table::requests, "requests"},
                                RowTable{Table::idempotency, "idempotency"},
                                RowTable{Table::versions, "versions"},
                                RowTable{Table::holders, "holders"},
                                RowTable{Table::schemas, "schemas"},
                                RowTable{Table::quotas, "quotas"}};

std::size_t index_of(Table table) {
    for (std::size_t i = 0; i < row_tables.size(); ++i) {
        if (row_tables[i].table == table) return i;
    }
    invariant_broken("every row belongs to a known table", __FILE__, __LINE__);
}

struct Tables {
    MDB_dbi meta{};
    MDB_dbi pieces{};
    std::array<MDB_dbi, row_tables.size()> rows{};
};

Tables open_tables(Transaction& transaction, unsigned flags) {
    Tables tables{.meta = transaction.table("meta", flags),
                  .pieces = RecordTable::open_pieces(transaction, flags)};
    for (std::size_t i = 0; i < row_tables.size(); ++i) {
        tables.rows[i] = transaction.table(row_tables[i].name, flags);
    }
    return tables;
}

}  // namespace

struct StateStore::Impl {
    Impl(lmdb::Environment opened, Tables of, Identity whose)
        : environment(std::move(opened)),
          tables(of),
          owner(std::move(whose)),
          meta(environment, tables.meta, tables.pieces, owner_of(owner), "meta") {
        for (std::size_t i = 0; i < row_tables.size(); ++i) {
            rows.emplace_back(environment, tables.rows[i], tables.pieces, owner_of(owner),
                              row_tables[i].name);
        }
    }

    void write(Transaction& transaction, std::span<const Row> changed) const;
    void write_table(Transaction& transaction, std::span<const Row> changed) const;
    Result<std::optional<Globals>, StorageError> read_globals(const Transaction& transaction) const;
    std::optional<StorageError> read_rows(const Transaction& transaction, Table table,
                                          const std::function<void(Row)>& row) const;

    lmdb::Environment environment;
    Tables tables;
    Identity owner;
    RecordTable meta;
    std::vector<RecordTable> rows{};  // As row_tables.
};

namespace {

std::optional<StorageError> cut_off(const fs::path& place, const lmdb::Environment& environment) {
    if (is_at_least(place / "data.mdb", environment.bytes_reached())) return std::nullopt;
    return in(place, {"its file is shorter than its pages: it was cut off or copied in part"});
}

StorageError refusal(const fs::path& place, const DiskError& error) {
    if (error.code == MDB_NOTFOUND || error.code == MDB_INVALID || error.code == MDB_INCOMPATIBLE) {
        return in(place, {"not a Gavel state: its tables are not ours"});
    }
    return in(place, {explain(environment_name, error)});
}

}  // namespace

Result<StateStore, StorageError> StateStore::open_to_read(const fs::path& folder) {
    const fs::path place = plain(folder) / environment_name;
    if (!has_environment(plain(folder), environment_name)) {
        return in(place, {"no state is here", true});
    }
    try {
        auto environment = lmdb::Environment::read_only(place.string(), tables_max);
        if (const auto error = cut_off(place, environment)) return *error;
        Transaction transaction(environment, Transaction::Kind::read);
        if (is_blank(transaction)) return in(place, {"no state is here", true});
        const Tables tables = open_tables(transaction, 0);
        auto owner = read_owner(transaction, tables.meta);
        if (!owner) return in(place, owner.error());
        transaction.commit();  // Keeps the tables open.
        return StateStore(
            std::make_unique<Impl>(std::move(environment), tables, std::move(*owner)));
    } catch (const DiskError& error) {
        return refusal(place, error);
    }
}

Result<StateStore, StorageError> StateStore::open(Options options) {
    const fs::path place = plain(options.folder) / environment_name;
    const bool made = has_environment(plain(options.folder), environment_name);
    if (auto error = make_folder(place)) return *error;
    try {
        lmdb::Environment environment(place.string(), options.map_bytes, tables_max);
        if (made) {
            if (const auto error = cut_off(place, environment)) return *error;
        }
        Transaction transaction(environment, Transaction::Kind::write);
        const bool blank = is_blank(transaction);
        const Tables tables = open_tables(transaction, blank ? MDB_CREATE : 0);
        if (blank) {
            write_owner(transaction, tables.meta, options.owner);
        }
        const auto owner = read_owner(transaction, tables.meta);
        if (!owner) return in(place, owner.error());
        if (*owner != options.owner) {
            return in(place, {"belongs to member '" + owner->name + "' of cluster " +
                              owner->cluster_id + ", but the log beside it does not"});
        }
        transaction.commit();
        if (auto error = sync_folder(place)) return *error;
        return StateStore(std::make_unique<Impl>(std::move(environment), tables, options.owner));
    } catch (const DiskError& error) {
        return refusal(place, error);
    }
}

StateStore::StateStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StateStore::~StateStore() = default;
StateStore::StateStore(StateStore&&) noexcept = default;
StateStore& StateStore::operator=(StateStore&&) noexcept = default;

const Identity& StateStore::owner() const { return impl_->owner; }
std::uint64_t StateStore::map_bytes() const { return impl_->environment.map_bytes(); }

void StateStore::commit(std::span<const Row> rows, const Globals& globals) {
    try {
        Transaction transaction(impl_->environment, Transaction::Kind::write);
        impl_->write(transaction, rows);
        impl_->meta.put(transaction, globals_key, proto::encode(globals));
        transaction.commit();
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

void StateStore::Impl::write(Transaction& transaction, std::span<const Row> changed) const {
    while (!changed.empty()) {
        std::size_t count = 1;
        while (count < changed.size() && changed[count].key.table == changed[0].key.table) ++count;
        write_table(transaction, changed.first(count));
        changed = changed.subspan(count);
    }
}

// Rows of one table. What lies beyond its last key is appended, which fills the pages.
void StateStore::Impl::write_table(Transaction& transaction, std::span<const Row> changed) const {
    const RecordTable& table = rows[index_of(changed[0].key.table)];
    std::string last;
    if (const auto item = lmdb::Cursor(transaction, table.handle()).last()) last = item->key;
    for (const auto& row : changed) {
        const std::string& key = row.key.key;
        if (std::holds_alternative<std::monostate>(row.value)) {
            table.erase(transaction, key);
            continue;
        }
        const bool beyond = key > last;
        table.put(transaction, key, proto::encode(row.value), beyond);
        if (beyond) last = key;
    }
}

Result<std::optional<Globals>, StorageError> StateStore::load(
    const std::function<void(Row)>& row) const {
    try {
        const Transaction transaction(impl_->environment, Transaction::Kind::read);
        auto globals = impl_->read_globals(transaction);
        if (!globals || !*globals) return globals;
        for (const auto& each : row_tables) {
            if (const auto error = impl_->read_rows(transaction, each.table, row)) return *error;
        }
        return globals;
    } catch (const DiskError& error) {
        return StorageError{explain(environment_name, error)};
    }
}

Result<std::optional<Globals>, StorageError> StateStore::Impl::read_globals(
    const Transaction& transaction) const {
    const auto stored = transaction.find(tables.meta, globals_key);
    if (!stored) return std::optional<Globals>();
    std::string room;
    const auto payload = meta.open(transaction, {globals_key, *stored}, room);
    if (payload) {
        if (auto globals = proto::decode_globals(*payload))
            return std::optional(std::move(*globals));
    }
    return StorageError{
        "the state's globals are damaged: remove this member and let it join anew, "
        "empty"};
}

std::optional<StorageError> StateStore::Impl::read_rows(const Transaction& transaction, Table table,
                                                        const std::function<void(Row)>& row) const {
    const std::size_t index = index_of(table);
    lmdb::Cursor cursor(transaction, tables.rows[index]);
    std::uint64_t position = 0;
    std::string room;
    for (auto item = cursor.first(); item; item = cursor.next()) {
        ++position;
        const auto payload = rows[index].open(transaction, *item, room);
        auto value = payload ? proto::decode_row(table, *payload)
                             : Result<RowValue>(make_error_code(boost::system::errc::bad_message));
        if (!value) {
            return StorageError{"row " + std::to_string(position) + " of the state's table '" +
                                row_tables[index].name +
                                "' is damaged: remove this member and let it join anew, empty"};
        }
        row({{table, std::string(item->key)}, std::move(*value)});
    }
    return std::nullopt;
}

void StateStore::replace(std::span<const Row> rows, const Globals& globals) {
    try {
        Transaction transaction(impl_->environment, Transaction::Kind::write);
        for (const MDB_dbi table : impl_->tables.rows) transaction.clear(table);
        transaction.clear(impl_->tables.pieces);
        impl_->write(transaction, rows);
        impl_->meta.put(transaction, globals_key, proto::encode(globals));
        impl_->meta.put(transaction, replaced_key, packed(globals.applied));
        transaction.commit();
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

Revision StateStore::replaced() const {
    try {
        const Transaction transaction(impl_->environment, Transaction::Kind::read);
        const auto stored = transaction.find(impl_->tables.meta, replaced_key);
        if (!stored) return 0;
        std::string room;
        const auto payload = impl_->meta.open(transaction, {replaced_key, *stored}, room);
        const auto slot = payload ? unpacked_number(*payload) : std::nullopt;
        if (slot) return *slot;
        // What it guards against is worse than a log with less in it.
        const auto globals = impl_->read_globals(transaction);
        if (globals && *globals) return (*globals)->applied;
        throw DiskError{"read where the state came from", MDB_CORRUPTED};
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

// ---- Reading in pieces --------------------------------------------------------------------------

struct StateReader::Impl {
    const StateStore::Impl& store;
    Transaction transaction;
    Globals globals;
};

StateReader::StateReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StateReader::~StateReader() = default;

const Globals& StateReader::globals() const { return impl_->globals; }

Result<std::unique_ptr<StateReader>, StorageError> StateStore::snapshot() const {
    try {
        Transaction transaction(impl_->environment, Transaction::Kind::read);
        auto globals = impl_->read_globals(transaction);
        if (!globals) return globals.error();
        if (!*globals) return std::unique_ptr<StateReader>();
        return std::unique_ptr<StateReader>(new StateReader(std::make_unique<StateReader::Impl>(
            StateReader::Impl{*impl_, std::move(transaction), std::move(**globals)})));
    } catch (const DiskError& error) {
        return StorageError{explain(environment_name, error)};
    }
}

Result<StateReader::Piece, StorageError> StateReader::read(const statemachine::RowKey& after,
                                                           std::size_t bytes) const {
    const auto& store = impl_->store;
    Piece piece;
    std::size_t held = 0;
    std::string room;
    try {
        for (std::size_t i = 0; i < row_tables.size(); ++i) {
            const Table table = row_tables[i].table;
            if (table < after.table) continue;
            lmdb::Cursor cursor(impl_->transaction, store.tables.rows[i]);
            auto item = table == after.table ? cursor.seek(after.key) : cursor.first();
            if (item && table == after.table && item->key == after.key) item = cursor.next();
            for (; item; item = cursor.next()) {
                if (held >= bytes) return piece;
                const auto payload = store.rows[i].open(impl_->transaction, *item, room);
                if (!payload) {
                    return StorageError{std::string("a row of the state's table '") +
                                        row_tables[i].name + "' is damaged"};
                }
                held += item->key.size() + payload->size();
                piece.rows.push_back({{table, std::string(item->key)}, std::string(*payload)});
            }
        }
    } catch (const DiskError& error) {
        return StorageError{explain(environment_name, error)};
    }
    piece.last = true;
    return piece;
}

std::uint64_t StateStore::bytes_reached() const {
    try {
        return impl_->environment.bytes_reached();
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

std::uint64_t StateStore::bytes_used() const {
    try {
        const Transaction transaction(impl_->environment, Transaction::Kind::read);
        std::uint64_t bytes =
            transaction.bytes_of(impl_->tables.meta) + transaction.bytes_of(impl_->tables.pieces);
        for (const MDB_dbi table : impl_->tables.rows) bytes += transaction.bytes_of(table);
        return bytes;
    } catch (const DiskError& error) {
        end_process(environment_name, error);
    }
}

}  // namespace gavel::persistence
