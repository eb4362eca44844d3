#include "statemachine/digest.h"

#include <algorithm>

#include "base/hash.h"

namespace gavel::statemachine {

namespace {
constexpr std::size_t short_text_bytes_max = 32;
}

Digest& Digest::number(std::uint64_t value) {
    std::array<char, 8> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<char>(value >> (8 * i));
    }
    append({bytes.data(), bytes.size()});
    return *this;
}

Digest& Digest::text(std::string_view text) {
    number(text.size());
    if (text.size() > short_text_bytes_max) return number(hash64(text));
    append(text);
    return *this;
}

std::uint64_t Digest::value() const { return hash64({buffer_.data(), used_}, folded_); }

void Digest::append(std::string_view bytes) {
    if (used_ + bytes.size() > buffer_.size()) {
        folded_ = value();
        used_ = 0;
    }
    std::copy(bytes.begin(), bytes.end(), buffer_.data() + used_);
    used_ += bytes.size();
}

}  // namespace gavel::statemachine
