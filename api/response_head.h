#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/http.h"

namespace gavel::api {

// What every response says beside its own fields.
struct CommonFields {
    std::string_view date{};
    std::string_view request_id{};
    std::uint64_t applied{};
    std::uint16_t leader{};  // 0: none.
    bool http_1_0{};
    bool keep_alive{};
    bool streamed{};            // Ends with the connection: no Content-Length.
    std::string_view origin{};  // Of the page that may read it; empty: of none.
    bool depends_on_origin{};
};

// Appends the status line and the header with its empty line. A serializer of our own, because it
// is on the way of every answer and writes into a buffer that is used again.
void append_head(std::string& out, const Response& response, const CommonFields& common);

}  // namespace gavel::api
