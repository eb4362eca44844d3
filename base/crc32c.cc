#include "base/crc32c.h"

#include <boost/crc.hpp>
#include <cstring>

namespace gavel {
namespace {

std::uint32_t portable(std::string_view bytes, std::uint32_t crc) {
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> sum(crc ^ 0xFFFFFFFFU);
    sum.process_bytes(bytes.data(), bytes.size());
    return sum.checksum();
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

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
#if defined(__x86_64__)
    static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
    if (has_instruction) return hardware(bytes, crc);
#endif
    return portable(bytes, crc);
}

}  // namespace gavel
