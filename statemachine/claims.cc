#include "statemachine/claims.h"

#include "base/invariant.h"

namespace gavel::statemachine {

bool Claims::release(SessionId session, std::string_view lock) {
    const auto at = claims_.find(session);
    invariant(at != claims_.end() && at->second.held.erase(lock) == 1,
              "what a session releases it held");
    return drop_if_empty(at);
}

void Claims::wait(SessionId session, std::string_view lock, Revision place) {
    claims_[session].places.emplace(lock, place);
}

bool Claims::leave(SessionId session, std::string_view lock) {
    const auto at = claims_.find(session);
    invariant(at != claims_.end() && at->second.places.erase(lock) == 1,
              "where a session leaves it waited");
    return drop_if_empty(at);
}

std::optional<Token> Claims::token(SessionId session, std::string_view lock) const {
    const Claim& claim = of(session);
    const auto at = claim.held.find(lock);
    if (at == claim.held.end()) return std::nullopt;
    return at->second;
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

bool Claims::drop_if_empty(std::map<SessionId, Claim>::iterator at) {
    if (at->second.size() != 0) return false;
    claims_.erase(at);
    return true;
}

}  // namespace gavel::statemachine
