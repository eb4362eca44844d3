#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/endpoint.h"

namespace gavel::cli {

struct HttpRequest {
    std::string method = "GET";
    std::string target{};
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
    // For the whole exchange; when a body is streamed, for the header and then between two pieces.
    std::chrono::milliseconds time_limit{5000};
};

struct HttpResponse {
    int status = 0;
    std::map<std::string, std::string> headers{};  // Names in lower case.
    std::string body{};

    // Empty when there is none.
    std::string_view header(const std::string& lower_case_name) const;
};

// Why there is no answer.
struct HttpFailure {
    enum class Kind {
        refused,    // Nobody listens there: nothing was sent.
        broken,     // The connection failed or ended early: the request may have been carried out.
        timed_out,  // No answer within the time limit: the same.
        interrupted,  // The interrupt descriptor became readable.
    };
    Kind kind = Kind::broken;
    std::string message{};
};

// One HTTP/1.1 connection, kept alive between requests to the same endpoint. Blocks its caller, but
// never beyond the time limit, and returns at once when `interrupt_fd` becomes readable (which is
// not read here). Used by one thread.
class HttpClient {
public:
    explicit HttpClient(int interrupt_fd = -1);
    ~HttpClient();
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;

    Result<HttpResponse, HttpFailure> send(const Endpoint& endpoint, const HttpRequest& request);

    // Hands on each piece of a successful body as it comes, until `on_piece` returns false or the
    // server ends it. Any other answer is returned whole. Closes the connection.
    Result<HttpResponse, HttpFailure> stream(const Endpoint& endpoint, const HttpRequest& request,
                                             const std::function<bool(std::string_view)>& on_piece);

private:
    class Connection;
    std::unique_ptr<Connection> connection_;
};

}  // namespace gavel::cli
