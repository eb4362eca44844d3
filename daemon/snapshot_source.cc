#include "daemon/snapshot_source.h"

#include <algorithm>
#include <utility>

#include "proto/codec.h"
#include "statemachine/row_hash.h"

namespace gavel::daemon {

using paxos::MemberId;
using paxos::Tick;

void complete(proto::SnapshotChunk& chunk, const statemachine::Globals& globals) {
    chunk.globals = proto::encode(globals);
    chunk.hash = statemachine::state_hash(globals);
}

void SnapshotSource::on_ask(MemberId from, const proto::SnapshotAsk& ask, Tick now) {
    now_ = now;
    asks_[from] = ask;
    serve_next();
}

void SnapshotSource::tick(Tick now) {
    now_ = now;
    // A job that still reads from it keeps it alive.
    std::erase_if(open_, [now](const Open& each) { return now - each.asked_at > idle_ms_max; });
    std::erase_if(fetches_, [now](const auto& entry) {
        const Fetch& fetch = entry.second;
        return now - fetch.at > (fetch.whole ? install_ms_max : idle_ms_max);
    });
}

void SnapshotSource::close() {
    open_.clear();
    asks_.clear();
    fetches_.clear();
}

std::map<MemberId, paxos::Slot> SnapshotSource::fetched() const {
    std::map<MemberId, paxos::Slot> slots;
    for (const auto& [member, fetch] : fetches_) slots.emplace(member, fetch.slot);
    return slots;
}

bool SnapshotSource::is_the_one_of(const proto::SnapshotAsk& ask, const Open& open) {
    return open.reader->applied() == ask.applied && ask.after != statemachine::RowKey{};
}

bool SnapshotSource::is_of_use(const proto::SnapshotAsk& ask, const Open& open) {
    return is_the_one_of(ask, open) || open.reader->applied() > ask.applied;
}

SnapshotSource::Open* SnapshotSource::reader_for(const proto::SnapshotAsk& ask) {
    const auto same =
        std::ranges::find_if(open_, [&ask](const Open& each) { return is_the_one_of(ask, each); });
    if (same != open_.end()) return &*same;
    const bool fresh =
        !open_.empty() && now_ - open_.back().opened_at < share_ms && is_of_use(ask, open_.back());
    if (open_.size() == open_max && !is_of_use(ask, open_.back())) {
        std::erase_if(open_, [this](const Open& each) { return now_ - each.asked_at > left_ms; });
    }
    if (!fresh && open_.size() < open_max) {
        if (auto reader = callbacks_.open()) open_.push_back({std::move(reader), now_, now_});
    }
    return open_.empty() ? nullptr : &open_.back();
}

void SnapshotSource::serve_next() {
    if (busy_ || asks_.empty()) return;
    const auto node = asks_.extract(asks_.begin());
    Open* open = reader_for(node.mapped());
    if (open == nullptr) return serve_next();
    const auto& ask = node.mapped();
    // Who cannot use it is answered all the same, and turns to another member; but for him alone it
    // would not stay open.
    if (is_of_use(ask, *open)) {
        open->asked_at = now_;
        fetches_[node.key()] = {.slot = {open->reader->applied()}, .at = now_};
    }
    const auto after = is_the_one_of(ask, *open) ? ask.after : statemachine::RowKey{};
    const auto chunk = std::make_shared<std::optional<proto::SnapshotChunk>>();
    busy_ = true;
    callbacks_.run([reader = open->reader, after, chunk] { *chunk = reader->read(after); },
                   [this, to = node.key(), chunk] { on_read(to, std::move(*chunk)); });
}

void SnapshotSource::on_read(MemberId to, std::optional<proto::SnapshotChunk> chunk) {
    busy_ = false;
    if (chunk) send(to, std::move(*chunk));
    serve_next();
}

void SnapshotSource::send(MemberId to, proto::SnapshotChunk chunk) {
    const bool last = !chunk.globals.empty();
    const paxos::Slot slot{chunk.applied};
    std::uint64_t bytes = 0;
    for (const auto& row : chunk.rows) bytes += row.key.key.size() + row.value.size();
    if (!callbacks_.send(to, std::move(chunk))) return;
    bytes_sent_ += bytes;
    if (!last) return;
    ++snapshots_sent_;
    const auto fetch = fetches_.find(to);
    if (fetch == fetches_.end() || fetch->second.slot != slot) return;
    fetch->second.at = now_;
    fetch->second.whole = true;
}

}  // namespace gavel::daemon
