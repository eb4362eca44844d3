#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "persistence/log_store.h"
#include "proto/peer_message.h"

namespace gavel::daemon {

// The other members, as this one came to know them (docs/architecture.md, identity). A member is
// who it was when it was first met, and it never goes back: one that shows another directory, or an
// earlier run of its own, has forgotten what it promised.
//
// Whatever a decision rests on is durable before it is told. Owned by the core thread.
class Acquaintances {
public:
    using Remember = std::function<void(std::uint16_t, const persistence::Acquaintance&)>;

    // `remember` makes durable what it is given before it returns.
    Acquaintances(std::map<std::uint16_t, persistence::Acquaintance> known, Remember remember)
        : known_(std::move(known)), remember_(std::move(remember)) {}

    // Why the sender of this Hello is refused; nothing: it is welcome, and known from now on.
    // `recorded`: the incarnation that the state names for it, which the Hello has; 0: none. It
    // outranks what was met.
    std::optional<std::string> admit(const proto::Hello& hello, std::uint64_t recorded = 0);

    // A member answered this one's Hello with its own: it knows this member, too.
    void on_mutual(const proto::Hello& hello);

    // The handshake with that member once went through in both directions. Admitting it is not
    // enough: it may know another directory under this member's name, and refuse this one.
    bool is_mutual(std::uint16_t member) const;

    const std::map<std::uint16_t, persistence::Acquaintance>& known() const { return known_; }

private:
    void change(std::uint16_t member, const persistence::Acquaintance& to);

    std::map<std::uint16_t, persistence::Acquaintance> known_;
    Remember remember_;
};

}  // namespace gavel::daemon
