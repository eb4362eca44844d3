#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace gavel::api::testing {

// A client that says exactly what it is told to, over a blocking socket; reads give up after a
// while.
class RawClient {
public:
    explicit RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        const timeval patience{.tv_sec = 20, .tv_usec = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ =
            ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    }
    ~RawClient() { hang_up(); }
    RawClient(RawClient&& other) noexcept
        : socket_(std::exchange(other.socket_, -1)),
          connected_(other.connected_),
          buffer_(std::move(other.buffer_)) {}
    RawClient& operator=(RawClient&&) = delete;

    bool connected() const { return connected_; }
    bool send(std::string_view text) {
        while (!text.empty()) {
            const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    // The other direction stays open.
    void send_no_more() { ::shutdown(socket_, SHUT_WR); }
    void hang_up() {
        if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    }

    // Up to and with `mark`; what came instead when the connection ended or patience did.
    std::string read_until(std::string_view mark) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (buffer_.find(mark) == std::string::npos) {
            const bool late = std::chrono::steady_clock::now() > deadline;
            if (late || !read_some()) return std::exchange(buffer_, {});
        }
        const auto end = buffer_.find(mark) + mark.size();
        auto text = buffer_.substr(0, end);
        buffer_.erase(0, end);
        return text;
    }
    // One response with a Content-Length; "" when the connection ended.
    std::string read_response() {
        auto text = read_until("\r\n\r\n");
        const auto at = text.find("Content-Length: ");
        const std::size_t length =
            at == std::string::npos || head_only ? 0 : std::stoul(text.substr(at + 16));
        while (buffer_.size() < length && read_some()) {
        }
        text += buffer_.substr(0, length);
        buffer_.erase(0, length);
        return text;
    }
    std::string read_to_end() {
        while (read_some()) {
        }
        return std::exchange(buffer_, {});
    }
    std::string ask(std::string_view text) {
        send(text);
        return read_response();
    }

    bool head_only{};  // Responses are to HEAD.

private:
    bool read_some() {
        char bytes[16'384];
        const auto count = ::recv(socket_, bytes, sizeof(bytes), 0);
        if (count <= 0) return false;
        buffer_.append(bytes, static_cast<std::size_t>(count));
        return true;
    }

    int socket_;
    bool connected_{};
    std::string buffer_{};
};

}  // namespace gavel::api::testing
