#include "statemachine/rows.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "statemachine/limits.h"
#include "statemachine/row_hash.h"

namespace gavel::statemachine {

namespace {

// The most significant byte first: bytewise order is numeric order.
template <int width>
std::string big_endian(std::uint64_t value) {
    std::string bytes;
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>(value >> shift));
    }
    return bytes;
}

}  // namespace

RowKey session_row(SessionId id) { return {Table::sessions, big_endian<8>(id)}; }

RowKey lock_row(std::string_view name) { return {Table::locks, std::string(name)}; }

RowKey waiter_row(const Waiter& waiter) {
    return {Table::waiters, big_endian<8>(waiter.place) + waiter.lock};
}

Revision place_in(const RowKey& waiter_row) {
    Revision place = 0;
    for (const char byte : std::string_view(waiter_row.key).substr(0, 8)) {
        place = place << 8U | static_cast<unsigned char>(byte);
    }
    return place;
}

RowKey holder_row(const Holder& holder) {
    return {Table::holders, big_endian<8>(holder.session) + holder.lock};
}

RowKey key_row(std::string_view key) { return {Table::keys, std::string(key)}; }

RowKey history_row(Revision revision) { return {Table::history, big_endian<8>(revision)}; }

RowKey version_row(std::string_view key, Revision revision) {
    return {Table::versions, std::string(key) + big_endian<8>(revision)};
}

RowKey request_row(const RequestId& request, std::uint64_t window) {
    return {Table::requests,
            big_endian<2>(request.member) + big_endian<8>(request.number % window)};
}

RowKey idempotency_row(std::string_view key) {
    return {Table::idempotency, big_endian<8>(hash64(key)).append(key.substr(0, 255))};
}

RowKey quota_row(std::string_view prefix) {
    return {Table::quotas, std::string("/").append(prefix)};
}

RowKey schema_row(std::string_view prefix) {
    return {Table::schemas, std::string("/").append(prefix)};
}

std::uint64_t Rows::put(RowKey key, RowValue value, std::uint64_t replaced) {
    const std::uint64_t hash = row_hash(key, value);
    hash_ += hash - replaced;
    changed_.push_back({std::move(key), std::move(value)});
    return hash;
}

void Rows::erase(RowKey key, std::uint64_t erased) {
    hash_ -= erased;
    changed_.push_back({std::move(key), {}});
}

std::uint64_t Rows::load(const RowKey& key, const RowValue& value) {
    const std::uint64_t hash = row_hash(key, value);
    hash_ += hash;
    return hash;
}

std::vector<Row> Rows::take_changed() {
    std::stable_sort(changed_.begin(), changed_.end(),
                     [](const Row& a, const Row& b) { return a.key < b.key; });
    // Of the values that one row went through, the last one stays.
    auto kept = changed_.begin();
    for (auto row = changed_.begin(); row != changed_.end(); ++row) {
        if (kept != changed_.begin() && std::prev(kept)->key == row->key) --kept;
        if (kept != row) *kept = std::move(*row);
        ++kept;
    }
    changed_.erase(kept, changed_.end());
    return std::exchange(changed_, {});
}

}  // namespace gavel::statemachine
