#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gavel::daemon {

// Where to listen or to dial: a name or a numeric address, and a port.
struct Address {
    std::string host{};
    std::uint16_t port{};

    auto operator<=>(const Address&) const = default;
};

// What is wrong with a piece of configuration, in words for the operator who wrote it.
struct ConfigError {
    std::string what{};
};

// "host:port", "10.0.0.1:7500" or "[::1]:7500". `port_min` 0 allows a port of the kernel's choice.
Result<Address, ConfigError> parse_address(std::string_view text, std::uint16_t port_min = 1);
std::string to_string(const Address& address);

// Whether only this machine can reach it: localhost, 127.0.0.0/8 or ::1.
bool is_loopback(const Address& address);

}  // namespace gavel::daemon
