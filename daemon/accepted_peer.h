#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "daemon/connection.h"
#include "daemon/handshake.h"
#include "daemon/peers.h"

namespace gavel::daemon {

// A connection that somebody else dialled: says who it is, then only receives.
class AcceptedPeer : public std::enable_shared_from_this<AcceptedPeer> {
public:
    struct Events {
        // It is a member; the Hello says which.
        std::function<void(AcceptedPeer&, const proto::Hello&)> on_welcome{};
        std::function<void(AcceptedPeer&)> on_gone{};  // Closed, and not by close().
    };

    AcceptedPeer(boost::asio::io_context& io, const Peers::Options& options, Handshake& handshake,
                 const Peers::Callbacks& callbacks, Events events);

    void start(boost::asio::ip::tcp::socket socket);
    void close();

    paxos::MemberId member() const { return member_; }

private:
    void on_frame(const Frame& frame);
    void on_hello(const Frame& frame);
    void on_batch(const Frame& frame);
    void refuse(const std::string& reason) { refuse(Peers::Refusal{reason}); }
    void refuse(const Peers::Refusal& refusal);
    void gone();

    const Peers::Options& options_;
    Handshake& handshake_;
    const Peers::Callbacks& callbacks_;
    Events events_;
    boost::asio::steady_timer deadline_;
    std::shared_ptr<Connection> connection_{};
    std::string who_{};
    paxos::MemberId member_{};  // None until it has said hello.
    proto::Hello hello_{};
    bool in_use_ = false;
};

}  // namespace gavel::daemon
