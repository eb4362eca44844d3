#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "statemachine/state.h"

namespace gavel::statemachine {

RowKey session_row(SessionId id);
RowKey lock_row(std::string_view name);
RowKey waiter_row(const Waiter& waiter);
Revision place_in(const RowKey& waiter_row);  // Waiter::place
RowKey holder_row(const Holder& holder);
RowKey key_row(std::string_view key);
RowKey history_row(Revision revision);
RowKey version_row(std::string_view key, Revision revision);
RowKey request_row(const RequestId& request, std::uint64_t window);
RowKey idempotency_row(std::string_view key);
RowKey quota_row(std::string_view prefix);
RowKey schema_row(std::string_view prefix);

// The rows that the running command changed, and the sum of the hashes of all rows there are.
//
// The sum follows each change by one subtraction and one addition, so that a hash of the whole
// state costs nothing extra. Whoever owns a table keeps each row's hash, or computes it again, and
// gives it back when the row is replaced or erased.
class Rows {
public:
    // Returns the hash of the new row. `replaced` is that of the old one; 0 when there was none.
    std::uint64_t put(RowKey key, RowValue value, std::uint64_t replaced = 0);
    void erase(RowKey key, std::uint64_t erased);

    // A row that is there already: enters the sum only. Returns its hash.
    std::uint64_t load(const RowKey& key, const RowValue& value);

    // What changed since the last take: each row once, with its final value, ordered by key.
    std::vector<Row> take_changed();
    std::uint64_t hash() const { return hash_; }

private:
    std::vector<Row> changed_;
    std::uint64_t hash_{};
};

}  // namespace gavel::statemachine
