#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/result.h"
#include "paxos/records.h"
#include "persistence/journal.h"

namespace gavel::persistence {

// The journal of a log, and what it held when the last run ended: the records of the batches above
// `settled`, in order.
struct Unsettled {
    Journal journal;
    std::uint64_t batches{};  // The number of the last one.
    std::vector<paxos::Record> records{};

    // `place`: the log's folder.
    static Result<Unsettled, StorageError> open(const std::filesystem::path& place,
                                                const Identity& identity, std::uint64_t settled,
                                                Journal::Access access = Journal::Access::append);
};

}  // namespace gavel::persistence
