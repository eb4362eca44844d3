#include "statemachine/versions.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace gavel::statemachine {

namespace {

constexpr int expired_per_command_max = 8;
constexpr int made_room_for_per_command = 64;

// What a piece takes beside its texts, about, in memory: the value, its name in the order of being
// forgotten, its place in the past. A number of our own and not a sizeof, as for the history.
constexpr std::uint64_t piece_overhead_bytes = 512;

const std::string& name_of(const KeyRecord& change) {
    if (const auto* put = std::get_if<Ptr<KeyValue>>(&change)) return (*put)->key;
    return std::get<Ptr<KeyDeletion>>(change)->key;
}

bool is_deletion(const KeyRecord& change) {
    return std::holds_alternative<Ptr<KeyDeletion>>(change);
}

Revision revision_of(const Versions::Piece& piece) {
    return statemachine::revision_of(piece.version->change);
}

// It was deleted and put again at once, or not there before. `deleted` is the revision of the
// deletion.
Ptr<KeyValue> created_after(Revision deleted, const Ptr<KeyValue>& value) {
    if (deleted == value->deleted_before) return value;
    KeyValue created = *value;
    created.deleted_before = deleted;
    return std::make_shared<const KeyValue>(std::move(created));
}

}  // namespace

Revision revision_of(const KeyRecord& change) {
    if (const auto* put = std::get_if<Ptr<KeyValue>>(&change)) return (*put)->modified;
    return std::get<Ptr<KeyDeletion>>(change)->revision;
}

std::uint64_t footprint(const PastVersion& version) {
    if (const auto* put = std::get_if<Ptr<KeyValue>>(&version.change)) {
        const KeyValue& value = **put;
        return piece_overhead_bytes + value.key.size() + value.value.size() +
               value.content_type.size() + value.author.size() + value.reason.size();
    }
    const KeyDeletion& deletion = *std::get<Ptr<KeyDeletion>>(version.change);
    return piece_overhead_bytes + deletion.key.size() + deletion.author.size() +
           deletion.reason.size();
}

Ptr<KeyValue> Versions::note(Step& step, const Ptr<KeyValue>& before, const Ptr<KeyValue>& after) {
    if (!before) {
        const Past* past = after ? find(after->key) : nullptr;
        if (past == nullptr) return after;
        invariant(is_deletion(past->back().version->change), "the past of what is gone ends so");
        return created_after(revision_of(past->back()), after);
    }
    invariant(before->modified < step.revision, "a command changes a key once");
    add(step, before);
    if (!after) {
        bury(step, before);
    } else if (after->created == step.revision) {
        return created_after(step.revision, after);
    }
    return after;
}

void Versions::bury(Step& step, const Ptr<KeyValue>& last) {
    add(step, std::make_shared<const KeyDeletion>(KeyDeletion{.key = last->key,
                                                              .revision = step.revision,
                                                              .version = last->version,
                                                              .at = step.time,
                                                              .author = std::string(step.author),
                                                              .reason = std::string(step.reason)}));
}

void Versions::add(Step& step, KeyRecord change) {
    const std::string& name = name_of(change);
    const Revision revision = statemachine::revision_of(change);
    auto version = std::make_shared<const PastVersion>(
        PastVersion{.change = change, .over = step.revision, .over_at = step.time});
    const std::uint64_t hash = step.rows.put(version_row(name, revision), version);

    const auto at = pasts_.try_emplace(name).first;
    bytes_ += footprint(*version);
    turns_.insert(turn_of(at->first, *version));
    at->second.push_back({std::move(version), hash});
    if (at->second.size() > limits_.versions_per_key) forget_first(step, at);
}

void Versions::expire(Step& step) {
    for (int i = 0; i < expired_per_command_max && !turns_.empty(); ++i) {
        if (turns_.begin()->over_at + limits_.version_ms > step.time) return;
        forget_next(step);
    }
}

void Versions::make_room(Step& step) {
    for (int i = 0; i < made_room_for_per_command && !turns_.empty(); ++i) forget_next(step);
}

void Versions::trim(Step& step) {
    while (bytes_ > limits_.version_bytes) forget_next(step);
}

void Versions::forget_next(Step& step) {
    const auto next = turns_.begin();
    invariant(next != turns_.end(), "a past that is empty takes no room");
    const auto at = pasts_.find(next->key);
    invariant(at != pasts_.end() && revision_of(at->second.front()) == next->revision,
              "a past is forgotten from its beginning");
    forget_first(step, at);
}

void Versions::forget_first(Step& step, Pasts::iterator at) {
    Past& past = at->second;
    const Piece first = past.front();
    drop(step, at->first, first);
    past.erase(past.begin());
    if (!past.empty()) return;
    if (is_deletion(first.version->change)) floor_ = std::max(floor_, revision_of(first));
    pasts_.erase(at);
}

void Versions::drop(Step& step, std::string_view key, const Piece& piece) {
    bytes_ -= footprint(*piece.version);
    turns_.erase(turn_of(key, *piece.version));
    step.rows.erase(version_row(key, revision_of(piece)), piece.hash);
}

// `name` is what the past is kept under, which lives longest.
Versions::Turn Versions::turn_of(std::string_view name, const PastVersion& version) const {
    return {.over = version.over,
            .key = name,
            .revision = statemachine::revision_of(version.change),
            .over_at = version.over_at};
}

void Versions::load(Ptr<PastVersion> version, std::uint64_t hash) {
    const auto at = pasts_.try_emplace(name_of(version->change)).first;
    bytes_ += footprint(*version);
    turns_.insert(turn_of(at->first, *version));
    at->second.push_back({std::move(version), hash});
}

bool Versions::finish_load(Revision floor) {
    floor_ = floor;
    std::size_t count = 0;
    for (auto& [name, past] : pasts_) {
        std::ranges::sort(past, {}, [](const Piece& piece) { return revision_of(piece); });
        const auto goes_back = [](const Piece& one, const Piece& next) {
            return revision_of(one) >= revision_of(next) || one.version->over > next.version->over;
        };
        if (std::ranges::adjacent_find(past, goes_back) != past.end()) return false;
        count += past.size();
    }
    return count == turns_.size();
}

const Versions::Past* Versions::find(std::string_view key) const {
    const auto at = pasts_.find(key);
    return at == pasts_.end() ? nullptr : &at->second;
}

std::vector<Versions::Named> Versions::list(std::string_view prefix, std::string_view after,
                                            std::size_t limit) const {
    std::vector<Named> found;
    const bool from_prefix = after.empty() || after < prefix;
    auto at = from_prefix ? pasts_.lower_bound(prefix) : pasts_.upper_bound(after);
    for (; at != pasts_.end() && found.size() < limit; ++at) {
        if (!at->first.starts_with(prefix)) break;
        found.push_back({at->first, &at->second});
    }
    return found;
}

KeyAt Versions::at(const Ptr<KeyValue>& present, const Past* past, Revision revision) const {
    if (present && present->modified <= revision) return {present, true};
    if (past != nullptr) {
        const auto later = std::ranges::upper_bound(
            *past, revision, {}, [](const Piece& piece) { return revision_of(piece); });
        if (later != past->begin()) {
            const auto* put = std::get_if<Ptr<KeyValue>>(&std::prev(later)->version->change);
            return {put != nullptr ? *put : nullptr, true};
        }
    }
    return {nullptr, revision >= known_from(present, past)};
}

Revision Versions::known_from(const Ptr<KeyValue>& present, const Past* past) const {
    if (past != nullptr && is_deletion(past->front().version->change)) {
        return revision_of(past->front());
    }
    const Ptr<KeyValue>& oldest =
        past != nullptr ? std::get<Ptr<KeyValue>>(past->front().version->change) : present;
    if (!oldest) return floor_;
    if (oldest->created != oldest->modified) return oldest->modified;
    if (oldest->deleted_before != 0) return oldest->deleted_before;
    return std::min(floor_, oldest->created);
}

void Versions::append_rows(std::vector<Row>& rows) const {
    for (const auto& [name, past] : pasts_) {
        for (const Piece& piece : past) {
            rows.push_back({version_row(name, revision_of(piece)), piece.version});
        }
    }
}

void Versions::check_invariants() const {
    std::uint64_t bytes = 0;
    std::size_t count = 0;
    for (const auto& [name, past] : pasts_) {
        invariant(!past.empty() && past.size() <= limits_.versions_per_key,
                  "a past has something, and no more than allowed");
        for (const Piece& piece : past) {
            bytes += footprint(*piece.version);
            invariant(turns_.contains(turn_of(name, *piece.version)), "each piece has its turn");
        }
        count += past.size();
    }
    invariant(count == turns_.size(), "nothing else has a turn");
    invariant(bytes == bytes_, "the bytes of the past are counted");
    invariant(bytes_ <= limits_.version_bytes, "the past keeps to its size");
}

}  // namespace gavel::statemachine
