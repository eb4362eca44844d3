#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "daemon/address.h"
#include "daemon/out_queue.h"
#include "paxos/types.h"
#include "proto/peer_message.h"

namespace boost::asio {
class io_context;
}

namespace gavel::daemon {

// The transport between members. Each member dials every other one and sends on the connection it
// dialled; what it receives comes in on connections that the others dialled. Two connections per
// pair, and never a question which of two is to be kept.
//
// Both sides say Hello first and check the other's. Nothing is promised about a message that was
// sent: it may be lost with its connection, or dropped for want of room. Messages of one urgency
// arrive in the order in which they were sent.
//
// Owned by the core thread: every call and every callback is on the thread that runs `io`.
class Peers {
public:
    // Why the sender of a Hello may not talk to this member.
    struct Refusal {
        std::string reason{};
        // For good: it must not go on. None: it may try again.
        std::optional<proto::Farewell::Why> farewell{};
    };

    struct Options {
        proto::Hello self{};
        // How many batches of the log are durable now: said in each Hello, and with what is sent.
        std::function<std::uint64_t()> writes = [] { return std::uint64_t{0}; };
        std::map<paxos::MemberId, Address> others{};
        OutQueue::Budget budget{};
        std::uint64_t seed{};  // For the jitter of reconnections.
        std::chrono::milliseconds backoff_min{10};
        std::chrono::milliseconds backoff_max{1'000};
        std::chrono::milliseconds handshake_timeout{2'000};
        // A peer whose kernel leaves bytes unacknowledged this long is dialled anew: after a
        // partition TCP alone would wait for longer and longer.
        std::chrono::milliseconds unacknowledged{3'000};
        // One that breaks sooner was not worth an immediate reconnection.
        std::chrono::milliseconds stable_after{1'000};
    };

    struct Callbacks {
        // Whether it is a member, and the one that it says. Cluster, format level and alpha were
        // found right. Called for both directions.
        std::function<std::optional<Refusal>(const proto::Hello&)> admit{};
        // From now on messages to it leave.
        std::function<void(paxos::MemberId, const proto::Hello&)> on_connected{};
        std::function<void(paxos::MemberId, proto::PeerMessage)> on_message{};
        // Before the messages that rest on it: it has made so much durable in the run of that
        // Hello, which `admit` let in.
        std::function<void(const proto::Hello&, std::uint64_t writes)> on_writes{};
        // After the last message of what was read at once: the place for work per turn.
        std::function<void()> on_read{};
        // The connection broke. `refused`: a second call, when the attempt to reconnect that
        // follows at once was refused: the process is dead, not slow.
        std::function<void(paxos::MemberId, bool refused)> on_down{};
        // Somebody whom `admit` let in says that this member must not go on.
        std::function<void(const proto::Farewell&)> on_farewell{};
    };

    Peers(boost::asio::io_context& io, Options options, Callbacks callbacks);
    ~Peers();
    Peers(const Peers&) = delete;
    Peers& operator=(const Peers&) = delete;

    // Gives the port that is listened on. Nothing is accepted before start().
    Result<std::uint16_t, ConfigError> listen(const Address& address);
    // Dials every other member, for as long as it takes, and accepts them.
    void start();
    // Closes everything; no callback follows.
    void stop();

    // From here on this member says that hello. All connections are made anew, so that nothing that
    // was said before arrives later; the port is listened on all the while.
    void begin_anew(proto::Hello self, std::map<paxos::MemberId, Address> others);

    // The members now. A new one is dialled, for as long as it takes; one that is missing is left
    // alone once its connection breaks, for it may have something to hand on still.
    void set_others(const std::map<paxos::MemberId, Address>& others);

    // Queued until flush(). False: it was dropped, for want of a connection or of room.
    bool send(paxos::MemberId to, const proto::PeerMessage& message);
    // The end of a turn: what was queued leaves, one frame per peer.
    void flush();

    bool connected(paxos::MemberId member) const;
    // Messages dropped for want of room in their queues.
    std::uint64_t dropped() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

// Whether somebody could listen there now. To be asked before anything is created on the disk.
Result<void, ConfigError> can_listen(const Address& address);

}  // namespace gavel::daemon
