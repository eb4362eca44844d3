#include "daemon/address.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace gavel::daemon {
namespace {

constexpr std::size_t host_bytes_max = 253;  // RFC 1035, section 2.3.4, without the final dot.

bool is_name(std::string_view host) {
    return std::ranges::all_of(host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
}

bool is_ipv6(std::string_view host) {
    boost::system::error_code error;
    boost::asio::ip::make_address_v6(std::string(host), error);
    return !error;
}

}  // namespace

Result<Address, ConfigError> parse_address(std::string_view text, std::uint16_t port_min) {
    const auto bad = [&](const std::string& why) {
        return ConfigError{"'" + std::string(text) + "' is not HOST:PORT: " + why};
    };
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad("there is no port");

    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        if (!is_ipv6(host)) return bad("the brackets hold no IPv6 address");
    } else if (host.find(':') != std::string_view::npos) {
        return bad("an IPv6 address stands in brackets");
    } else if (host.empty() || host.size() > host_bytes_max || !is_name(host)) {
        return bad("the host is neither a name nor an address");
    }

    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port < port_min) {
        return bad("the port is a number from " + std::to_string(port_min) + " to 65535");
    }
    return Address{std::string(host), port};
}

std::string to_string(const Address& address) {
    const bool v6 = address.host.find(':') != std::string::npos;
    return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_loopback(const Address& address) {
    if (address.host == "localhost") return true;
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(address.host, error);
    return !error && ip.is_loopback();
}

}  // namespace gavel::daemon
