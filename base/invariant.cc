#include "base/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace gavel {

void invariant_broken(const char* claim, const char* file, int line) {
    // Straight to standard error: the logger may be what is broken.
    std::fputs("gavel: invariant broken: ", stderr);
    std::fputs(claim, stderr);
    std::fputs(" (", stderr);
    std::fputs(file, stderr);
    std::fputs(":", stderr);
    char digits[16];
    int at = static_cast<int>(sizeof(digits)) - 1;
    digits[at] = '\0';
    do {
        digits[--at] = static_cast<char>('0' + line % 10);
        line /= 10;
    } while (line > 0);
    std::fputs(digits + at, stderr);
    std::fputs(")\n", stderr);
    std::abort();
}

}  // namespace gavel
