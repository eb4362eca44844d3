#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/complaint.h"

namespace gavel::cli {

// Where one member listens for clients.
struct Endpoint {
    std::string host{};
    std::string port{};

    // As a person would type it: "http://127.0.0.1:7400".
    std::string url() const;
    // For the Host header.
    std::string authority() const;

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

inline constexpr std::string_view default_endpoint = "http://127.0.0.1:7400";

// "http://host:port", "host:port", "http://[::1]:7400". The port may be left out (7400).
Result<Endpoint, Complaint> parse_endpoint(std::string_view text);

// The flags if there are any, else the comma separated list of GAVEL_ENDPOINTS, else the default.
Result<std::vector<Endpoint>, Complaint> choose_endpoints(const std::vector<std::string>& flags,
                                                          std::string_view environment);

// Percent-encoding (RFC 3986) of a name that fills the rest of a path: "/" stays as it is.
std::string encode_path(std::string_view name);
// The same for a value in a query.
std::string encode_query(std::string_view value);

}  // namespace gavel::cli
