#include "api/json_canonical.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/json.h"
#include "base/invariant.h"

namespace gavel::api {

using nlohmann::json;

namespace {

struct Digits {
    std::string digits{};  // Neither begins nor ends with a zero; empty: the number is 0.
    std::int64_t exponent{};
    bool operator==(const Digits&) const = default;
};

// Of a number as JSON or std::to_chars writes it, without its sign.
Digits digits_of(std::string_view text) {
    if (text.starts_with('-')) text.remove_prefix(1);
    const auto e = text.find_first_of("eE");
    Digits number{.digits = std::string(text.substr(0, e))};
    if (e != std::string_view::npos) {
        auto exponent = text.substr(e + 1);
        if (exponent.starts_with('+')) exponent.remove_prefix(1);
        const auto read =
            std::from_chars(exponent.data(), exponent.data() + exponent.size(), number.exponent);
        // Further than any that is written here.
        constexpr std::int64_t far = 1'000'000'000;
        if (read.ec != std::errc()) number.exponent = far;
        number.exponent = std::clamp(number.exponent, -far, far);
    }
    auto& digits = number.digits;
    const auto point = digits.find('.');
    if (point != std::string::npos) {
        number.exponent -= static_cast<std::int64_t>(digits.size() - point - 1);
        digits.erase(point, 1);
    }
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    while (digits.ends_with('0')) {
        digits.pop_back();
        ++number.exponent;
    }
    if (digits.empty()) number.exponent = 0;
    return number;
}

// As few digits as tell it from all others.
std::string shortest(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

bool survives(double value, const std::string& literal) {
    return digits_of(literal) == digits_of(shortest(value));
}

// Builds the value as the parser goes. That of the library looks, with each object that ends,
// through all that its parent has so far.
class StrictReader {
public:
    explicit StrictReader(std::size_t levels_max) : levels_max_(levels_max) {}

    bool null() { return add(nullptr); }
    bool boolean(bool value) { return add(value); }
    bool number_integer(std::int64_t value) { return add(value); }
    bool number_unsigned(std::uint64_t value) { return add(value); }
    bool number_float(double value, const std::string& literal) {
        if (is_exact_ && !survives(value, literal)) is_exact_ = false;
        return add(value);
    }
    bool string(std::string& value) { return add(std::move(value)); }
    bool binary(json::binary_t&) { return false; }
    bool start_object(std::size_t) { return begin(json::object()); }
    bool start_array(std::size_t) { return begin(json::array()); }
    bool end_object() { return end(); }
    bool end_array() { return end(); }
    bool key(std::string& name) {
        const auto [at, fresh] =
            open_.back()->get_ref<json::object_t&>().try_emplace(std::move(name));
        member_ = &at->second;
        return fresh || is_unfit("has a member twice in one object");
    }
    // Of JSON, numbers alone may be more than there is a value for.
    bool parse_error(std::size_t, const std::string&, const json::exception&) {
        return is_unfit("has a number out of range");
    }

    bool is_exact() const { return is_exact_; }
    std::variant<json, Unfit> take() {
        if (unfit_) return *std::move(unfit_);
        return std::move(root_);
    }

private:
    bool is_unfit(std::string why) {
        unfit_ = Unfit{std::move(why)};
        return false;
    }
    template <class Value>
    bool add(Value&& value) {
        put(std::forward<Value>(value));
        return true;
    }
    template <class Value>
    json& put(Value&& value) {
        if (open_.empty()) return root_ = std::forward<Value>(value);
        if (open_.back()->is_object()) return *member_ = std::forward<Value>(value);
        return open_.back()->emplace_back(std::forward<Value>(value));
    }
    bool begin(json empty) {
        if (open_.size() >= levels_max_) {
            return is_unfit("has more than " + std::to_string(levels_max_) + " levels");
        }
        open_.push_back(&put(std::move(empty)));
        return true;
    }
    bool end() {
        open_.pop_back();
        return true;
    }

    std::size_t levels_max_;
    json root_;
    std::vector<json*> open_;  // From the root to where it reads: each in the one before it.
    json* member_{};           // Whose name was read last.
    std::optional<Unfit> unfit_;
    bool is_exact_ = true;
};

}  // namespace

std::variant<json, Unfit> read_strictly(std::string_view text, std::size_t levels_max,
                                        bool* is_exact) {
    if (!is_json(text)) return Unfit{"is not JSON"};
    StrictReader reader(levels_max);
    json::sax_parse(text, &reader);
    if (is_exact != nullptr) *is_exact = reader.is_exact();
    return reader.take();
}

namespace {

class CanonicalWriter {
public:
    CanonicalWriter(std::string& into, const std::function<void(std::size_t)>& before_bytes)
        : into_(into), before_bytes_(before_bytes) {}

    void value(const json& value) {
        switch (value.type()) {
            case json::value_t::object:
                add("{");
                for (const auto& [name, member] : value.get_ref<const json::object_t&>()) {
                    text(name);
                    this->value(member);
                }
                return add("}");
            case json::value_t::array:
                add("[");
                for (const auto& item : value) {
                    this->value(item);
                    add(",");
                }
                return add("]");
            case json::value_t::string:
                return text(value.get_ref<const std::string&>());
            case json::value_t::boolean:
                return add(value.get<bool>() ? "true" : "false");
            case json::value_t::number_integer:
                return number(value.get<std::int64_t>());
            case json::value_t::number_unsigned:
                return number(value.get<std::uint64_t>());
            case json::value_t::number_float:
                return number(value.get<double>());
            default:
                return add("null");
        }
    }

private:
    void add(std::string_view bytes) {
        if (before_bytes_) before_bytes_(bytes.size());
        into_ += bytes;
    }
    // The length says where it ends.
    void text(const std::string& text) {
        add('"' + std::to_string(text.size()) + ':');
        add(text);
    }
    template <class Number>
    void number(Number number) {
        char digits[32];
        const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
        add({digits, end});
    }
    // Whole ones as the integers that they are: a reader takes 1e17 for the one, and
    // 100000000000000000 for the other.
    void number(double number) {
        constexpr double from = -9223372036854775808.0, to = 18446744073709551616.0;
        if (std::floor(number) != number || number < from || number >= to) {
            return this->number<double>(number);
        }
        if (number < 0) return this->number(static_cast<std::int64_t>(number));
        this->number(static_cast<std::uint64_t>(number));
    }

    std::string& into_;
    const std::function<void(std::size_t)>& before_bytes_;
};

}  // namespace

void write_canonical(const json& value, std::string& into,
                     const std::function<void(std::size_t)>& before_bytes) {
    CanonicalWriter(into, before_bytes).value(value);
}

Decimal decimal_of(const json& number) {
    std::string text;
    if (number.is_number_float()) {
        // At most 17 digits, which fit. Large ones may be shortest with all their digits, and then
        // more than an integer holds.
        std::array<char, 32> room{};
        const auto [end, error] =
            std::to_chars(room.data(), room.data() + room.size(), number.get<double>(),
                          std::chars_format::scientific);
        invariant(error == std::errc{}, "a number has at most 24 characters");
        text.assign(room.data(), end);
    } else if (number.is_number_unsigned()) {
        text = std::to_string(number.get<std::uint64_t>());
    } else {
        text = std::to_string(number.get<std::int64_t>());
    }
    const auto [digits, exponent] = digits_of(text);
    Decimal decimal{.exponent = static_cast<int>(exponent)};
    std::from_chars(digits.data(), digits.data() + digits.size(), decimal.digits);
    return decimal;
}

namespace {

__extension__ typedef unsigned __int128 Wide;

}  // namespace

bool is_multiple(const Decimal& number, const Decimal& of) {
    if (number.digits == 0) return true;
    if (of.digits == 0) return false;
    // Without a zero at its end, it is no multiple of ten.
    if (number.exponent < of.exponent) return false;
    Wide rest = number.digits % of.digits;
    Wide power = 10 % of.digits;
    for (auto more = static_cast<unsigned>(number.exponent - of.exponent); more != 0; more >>= 1U) {
        if ((more & 1U) != 0) rest = rest * power % of.digits;
        power = power * power % of.digits;
    }
    return rest == 0;
}

}  // namespace gavel::api
