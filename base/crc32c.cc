#include "base/crc32c.h"

#include <array>
#include <cstring>

namespace gavel {
namespace {

// The remainder of each byte; the polynomial with its bits reversed, as the sum is kept.
constexpr std::array<std::uint32_t, 256> byte_remainders() {
    std::array<std::uint32_t, 256> remainders{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t sum = byte;
        for (int bit = 0; bit < 8; ++bit) sum = (sum & 1U) != 0 ? sum >> 1 ^ 0x82F63B78U : sum >> 1;
        remainders[byte] = sum;
    }
    return remainders;
}

#if defined(__x86_64__)
// The processor's own instruction: every frame and record passes here, on both ends.
__attribute__((target("sse4.2"))) std::uint32_t hardware(std::string_view bytes,
                                                         std::uint32_t crc) {
    std::uint64_t sum = crc ^ 0xFFFFFFFFU;
    while (bytes.size() >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), 8);
        sum = __builtin_ia32_crc32di(sum, word);
        bytes.remove_prefix(8);
    }
    auto tail = static_cast<std::uint32_t>(sum);
    for (const char byte : bytes) {
        tail = __builtin_ia32_crc32qi(tail, static_cast<unsigned char>(byte));
    }
    return tail ^ 0xFFFFFFFFU;
}
#endif

}  // namespace

std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t crc) {
    static constexpr auto remainders = byte_remainders();
    std::uint32_t sum = crc ^ 0xFFFFFFFFU;
    for (const char byte : bytes) {
        sum = sum >> 8 ^ remainders[(sum ^ static_cast<unsigned char>(byte)) & 0xFFU];
    }
    return sum ^ 0xFFFFFFFFU;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
#if defined(__x86_64__)
    static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
    if (has_instruction) return hardware(bytes, crc);
#endif
    return crc32c_portable(bytes, crc);
}

}  // namespace gavel
