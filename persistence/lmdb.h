#pragma once

#include <lmdb.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "persistence/failure.h"

// LMDB behind RAII, as far as this room needs it. A failed call is a DiskError, thrown.
namespace gavel::persistence::lmdb {

inline void check(int code, const char* operation) {
    if (code != MDB_SUCCESS) throw DiskError{operation, code};
}

// One map on the disk. Default flags: a commit that returns is on the disk. MDB_NOTLS lets a read
// transaction belong to itself and not to the thread that began it.
class Environment {
public:
    Environment(const std::string& folder, std::uint64_t map_bytes, MDB_dbi tables_max) {
        MDB_env* env = nullptr;
        check(mdb_env_create(&env), "create");
        env_.reset(env);
        check(mdb_env_set_mapsize(env, map_bytes), "set the largest size");
        check(mdb_env_set_maxdbs(env, tables_max), "set the number of tables");
        check(mdb_env_open(env, folder.c_str(), MDB_NOTLS, 0600), "open");
        int dead = 0;
        check(mdb_reader_check(env, &dead), "forget dead readers");
    }

    // As it is on the disk, which does not change by it. No process may write to it meanwhile.
    static Environment read_only(const std::string& folder, MDB_dbi tables_max) {
        Environment environment;
        MDB_env* env = nullptr;
        check(mdb_env_create(&env), "create");
        environment.env_.reset(env);
        check(mdb_env_set_maxdbs(env, tables_max), "set the number of tables");
        // A page that is not what LMDB takes for granted shows itself like one that the disk does
        // not give: to whoever reads what may be damaged that is the same.
        check(mdb_env_set_assert(env, [](MDB_env*, const char*) { std::raise(SIGBUS); }),
              "watch for damage");
        constexpr unsigned flags = MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK;
        check(mdb_env_open(env, folder.c_str(), flags, 0), "open");
        return environment;
    }

    MDB_env* get() const { return env_.get(); }

    // Bytes of the file that pages may stand in, whether they are in use or free again.
    std::uint64_t bytes_reached() const {
        MDB_envinfo info{};
        MDB_stat stat{};
        check(mdb_env_info(get(), &info), "ask for the size");
        check(mdb_env_stat(get(), &stat), "ask for the size");
        return (static_cast<std::uint64_t>(info.me_last_pgno) + 1) * stat.ms_psize;
    }

    std::size_t page_bytes() const {
        MDB_stat stat{};
        check(mdb_env_stat(get(), &stat), "ask for the size of a page");
        return stat.ms_psize;
    }

    // The largest size that it was last opened with.
    std::uint64_t map_bytes() const {
        MDB_envinfo info{};
        check(mdb_env_info(get(), &info), "ask for the size");
        return info.me_mapsize;
    }

private:
    Environment() = default;

    struct Close {
        void operator()(MDB_env* env) const { mdb_env_close(env); }
    };
    std::unique_ptr<MDB_env, Close> env_;
};

inline MDB_val value_of(std::string_view bytes) {
    // LMDB does not write through what it is given to read.
    return {bytes.size(), const_cast<char*>(bytes.data())};  // NOLINT
}

inline std::string_view view_of(const MDB_val& value) {
    return {static_cast<const char*>(value.mv_data), value.mv_size};
}

// A key of a table with MDB_INTEGERKEY: eight bytes in the machine's order.
class IntegerKey {
public:
    explicit IntegerKey(std::uint64_t number) : number_(number) {}
    std::string_view view() const {
        return {reinterpret_cast<const char*>(&number_), sizeof(number_)};  // NOLINT
    }
    static std::uint64_t number_of(std::string_view key) {
        std::uint64_t number{};
        if (key.size() != sizeof(number)) throw DiskError{"read a number", MDB_CORRUPTED};
        std::memcpy(&number, key.data(), sizeof(number));
        return number;
    }

private:
    std::uint64_t number_;
};

// Aborted unless it is committed. What it gives to read is valid until it ends or writes.
class Transaction {
public:
    enum class Kind : unsigned { write = 0, read = MDB_RDONLY };

    Transaction(const Environment& environment, Kind kind) {
        MDB_txn* transaction = nullptr;
        check(mdb_txn_begin(environment.get(), nullptr, static_cast<unsigned>(kind), &transaction),
              "begin");
        transaction_.reset(transaction);
    }

    MDB_txn* get() const { return transaction_.get(); }

    MDB_dbi table(const char* name, unsigned flags) {
        MDB_dbi table{};
        check(mdb_dbi_open(get(), name, flags, &table), "open a table");
        return table;
    }

    std::optional<std::string_view> find(MDB_dbi table, std::string_view key) const {
        MDB_val wanted = value_of(key);
        MDB_val found{};
        const int code = mdb_get(get(), table, &wanted, &found);
        if (code == MDB_NOTFOUND) return std::nullopt;
        check(code, "read");
        return view_of(found);
    }

    // Room for a value of `bytes`, to be filled before the next call.
    char* put(MDB_dbi table, std::string_view key, std::size_t bytes, unsigned flags = 0) {
        MDB_val at = value_of(key);
        MDB_val room{bytes, nullptr};
        check(mdb_put(get(), table, &at, &room, flags | MDB_RESERVE), "write");
        return static_cast<char*>(room.mv_data);
    }

    void erase(MDB_dbi table, std::string_view key) {
        MDB_val at = value_of(key);
        const int code = mdb_del(get(), table, &at, nullptr);
        if (code != MDB_NOTFOUND) check(code, "delete");
    }

    // Every key of the table is gone.
    void clear(MDB_dbi table) { check(mdb_drop(get(), table, 0), "empty a table"); }

    // Bytes of the pages that a table fills.
    std::uint64_t bytes_of(MDB_dbi table) const {
        MDB_stat stat{};
        check(mdb_stat(get(), table, &stat), "ask for a table's size");
        return (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
               static_cast<std::uint64_t>(stat.ms_psize);
    }

    void commit() { check(mdb_txn_commit(transaction_.release()), "commit"); }

private:
    struct Abort {
        void operator()(MDB_txn* transaction) const { mdb_txn_abort(transaction); }
    };
    std::unique_ptr<MDB_txn, Abort> transaction_;
};

// Ends before its transaction does.
class Cursor {
public:
    struct Item {
        std::string_view key{};
        std::string_view value{};
    };

    Cursor(const Transaction& transaction, MDB_dbi table) {
        MDB_cursor* cursor = nullptr;
        check(mdb_cursor_open(transaction.get(), table, &cursor), "open a cursor");
        cursor_.reset(cursor);
    }

    std::optional<Item> first() { return move({}, MDB_FIRST); }
    std::optional<Item> last() { return move({}, MDB_LAST); }
    std::optional<Item> next() { return move({}, MDB_NEXT); }
    std::optional<Item> previous() { return move({}, MDB_PREV); }
    // The first item at or after `key`.
    std::optional<Item> seek(std::string_view key) { return move(key, MDB_SET_RANGE); }
    void erase() { check(mdb_cursor_del(cursor_.get(), 0), "delete"); }

private:
    std::optional<Item> move(std::string_view to, MDB_cursor_op operation) {
        MDB_val key = value_of(to);
        MDB_val value{};
        const int code = mdb_cursor_get(cursor_.get(), &key, &value, operation);
        if (code == MDB_NOTFOUND) return std::nullopt;
        check(code, "read");
        return Item{view_of(key), view_of(value)};
    }

    struct Close {
        void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
    };
    std::unique_ptr<MDB_cursor, Close> cursor_;
};

}  // namespace gavel::persistence::lmdb
