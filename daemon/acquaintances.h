#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "daemon/peers.h"
#include "persistence/log_store.h"
#include "proto/peer_message.h"

namespace gavel::daemon {

// How a Hello shows that its sender has forgotten something: it was known with more.
enum class Regression : std::uint8_t {
    earlier_start,  // A start before the one that was seen.
    another_start,  // Of the start that was seen it has another one, or none.
    fewer_writes,   // In the run that was seen it made less durable than it said in it.
};
// Nothing: it went on from what is known of it, as far as its latest runs tell.
std::optional<Regression> find_regression(const persistence::Acquaintance& known,
                                          const proto::Hello& hello);

// The other members, as this one came to know them (docs/architecture.md, identity). A member is
// who it was when it was first met, and it never goes back: one that shows another directory, or an
// older copy of its own, has forgotten what it promised.
//
// Whatever a decision rests on is durable before it is told; what a member makes durable in between
// is remembered at once, and noted now and then. Owned by the core thread.
class Acquaintances {
public:
    using Remember = std::function<void(std::uint16_t, const persistence::Acquaintance&)>;

    // `remember` makes durable what it is given before it returns.
    Acquaintances(std::map<std::uint16_t, persistence::Acquaintance> known, Remember remember)
        : known_(std::move(known)), remember_(std::move(remember)) {}

    // Why the sender of this Hello is refused; nothing: it is welcome, and known from now on.
    // `recorded`: the incarnation that the state names for it, which the Hello has; 0: none. It
    // outranks what was met.
    std::optional<Peers::Refusal> admit(const proto::Hello& hello, std::uint64_t recorded = 0);

    // A member answered this one's Hello with its own: it knows this member, too.
    void on_mutual(const proto::Hello& hello);

    // A member that was admitted in that run has made so much durable. What comes late, from an
    // earlier run, tells nothing: the later one began with it.
    void heard(std::uint16_t member, std::uint64_t run, std::uint64_t writes);
    // Those of whom more was heard since the last time are handed to `note`.
    void note_writes(const Remember& note);

    // The handshake with that member once went through in both directions. Admitting it is not
    // enough: it may know another directory under this member's name, and refuse this one.
    bool is_mutual(std::uint16_t member) const;

    const std::map<std::uint16_t, persistence::Acquaintance>& known() const { return known_; }

private:
    void change(std::uint16_t member, const persistence::Acquaintance& to);

    std::map<std::uint16_t, persistence::Acquaintance> known_;
    std::set<std::uint16_t> heard_{};  // More of them than `remember_` or a note was told.
    Remember remember_;
};

}  // namespace gavel::daemon
