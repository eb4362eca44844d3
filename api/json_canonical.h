#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "api/names.h"

namespace gavel::api {

// The value that the text is; unfit when it has a member twice, which readers take differently, a
// number beyond those of 64 bits (1e400), or more than so many levels.
std::variant<nlohmann::json, Unfit> read_strictly(std::string_view text, std::size_t levels_max);

// Equal for equal values, in the sense of JSON Schema: 1 and 1.0 are the same number, and the order
// of members does not count. Of a number it is one as JSON has them, of the rest not.
// `before_bytes` is told how many bytes are to be written, piece by piece.
void write_canonical(const nlohmann::json& value, std::string& into,
                     const std::function<void(std::size_t)>& before_bytes = {});

}  // namespace gavel::api
