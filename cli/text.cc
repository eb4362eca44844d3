#include "cli/text.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <sstream>

namespace gavel::cli {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// Levenshtein's distance, one row at a time, where swapping two neighbours costs two edits.
std::size_t edits_between(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

// How many bytes the character has that `text` begins with; 0 when it begins with none of UTF-8.
std::size_t character_length(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first < 0x80) return 1;
    if (first < 0xC2 || first > 0xF4) return 0;
    const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (text.size() < length) return 0;
    const auto rest = text.substr(1, length - 1);
    const auto second = static_cast<unsigned char>(rest.front());
    const bool too_long = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    if (too_long) return 0;
    return std::none_of(rest.begin(), rest.end(), starts_character) ? length : 0;
}

std::string escape(char c) {
    if (c == '\n') return "\\n";
    if (c == '\t') return "\\t";
    const auto byte = static_cast<unsigned char>(c);
    return {'\\', 'x', hex_digits[byte >> 4], hex_digits[byte & 15]};
}

}  // namespace

std::string printable(std::string_view text) {
    std::string safe;
    while (!text.empty()) {
        const std::size_t length = character_length(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
        // A code point of C1 is its second byte.
        const bool c1 = length == 2 && character[0] == '\xC2' && character[1] < '\xA0';
        const bool c0 = length == 1 && (character[0] < ' ' || character[0] == '\x7F');
        if (length == 0 || c0 || c1) {
            safe += escape(character.back());
        } else {
            safe += character;
        }
        text.remove_prefix(character.size());
    }
    return safe;
}

std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

std::string shorten(std::string_view text, std::size_t columns) {
    if (width(text) <= columns) return std::string(text);
    std::string cut;
    std::size_t characters = 0;
    for (const char c : text) {
        if (starts_character(c) && ++characters == columns) break;
        cut += c;
    }
    return cut + "…";
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    // A third of the word may be wrong, and always two letters: "lokc" is "lock".
    std::size_t fewest = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto& candidate : candidates) {
        const std::size_t edits = edits_between(word, candidate);
        if (edits < fewest && edits < candidate.size()) {
            fewest = edits;
            best = candidate;
        }
    }
    return best;
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
    std::ostringstream text;
    text.precision(unit == 0 || value >= 100 ? 0 : 1);
    text << std::fixed << value << ' ' << units.at(unit);
    return text.str();
}

std::string lower(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

std::string random_id() {
    std::random_device entropy;
    std::string id;
    while (id.size() < 32) {
        for (std::uint32_t bits = entropy(), i = 0; i < 8; ++i, bits >>= 4) {
            id += hex_digits[bits & 15];
        }
    }
    return id;
}

}  // namespace gavel::cli
