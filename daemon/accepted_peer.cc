#include "daemon/accepted_peer.h"

#include <utility>

#include "daemon/log.h"
#include "proto/codec.h"

namespace gavel::daemon {

using boost::asio::ip::tcp;

AcceptedPeer::AcceptedPeer(boost::asio::io_context& io, const Peers::Options& options,
                           Handshake& handshake, const Peers::Callbacks& callbacks, Events events)
    : options_(options),
      handshake_(handshake),
      callbacks_(callbacks),
      events_(std::move(events)),
      deadline_(io) {}

void AcceptedPeer::start(tcp::socket socket) {
    boost::system::error_code error;
    const auto from = socket.remote_endpoint(error);
    who_ = error ? "unknown" : from.address().to_string();

    connection_ = std::make_shared<Connection>(std::move(socket), hello_payload_max);
    const auto self = shared_from_this();
    deadline_.expires_after(options_.handshake_timeout);
    deadline_.async_wait([self](boost::system::error_code cancelled) {
        if (!cancelled && !self->member_ && self->connection_) self->refuse("no hello in time");
    });
    connection_->start({.on_frame = [self](const Frame& frame) { self->on_frame(frame); },
                        .on_read = [self] { self->callbacks_.on_read(); },
                        .on_written = [] {},
                        .on_broken =
                            [self](const std::string& why) {
                                if (!self->member_) {
                                    self->handshake_.complain(
                                        self->who_, "a connection ended without a handshake", why);
                                }
                                self->gone();
                            }},
                       options_.unacknowledged);
}

void AcceptedPeer::on_frame(const Frame& frame) {
    switch (frame.kind) {
        case FrameKind::hello:
            if (!member_) return on_hello(frame);
            return refuse("a second hello");
        case FrameKind::batch:
            if (member_) return on_batch(frame);
            return refuse("a batch before the hello");
        case FrameKind::farewell:
            return gone();  // Believed only where this member dialled, and knows whom.
        case FrameKind::refusal:
            handshake_.complain(who_, "refused by a member", std::string(frame.payload));
            return gone();
    }
}

void AcceptedPeer::on_hello(const Frame& frame) {
    auto hello = proto::decode_hello(frame.payload);
    if (hello.has_error()) return refuse("a malformed hello");
    if (const auto reason = handshake_.refuse(*hello)) return refuse(*reason);

    deadline_.cancel();
    member_ = {hello->member};
    hello_ = std::move(*hello);
    connection_->set_payload_max(frame_payload_max);
    connection_->write(FrameKind::hello, {proto::encode(handshake_.self())});
    events_.on_welcome(*this, hello_);
}

void AcceptedPeer::on_batch(const Frame& frame) {
    const auto batch = read_batch(frame.payload);
    if (batch.has_error()) return refuse(batch.error().what);
    // Only now is it clear that it took this member's hello well, too.
    if (!std::exchange(in_use_, true)) handshake_.forget_complaints(who_);
    callbacks_.on_writes(hello_, batch->writes);
    for (const std::string_view bytes : batch->messages) {
        auto message = proto::decode_peer_message(bytes);
        if (message.has_error()) return refuse("a malformed message");
        callbacks_.on_message(member_, std::move(*message));
        if (!connection_) return;  // Closed from within the callback.
    }
}

void AcceptedPeer::refuse(const Peers::Refusal& refusal) {
    handshake_.complain(who_, "refused a connection", refusal.reason);
    if (connection_) handshake_.say_no(*connection_, refusal);
    gone();
}

void AcceptedPeer::gone() {
    const auto self = shared_from_this();  // The owner lets go of this object.
    deadline_.cancel();
    if (!connection_) return;
    connection_.reset();
    events_.on_gone(*this);
}

void AcceptedPeer::close() {
    deadline_.cancel();
    if (connection_) std::exchange(connection_, nullptr)->close();
}

}  // namespace gavel::daemon
