#include "statemachine/claims.h"

#include "base/invariant.h"

namespace gavel::statemachine {

void Claims::release(SessionId session, std::string_view lock) {
    const auto at = claims_.find(session);
    invariant(at != claims_.end() && at->second.held.erase(lock) == 1,
              "what a session releases it held");
    drop_if_empty(at);
}

void Claims::wait(SessionId session, std::string_view lock, Revision place) {
    claims_[session].places.emplace(lock, place);
}

void Claims::leave(SessionId session, std::string_view lock) {
    const auto at = claims_.find(session);
    invariant(at != claims_.end() && at->second.places.erase(lock) == 1,
              "where a session leaves it waited");
    drop_if_empty(at);
}

std::optional<Revision> Claims::place(SessionId session, std::string_view lock) const {
    const Claim& claim = of(session);
    const auto at = claim.places.find(lock);
    if (at == claim.places.end()) return std::nullopt;
    return at->second;
}

const Claim& Claims::of(SessionId session) const {
    static const Claim nothing;
    const auto at = claims_.find(session);
    return at == claims_.end() ? nothing : at->second;
}

void Claims::drop_if_empty(std::map<SessionId, Claim>::iterator at) {
    if (at->second.size() == 0) claims_.erase(at);
}

}  // namespace gavel::statemachine
