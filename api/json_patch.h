#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gavel::api {

// What makes `to` of `from`, as a JSON Patch (RFC 6902). None: one of them is not JSON, or together
// they are larger than json_patch_bytes_max.
std::optional<std::string> json_patch(std::string_view from, std::string_view to);

// A patch can be many times as large as the values: an operation for each element of an array.
inline constexpr std::size_t json_patch_bytes_max = 256 << 10;

}  // namespace gavel::api
