#include "statemachine/history.h"

#include <utility>

#include "base/invariant.h"

namespace gavel::statemachine {

namespace {

// Stands for the fixed part of an event. A number of our own and not a sizeof, which would differ
// between compilers, and the members have to forget alike.
constexpr std::uint64_t event_overhead_bytes = 128;

struct Footprint {
    std::uint64_t operator()(const KeyPutEvent& event) const {
        const KeyValue& value = *event.value;
        return value.key.size() + value.value.size() + value.content_type.size() +
               value.author.size() + value.reason.size();
    }
    std::uint64_t operator()(const KeyDeletedEvent& event) const { return event.key.size(); }
    std::uint64_t operator()(const LockEvent& event) const {
        return event.lock.size() + event.author.size() + event.comment.size();
    }
    std::uint64_t operator()(const MemberEvent& event) const {
        return event.name.size() + event.peer_address.size();
    }
};

}  // namespace

std::uint64_t footprint(const Change& change) {
    std::uint64_t bytes = 0;
    for (const Event& event : change.events) {
        bytes += event_overhead_bytes + std::visit(Footprint{}, event.body);
    }
    return bytes;
}

std::vector<Event> History::add(Step& step) {
    std::vector<Event> events;
    if (step.events.empty()) return events;

    events.reserve(step.events.size());
    for (EventBody& body : step.events) {
        const auto index = static_cast<std::uint32_t>(events.size());
        const bool last = events.size() + 1 == step.events.size();
        events.push_back({step.revision, index, last, std::move(body)});
    }
    auto change = std::make_shared<const Change>(Change{step.revision, step.time, events});
    const std::uint64_t hash = step.rows.put(history_row(step.revision), change);
    keep(std::move(change), hash);
    while (changes_.size() > limits_.history_changes || bytes_ > limits_.history_bytes) {
        forget_oldest(step);
    }
    return events;
}

void History::forget_oldest(Step& step) {
    const auto oldest = changes_.begin();
    invariant(oldest != changes_.end(), "an empty history takes no room");
    floor_ = oldest->first;
    bytes_ -= oldest->second.bytes;
    step.rows.erase(history_row(oldest->first), oldest->second.hash);
    changes_.erase(oldest);
}

void History::keep(Ptr<Change> change, std::uint64_t hash) {
    const Revision revision = change->revision;
    const std::uint64_t bytes = footprint(*change);
    bytes_ += bytes;
    changes_.emplace_hint(changes_.end(), revision, Entry{std::move(change), hash, bytes});
}

std::vector<Ptr<Change>> History::since(Revision revision, std::size_t limit) const {
    std::vector<Ptr<Change>> found;
    auto at = changes_.upper_bound(revision);
    for (; at != changes_.end() && found.size() < limit; ++at) found.push_back(at->second.change);
    return found;
}

void History::append_rows(std::vector<Row>& rows) const {
    for (const auto& [revision, entry] : changes_) {
        rows.push_back({history_row(revision), entry.change});
    }
}

void History::check_invariants() const {
    invariant(changes_.size() <= limits_.history_changes, "the history keeps to its length");
    invariant(bytes_ <= limits_.history_bytes, "the history keeps to its size");
    invariant(changes_.empty() || changes_.begin()->first > floor_,
              "what the history holds is above its floor");
}

}  // namespace gavel::statemachine
