#include "daemon/handshake.h"

#include <algorithm>

#include "daemon/log.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

constexpr std::size_t complaints_max = 256;

Peers::Refusal differs(const std::string& what, const std::string& theirs,
                       const std::string& ours) {
    return {.reason = "its " + what + " is " + theirs + ", here it is " + ours};
}

}  // namespace

proto::Hello Handshake::self() const {
    proto::Hello hello = self_;
    hello.writes = writes();
    return hello;
}

std::optional<Peers::Refusal> Handshake::refuse(const proto::Hello& hello) const {
    // The format level first: it says what the other fields mean.
    if (hello.format_level != self_.format_level) {
        return differs("format level", std::to_string(hello.format_level),
                       std::to_string(self_.format_level));
    }
    if (hello.cluster_id != self_.cluster_id) {
        return differs("cluster", hello.cluster_id, self_.cluster_id);
    }
    if (hello.alpha != self_.alpha) {
        return differs("alpha", std::to_string(hello.alpha), std::to_string(self_.alpha));
    }
    if (hello.member == self_.member) {
        return Peers::Refusal{"it calls itself member " + std::to_string(hello.member) +
                              ", as this one does"};
    }
    return admit_ ? admit_(hello) : std::nullopt;
}

void Handshake::say_no(Connection& connection, Peers::Refusal refusal) const {
    refusal.reason.resize(std::min(refusal.reason.size(), proto::reason_bytes_max));
    if (refusal.farewell) {
        connection.close_with(
            FrameKind::farewell,
            proto::encode(proto::Farewell{self(), *refusal.farewell, std::move(refusal.reason)}));
    } else {
        connection.close_with(FrameKind::refusal, std::move(refusal.reason));
    }
}

void Handshake::complain(const std::string& who, const std::string& what, const std::string& why) {
    if (complaints_.size() >= complaints_max) complaints_.clear();
    if (complaints_.emplace(who, what + why).second) {
        log::warning(what, {{"peer", who}, {"reason", why}});
    }
}

void Handshake::forget_complaints(const std::string& who) {
    complaints_.erase(complaints_.lower_bound({who, ""}),
                      complaints_.lower_bound({who + '\0', ""}));
}

}  // namespace gavel::daemon
