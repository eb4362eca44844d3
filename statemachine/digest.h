#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gavel::statemachine {

// Hashes a value field by field: the same on every machine, and two sequences of fields that
// differ anywhere are told apart. Text that is not short enters by its own hash, so that a large
// value is never copied.
class Digest {
public:
    Digest& number(std::uint64_t value);
    Digest& text(std::string_view text);

    std::uint64_t value() const;

private:
    void append(std::string_view bytes);

    std::array<char, 256> buffer_{};
    std::size_t used_{};
    std::uint64_t folded_{};  // Of the buffers filled before this one.
};

}  // namespace gavel::statemachine
