#pragma once

#include <cstdint>
#include <string_view>

namespace gavel {

// CRC-32C (Castagnoli; RFC 3720, section 12.1). `crc` is the result for the bytes before these, so
// that a checksum can be taken piece by piece.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

// The same without the processor's own instruction.
std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace gavel
