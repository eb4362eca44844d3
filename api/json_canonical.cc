#include "api/json_canonical.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "api/json.h"

namespace gavel::api {

using nlohmann::json;

std::variant<json, Unfit> read_strictly(std::string_view text, std::size_t levels_max) {
    if (!is_json(text)) return Unfit{"is not JSON"};
    std::optional<Unfit> unfit;
    std::vector<std::set<std::string>> names;
    const auto look = [&](int depth, json::parse_event_t event, const json& parsed) {
        const auto level = static_cast<std::size_t>(depth);
        if (level >= levels_max && !unfit) {
            unfit = Unfit{"has more than " + std::to_string(levels_max) + " levels"};
        }
        if (unfit) return false;
        if (event == json::parse_event_t::object_start) {
            names.emplace_back();
        } else if (event == json::parse_event_t::object_end) {
            names.pop_back();
        } else if (event == json::parse_event_t::key) {
            const auto& name = parsed.get_ref<const std::string&>();
            if (!names.back().insert(name).second) {
                unfit = Unfit{"has a member twice in one object"};
            }
        }
        return true;
    };
    json value = json::parse(text, look, false);
    if (unfit) return *std::move(unfit);
    // Of JSON, numbers alone may be more than there is a value for.
    if (value.is_discarded()) return Unfit{"has a number out of range"};
    return value;
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

}  // namespace gavel::api
