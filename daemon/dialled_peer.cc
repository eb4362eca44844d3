#include "daemon/dialled_peer.h"

#include <boost/asio/connect.hpp>
#include <utility>

#include "daemon/log.h"
#include "proto/codec.h"

namespace gavel::daemon {

using boost::asio::ip::tcp;

DialledPeer::DialledPeer(boost::asio::io_context& io, const Peers::Options& options,
                         paxos::MemberId member, Address address, Handshake& handshake,
                         const Peers::Callbacks& callbacks)
    : io_(io),
      options_(options),
      member_(member),
      address_(std::move(address)),
      who_("member " + std::to_string(member.number) + " at " + to_string(address_)),
      handshake_(handshake),
      callbacks_(callbacks),
      timer_(io),
      resolver_(io),
      backoff_(options.backoff_min, options.backoff_max, options.seed ^ member.number),
      queue_(options.budget) {}

void DialledPeer::dial() {
    const auto socket = std::make_shared<tcp::socket>(io_);
    dialling_ = socket;
    await(options_.handshake_timeout, &DialledPeer::give_up_attempt);

    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(address_.host, error);
    if (error) return resolve(socket);
    connect(socket, tcp::resolver::results_type::create(tcp::endpoint(ip, address_.port),
                                                        address_.host, {}));
}

void DialledPeer::resolve(const Socket& socket) {
    resolver_.async_resolve(
        address_.host, std::to_string(address_.port),
        [self = shared_from_this(), socket](boost::system::error_code error,
                                            const tcp::resolver::results_type& found) {
            if (self->dialling_ != socket) return;
            if (error) return self->on_connect(socket, error);
            self->connect(socket, found);
        });
}

void DialledPeer::connect(const Socket& socket, const tcp::resolver::results_type& to) {
    boost::asio::async_connect(
        *socket, to,
        [self = shared_from_this(), socket](boost::system::error_code error, const tcp::endpoint&) {
            if (self->dialling_ == socket) self->on_connect(socket, error);
        });
}

void DialledPeer::on_connect(const Socket& socket, boost::system::error_code error) {
    dialling_.reset();
    if (!error) return shake_hands(std::move(*socket));

    handshake_.complain(who_, "cannot reach a member", error.message());
    const bool dead = error == boost::asio::error::connection_refused;
    retry();
    if (dead && std::exchange(broke_, false)) callbacks_.on_down(member_, true);
}

void DialledPeer::shake_hands(tcp::socket socket) {
    connection_ = std::make_shared<Connection>(std::move(socket), hello_payload_max);
    // The connection outlives neither its operations nor this object's interest in it.
    const auto self = shared_from_this();
    connection_->start({.on_frame = [self](const Frame& frame) { self->on_frame(frame); },
                        .on_read = [] {},
                        .on_written = [self] { self->flush(); },
                        .on_broken = [self](const std::string& why) { self->on_broken(why); }},
                       options_.unacknowledged);
    connection_->write(FrameKind::hello, {proto::encode(handshake_.self())});
}

void DialledPeer::on_frame(const Frame& frame) {
    switch (frame.kind) {
        case FrameKind::farewell:
            if (!up_) return on_farewell(frame);
            return refuse({"a farewell after the hello"});
        case FrameKind::refusal:
            handshake_.complain(who_, "refused by a member", std::string(frame.payload));
            return on_broken("refused");
        case FrameKind::hello:
            if (!up_) return on_hello(frame);
            return refuse({"a second hello"});
        case FrameKind::batch:
            return refuse({"a batch on a connection that only the other uses"});
    }
}

void DialledPeer::on_hello(const Frame& frame) {
    const auto hello = proto::decode_hello(frame.payload);
    if (hello.has_error()) return refuse({"a malformed hello"});
    if (const auto reason = handshake_.refuse(*hello)) return refuse(*reason);
    if (hello->member != member_.number) {
        return refuse({"member " + std::to_string(hello->member) + " answers there"});
    }
    ++turn_;
    timer_.cancel();
    handshake_.forget_complaints(who_);
    up_ = true;
    broke_ = false;
    up_since_ = std::chrono::steady_clock::now();
    log::debug("connected to a member", {{"peer", who_}, {"boot", hello->boot}});
    callbacks_.on_connected(member_, *hello);
}

void DialledPeer::on_farewell(const Frame& frame) {
    const auto farewell = proto::decode_farewell(frame.payload);
    if (farewell.has_error()) return refuse({"a malformed farewell"});
    if (const auto reason = handshake_.refuse(farewell->hello)) return refuse(*reason);
    if (farewell->hello.member != member_.number) {
        return refuse({"member " + std::to_string(farewell->hello.member) + " answers there"});
    }
    on_broken("dismissed");
    callbacks_.on_farewell(*farewell);
}

void DialledPeer::on_broken(const std::string& why) {
    const auto lived = std::chrono::steady_clock::now() - up_since_;
    const bool was_up = std::exchange(up_, false);
    if (connection_) std::exchange(connection_, nullptr)->close();
    queue_.clear();
    if (!was_up) return retry();
    if (retired_) return close();

    log::debug("lost the connection to a member", {{"peer", who_}, {"reason", why}});
    broke_ = true;
    if (lived >= options_.stable_after) {
        backoff_.reset();
        dial();  // At once: a refusal now tells a dead process from a slow one.
    } else {
        retry();
    }
    callbacks_.on_down(member_, false);
}

void DialledPeer::refuse(const Peers::Refusal& refusal) {
    handshake_.complain(who_, "refused a member", refusal.reason);
    const auto connection = std::exchange(connection_, nullptr);
    handshake_.say_no(*connection, refusal);
    on_broken("refused: " + refusal.reason);
}

void DialledPeer::set_retired(bool retired) {
    retired_ = retired;
    if (retired_ && !up_) close();
}

void DialledPeer::retry() {
    if (retired_) return close();
    if (!closed_) await(backoff_.next(), &DialledPeer::dial);
}

void DialledPeer::hurry() {
    if (up_ || closed_ || dialling_ || connection_) return;
    backoff_.reset();
    dial();
}

void DialledPeer::await(std::chrono::milliseconds delay, void (DialledPeer::*then)()) {
    timer_.expires_after(delay);
    // A wait that ended just before it was replaced cannot be cancelled any more: it is told apart.
    timer_.async_wait([self = shared_from_this(), then, turn = ++turn_](auto error) {
        if (!error && !self->closed_ && self->turn_ == turn) ((*self).*then)();
    });
}

void DialledPeer::give_up_attempt() {
    resolver_.cancel();
    if (const auto socket = std::exchange(dialling_, nullptr)) {
        boost::system::error_code ignored;
        socket->close(ignored);
    }
    handshake_.complain(who_, "cannot reach a member", "no answer in time");
    on_broken("no answer in time");
}

void DialledPeer::close() {
    closed_ = true;
    up_ = false;
    timer_.cancel();
    resolver_.cancel();
    if (const auto socket = std::exchange(dialling_, nullptr)) {
        boost::system::error_code ignored;
        socket->close(ignored);
    }
    if (connection_) std::exchange(connection_, nullptr)->close();
}

bool DialledPeer::send(Urgency urgency, std::string_view message) {
    if (!up_) return false;
    if (queue_.push(urgency, message)) return true;
    if (queue_.dropped() % 10'000 == 1) {
        log::warning("messages to a member are dropped",
                     {{"peer", who_}, {"dropped", queue_.dropped()}});
    }
    return false;
}

void DialledPeer::flush() {
    if (!up_ || connection_->writing() || queue_.empty()) return;
    // Said now, it includes what the messages rest on, which became durable before they were sent.
    auto pieces = queue_.take();
    pieces.insert(pieces.begin(), batch_head(handshake_.writes()));
    connection_->write(FrameKind::batch, std::move(pieces));
}

}  // namespace gavel::daemon
