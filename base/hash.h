#pragma once

#include <cstdint>
#include <string_view>

namespace gavel {

// XXH3, 64 bits: fast and the same on every machine; not for secrets.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace gavel
