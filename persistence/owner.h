#pragma once

#include "base/result.h"
#include "persistence/record.h"

// Whose an environment is and how it is written: the first two records of its table `meta`. They
// can be read at every format level and before the owner is known.
namespace gavel::persistence {

// Nothing was ever committed to it.
bool is_blank(const lmdb::Transaction& transaction);

void write_owner(lmdb::Transaction& transaction, MDB_dbi meta, const Identity& identity);
// Refuses another format level than ours.
Result<Identity, StorageError> read_owner(const lmdb::Transaction& transaction, MDB_dbi meta);

// The error with the place where it was met.
StorageError in(const std::filesystem::path& folder, const StorageError& error);

}  // namespace gavel::persistence
