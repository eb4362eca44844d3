#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/endpoint.h"

namespace gavel::cli::test {

struct FakeRequest {
    std::string method{};
    std::string target{};
    std::map<std::string, std::string> headers{};  // Names in lower case.
    std::string body{};
};

struct FakeReply {
    int status = 200;
    std::string body = "{}";
    std::string content_type = "application/json";
    bool hang_up = false;                          // Close the connection instead of answering.
    bool silent = false;                           // Never answer; the client gives up.
    bool stream = false;                           // No length: the body ends with the connection.
    std::map<std::string, std::string> headers{};  // More of them.
};

FakeReply problem(int status, const std::string& code, const std::string& more = {},
                  bool retryable = false);

// A server on a free loopback port that answers each request as the handler says, and remembers
// them all. A thread per connection; the handler may be called by several of them.
class FakeServer {
public:
    using Handler = std::function<FakeReply(const FakeRequest&)>;

    // On a port of its own unless one is given.
    explicit FakeServer(Handler handler, int port = 0);
    ~FakeServer();
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    Endpoint endpoint() const;
    std::vector<FakeRequest> requests() const;
    // Those whose "METHOD target" begins so.
    std::vector<FakeRequest> requests(const std::string& beginning) const;
    int connections() const { return connections_; }

private:
    void accept_all();
    void serve(int connection);
    bool answer(int connection, const FakeRequest& request, const FakeReply& reply);

    Handler handler_;
    int port_ = 0;  // Before listener_, whose making finds it.
    int listener_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> connections_{0};
    mutable std::mutex mutex_;  // Guards what follows.
    std::vector<FakeRequest> requests_{};
    std::vector<int> open_{};
    std::vector<std::thread> threads_{};
    std::thread acceptor_;
};

// Where nobody listens.
Endpoint closed_endpoint();

}  // namespace gavel::cli::test
