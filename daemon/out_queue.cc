#include "daemon/out_queue.h"

#include <utility>
#include <variant>

#include "daemon/frame.h"

namespace gavel::daemon {
namespace {

constexpr std::size_t length_bytes = 4;

struct UrgencyOf {
    Urgency operator()(const paxos::Message& message) const { return std::visit(*this, message); }
    Urgency operator()(const paxos::Accept&) const { return Urgency::bulk; }
    Urgency operator()(const paxos::Learn&) const { return Urgency::bulk; }
    Urgency operator()(const paxos::LearnAnswer&) const { return Urgency::bulk; }
    Urgency operator()(const proto::Forward&) const { return Urgency::bulk; }
    Urgency operator()(const proto::MemberReport&) const { return Urgency::bulk; }
    Urgency operator()(const proto::LeasesAsk&) const { return Urgency::bulk; }
    Urgency operator()(const proto::LeasesAnswer&) const { return Urgency::bulk; }
    Urgency operator()(const proto::SnapshotAsk&) const { return Urgency::bulk; }
    Urgency operator()(const proto::SnapshotChunk&) const { return Urgency::bulk; }
    template <class Other>
    Urgency operator()(const Other&) const {
        return Urgency::urgent;
    }
};

}  // namespace

Urgency urgency(const proto::PeerMessage& message) { return std::visit(UrgencyOf{}, message); }

bool OutQueue::push(Urgency urgency, std::string_view message) {
    Class& to = urgency == Urgency::urgent ? urgent_ : bulk_;
    const std::size_t size = length_bytes + message.size();
    if (message.size() > message_bytes_max || to.bytes + size > to.budget) {
        ++dropped_;
        return false;
    }
    if (to.pieces.empty() || to.pieces.back().size() + size > write_bytes_max) {
        to.pieces.emplace_back();
    }
    append_message(to.pieces.back(), message);
    to.bytes += size;
    return true;
}

std::vector<std::string> OutQueue::take() {
    std::vector<std::string> batch;
    std::size_t bytes = 0;
    take_from(urgent_, batch, bytes);
    take_from(bulk_, batch, bytes);
    return batch;
}

void OutQueue::clear() {
    for (Class* each : {&urgent_, &bulk_}) {
        each->pieces.clear();
        each->bytes = 0;
    }
}

void OutQueue::take_from(Class& from, std::vector<std::string>& batch, std::size_t& bytes) {
    while (!from.pieces.empty()) {
        const std::size_t size = from.pieces.front().size();
        if (bytes > 0 && bytes + size > write_bytes_max) return;
        bytes += size;
        from.bytes -= size;
        batch.push_back(std::move(from.pieces.front()));
        from.pieces.pop_front();
    }
}

}  // namespace gavel::daemon
