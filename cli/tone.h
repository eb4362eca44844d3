#pragma once

#include <string>

namespace gavel::cli {

// What a word means to whoever looks at a terminal. There are few, so that each stands out.
enum class Tone {
    plain,
    heading,
    good,     // It is as it should be, or the one to look for.
    warning,  // Somebody waits, or something may be lost yet.
    bad,      // Somebody has to do something.
};

// The text as a terminal shows it in that tone; as it is without `color`.
std::string painted(const std::string& text, Tone tone, bool color);

// Of a member's role, as lists name it: the leader is looked for, who is away is missed.
Tone tone_of_role(const std::string& role);

// Of a finding, or of a reason for or against a change.
Tone tone_of_level(const std::string& level);

}  // namespace gavel::cli
