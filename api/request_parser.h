#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "api/http.h"
#include "api/problem.h"

namespace gavel::api {

// Makes a Request of the bytes of one HTTP/1.x message. Beast's parser behind it is the only thing
// of Beast in this room. One object per message.
class RequestParser {
public:
    enum class State : std::uint8_t { needs_more, complete, failed };

    RequestParser(std::size_t header_bytes_max, std::size_t body_bytes_max);
    ~RequestParser();

    // Takes bytes from the front of `bytes` and says how many; what is left must be presented
    // again, with more behind it.
    std::size_t feed(std::string_view bytes);

    State state() const;
    bool header_complete() const;
    // The header is complete, the body is not, and the client waits for a word (RFC 9110, 10.1.1).
    bool wants_continue() const;

    Problem problem() const;  // Of a failed one.
    Request take();           // Of a complete one.

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace gavel::api
