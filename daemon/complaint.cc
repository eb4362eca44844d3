#include "daemon/complaint.h"

#include <cstdio>

namespace gavel::daemon {

namespace {

// Unicode's second block of control characters, U+0080 to U+009F: terminals obey them, too.
bool is_c1(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t where) { return static_cast<unsigned char>(text[where]); };
    const bool leads = byte(at) == 0xC2 && at + 1 < text.size() && byte(at + 1) < 0xA0;
    const bool follows = at > 0 && byte(at - 1) == 0xC2 && byte(at) < 0xA0;
    return leads || follows;
}

}  // namespace

std::string one_line(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string line;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            line += "\\n";
        } else if (byte < 0x20 || byte == 0x7F || is_c1(text, i)) {
            line += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
        } else {
            line += c;
        }
    }
    return line;
}

void complain(std::string_view what) {
    std::fprintf(stderr, "gaveld: %s\n", one_line(what).c_str());
}

}  // namespace gavel::daemon
