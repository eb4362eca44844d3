#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "daemon/backoff.h"
#include "daemon/connection.h"
#include "daemon/handshake.h"
#include "daemon/peers.h"

namespace gavel::daemon {

// The way to one other member: dials, shakes hands, sends, and begins anew when it breaks.
class DialledPeer : public std::enable_shared_from_this<DialledPeer> {
public:
    DialledPeer(boost::asio::io_context& io, const Peers::Options& options, paxos::MemberId member,
                Address address, Handshake& handshake, const Peers::Callbacks& callbacks);

    void dial();
    // It is there, and reached this member: no wait before the next attempt.
    void hurry();
    void close();
    // Whether it is left alone once its connection breaks.
    void set_retired(bool retired);
    bool gone() const { return closed_; }

    // False: it was dropped.
    bool send(Urgency urgency, std::string_view message);
    void flush();

    bool connected() const { return up_; }
    std::uint64_t dropped() const { return queue_.dropped(); }

private:
    using Socket = std::shared_ptr<boost::asio::ip::tcp::socket>;

    void resolve(const Socket& socket);
    void connect(const Socket& socket, const boost::asio::ip::tcp::resolver::results_type& to);
    void on_connect(const Socket& socket, boost::system::error_code error);
    void shake_hands(boost::asio::ip::tcp::socket socket);
    void on_frame(const Frame& frame);
    void on_hello(const Frame& frame);
    void on_farewell(const Frame& frame);
    void on_broken(const std::string& why);
    void refuse(const Peers::Refusal& refusal);
    void retry();
    void await(std::chrono::milliseconds delay, void (DialledPeer::*then)());
    void give_up_attempt();

    boost::asio::io_context& io_;
    const Peers::Options& options_;
    const paxos::MemberId member_;
    const Address address_;
    const std::string who_;
    Handshake& handshake_;
    const Peers::Callbacks& callbacks_;

    boost::asio::steady_timer timer_;
    std::uint64_t turn_ = 0;  // Of the timer.
    boost::asio::ip::tcp::resolver resolver_;
    Backoff backoff_;
    OutQueue queue_;
    Socket dialling_{};
    std::shared_ptr<Connection> connection_{};
    std::chrono::steady_clock::time_point up_since_{};
    bool up_ = false;
    bool broke_ = false;  // And nobody was told yet whether the process is dead.
    bool retired_ = false;
    bool closed_ = false;
};

}  // namespace gavel::daemon
