#pragma once

#include <optional>
#include <span>
#include <string>

#include "api/http.h"
#include "api/problem.h"

namespace gavel::api {

// Who may knock at all, before any resource is looked at.
struct DoorRules {
    bool loopback{};                       // The listener can be reached from this host only.
    std::span<const std::string> hosts{};  // Besides IP addresses and localhost.
};

// Host must be there in HTTP/1.1 and, on loopback, name this host (DNS rebinding); a write from a
// web page must come from Gavel's own origin (CORS is off); the only expectation is 100-continue.
std::optional<Problem> refuse(const Request& request, const DoorRules& rules);

// The client's X-Request-Id, when it is 1 to 128 of letters, digits and -_.:+/=@; else empty.
std::string_view given_request_id(const Request& request);

// Whether `text` is an address such as 127.0.0.1 or [::1], perhaps with a port, or a known name.
bool is_host_allowed(std::string_view host, std::span<const std::string> names);

}  // namespace gavel::api
