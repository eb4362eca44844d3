#include "cli/tone.h"

namespace gavel::cli {

namespace {

// Of the eight colours that every terminal has, which its owner has made readable.
const char* sequence_of(Tone tone) {
    switch (tone) {
        case Tone::plain:
            break;
        case Tone::heading:
            return "\x1b[1m";
        case Tone::good:
            return "\x1b[32m";
        case Tone::warning:
            return "\x1b[33m";
        case Tone::bad:
            return "\x1b[1;31m";
    }
    return "";
}

}  // namespace

std::string painted(const std::string& text, Tone tone, bool color) {
    if (!color || tone == Tone::plain || text.empty()) return text;
    return sequence_of(tone) + text + "\x1b[0m";
}

Tone tone_of_role(const std::string& role) {
    if (role == "leader" || role.ends_with(", leader")) return Tone::good;
    return role == "away" ? Tone::bad : Tone::plain;
}

Tone tone_of_level(const std::string& level) {
    if (level == "warning") return Tone::warning;
    const bool bad = level == "problem" || level == "impossible" || level == "unsafe";
    return bad ? Tone::bad : Tone::plain;
}

}  // namespace gavel::cli
