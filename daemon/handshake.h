#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "daemon/connection.h"
#include "daemon/peers.h"
#include "proto/peer_message.h"

namespace gavel::daemon {

// Who may talk to this member, and what is said once, not at each retry. One for all connections;
// touched by the core thread.
class Handshake {
public:
    using Admit = std::function<std::optional<Peers::Refusal>(const proto::Hello&)>;

    Handshake(proto::Hello self, std::function<std::uint64_t()> writes, Admit admit)
        : self_(std::move(self)), writes_(std::move(writes)), admit_(std::move(admit)) {}

    // As it is to be said now.
    proto::Hello self() const;
    void set_self(proto::Hello self) { self_ = std::move(self); }
    std::uint64_t writes() const { return writes_(); }

    // Why the sender of this Hello is refused; nothing: it is welcome.
    std::optional<Peers::Refusal> refuse(const proto::Hello& hello) const;

    // Closes a connection whose Hello was refused, and tells the other side why.
    void say_no(Connection& connection, Peers::Refusal refusal) const;

    // Logs what stands between this member and another one, unless it said the same before.
    void complain(const std::string& who, const std::string& what, const std::string& why);
    // All is well with it now: what goes wrong later is news again.
    void forget_complaints(const std::string& who);

private:
    proto::Hello self_;
    std::function<std::uint64_t()> writes_;
    Admit admit_;
    std::set<std::pair<std::string, std::string>> complaints_{};
};

}  // namespace gavel::daemon
