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
}

std::optional<paxos::Slot> SnapshotSource::oldest() const {
    std::optional<paxos::Slot> oldest;
    for (const Open& each : open_) {
        const paxos::Slot applied{each.reader->applied()};
        oldest = oldest ? std::min(*oldest, applied) : applied;
    }
    return oldest;
}

SnapshotSource::Open* SnapshotSource::reader_for(const proto::SnapshotAsk& ask) {
    const auto same = std::find_if(open_.begin(), open_.end(), [&ask](const Open& each) {
        return each.reader->applied() == ask.applied;
    });
    if (same != open_.end()) return &*same;
    const bool fresh = !open_.empty() && now_ - open_.back().opened_at < share_ms;
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
    open->asked_at = now_;
    const bool further = open->reader->applied() == node.mapped().applied;
    const auto after = further ? node.mapped().after : statemachine::RowKey{};
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
    std::uint64_t bytes = 0;
    for (const auto& row : chunk.rows) bytes += row.key.key.size() + row.value.size();
    if (!callbacks_.send(to, std::move(chunk))) return;
    bytes_sent_ += bytes;
    if (last) ++snapshots_sent_;
}

}  // namespace gavel::daemon
