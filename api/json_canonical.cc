#include "api/json_canonical.h"

#include <cmath>
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

void write_canonical(const json& value, std::string& into) {
    if (value.is_object()) {
        into += '{';
        for (const auto& [name, member] : value.items()) {
            into += json(name).dump();
            into += ':';
            write_canonical(member, into);
            into += ',';
        }
        into += '}';
    } else if (value.is_array()) {
        into += '[';
        for (const auto& item : value) {
            write_canonical(item, into);
            into += ',';
        }
        into += ']';
    } else if (value.is_number_float()) {
        const double number = value.get<double>();
        constexpr double exact = 9007199254740992.0;  // Whole numbers below are all doubles.
        const bool whole = std::floor(number) == number && std::abs(number) < exact;
        into += whole ? std::to_string(static_cast<std::int64_t>(number)) : value.dump();
    } else {
        into += value.dump();
    }
}

}  // namespace gavel::api
