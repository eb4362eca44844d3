#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/gateway.h"
#include "api/options.h"
#include "base/result.h"

namespace gavel::api {

// The HTTP side of a member: listeners and the HTTP threads. docs/http-api.md tells what it serves.
//
// The Gateway must outlive it, and may answer late: callbacks that come after stop() go nowhere.
class Server {
public:
    // Why it cannot listen, in one line.
    struct ListenError {
        std::string what{};
    };

    Server(Gateway& gateway, ServerOptions options);
    ~Server();  // Stops, without waiting for what is under way.
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Binds and listens; port 0 picks a free one. Gives the port. May be called several times,
    // before start().
    Result<std::uint16_t, ListenError> listen(const std::string& host, std::uint16_t port);
    // Starts to accept and to answer.
    void start();
    // Closes idle connections, gives watchers their position, answers waiting requests, and waits
    // for the others to finish, but no longer than `bound`. Until then it goes on to accept, so
    // that whoever asks if the member is ready is told that it is not.
    void stop(std::chrono::milliseconds bound);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace gavel::api
