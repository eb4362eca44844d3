#include "cli/text.h"

#include <algorithm>
#include <numeric>
#include <random>

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

}  // namespace

std::string printable(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            safe += "\\n";
        } else if (c == '\t') {
            safe += "\\t";
        } else if (byte < 0x20 || byte == 0x7F) {
            safe += {'\\', 'x', hex_digits[byte >> 4], hex_digits[byte & 15]};
        } else {
            safe += c;
        }
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
