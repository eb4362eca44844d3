#include "api/names.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <limits>

#include "statemachine/limits.h"

namespace gavel::api {
namespace {

constexpr std::size_t member_name_bytes_max = 63;
constexpr std::size_t host_bytes_max = 253;  // RFC 1035, section 2.3.4, without the final dot.

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool has_control(std::string_view text) {
    unsigned char before = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) return true;
        if (before == 0xC2 && byte < 0xA0)
            return true;  // U+0080 to U+009F, some of which terminals obey.
        before = byte;
    }
    return false;
}

// The length of the UTF-8 sequence at the start of `text`; 0: there is none (RFC 3629).
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const auto tail = [&](std::size_t at) { return (byte(at) & 0xC0U) == 0x80U; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return text.size() >= 2 && tail(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (text.size() < 3 || !tail(1) || !tail(2)) return 0;
        const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = lead == 0xED && byte(1) >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (text.size() < 4 || !tail(1) || !tail(2) || !tail(3)) return 0;
        const bool overlong = lead == 0xF0 && byte(1) < 0x90;
        const bool beyond = lead == 0xF4 && byte(1) >= 0x90;
        return overlong || beyond ? 0 : 4;
    }
    return 0;
}

constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view base64url_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string to_base64(std::string_view bytes, std::string_view digits, bool padded) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const auto group = bytes.substr(at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            if (i <= group.size()) {
                text += digits[bits >> (18 - 6 * i) & 63U];
            } else if (padded) {
                text += '=';
            }
        }
    }
    return text;
}

// None: there is something else than digits. Bits that are left over are not looked at.
std::optional<std::string> from_base64(std::string_view text, std::string_view digits) {
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const auto digit = digits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>(bits >> count & 0xFFU);
        }
    }
    return bytes;
}

// The length of the token (RFC 9110, section 5.6.2) that the text begins with.
std::size_t token_length(std::string_view text) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    const auto end = std::ranges::find_if_not(text, [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               marks.find(c) != std::string_view::npos;
    });
    return static_cast<std::size_t>(end - text.begin());
}

std::optional<Unfit> check_segment(std::string_view segment) {
    if (segment.empty()) return Unfit{"has an empty segment"};
    if (segment == "." || segment == "..") return Unfit{"has a '.' or '..' segment"};
    return std::nullopt;
}

// Of the segments that end within it; the rest is left in `name`.
std::optional<Unfit> check_whole_segments(std::string_view& name) {
    for (auto end = name.find('/'); end != std::string_view::npos; end = name.find('/')) {
        if (auto unfit = check_segment(name.substr(0, end))) return unfit;
        name.remove_prefix(end + 1);
    }
    return std::nullopt;
}

}  // namespace

bool valid_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto length = sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            decoded += text[at];
            continue;
        }
        if (at + 2 >= text.size()) return std::nullopt;
        const int high = hex_digit(text[at + 1]);
        const int low = hex_digit(text[at + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        decoded += static_cast<char>(high * 16 + low);
        at += 2;
    }
    return decoded;
}

std::string percent_encode_path(std::string_view text) {
    constexpr std::string_view unreserved =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (unreserved.find(c) != std::string_view::npos) {
            encoded += c;
        } else {
            encoded += '%';
            encoded += digits[byte >> 4U];
            encoded += digits[byte & 15U];
        }
    }
    return encoded;
}

std::optional<Unfit> check_prefix(std::string_view prefix) {
    if (prefix.size() > statemachine::name_bytes_max) return Unfit{"longer than 400 bytes"};
    if (!valid_utf8(prefix)) return Unfit{"not UTF-8"};
    if (has_control(prefix)) return Unfit{"has a control character"};
    return std::nullopt;
}

std::optional<Unfit> check_name(std::string_view name) {
    if (name.empty()) return Unfit{"empty"};
    if (auto unfit = check_prefix(name)) return unfit;
    if (auto unfit = check_whole_segments(name)) return unfit;
    return check_segment(name);
}

Result<std::string, Unfit> decode_prefix(std::string_view encoded) {
    auto prefix = percent_decode(encoded);
    if (!prefix) return Unfit{"has a '%' without two hexadecimal digits"};
    if (prefix->empty()) return Unfit{"empty"};
    if (auto unfit = check_prefix(*prefix)) return *std::move(unfit);
    std::string_view rest = *prefix;
    if (auto unfit = check_whole_segments(rest)) return *std::move(unfit);
    return {boost::system::in_place_value, *std::move(prefix)};
}

Result<std::string, Unfit> decode_name(std::string_view encoded) {
    auto name = percent_decode(encoded);
    if (!name) return Unfit{"has a '%' without two hexadecimal digits"};
    if (auto unfit = check_name(*name)) return *std::move(unfit);
    // Said in full: an Unfit, too, could be made of a string.
    return {boost::system::in_place_value, *std::move(name)};
}

std::optional<Unfit> check_label(std::string_view label) {
    if (label.size() > statemachine::label_bytes_max) return Unfit{"longer than 256 bytes"};
    if (!valid_utf8(label)) return Unfit{"not UTF-8"};
    if (has_control(label)) return Unfit{"has a control character"};
    return std::nullopt;
}

std::optional<Unfit> check_content_type(std::string_view type) {
    if (auto unfit = check_label(type)) return unfit;
    Unfit otherwise{"not TYPE/SUBTYPE"};
    const auto main = token_length(type);
    if (main == 0 || main == type.size() || type[main] != '/') return otherwise;
    type.remove_prefix(main + 1);
    const auto subtype = token_length(type);
    type.remove_prefix(subtype);
    type.remove_prefix(std::min(type.find_first_not_of(' '), type.size()));
    if (subtype == 0 || (!type.empty() && type.front() != ';')) return otherwise;
    return std::nullopt;
}

std::optional<std::uint64_t> parse_session_id(std::string_view text) {
    if (!text.starts_with('s')) return std::nullopt;
    return parse_number(text.substr(1));
}

std::string session_id(std::uint64_t id) {
    char digits[24] = {'s'};
    const auto end = std::to_chars(digits + 1, digits + sizeof(digits), id).ptr;
    return std::string(digits, end);
}

std::optional<std::uint16_t> parse_member_id(std::string_view text) {
    const auto number = parse_number(text);
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint16_t>::max()) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(*number);
}

std::optional<Unfit> check_member_name(std::string_view name) {
    const bool fits = std::ranges::all_of(
        name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    if (!fits || name.empty() || name.size() > member_name_bytes_max) {
        return Unfit{"is not 1 to 63 of a-z, 0-9 and '-'"};
    }
    return std::nullopt;
}

std::optional<Unfit> check_address(std::string_view address) {
    const auto colon = address.rfind(':');
    if (colon == std::string_view::npos) return Unfit{"is not HOST:PORT: there is no port"};
    // A port is a number of as many bits as a member's.
    if (!parse_member_id(address.substr(colon + 1))) {
        return Unfit{"is not HOST:PORT: the port is a number from 1 to 65535"};
    }
    std::string_view host = address.substr(0, colon);
    boost::system::error_code error;
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        const auto ip = boost::asio::ip::make_address_v6(std::string(host), error);
        if (error || host.find('%') != std::string_view::npos) {
            return Unfit{"is not HOST:PORT: the brackets hold no IPv6 address"};
        }
        if (ip.is_unspecified()) return Unfit{"is no address that another member can reach"};
        return std::nullopt;
    }
    const bool fits = std::ranges::all_of(host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
    if (!fits || host.empty() || host.size() > host_bytes_max) {
        return Unfit{"is not HOST:PORT: the host is neither a name nor an address"};
    }
    const auto ip = boost::asio::ip::make_address_v4(std::string(host), error);
    if (!error && ip.is_unspecified()) return Unfit{"is no address that another member can reach"};
    return std::nullopt;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    if (text.empty() || text.size() > 16 || (text.size() > 1 && text[0] == '0')) {
        return std::nullopt;
    }
    std::uint64_t number = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        number = number * 10 + static_cast<unsigned>(c - '0');
    }
    if (number >= 1ULL << 53U) return std::nullopt;
    return number;
}

std::string base64(std::string_view bytes) { return to_base64(bytes, base64_digits, true); }

std::string encode_cursor(std::string_view after) {
    return to_base64(after, base64url_digits, false);
}

std::optional<std::string> decode_cursor(std::string_view cursor) {
    if (cursor.empty() || cursor.size() > 600) return std::nullopt;
    auto bytes = from_base64(cursor, base64url_digits);
    // One text per cursor: leftover bits must be what the encoder leaves.
    if (!bytes || encode_cursor(*bytes) != cursor) return std::nullopt;
    return bytes;
}

std::optional<std::string> decode_base64(std::string_view text) {
    const auto end = text.find_last_not_of('=') + 1;
    auto bytes = from_base64(text.substr(0, end), base64_digits);
    if (!bytes || base64(*bytes) != text) return std::nullopt;
    return bytes;
}

}  // namespace gavel::api
