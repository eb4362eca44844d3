#pragma once

namespace gavel {

// Ends the process, saying what was claimed and where. Never returns.
[[noreturn]] void invariant_broken(const char* claim, const char* file, int line);

// Halts the process, in every build, when `holds` is false: going on after a broken invariant
// could answer a client with a lie. `claim` says in plain words what was believed.
inline void invariant(bool holds, const char* claim, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
    if (!holds) [[unlikely]] {
        invariant_broken(claim, file, line);
    }
}

}  // namespace gavel
