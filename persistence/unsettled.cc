#include "persistence/unsettled.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "persistence/owner.h"

namespace gavel::persistence {

Result<Unsettled, StorageError> Unsettled::open(const std::filesystem::path& place,
                                                const Identity& identity, std::uint64_t settled,
                                                Journal::Access access) {
    auto journal = Journal::open(place, owner_of(identity), identity.incarnation, access);
    if (!journal) return journal.error();
    const auto batches = journal->read(settled);
    if (!batches) return in(place, batches.error());
    Unsettled all{.journal = std::move(*journal), .batches = settled + batches->size()};
    for (const auto& batch : *batches) {
        auto records = unpacked_records(batch.payload);
        if (!records) {
            return in(place, {"its journal holds what no gaveld writes, in batch " +
                              std::to_string(batch.number)});
        }
        std::move(records->begin(), records->end(), std::back_inserter(all.records));
    }
    return all;
}

}  // namespace gavel::persistence
