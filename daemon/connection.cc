#include "daemon/connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "base/invariant.h"

namespace gavel::daemon {
namespace {

void set_option(int socket, int level, int name, int value) {
    // A socket whose peer is gone refuses some; the first read says so.
    static_cast<void>(setsockopt(socket, level, name, &value, sizeof(value)));
}

}  // namespace

Connection::Connection(boost::asio::ip::tcp::socket socket, std::size_t payload_max)
    : socket_(std::move(socket)), decoder_(payload_max) {}

void Connection::start(Events events, std::chrono::milliseconds unacknowledged) {
    events_ = std::move(events);
    const int socket = socket_.native_handle();
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    // A peer that vanished without a word breaks the connection in time even when nothing is sent.
    const int seconds = static_cast<int>(unacknowledged.count() / 1000) + 1;
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(unacknowledged.count()));
    read();
}

void Connection::read() {
    const auto room = decoder_.room();
    socket_.async_read_some(
        boost::asio::buffer(room.data(), room.size()),
        [self = shared_from_this()](boost::system::error_code error, std::size_t count) {
            if (self->closed_) return;
            if (error) return self->broken(error.message());
            self->on_bytes(count);
        });
}

void Connection::on_bytes(std::size_t count) {
    decoder_.arrived(count);
    while (!closed_ && !leaving_) {
        const auto next = decoder_.next();
        if (next.has_error()) return broken(next.error().what);
        if (!next->has_value()) break;
        events_.on_frame(**next);
    }
    if (closed_ || leaving_) return;
    events_.on_read();
    if (!closed_ && !leaving_) read();
}

void Connection::write(FrameKind kind, std::vector<std::string> pieces) {
    invariant(!writing(), "a connection writes one frame at a time");
    if (closed_) return;
    header_ = encode_frame_header(kind, pieces);
    pieces_ = std::move(pieces);
    std::vector<boost::asio::const_buffer> buffers{boost::asio::buffer(header_)};
    for (const auto& piece : pieces_) buffers.push_back(boost::asio::buffer(piece));
    boost::asio::async_write(
        socket_, buffers,
        [self = shared_from_this()](boost::system::error_code error, std::size_t) {
            if (self->closed_) return;
            if (error) return self->broken(error.message());
            self->written();
        });
}

void Connection::written() {
    header_.clear();
    pieces_.clear();
    if (!leaving_) return events_.on_written();
    if (last_words_.empty()) return close();
    write(last_kind_, {std::exchange(last_words_, {})});
}

void Connection::close() {
    if (std::exchange(closed_, true)) return;
    boost::system::error_code ignored;
    socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
}

void Connection::close_with(FrameKind kind, std::string last_words) {
    if (closed_ || std::exchange(leaving_, true)) return;
    last_kind_ = kind;
    last_words_ = std::move(last_words);
    if (!writing()) written();
}

void Connection::broken(const std::string& why) {
    const bool told = leaving_;
    close();
    if (!told) events_.on_broken(why);
}

}  // namespace gavel::daemon
