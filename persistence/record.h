#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/lmdb.h"
#include "persistence/log_store.h"

// How a record stands in a table: four bytes CRC-32C, least significant first, and the payload.
namespace gavel::persistence {

// The sum of one table's records. It covers whose they are (cluster and member), the table, the key
// and the payload: a record that came to stand in another place is as bad as a damaged one.
class Seal {
public:
    static constexpr std::size_t bytes = 4;

    // `owner` is empty for what must be readable before the owner is known.
    Seal(std::string_view owner, std::string_view table);

    void put(lmdb::Transaction& transaction, MDB_dbi table, std::string_view key,
             std::string_view payload, unsigned flags = 0) const;
    // The payload, or nothing when the sum says otherwise.
    std::optional<std::string_view> open(std::string_view key, std::string_view stored) const;

    std::uint32_t sum(std::string_view key, std::string_view payload) const;

private:
    std::uint32_t prefix_;
};

// Who a record belongs to, as its sum covers it.
std::string owner_of(const Identity& identity);

// How numbers stand in records: least significant byte first, eight bytes unless it is a sum.
inline constexpr std::size_t number_bytes = 8;
void append_number(std::string& onto, std::uint64_t number, std::size_t bytes = number_bytes);
// Of the first `bytes`, which must be there.
std::uint64_t number_at_front(std::string_view from, std::size_t bytes = number_bytes);

// Fields one after the other: numbers, and text after its length.
std::string packed(std::uint64_t number);
std::string packed(const Identity& identity);
std::string packed(std::span<const paxos::Record> records);
std::size_t packed_bytes(std::span<const paxos::Record> records);
std::string packed(const Acquaintance& acquaintance);
std::string packed(const std::vector<proto::Run>& runs);
std::optional<std::uint64_t> unpacked_number(std::string_view payload);
std::optional<Acquaintance> unpacked_acquaintance(std::string_view payload);
std::optional<std::vector<proto::Run>> unpacked_runs(std::string_view payload);
std::optional<std::vector<paxos::Record>> unpacked_records(std::string_view payload);
std::optional<Identity> unpacked_identity(std::string_view payload);

}  // namespace gavel::persistence
