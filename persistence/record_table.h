#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "persistence/lmdb.h"
#include "persistence/record.h"

namespace gavel::persistence {

// A table of sealed records, none of which needs more than one page of the file to itself.
//
// LMDB gives a value that is longer than a page pages that lie together, and takes new ones at the
// end of the file where it finds no free ones that do: a file that is half empty could be full. So
// of a longer record only a stub stands in its place, and its bytes stand in pieces of a page each
// in a second table, which all tables of an environment share. Nothing ever has to be moved to make
// room. docs/storage.md has the format.
class RecordTable {
public:
    // Opens the table that pieces stand in.
    static MDB_dbi open_pieces(lmdb::Transaction& transaction, unsigned flags);

    // `owner` and `name` are covered by the sums (Seal).
    RecordTable(const lmdb::Environment& environment, MDB_dbi table, MDB_dbi pieces,
                std::string_view owner, std::string_view name);

    MDB_dbi handle() const { return table_; }

    // Takes the place of what stood there. `beyond`: the key is behind all that are there.
    void put(lmdb::Transaction& transaction, std::string_view key, std::string_view payload,
             bool beyond = false) const;
    void erase(lmdb::Transaction& transaction, std::string_view key) const;
    // The cursor's item of this table, with all that belongs to it.
    void erase(lmdb::Transaction& transaction, lmdb::Cursor& cursor,
               const lmdb::Cursor::Item& item) const;

    // The payload of an item of this table; nothing: it is damaged. It stands in the transaction's
    // memory, or, where it had to be put together, in `room`.
    std::optional<std::string_view> open(const lmdb::Transaction& transaction,
                                         const lmdb::Cursor::Item& item, std::string& room) const;

private:
    struct Stub;

    std::optional<Stub> stub_of(std::string_view key, std::string_view stored) const;
    void put_pieces(lmdb::Transaction& transaction, std::string_view key, std::string_view payload,
                    bool beyond) const;
    void erase_pieces(lmdb::Transaction& transaction, std::string_view key,
                      std::string_view stored) const;

    MDB_dbi table_;
    MDB_dbi pieces_;
    std::size_t page_room_;  // Bytes of a value that one page holds.
    Seal seal_;
};

}  // namespace gavel::persistence
