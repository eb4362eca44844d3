#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/frame.h"

namespace gavel::daemon {

// One TCP connection to another member: frames in, frames out, until it breaks. Knows nothing of
// what they mean. Lives as long as an operation of its is under way; touched by the core thread.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    struct Events {
        std::function<void(const Frame&)> on_frame{};
        std::function<void()> on_read{};  // After the last frame of what was read at once.
        std::function<void()> on_written{};
        // It broke, or what arrived is not to be trusted. At most once, and not after close().
        std::function<void(const std::string& why)> on_broken{};
    };

    Connection(boost::asio::ip::tcp::socket socket, std::size_t payload_max);

    // `unacknowledged`: how long the other side's kernel may leave bytes unacknowledged.
    void start(Events events, std::chrono::milliseconds unacknowledged);
    void set_payload_max(std::size_t bytes) { decoder_.set_payload_max(bytes); }

    // One write at a time: not while writing().
    void write(FrameKind kind, std::vector<std::string> pieces);
    bool writing() const { return !header_.empty(); }

    // No event follows.
    void close();
    // A last frame, then closes.
    void close_with(FrameKind kind, std::string last_words);

private:
    void read();
    void on_bytes(std::size_t count);
    void written();
    void broken(const std::string& why);

    boost::asio::ip::tcp::socket socket_;
    FrameDecoder decoder_;
    Events events_{};
    std::string header_{};
    std::vector<std::string> pieces_{};
    FrameKind last_kind_{};
    std::string last_words_{};
    bool closed_ = false;
    bool leaving_ = false;
};

}  // namespace gavel::daemon
