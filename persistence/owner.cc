#include "persistence/owner.h"

#include <utility>

#include "proto/codec.h"

namespace gavel::persistence {
namespace {

constexpr std::string_view format_key = "format";
constexpr std::string_view identity_key = "identity";
const Seal ownerless{"", "meta"};

std::optional<std::string_view> read(const lmdb::Transaction& transaction, MDB_dbi meta,
                                     std::string_view key) {
    const auto stored = transaction.find(meta, key);
    return stored ? ownerless.open(key, *stored) : std::nullopt;
}

}  // namespace

bool is_blank(const lmdb::Transaction& transaction) {
    MDB_dbi main{};
    lmdb::check(mdb_dbi_open(transaction.get(), nullptr, 0, &main), "open the main table");
    MDB_stat stat{};
    lmdb::check(mdb_stat(transaction.get(), main, &stat), "look at the main table");
    return stat.ms_entries == 0;
}

void write_owner(lmdb::Transaction& transaction, MDB_dbi meta, const Identity& identity) {
    ownerless.put(transaction, meta, format_key, packed(identity.format_level));
    ownerless.put(transaction, meta, identity_key, packed(identity));
}

Result<Identity, StorageError> read_owner(const lmdb::Transaction& transaction, MDB_dbi meta) {
    const auto format_payload = read(transaction, meta, format_key);
    const auto format = format_payload ? unpacked_number(*format_payload) : std::nullopt;
    if (!format) return StorageError{"not a Gavel data directory, or its format record is damaged"};
    if (*format != proto::format_level) {
        return StorageError{"written at format level " + std::to_string(*format) +
                            ", but this gaveld knows level " + std::to_string(proto::format_level) +
                            ": use a version that knows it"};
    }
    const auto payload = read(transaction, meta, identity_key);
    auto identity = payload ? unpacked_identity(*payload) : std::nullopt;
    if (!identity) return StorageError{"its record of whose it is, is damaged"};
    return std::move(*identity);
}

StorageError in(const std::filesystem::path& folder, const StorageError& error) {
    return {folder.string() + ": " + error.what, error.nothing_there};
}

}  // namespace gavel::persistence
