#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gavel::cli {

// Safe for a terminal: control characters, those of C1 (U+0080 to U+009F) as well, and bytes that
// are no UTF-8 become escapes such as \n or \x1b.
std::string printable(std::string_view text);

// At most `columns` characters of UTF-8, the last one an ellipsis if something was cut.
std::string shorten(std::string_view text, std::size_t columns);

// How many characters (code points) a UTF-8 text shows.
std::size_t width(std::string_view text);

// The candidate that takes the fewest edits to reach from `word`; empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "1.5 MiB"
std::string size_text(std::uint64_t bytes);

// With A to Z as a to z, and nothing else changed.
std::string lower(std::string text);

// 128 random bits in hexadecimal, for request ids and idempotency keys.
std::string random_id();

}  // namespace gavel::cli
