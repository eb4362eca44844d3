#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/endpoint.h"
#include "cli/failure.h"
#include "cli/http_client.h"

namespace gavel::cli {

struct Call {
    std::string method = "GET";
    std::string target{};
    std::string body{};
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers{};
    // Every call may be sent twice, for any member may fail after it carried the call out. Reads,
    // keep-alives, and what is bound to a session are the same twice by nature; other writes carry
    // a key by which the cluster knows a repeat and gives it the first answer.
    bool needs_key = false;
    std::chrono::milliseconds attempt_limit{5000};
    std::chrono::milliseconds patience{15000};
};

// The cluster as one server: any endpoint answers any call, so the next one is tried when one does
// not. Remembers the endpoint that answered last. Used by one thread.
class Client {
public:
    explicit Client(std::vector<Endpoint> endpoints, int interrupt_fd = -1);

    // Repeats until there is an answer that a repeat cannot better, the patience is used up, or
    // nobody listens at any endpoint.
    Result<HttpResponse, Failure> call(const Call& call);

    // One attempt at one endpoint; after a failure that another endpoint could better, the next
    // attempt goes there.
    Result<HttpResponse, Failure> attempt(const Call& call);

    // One attempt, as HttpClient::stream does it.
    Result<HttpResponse, Failure> stream(const Call& call,
                                         const std::function<bool(std::string_view)>& on_piece);

    // Leaves the present endpoint, whatever it answered.
    void use_next_endpoint();

    // Waits, but no longer than until the interrupt. False when that came.
    bool pause(std::chrono::milliseconds duration) const;

    const std::vector<Endpoint>& endpoints() const { return endpoints_; }

private:
    Result<HttpResponse, Failure> judge(Result<HttpResponse, HttpFailure> answer,
                                        const std::string& request_id);

    std::vector<Endpoint> endpoints_;
    int interrupt_fd_;
    HttpClient http_;
    std::size_t present_ = 0;
};

}  // namespace gavel::cli
