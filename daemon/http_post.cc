#include "daemon/http_post.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <utility>

namespace gavel::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::uint64_t answer_bytes_max = 1 << 20;

// Resolve, connect, write, read: each step starts the next, and the first error ends it.
class Exchange {
public:
    Exchange(asio::io_context& io, const Address& to, const std::string& target, std::string body)
        : to_(to), resolver_(io), stream_(io) {
        request_ = {http::verb::post, target, 11, std::move(body)};
        request_.set(http::field::host, to_string(to));
        request_.set(http::field::content_type, "application/json");
        request_.set(http::field::connection, "close");
        request_.prepare_payload();
        parser_.body_limit(answer_bytes_max);
    }

    void start() {
        resolver_.async_resolve(to_.host, std::to_string(to_.port),
                                [this](error_code error, const tcp::resolver::results_type& found) {
                                    if (error) return end(error);
                                    connect(found);
                                });
    }

    bool ended() const { return ended_; }
    error_code error() const { return error_; }
    HttpAnswer answer() { return {parser_.get().result_int(), std::move(parser_.get().body())}; }

private:
    void connect(const tcp::resolver::results_type& found) {
        stream_.async_connect(found, [this](error_code error, const tcp::endpoint&) {
            if (error) return end(error);
            write();
        });
    }
    void write() {
        http::async_write(stream_, request_, [this](error_code error, std::size_t) {
            if (error) return end(error);
            read();
        });
    }
    void read() {
        http::async_read(stream_, buffer_, parser_,
                         [this](error_code error, std::size_t) { end(error); });
    }
    void end(error_code error) {
        error_ = error;
        ended_ = true;
    }

    const Address to_;
    tcp::resolver resolver_;
    beast::tcp_stream stream_;
    http::request<http::string_body> request_{};
    http::response_parser<http::string_body> parser_{};
    beast::flat_buffer buffer_{};
    error_code error_{};
    bool ended_ = false;
};

}  // namespace

Result<HttpAnswer, HttpSilence> http_post(const Address& to, const std::string& target,
                                          std::string body, std::chrono::milliseconds within) {
    asio::io_context io(1);
    Exchange exchange(io, to, target, std::move(body));
    exchange.start();
    io.run_for(within);
    if (!exchange.ended()) return HttpSilence{"no answer in time"};
    if (exchange.error()) return HttpSilence{exchange.error().message()};
    return exchange.answer();
}

}  // namespace gavel::daemon
