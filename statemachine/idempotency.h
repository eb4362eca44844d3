#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// The first outcome under each Idempotency-Key, for a day of logged time, or, of the oldest of
// many, for less of it (Limits::idempotency_least_ms). A table that is full of younger ones refuses
// new keys, those of requests that free something last.
class Idempotency {
public:
    explicit Idempotency(const Limits& limits) : limits_(limits) {}

    // Removes what has expired, the oldest first and a few at a time, so that no command has much
    // to do.
    void expire(Step& step);

    // Null: not used within the last day.
    Ptr<IdempotencyRecord> find(std::string_view key, TimeMs now) const;
    bool has_room_for(std::string_view key, const Command& command) const;
    std::size_t count() const { return records_.size(); }
    // Of requests that free nothing.
    static std::size_t most(const Limits& limits) {
        return limits.idempotency_keys - limits.idempotency_keys / 10;
    }
    void record(Step& step, const IdempotencyKey& key, Outcome outcome);

    // The acquire that went into a queue under this key has come to its end.
    void settle(Step& step, const SettledWait& wait);

    void load(Ptr<IdempotencyRecord> record, std::uint64_t hash);
    void append_rows(std::vector<Row>& rows) const;
    void check_invariants() const;

private:
    struct Entry {
        Ptr<IdempotencyRecord> record{};
        std::uint64_t hash{};
    };

    bool is_over(const IdempotencyRecord& record, TimeMs now) const;
    void store(Step& step, Entry& entry, IdempotencyRecord record);

    const Limits& limits_;
    std::map<std::string, Entry, std::less<>> records_;
    // By revision. That is by expiry too, since logged time does not go back. Names a record.
    std::map<Revision, std::string_view> by_age_;
};

}  // namespace gavel::statemachine
