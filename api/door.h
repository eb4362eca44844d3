#pragma once

#include <optional>
#include <span>
#include <string>

#include "api/http.h"
#include "api/problem.h"

namespace gavel::api {

// Who may knock at all, before any resource is looked at.
struct DoorRules {
    bool loopback{};                         // The listener can be reached from this host only.
    std::span<const std::string> hosts{};    // Besides IP addresses and localhost.
    std::span<const std::string> origins{};  // Besides Gavel's own.
};

// Host must be there in HTTP/1.1 and, on loopback, name this host (DNS rebinding); a write from a
// web page must come from Gavel's own origin or a listed one; the only expectation is 100-continue.
std::optional<Problem> refuse(const Request& request, const DoorRules& rules);

// The client's X-Request-Id, when it is 1 to 128 of letters, digits and -_.:+/=@; else empty.
std::string_view given_request_id(const Request& request);

// Whether `text` is an origin as a browser writes it (RFC 6454, section 6.2): "https://ui.example"
// or "http://localhost:3000", in lower case, without a path.
bool is_origin(std::string_view text);

// The request's Origin, if it is listed: what its answer names, so that the page may read it.
std::string_view listed_origin(const Request& request, std::span<const std::string> origins);

// What a page may do, for when its browser asks beforehand (CORS preflight).
void answer_preflight(std::string_view methods, Response& response);

// Whether `text` is an address such as 127.0.0.1 or [::1], perhaps with a port, or a known name.
bool is_host_allowed(std::string_view host, std::span<const std::string> names);

}  // namespace gavel::api
