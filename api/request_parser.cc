#include "api/request_parser.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <span>

namespace gavel::api {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::error_code;

// Those that some part of Gavel looks at; the rest is parsed and forgotten.
constexpr std::array<std::string_view, 14> kept_fields{
    "host",          "content-type", "content-encoding", "if-match",     "if-none-match",
    "expect",        "x-request-id", "traceparent",      "gavel-author", "gavel-reason",
    "last-event-id", "origin",       "idempotency-key",  "gavel-lock"};

// What one of them says another one takes back.
constexpr std::array<std::string_view, 5> single_fields{
    "content-type", "idempotency-key", "gavel-author", "gavel-reason", "gavel-lock"};

bool among(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

constexpr std::size_t body_reserve_max = 64 * 1024;

Method to_method(http::verb verb) {
    switch (verb) {
        case http::verb::get:
            return Method::get;
        case http::verb::head:
            return Method::head;
        case http::verb::put:
            return Method::put;
        case http::verb::post:
            return Method::post;
        case http::verb::delete_:
            return Method::remove;
        case http::verb::options:
            return Method::options;
        default:
            return Method::other;
    }
}

// Where a request line, be it complete or not, has its version; past its end when it has none yet.
std::size_t version_at(std::string_view bytes) {
    const auto line = bytes.substr(0, bytes.find("\r\n"));
    const auto target = line.find(' ');
    const auto version = target == line.npos ? line.npos : line.find(' ', target + 1);
    return version == line.npos ? bytes.size() : version + 1;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "HTTP/2.0": a version after all, only not one of those that are served.
bool is_other_major(std::string_view version) {
    return version.size() >= 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
           version[5] != '1' && version[6] == '.' && is_digit(version[7]);
}

// "HTTP/1.2": RFC 9110, section 2.5, wants it taken for the highest minor version that is known.
bool is_later_minor(std::string_view version) {
    return version.size() >= 8 && version.starts_with("HTTP/1.") && version[7] >= '2' &&
           version[7] <= '9';
}

// RFC 9112, section 5.2: a field that goes on in a line that starts with a blank. Beast joins such
// lines, others take them for fields. `bytes` start with a line of the header, or with its end.
bool has_folded_line(std::string_view bytes) {
    if (bytes.starts_with("\r\n")) return false;
    const auto header = bytes.substr(0, bytes.find("\r\n\r\n"));
    return header.find("\r\n ") != std::string_view::npos ||
           header.find("\r\n\t") != std::string_view::npos;
}

Problem to_problem(error_code error) {
    if (error == http::error::header_limit) {
        return {ProblemCode::header_too_large, "the header is longer than it may be"};
    }
    if (error == http::error::body_limit) {
        return {ProblemCode::body_too_large, "the body is longer than it may be"};
    }
    return {ProblemCode::malformed_request, error.message()};
}

}  // namespace

class RequestParser::Impl final : public http::basic_parser<true> {
public:
    Impl(std::size_t header_bytes_max, std::size_t body_bytes_max)
        : header_bytes_max_(header_bytes_max) {
        eager(true);
        header_limit(static_cast<std::uint32_t>(header_bytes_max));
        body_limit(body_bytes_max);
    }

    std::size_t feed(std::string_view bytes) {
        if (!header_complete && has_folded_line(bytes)) {
            problem = {ProblemCode::malformed_request, "a field is folded over several lines"};
            return 0;
        }
        std::string as_1_1;  // Beast would refuse it.
        if (!line_complete_ && is_later_minor(bytes.substr(version_at(bytes)))) {
            as_1_1 = bytes;
            as_1_1[version_at(bytes) + 7] = '1';
            bytes = as_1_1;
        }
        error_code error;
        const auto taken = put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
        if (error && error != http::error::need_more) problem = to_problem(error);
        if (error == http::error::bad_version && is_other_major(bytes.substr(version_at(bytes)))) {
            problem = {ProblemCode::http_version, "HTTP/1.1 and HTTP/1.0 are served"};
        }
        // What is left of a body is the header of a chunk, or a trailer, that has not ended yet:
        // Beast would wait for its end however long it gets.
        if (!problem && header_complete && !is_done() && bytes.size() - taken > header_bytes_max_) {
            problem = to_problem(http::error::header_limit);
        }
        return taken;
    }

    Request request{};
    std::optional<Problem> problem{};
    bool header_complete{};
    bool expects_continue{};

private:
    const std::size_t header_bytes_max_;
    bool line_complete_{};

    void on_request_impl(http::verb verb, beast::string_view, beast::string_view target,
                         int version, error_code& error) override {
        line_complete_ = true;
        request.method = to_method(verb);
        request.target.assign(target.data(), target.size());
        request.http_1_0 = version == 10;
        // Proxies' and servers' forms of the target (RFC 9112, section 3.2) name no resource here.
        if (target.empty() || target.front() != '/') {
            if (target != "*" || verb != http::verb::options) error = http::error::bad_target;
        }
        // A fragment is the client's own; one that comes here would become part of a name.
        if (target.find('#') != beast::string_view::npos) error = http::error::bad_target;
    }

    void on_field_impl(http::field field, beast::string_view name, beast::string_view value,
                       error_code& error) override {
        if (header_complete) return;  // A trailer: nothing that is looked at may come that late.
        if (field == http::field::transfer_encoding) {
            // Beast takes other codings for "no body", which a proxy before us may see otherwise.
            const bool plain = beast::iequals(value, "chunked") && !request.http_1_0;
            if (!plain) error = http::error::bad_transfer_encoding;
            return;
        }
        std::string known = lower({name.data(), name.size()});
        if (!among(kept_fields, known)) return;
        if (field == http::field::expect) expects_continue = true;
        for (auto& each : request.headers) {
            if (each.name != known) continue;
            if (among(single_fields, known)) {
                error = http::error::bad_field;
                return;
            }
            each.value.append(", ").append(value.data(), value.size());
            return;
        }
        request.headers.push_back({std::move(known), std::string(value.data(), value.size())});
    }

    void on_header_impl(error_code&) override {
        header_complete = true;
        request.keep_alive = keep_alive();
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
        if (!length) return;
        request.body.reserve(std::min<std::size_t>(*length, body_reserve_max));
    }

    std::size_t on_body_impl(beast::string_view body, error_code&) override {
        request.body.append(body.data(), body.size());
        return body.size();
    }

    void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}

    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
        request.body.append(body.data(), body.size());
        return body.size();
    }

    void on_finish_impl(error_code&) override {}
    void on_response_impl(int, beast::string_view, int, error_code&) override {}
};

RequestParser::RequestParser(std::size_t header_bytes_max, std::size_t body_bytes_max)
    : impl_(std::make_unique<Impl>(header_bytes_max, body_bytes_max)) {}
RequestParser::~RequestParser() = default;

std::size_t RequestParser::feed(std::string_view bytes) { return impl_->feed(bytes); }

RequestParser::State RequestParser::state() const {
    if (impl_->problem) return State::failed;
    return impl_->is_done() ? State::complete : State::needs_more;
}

bool RequestParser::header_complete() const { return impl_->header_complete; }

bool RequestParser::wants_continue() const {
    return impl_->expects_continue && impl_->header_complete && !impl_->request.http_1_0 &&
           state() == State::needs_more;
}

Problem RequestParser::problem() const { return *impl_->problem; }

Request RequestParser::take() { return std::move(impl_->request); }

}  // namespace gavel::api
