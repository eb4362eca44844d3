#include "daemon/complaint.h"

#include <cstdio>

namespace gavel::daemon {

std::string one_line(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string line;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            line += "\\n";
        } else if (byte < 0x20 || byte == 0x7F) {
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
