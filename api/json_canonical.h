#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "api/names.h"

namespace gavel::api {

// The value that the text is; unfit when it has a member twice, which readers take differently, a
// number beyond those of 64 bits (1e400), or more than so many levels.
// `is_exact` is told whether every number survives: 0.1 does, for it is what the double nearest to
// it is written as, and 18446744073709551617 does not.
std::variant<nlohmann::json, Unfit> read_strictly(std::string_view text, std::size_t levels_max,
                                                  bool* is_exact = nullptr);

// What a number is as a decimal: digits * 10^exponent, or its negative. The digits end with no
// zero.
struct Decimal {
    std::uint64_t digits{};
    int exponent{};
};
Decimal decimal_of(const nlohmann::json& number);
// In whole numbers, as decimals are meant: 0.3 is a multiple of 0.1. `of` is not 0.
bool is_multiple(const Decimal& number, const Decimal& of);

// Equal for equal values, in the sense of JSON Schema: 1 and 1.0 are the same number, and the order
// of members does not count. Of a number it is one as JSON has them, of the rest not.
// `before_bytes` is told how many bytes are to be written, piece by piece.
void write_canonical(const nlohmann::json& value, std::string& into,
                     const std::function<void(std::size_t)>& before_bytes = {});

}  // namespace gavel::api
