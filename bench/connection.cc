#include "bench/connection.h"

#include <boost/asio/buffer.hpp>
#include <cstring>

namespace gavel::bench {

namespace {
constexpr std::size_t in_bytes_first = 8 * 1024;
}

Connection::Connection(boost::asio::io_context& io, Handler& handler)
    : io_(io), handler_(handler), socket_(io), in_(in_bytes_first) {}

void Connection::open(const Endpoint& endpoint) {
    close();
    socket_ = boost::asio::ip::tcp::socket(io_);
    const std::uint64_t run = run_;
    socket_.async_connect(endpoint, [this, run](const boost::system::error_code& error) {
        if (run != run_) return;
        if (error) return lose();
        boost::system::error_code ignored;
        socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
        socket_.non_blocking(true, ignored);
        open_ = true;
        handler_.on_open();
        if (run == run_) read();
    });
}

void Connection::send(std::string_view bytes) {
    if (!open_) return;
    if (!out_.empty()) {
        out_.append(bytes);
        return;
    }
    boost::system::error_code error;
    const std::size_t sent = socket_.write_some(boost::asio::buffer(bytes), error);
    if (error && error != boost::asio::error::would_block) return;  // The read will tell.
    if (sent == bytes.size()) return;
    out_.assign(bytes.substr(sent));
    write_rest();
}

void Connection::write_rest() {
    const std::uint64_t run = run_;
    socket_.async_write_some(boost::asio::buffer(out_),
                             [this, run](const boost::system::error_code& error, std::size_t sent) {
                                 if (run != run_ || error) return;
                                 out_.erase(0, sent);
                                 if (!out_.empty()) write_rest();
                             });
}

void Connection::close() {
    ++run_;
    open_ = false;
    in_size_ = 0;
    out_.clear();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void Connection::read() {
    if (in_size_ == in_.size()) in_.resize(in_.size() * 2);
    const std::uint64_t run = run_;
    socket_.async_read_some(boost::asio::buffer(in_.data() + in_size_, in_.size() - in_size_),
                            [this, run](const boost::system::error_code& error, std::size_t count) {
                                if (run != run_) return;
                                if (error) return lose();
                                on_read(count);
                            });
}

void Connection::on_read(std::size_t count) {
    in_size_ += count;
    const std::uint64_t run = run_;
    const std::size_t done = handler_.on_bytes({in_.data(), in_size_});
    if (run != run_) return;
    in_size_ -= done;
    if (in_size_ > 0 && done > 0) std::memmove(in_.data(), in_.data() + done, in_size_);
    read();
}

void Connection::lose() {
    close();
    handler_.on_lost();
}

}  // namespace gavel::bench
