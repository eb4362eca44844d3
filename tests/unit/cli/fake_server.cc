#include "tests/unit/cli/fake_server.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/invariant.h"

namespace gavel::cli::test {

namespace {

int listen_on_loopback(int& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    invariant(::bind(fd, generic, length) == 0 && ::listen(fd, 64) == 0, "a port can be had");
    ::getsockname(fd, generic, &length);
    port = ntohs(address.sin_port);
    return fd;
}

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(::tolower(c));
    return text;
}

// Reads one request; nothing when the client has gone.
std::optional<FakeRequest> read_request(int connection, std::string& buffer) {
    const auto more = [&] {
        char piece[4096];
        const auto count = ::recv(connection, piece, sizeof piece, 0);
        if (count > 0) buffer.append(piece, static_cast<std::size_t>(count));
        return count > 0;
    };
    std::size_t end = 0;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
        if (!more()) return std::nullopt;
    }
    FakeRequest request;
    std::string head = buffer.substr(0, end + 2);
    buffer.erase(0, end + 4);
    std::size_t line_end = head.find("\r\n");
    const std::string first = head.substr(0, line_end);
    request.method = first.substr(0, first.find(' '));
    request.target = first.substr(first.find(' ') + 1, first.rfind(' ') - first.find(' ') - 1);
    for (head.erase(0, line_end + 2); (line_end = head.find("\r\n")) != std::string::npos;
         head.erase(0, line_end + 2)) {
        const std::string line = head.substr(0, line_end);
        const auto colon = line.find(": ");
        request.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
    }
    const auto length = request.headers.find("content-length");
    const std::size_t wanted = length == request.headers.end() ? 0 : std::stoul(length->second);
    while (buffer.size() < wanted) {
        if (!more()) return std::nullopt;
    }
    request.body = buffer.substr(0, wanted);
    buffer.erase(0, wanted);
    return request;
}

}  // namespace

FakeReply problem(int status, const std::string& code, const std::string& more, bool retryable) {
    return {.status = status,
            .body = "{\"code\":\"" + code + "\",\"detail\":\"it is so\",\"request_id\":\"r-1\"," +
                    "\"retryable\":" + (retryable ? "true" : "false") + more + "}",
            .content_type = "application/problem+json"};
}

FakeServer::FakeServer(Handler handler, int port)
    : handler_(std::move(handler)), port_(port), listener_(listen_on_loopback(port_)) {
    // Signals that tests send are for the code under test.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    acceptor_ = std::thread([this] { accept_all(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

FakeServer::~FakeServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
        const std::lock_guard lock(mutex_);
        for (const int connection : open_) ::shutdown(connection, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
}

Endpoint FakeServer::endpoint() const { return {"127.0.0.1", std::to_string(port_)}; }

std::vector<FakeRequest> FakeServer::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

std::vector<FakeRequest> FakeServer::requests(const std::string& beginning) const {
    auto found = requests();
    std::erase_if(found, [&](const FakeRequest& request) {
        return !(request.method + " " + request.target).starts_with(beginning);
    });
    return found;
}

void FakeServer::accept_all() {
    for (;;) {
        const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) return;
        const std::lock_guard lock(mutex_);
        ++connections_;
        open_.push_back(connection);
        threads_.emplace_back([this, connection] { serve(connection); });
    }
}

void FakeServer::serve(int connection) {
    std::string buffer;
    while (const auto request = read_request(connection, buffer)) {
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(*request);
        }
        if (!answer(connection, *request, handler_(*request))) break;
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, connection);
    ::close(connection);
}

bool FakeServer::answer(int connection, const FakeRequest& request, const FakeReply& reply) {
    if (reply.hang_up) return false;
    if (reply.silent) return true;
    std::string message = "HTTP/1.1 " + std::to_string(reply.status) +
                          " Fake\r\nContent-Type: " + reply.content_type + "\r\n";
    if (reply.status != 204 && !reply.stream) {
        message += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
    }
    if (reply.stream) message += "Connection: close\r\n";
    for (const auto& [name, value] : reply.headers) message += name + ": " + value + "\r\n";
    message += "\r\n";
    if (request.method != "HEAD" && reply.status != 204) message += reply.body;
    return ::send(connection, message.data(), message.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(message.size()) &&
           !reply.stream;
}

Endpoint closed_endpoint() {
    int port = 0;
    ::close(listen_on_loopback(port));
    return {"127.0.0.1", std::to_string(port)};
}

}  // namespace gavel::cli::test
