#include "statemachine/idempotency.h"

#include <utility>
#include <variant>

#include "base/invariant.h"

namespace gavel::statemachine {

namespace {

constexpr int expired_per_command_max = 8;

// Whoever is refused these cannot make room, or give up what others wait for.
struct Frees {
    bool operator()(const DeleteKey&) const { return true; }
    bool operator()(const DeletePrefix&) const { return true; }
    bool operator()(const ReleaseLock&) const { return true; }
    bool operator()(const LeaveQueue&) const { return true; }
    bool operator()(const EndLockDelay&) const { return true; }
    bool operator()(const EndSession&) const { return true; }
    bool operator()(const SetQuota& command) const { return !command.bounds.any(); }
    bool operator()(const SetSchema& command) const { return command.text.empty(); }
    template <class Other>
    bool operator()(const Other&) const {
        return false;
    }
};

}  // namespace

void Idempotency::expire(Step& step) {
    for (int i = 0; i < expired_per_command_max && !by_age_.empty(); ++i) {
        const auto at = records_.find(by_age_.begin()->second);
        if (!is_over(*at->second.record, step.time)) return;
        by_age_.erase(by_age_.begin());
        step.rows.erase(idempotency_row(at->first), at->second.hash);
        records_.erase(at);
    }
}

bool Idempotency::is_over(const IdempotencyRecord& record, TimeMs now) const {
    if (record.expires_at <= now) return true;
    const TimeMs recorded_at = record.expires_at - limits_.idempotency_ms;
    return records_.size() > limits_.idempotency_keys / 2 &&
           recorded_at + limits_.idempotency_least_ms <= now;
}

Ptr<IdempotencyRecord> Idempotency::find(std::string_view key, TimeMs now) const {
    const auto at = records_.find(key);
    if (at == records_.end() || at->second.record->expires_at <= now) return nullptr;
    return at->second.record;
}

bool Idempotency::has_room_for(std::string_view key, const Command& command) const {
    const std::size_t room =
        std::visit(Frees{}, command) ? limits_.idempotency_keys : most(limits_);
    return records_.size() < room || records_.contains(key);
}

void Idempotency::record(Step& step, const IdempotencyKey& key, Outcome outcome) {
    const auto at = records_.try_emplace(key.key).first;
    Entry& entry = at->second;
    if (entry.record) by_age_.erase(entry.record->revision);
    by_age_.emplace_hint(by_age_.end(), step.revision, at->first);
    store(step, entry,
          {.key = key.key,
           .fingerprint = key.fingerprint,
           .revision = step.revision,
           .expires_at = step.time + limits_.idempotency_ms,
           .outcome = std::move(outcome)});
}

void Idempotency::settle(Step& step, const SettledWait& wait) {
    const auto at = records_.find(wait.waiter->idempotency_key);
    if (at == records_.end()) return;
    // A wait can outlive its key, which may then be used again for something else.
    if (at->second.record->revision != wait.waiter->attempt) return;
    IdempotencyRecord record = *at->second.record;
    record.outcome = wait.outcome;
    store(step, at->second, std::move(record));
}

void Idempotency::store(Step& step, Entry& entry, IdempotencyRecord record) {
    entry.record = std::make_shared<const IdempotencyRecord>(std::move(record));
    entry.hash = step.rows.put(idempotency_row(entry.record->key), entry.record, entry.hash);
}

void Idempotency::load(Ptr<IdempotencyRecord> record, std::uint64_t hash) {
    const Revision revision = record->revision;
    const auto at = records_.try_emplace(record->key).first;
    at->second = {std::move(record), hash};
    by_age_.emplace(revision, at->first);
}

void Idempotency::append_rows(std::vector<Row>& rows) const {
    for (const auto& [key, entry] : records_) rows.push_back({idempotency_row(key), entry.record});
}

void Idempotency::check_invariants() const {
    invariant(records_.size() <= limits_.idempotency_keys, "there are no more keys than allowed");
    invariant(records_.size() == by_age_.size(), "each idempotency key has its turn to expire");
    for (const auto& [revision, key] : by_age_) {
        const auto at = records_.find(key);
        invariant(at != records_.end() && at->second.record->revision == revision,
                  "what expires is there");
    }
}

}  // namespace gavel::statemachine
