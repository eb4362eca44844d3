#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bench/connection.h"

namespace gavel::bench {

// A request that is written once and sent often: only a few digits in it change.
class HttpRequest {
public:
    HttpRequest(std::string_view method, std::string_view target, std::string_view host,
                std::string_view body = {}, std::string_view content_type = "application/json");

    // The place of `pattern`, which stands for digits to be set; it has to be there.
    std::size_t place_of(std::string_view pattern) const;
    void set_digits(std::size_t place, std::size_t width, std::uint64_t number);
    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

// HTTP/1.1 with keep-alive, one request at a time, and no more of it than our servers speak: a
// body has a Content-Length, is chunked, or ends with the connection.
class HttpConnection final : private Connection::Handler {
public:
    using Opened = std::function<void(bool open)>;
    // Status 0: the connection was lost. The body is gone after the call.
    using Answered = std::function<void(int status, std::string_view body)>;
    using Line = std::function<void(std::string_view line)>;

    explicit HttpConnection(boost::asio::io_context& io) : io_(io), connection_(io, *this) {}

    void open(const Endpoint& endpoint, Opened opened);
    void request(std::string_view bytes, Answered answered);
    // For an endless answer: `answered` hears the status first, and 0 at the end; `line` hears
    // each line between.
    void stream(std::string_view bytes, Answered answered, Line line);
    void close() { connection_.close(); }

private:
    enum class Expect { head, counted, chunk_size, chunk, chunk_end, trailer, rest };

    void on_open() override;
    std::size_t on_bytes(std::string_view bytes) override;
    void on_lost() override;

    // Each takes what it can from the front and says how much; 0: it needs more first.
    std::size_t parse(std::string_view bytes);
    std::size_t parse_head(std::string_view bytes);
    std::size_t parse_chunk_size(std::string_view bytes);
    std::size_t take_body(std::string_view bytes);
    void on_body_end();
    void answer(int status, std::string_view body);
    void give_lines();

    boost::asio::io_context& io_;
    Connection connection_;
    Opened opened_;
    Answered answered_;
    Line line_;

    std::uint64_t opens_{};
    Expect expect_{Expect::head};
    int status_{};
    std::size_t left_{};  // Bytes of the body, or of its chunk, to come.
    std::string body_;
};

// The value of `"name":` in a small JSON text, without quotes; empty when there is none. For
// answers whose shape is known: strings with escapes are not looked for.
std::string_view json_field(std::string_view json, std::string_view name);
std::uint64_t json_number(std::string_view json, std::string_view name);

}  // namespace gavel::bench
