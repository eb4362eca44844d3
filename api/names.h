#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gavel::api {

// Why a piece of the request is not what it should be, in words for the caller.
struct Unfit {
    std::string why{};
};

bool valid_utf8(std::string_view text);

// Undoes percent-encoding, once. None: a '%' without two hexadecimal digits. '+' stays '+'.
std::optional<std::string> percent_decode(std::string_view text);
// For a path in a Location header: all but unreserved characters and '/' are encoded.
std::string percent_encode_path(std::string_view text);

// A name of a lock or a key: 1 to 400 bytes of UTF-8, segments separated by '/', none of them
// empty, "." or "..", no control characters. Gives the name decoded.
Result<std::string, Unfit> decode_name(std::string_view encoded);
// The same rules for a name that is not encoded (any more).
std::optional<Unfit> check_name(std::string_view name);
// A prefix of names: bounded, UTF-8, no control characters; it may be empty or end anywhere.
std::optional<Unfit> check_prefix(std::string_view prefix);
// One that is not empty and that a name may begin with, from a path.
Result<std::string, Unfit> decode_prefix(std::string_view encoded);
// A text that people read, for session names and content types: UTF-8 of at most 256 bytes
// without control characters.
std::optional<Unfit> check_label(std::string_view label);

// The type of a value, such as text/plain: a label that is a type and a subtype, each a token (RFC
// 9110, section 5.6.2), and maybe parameters, which are the client's own business.
std::optional<Unfit> check_content_type(std::string_view type);

// "s123" <-> 123.
std::optional<std::uint64_t> parse_session_id(std::string_view text);
std::string session_id(std::uint64_t id);

// A member's number, 1 to 65535, in decimal.
std::optional<std::uint16_t> parse_member_id(std::string_view text);
// 1 to 63 of a-z, 0-9 and '-'.
std::optional<Unfit> check_member_name(std::string_view name);
// HOST:PORT, with a name, an IPv4 address or an IPv6 address in brackets that others can reach.
std::optional<Unfit> check_address(std::string_view address);

// A decimal number below 2^53 (what JSON carries without loss), without sign or leading zeros.
std::optional<std::uint64_t> parse_number(std::string_view text);

// Opaque to clients; here, the name after which the next page starts, in base64url.
std::string encode_cursor(std::string_view after);
std::optional<std::string> decode_cursor(std::string_view cursor);

std::string base64(std::string_view bytes);
// None: it is not what base64() writes (RFC 4648, section 4), padding included.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace gavel::api
