#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gavel::api {

// What makes `to` of `from`, as a JSON Patch (RFC 6902). None: one of them is not JSON that readers
// take alike (it has a member twice, or a number that 64 bits do not hold as it is written), or
// together they are larger than json_patch_bytes_max, or the patch is larger than its own bound:
// each operation states its whole path, so it can be many times as large as the values.
std::optional<std::string> json_patch(std::string_view from, std::string_view to);

inline constexpr std::size_t json_patch_bytes_max = 256 << 10;
inline constexpr std::size_t json_patch_size_max = 1 << 20;

}  // namespace gavel::api
