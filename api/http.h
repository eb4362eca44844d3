#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace gavel::api {

enum class Method : std::uint8_t { get, head, put, post, remove, options, other };

std::string_view to_string(Method method);

struct Header {
    std::string name{};  // Lower case.
    std::string value{};
};

// A request as the resources see it; how it came over the wire is the transport's business.
struct Request {
    Method method{};
    std::string target{};           // As sent: path and query, still percent-encoded.
    std::vector<Header> headers{};  // Repeated ones joined by ", " (RFC 9110, section 5.2).
    std::string body{};
    bool http_1_0{};
    bool keep_alive{true};

    // Null: absent. `name` in lower case.
    const std::string* header(std::string_view name) const;
    std::string_view path() const;
    std::string_view query() const;
};

// What a resource answers. Content-Length, Date and the common headers are added on the way out.
struct Response {
    unsigned status{200};
    std::string fields{};  // "Name: value\r\n", ready to be sent.
    std::string body{};
    Bytes shared_body{};      // Sent instead of `body` when not empty: a key's value, not copied.
    std::uint64_t applied{};  // The least Gavel-Revision may say; 0: no matter.
    bool close{};             // The connection ends with this answer.

    Response& add(std::string_view name, std::string_view value);
    // The value of a field that was added; empty when absent.
    std::string_view field(std::string_view name) const;
    std::string_view content() const { return shared_body.empty() ? body : shared_body.view(); }
};

// Of ASCII, which is all that names and tokens of HTTP are made of.
std::string lower(std::string_view text);

// "Not Found" for 404.
std::string_view reason_phrase(unsigned status);

}  // namespace gavel::api
