#include "persistence/record_table.h"

#include <algorithm>
#include <cstdint>

namespace gavel::persistence {
namespace {

using lmdb::Cursor;
using lmdb::IntegerKey;
using lmdb::Transaction;

// What LMDB needs of a page that holds nothing but one value (PAGEHDRSZ of mdb.c).
constexpr std::size_t page_header_bytes = 16;

}  // namespace

// Stands in for a record: `bytes` of payload in pieces numbered from `first` on.
struct RecordTable::Stub {
    static constexpr std::size_t stored_bytes = Seal::bytes + 2 * number_bytes + Seal::bytes;

    std::uint64_t first{};
    std::uint64_t bytes{};
    std::uint32_t sum{};  // Of the whole record.

    std::string packed() const {
        std::string text;
        append_number(text, first);
        append_number(text, bytes);
        append_number(text, sum, Seal::bytes);
        return text;
    }
};

MDB_dbi RecordTable::open_pieces(Transaction& transaction, unsigned flags) {
    return transaction.table("pieces", flags | MDB_INTEGERKEY);
}

RecordTable::RecordTable(const lmdb::Environment& environment, MDB_dbi table, MDB_dbi pieces,
                         std::string_view owner, std::string_view name)
    : table_(table),
      pieces_(pieces),
      page_room_(environment.page_bytes() - page_header_bytes),
      seal_(owner, name) {}

void RecordTable::put(Transaction& transaction, std::string_view key, std::string_view payload,
                      bool beyond) const {
    if (!beyond) {
        if (const auto before = transaction.find(table_, key)) {
            erase_pieces(transaction, key, *before);
        }
    }
    if (Seal::bytes + payload.size() > page_room_) {
        return put_pieces(transaction, key, payload, beyond);
    }
    seal_.put(transaction, table_, key, payload, beyond ? MDB_APPEND : 0);
}

void RecordTable::put_pieces(Transaction& transaction, std::string_view key,
                             std::string_view payload, bool beyond) const {
    const auto last = Cursor(transaction, pieces_).last();
    const std::uint64_t first = last ? IntegerKey::number_of(last->key) + 1 : 1;
    std::uint64_t number = first;
    for (std::size_t at = 0; at < payload.size(); at += page_room_, ++number) {
        const auto piece = payload.substr(at, page_room_);
        char* room = transaction.put(pieces_, IntegerKey(number).view(), piece.size(), MDB_APPEND);
        std::copy(piece.begin(), piece.end(), room);
    }
    const auto stub = Stub{first, payload.size(), seal_.sum(key, payload)}.packed();
    // The complement: what is a stub by its sum is no record by it, and the other way round.
    std::string stored;
    append_number(stored, ~seal_.sum(key, stub), Seal::bytes);
    stored += stub;
    char* room = transaction.put(table_, key, stored.size(), beyond ? MDB_APPEND : 0);
    std::copy(stored.begin(), stored.end(), room);
}

std::optional<RecordTable::Stub> RecordTable::stub_of(std::string_view key,
                                                      std::string_view stored) const {
    if (stored.size() != Stub::stored_bytes) return std::nullopt;
    const auto sum = static_cast<std::uint32_t>(number_at_front(stored, Seal::bytes));
    stored.remove_prefix(Seal::bytes);
    if (sum != ~seal_.sum(key, stored)) return std::nullopt;
    Stub stub{.first = number_at_front(stored)};
    stored.remove_prefix(number_bytes);
    stub.bytes = number_at_front(stored);
    stored.remove_prefix(number_bytes);
    stub.sum = static_cast<std::uint32_t>(number_at_front(stored, Seal::bytes));
    return stub;
}

// Of a damaged stub nobody knows them: they stay, as bytes that are lost.
void RecordTable::erase_pieces(Transaction& transaction, std::string_view key,
                               std::string_view stored) const {
    const auto stub = stub_of(key, stored);
    if (!stub) return;
    std::uint64_t number = stub->first;
    for (std::uint64_t at = 0; at < stub->bytes; at += page_room_, ++number) {
        transaction.erase(pieces_, IntegerKey(number).view());
    }
}

void RecordTable::erase(Transaction& transaction, std::string_view key) const {
    if (const auto before = transaction.find(table_, key)) {
        erase_pieces(transaction, key, *before);
        transaction.erase(table_, key);
    }
}

void RecordTable::erase(Transaction& transaction, Cursor& cursor, const Cursor::Item& item) const {
    erase_pieces(transaction, item.key, item.value);
    cursor.erase();
}

std::optional<std::string_view> RecordTable::open(const Transaction& transaction,
                                                  const Cursor::Item& item,
                                                  std::string& room) const {
    if (auto whole = seal_.open(item.key, item.value)) return whole;
    const auto stub = stub_of(item.key, item.value);
    if (!stub) return std::nullopt;
    room.clear();
    room.reserve(stub->bytes);
    Cursor cursor(transaction, pieces_);
    auto piece = cursor.seek(IntegerKey(stub->first).view());
    for (std::uint64_t number = stub->first; room.size() < stub->bytes; ++number) {
        if (!piece || IntegerKey::number_of(piece->key) != number) return std::nullopt;
        room += piece->value;
        piece = cursor.next();
    }
    if (room.size() != stub->bytes || seal_.sum(item.key, room) != stub->sum) return std::nullopt;
    return room;
}

}  // namespace gavel::persistence
