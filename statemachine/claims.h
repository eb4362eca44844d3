#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "statemachine/types.h"

namespace gavel::statemachine {

// What one session holds and where it waits. The names are those of Locks' own table.
struct Claim {
    std::map<std::string_view, Token> held{};
    std::map<std::string_view, Revision> places{};

    std::size_t size() const { return held.size() + places.size(); }
};

// The locks seen from the sessions' side.
class Claims {
public:
    void hold(SessionId session, std::string_view lock, Token token) {
        claims_[session].held.emplace(lock, token);
    }
    void wait(SessionId session, std::string_view lock, Revision place);
    // True: it was the last claim that the session had.
    bool release(SessionId session, std::string_view lock);
    bool leave(SessionId session, std::string_view lock);

    // The token that it holds the lock with, if it does.
    std::optional<Token> token(SessionId session, std::string_view lock) const;
    // Where it waits for the lock, if it does.
    std::optional<Revision> place(SessionId session, std::string_view lock) const;
    const Claim& of(SessionId session) const;
    const std::map<SessionId, Claim>& all() const { return claims_; }

private:
    bool drop_if_empty(std::map<SessionId, Claim>::iterator at);

    std::map<SessionId, Claim> claims_;  // Of sessions that hold or wait for anything.
};

}  // namespace gavel::statemachine
