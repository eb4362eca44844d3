#include "daemon/row_room.h"

#include <variant>

#include "statemachine/limits.h"

namespace gavel::daemon {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

constexpr std::uint64_t page = 4'096;
constexpr std::uint64_t piece = page - 16;  // persistence/record_table.h
constexpr std::uint64_t fixed = 256;        // Of a row beside its texts.

struct Content {
    std::uint64_t operator()(std::monostate) const { return 0; }
    std::uint64_t operator()(const Ptr<KeyValue>& value) const {
        return fixed + value->key.size() + value->value.size();
    }
    std::uint64_t operator()(const Ptr<PastVersion>& past) const {
        const auto* put = std::get_if<Ptr<KeyValue>>(&past->change);
        return fixed + (put != nullptr ? (*this)(*put) : 0);
    }
    std::uint64_t operator()(const Ptr<Change>& change) const {
        std::uint64_t bytes = fixed;
        for (const auto& event : change->events) {
            bytes += fixed;
            if (const auto* put = std::get_if<KeyPutEvent>(&event.body))
                bytes += (*this)(put->value);
        }
        return bytes;
    }
    std::uint64_t operator()(const Ptr<Schema>& schema) const {
        return fixed + schema->text.size();
    }
    std::uint64_t operator()(const Ptr<Session>&) const { return fixed + metadata_bytes_max; }
    std::uint64_t operator()(const Ptr<Lock>&) const { return fixed + metadata_bytes_max; }
    std::uint64_t operator()(const Ptr<Holder>&) const { return fixed + metadata_bytes_max; }
    std::uint64_t operator()(const Ptr<Waiter>&) const { return fixed + metadata_bytes_max; }
    template <class T>
    std::uint64_t operator()(const Ptr<T>&) const {
        return fixed;
    }
};

}  // namespace

std::uint64_t room_to_commit(const RowKey& key, const RowValue& value) {
    const std::uint64_t content = std::visit(Content{}, value);
    // These are appended, or change in place among many of their kind.
    const bool shares_its_leaf = key.table == Table::history || key.table == Table::requests;
    const std::uint64_t leaf = shares_its_leaf ? 0 : page;
    const std::uint64_t leaf_of_pieces = content > piece ? page : 0;
    const std::uint64_t pieces = (content + piece - 1) / piece;
    return leaf + leaf_of_pieces + (content > page / 2 ? pieces * page : content);
}

}  // namespace gavel::daemon
