#include "cli/http_client.h"

#include <fcntl.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <utility>

#include "cli/text.h"

namespace gavel::cli {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t body_max_bytes = 256ULL << 20;
constexpr std::size_t error_body_max_bytes = 1U << 20;
constexpr std::chrono::milliseconds connect_limit{2000};

http::request<http::string_body> to_beast(const Endpoint& endpoint, const HttpRequest& request) {
    http::request<http::string_body> message{http::string_to_verb(request.method), request.target,
                                             11};
    message.set(http::field::host, endpoint.authority());
    message.set(http::field::user_agent, "gavel/" GAVEL_VERSION);
    for (const auto& [name, value] : request.headers) message.set(name, value);
    message.body() = request.body;
    message.prepare_payload();
    return message;
}

template <class Message>
HttpResponse head_of(const Message& message) {
    HttpResponse response{.status = static_cast<int>(message.result_int())};
    for (const auto& field : message) {
        response.headers[lower(field.name_string())] = std::string(field.value());
    }
    return response;
}

}  // namespace

std::string_view HttpResponse::header(const std::string& lower_case_name) const {
    const auto found = headers.find(lower_case_name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

// The part that knows Beast. Each step starts one asynchronous operation and runs the loop until it
// is done: that is what gives time limits and the interrupt to code that reads like blocking calls.
class HttpClient::Connection {
public:
    explicit Connection(int interrupt_fd) {
        // A copy, since the descriptor object closes what it is given.
        if (interrupt_fd >= 0) interrupt_.assign(::fcntl(interrupt_fd, F_DUPFD_CLOEXEC, 0));
    }

    Result<HttpResponse, HttpFailure> send(const Endpoint& endpoint, const HttpRequest& request) {
        const auto deadline = Clock::now() + request.time_limit;
        if (auto failed = begin(endpoint, request, deadline)) return *std::move(failed);

        http::response_parser<http::string_body> parser;
        parser.body_limit(body_max_bytes);
        const auto error = wait(deadline, [&](auto handler) {
            http::async_read(*stream_, buffer_, parser, std::move(handler));
        });
        if (error) return fail(error, "no answer");

        HttpResponse response = head_of(parser.get());
        response.body = std::move(parser.get().body());
        if (!parser.keep_alive()) close();
        return response;
    }

    Result<HttpResponse, HttpFailure> stream(
        const Endpoint& endpoint, const HttpRequest& request,
        const std::function<bool(std::string_view)>& on_piece) {
        close();
        if (auto failed = begin(endpoint, request, Clock::now() + request.time_limit)) {
            return *std::move(failed);
        }
        http::response_parser<http::buffer_body> parser;
        parser.body_limit(boost::none);
        const auto error = wait(Clock::now() + request.time_limit, [&](auto handler) {
            http::async_read_header(*stream_, buffer_, parser, std::move(handler));
        });
        if (error) return fail(error, "no answer");

        HttpResponse response = head_of(parser.get());
        const auto keep_error = [&response](std::string_view piece) {
            response.body += piece;
            return response.body.size() < error_body_max_bytes;
        };
        auto failed = response.status == 200 ? pump(parser, request.time_limit, on_piece)
                                             : pump(parser, request.time_limit, keep_error);
        close();
        if (failed) return *std::move(failed);
        return response;
    }

private:
    // Connects if need be and writes the request. Nothing in the result: go on.
    std::optional<HttpFailure> begin(const Endpoint& endpoint, const HttpRequest& request,
                                     Clock::time_point deadline) {
        if (connected_to_ != endpoint) {
            if (auto failed = connect(endpoint, std::min(deadline, Clock::now() + connect_limit))) {
                return failed;
            }
        }
        auto message = to_beast(endpoint, request);
        const auto error = wait(deadline, [&](auto handler) {
            http::async_write(*stream_, message, std::move(handler));
        });
        if (error) return fail(error, "sending failed");
        return std::nullopt;
    }

    std::optional<HttpFailure> connect(const Endpoint& endpoint, Clock::time_point deadline) {
        close();
        stream_.emplace(io_);
        error_code error;
        asio::ip::tcp::resolver resolver(io_);
        const auto addresses = resolver.resolve(endpoint.host, endpoint.port, error);
        if (error) {
            return HttpFailure{HttpFailure::Kind::refused,
                               "cannot resolve " + endpoint.host + ": " + error.message()};
        }
        error = wait(deadline,
                     [&](auto handler) { stream_->async_connect(addresses, std::move(handler)); });
        if (error) {
            auto failed = fail(error, "cannot connect");
            if (failed.kind != HttpFailure::Kind::interrupted) {
                failed.kind = HttpFailure::Kind::refused;
            }
            return failed;
        }
        // A command that we run has no business with it.
        ::fcntl(stream_->socket().native_handle(), F_SETFD, FD_CLOEXEC);
        error_code ignored;
        stream_->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
        connected_to_ = endpoint;
        return std::nullopt;
    }

    template <class Parser>
    std::optional<HttpFailure> pump(Parser& parser, std::chrono::milliseconds idle_limit,
                                    const std::function<bool(std::string_view)>& on_piece) {
        std::array<char, 16384> piece{};
        while (!parser.is_done()) {
            parser.get().body().data = piece.data();
            parser.get().body().size = piece.size();
            auto error = wait(Clock::now() + idle_limit, [&](auto handler) {
                http::async_read_some(*stream_, buffer_, parser, std::move(handler));
            });
            if (error == http::error::need_buffer) error = {};
            const auto received = piece.size() - parser.get().body().size;
            if (received > 0 && !on_piece({piece.data(), received})) return std::nullopt;
            if (error) return fail(error, "the stream ended");
        }
        return std::nullopt;
    }

    template <class Start>
    error_code wait(Clock::time_point deadline, Start start) {
        error_code result;
        bool done = false;
        interrupted_ = false;
        io_.restart();
        stream_->expires_at(deadline);
        start([&](error_code error, auto&&...) {
            result = error;
            done = true;
            if (interrupt_.is_open()) interrupt_.cancel();
        });
        if (interrupt_.is_open()) {
            interrupt_.async_wait(asio::posix::descriptor_base::wait_read, [&](error_code error) {
                if (error || done) return;
                interrupted_ = true;
                stream_->cancel();
            });
        }
        io_.run();
        return result;
    }

    HttpFailure fail(error_code error, const std::string& what) {
        close();
        if (interrupted_) return {HttpFailure::Kind::interrupted, "interrupted"};
        if (error == beast::error::timeout) {
            return {HttpFailure::Kind::timed_out, what + ": timed out"};
        }
        return {HttpFailure::Kind::broken, what + ": " + error.message()};
    }

    void close() {
        stream_.reset();
        buffer_.clear();
        connected_to_.reset();
    }

    asio::io_context io_{1};
    asio::posix::stream_descriptor interrupt_{io_};
    std::optional<beast::tcp_stream> stream_{};
    beast::flat_buffer buffer_{};
    std::optional<Endpoint> connected_to_{};
    bool interrupted_ = false;
};

HttpClient::HttpClient(int interrupt_fd)
    : connection_(std::make_unique<Connection>(interrupt_fd)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpResponse, HttpFailure> HttpClient::send(const Endpoint& endpoint,
                                                   const HttpRequest& request) {
    return connection_->send(endpoint, request);
}

Result<HttpResponse, HttpFailure> HttpClient::stream(
    const Endpoint& endpoint, const HttpRequest& request,
    const std::function<bool(std::string_view)>& on_piece) {
    return connection_->stream(endpoint, request, on_piece);
}

}  // namespace gavel::cli
