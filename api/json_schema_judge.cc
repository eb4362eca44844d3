// JsonSchema: how values are judged.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <variant>

#include "api/json_canonical.h"
#include "api/json_schema_node.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using Node = JsonSchema::Node;
using Reason = JsonSchema::Reason;

constexpr std::uint64_t effort_per_byte = 4;  // To read the value.
constexpr unsigned deep_max = 512;

struct TooMuch {
    std::string_view why{};
};

std::uint64_t length_of(const std::string& text) {
    return static_cast<std::uint64_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::uint8_t types_of(const json& value) {
    const auto bit = [](JsonType type) { return static_cast<std::uint8_t>(type); };
    if (value.is_null()) return bit(JsonType::null);
    if (value.is_boolean()) return bit(JsonType::boolean);
    if (value.is_string()) return bit(JsonType::string);
    if (value.is_array()) return bit(JsonType::array);
    if (value.is_object()) return bit(JsonType::object);
    const bool whole =
        value.is_number_integer() || std::floor(value.get<double>()) == value.get<double>();
    return static_cast<std::uint8_t>(bit(JsonType::number) | (whole ? bit(JsonType::integer) : 0U));
}

std::string names_of(std::uint8_t types) {
    constexpr const char* names[] = {"null",   "boolean", "integer", "number",
                                     "string", "array",   "object"};
    std::string text;
    for (unsigned bit = 0; bit < 7; ++bit) {
        if ((types >> bit & 1U) != 0)
            text += (text.empty() ? "" : " or ") + std::string(names[bit]);
    }
    return text;
}

// Names may be as long as a value.
constexpr std::size_t shown_max = 500;
std::string shortened(const std::string& text) {
    if (text.size() <= shown_max) return text;
    std::size_t end = shown_max;
    while ((static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return text.substr(0, end) + "…";
}

std::string shown(long double number) {
    std::string text;
    write_canonical(json(static_cast<double>(number)), text);
    return text;
}

class Judge {
public:
    explicit Judge(Effort& effort) : effort_(effort) {}

    std::vector<Reason> judge(const Node& root, const json& value) {
        try {
            fits(root, value, true);
        } catch (const TooMuch& end) {
            reasons_.insert(reasons_.begin(), Reason{"", std::string(end.why)});
            if (reasons_.size() > JsonSchema::reasons_max) reasons_.pop_back();
        }
        return std::move(reasons_);
    }

private:
    // Goes down one level of the value, or one schema.
    class Deeper {
    public:
        explicit Deeper(Judge& judge) : judge_(judge) {
            if (++judge_.deep_ > deep_max) throw TooMuch{"the schema or the value goes too deep"};
        }
        ~Deeper() { --judge_.deep_; }
        Deeper(const Deeper&) = delete;
        Deeper& operator=(const Deeper&) = delete;

    private:
        Judge& judge_;
    };

    void spend(std::uint64_t effort) {
        if (!effort_.spend(effort)) throw TooMuch{too_much_effort};
    }

    // `tells`: what does not fit is to be told, and not just asked.
    bool fits(const Node& node, const json& value, bool tells) {
        const Deeper deeper(*this);
        spend(10);
        if (node.constant) return *node.constant || no(tells, "nothing is allowed here");
        bool good = fits_itself(node, value, tells);
        // With as many reasons as are told, or none to tell, the first is enough.
        const auto goes_on = [&] { return good || (tells && !has_told_all()); };
        if (goes_on() && value.is_number()) good &= fits_number(node, value, tells);
        if (goes_on() && value.is_string()) {
            good &= fits_text(node, value.get_ref<const std::string&>(), tells);
        }
        if (goes_on() && value.is_array()) good &= fits_array(node, value, tells);
        if (goes_on() && value.is_object()) good &= fits_object(node, value, tells);
        if (goes_on()) good &= fits_others(node, value, tells);
        return good;
    }

    bool fits_itself(const Node& node, const json& value, bool tells) {
        if (node.types != 0 && (types_of(value) & node.types) == 0) {
            return no(tells, [&] { return "is not " + names_of(node.types); });
        }
        if (!node.one_of_these && !node.only_this) return true;
        const std::string& canonical = canonical_of(value);
        const bool allowed = (!node.one_of_these || node.one_of_these->contains(canonical)) &&
                             (!node.only_this || *node.only_this == canonical);
        return allowed || no(tells, "is none of the values allowed");
    }

    // Written once, however many ask. The value stays where it is.
    const std::string& canonical_of(const json& value) {
        const auto [at, fresh] = canonical_.try_emplace(&value);
        if (fresh) {
            spend(20);
            write_canonical(value, at->second, [this](std::size_t bytes) { spend(2 + bytes); });
        }
        spend(10 + at->second.size() / 16);
        return at->second;
    }

    bool fits_number(const Node& node, const json& value, bool tells) {
        const auto number = value.get<long double>();
        bool good = true;
        if (node.minimum && number < *node.minimum) {
            good = no(tells, [&] { return "is less than " + shown(*node.minimum); });
        }
        if (node.maximum && number > *node.maximum) {
            good = no(tells, [&] { return "is more than " + shown(*node.maximum); });
        }
        if (node.above && number <= *node.above) {
            good = no(tells, [&] { return "is not more than " + shown(*node.above); });
        }
        if (node.below && number >= *node.below) {
            good = no(tells, [&] { return "is not less than " + shown(*node.below); });
        }
        if (node.multiple_of) {
            spend(30);
            if (!is_multiple(decimal_of(value), *node.multiple_of)) {
                good = no(tells, [&] { return "is no multiple of " + node.multiple_shown; });
            }
        }
        return good;
    }

    bool fits_text(const Node& node, const std::string& text, bool tells) {
        spend(text.size() / 16);
        bool good = true;
        if (node.length_min || node.length_max) {
            const std::uint64_t length = length_of(text);
            if (node.length_min && length < *node.length_min) {
                good = no(tells,
                          [&] { return "is shorter than " + std::to_string(*node.length_min); });
            }
            if (node.length_max && length > *node.length_max) {
                good =
                    no(tells, [&] { return "is longer than " + std::to_string(*node.length_max); });
            }
        }
        if (node.pattern && !is_found(*node.pattern, text)) {
            good = no(tells, "does not match the pattern");
        }
        return good;
    }

    bool is_found(const Pattern& pattern, const std::string& text) {
        spend(2 * (text.size() + 1) * pattern.price());
        return pattern.is_found_in(text);
    }

    bool fits_array(const Node& node, const json& value, bool tells) {
        const std::uint64_t size = value.size();
        bool good = true;
        if (node.items_min && size < *node.items_min) {
            good = no(tells,
                      [&] { return "has fewer items than " + std::to_string(*node.items_min); });
        }
        if (node.items_max && size > *node.items_max) {
            good =
                no(tells, [&] { return "has more items than " + std::to_string(*node.items_max); });
        }
        for (std::size_t i = 0; i < size && (good || (tells && !has_told_all())); ++i) {
            const bool in_prefix = i < node.prefix_items.size();
            const Node::To to = in_prefix ? node.prefix_items[i] : node.items;
            if (to == nullptr) break;
            good &= fits_at(*to, value[i], {.index = i}, tells);
        }
        if (node.unique_items) good &= has_no_item_twice(value, tells);
        if (node.contains != nullptr) good &= contains_enough(node, value, tells);
        return good;
    }

    bool has_no_item_twice(const json& value, bool tells) {
        std::set<std::string_view> seen;
        for (std::size_t i = 0; i < value.size(); ++i) {
            spend(20);
            if (!seen.insert(canonical_of(value[i])).second) {
                return no(tells, [&] {
                    return "has an item twice, the second time at " + std::to_string(i);
                });
            }
        }
        return true;
    }

    bool contains_enough(const Node& node, const json& value, bool tells) {
        std::uint64_t count = 0;
        for (const auto& item : value) count += fits(*node.contains, item, false) ? 1U : 0U;
        if (count < node.contains_min) return no(tells, "does not contain what it has to");
        const bool many = node.contains_max && count > *node.contains_max;
        return !many || no(tells, "contains too many of what it may");
    }

    bool fits_object(const Node& node, const json& value, bool tells) {
        const std::uint64_t size = value.size();
        bool good = true;
        if (node.members_min && size < *node.members_min) {
            good = no(tells, [&] {
                return "has fewer members than " + std::to_string(*node.members_min);
            });
        }
        if (node.members_max && size > *node.members_max) {
            good = no(tells,
                      [&] { return "has more members than " + std::to_string(*node.members_max); });
        }
        const auto goes_on = [&] { return good || (tells && !has_told_all()); };
        for (const auto& name : node.required) {
            if (!goes_on()) break;
            if (!has(value, name)) {
                good = no(tells, [&] { return "lacks the member '" + name + "'"; });
            }
        }
        for (const auto& [name, needed] : node.required_with) {
            if (!goes_on()) break;
            if (has(value, name)) good &= has_with(value, name, needed, tells);
        }
        for (const auto& [name, member] : value.get_ref<const json::object_t&>()) {
            if (!goes_on()) break;
            good &= fits_member(node, name, member, tells);
        }
        return good;
    }

    // Every look is paid for, also where there is nothing.
    bool has(const json& object, const std::string& name) {
        spend(5 + name.size() / 16);
        return object.contains(name);
    }

    bool has_with(const json& value, const std::string& name,
                  const std::vector<std::string>& needed, bool tells) {
        bool good = true;
        for (const auto& other : needed) {
            if (has(value, other)) continue;
            good = no(tells, [&] { return "has '" + name + "', and then lacks '" + other + "'"; });
            if (!tells || has_told_all()) break;
        }
        return good;
    }

    bool fits_member(const Node& node, const std::string& name, const json& member, bool tells) {
        spend(10 + name.size() / 8);
        bool good = true;
        bool known = false;
        if (const auto at = node.members.find(name); at != node.members.end()) {
            known = true;
            good &= fits_at(*at->second, member, {.name = &name}, tells);
        }
        for (const auto& [pattern, to] : node.pattern_members) {
            if (!is_found(pattern, name)) continue;
            known = true;
            good &= fits_at(*to, member, {.name = &name}, tells);
        }
        if (!known && node.further_members != nullptr) {
            const auto only = node.further_members->constant;
            if (only == false) {
                good =
                    no(tells, [&] { return "has a member that it may not have: " + quoted(name); });
            } else {
                good &= fits_at(*node.further_members, member, {.name = &name}, tells);
            }
        }
        if (node.member_names != nullptr && !fits(*node.member_names, as_value(name), false)) {
            good = no(tells,
                      [&] { return "has a member whose name is not allowed: " + quoted(name); });
        }
        return good;
    }

    static std::string quoted(const std::string& text) { return "'" + text + "'"; }

    // The name of a member, which stays where it is.
    const json& as_value(const std::string& name) {
        const auto [at, fresh] = names_.try_emplace(&name);
        if (fresh) at->second = name;
        return at->second;
    }

    bool fits_others(const Node& node, const json& value, bool tells) {
        bool good = true;
        if (node.reference != nullptr) good &= fits(*node.reference, value, tells);
        for (const Node::To to : node.all_of) good &= fits(*to, value, tells);
        if (!node.any_of.empty()) {
            const bool any = std::ranges::any_of(
                node.any_of, [&](Node::To to) { return fits(*to, value, false); });
            if (!any) good = no(tells, "fits none of the schemas of anyOf");
        }
        if (!node.exactly_one_of.empty()) {
            const auto count = std::ranges::count_if(
                node.exactly_one_of, [&](Node::To to) { return fits(*to, value, false); });
            if (count == 0) good = no(tells, "fits none of the schemas of oneOf");
            if (count > 1) good = no(tells, "fits more than one of the schemas of oneOf");
        }
        if (node.none_of != nullptr && fits(*node.none_of, value, false)) {
            good = no(tells, "fits what it must not fit");
        }
        if (node.condition != nullptr) {
            const Node::To then =
                fits(*node.condition, value, false) ? node.when_so : node.when_not_so;
            if (then != nullptr) good &= fits(*then, value, tells);
        }
        if (value.is_object()) {
            for (const auto& [name, to] : node.schema_with) {
                if (has(value, name)) good &= fits(*to, value, tells);
            }
        }
        return good;
    }

    // A level of the way into the value: a member of an object, or an item.
    struct Step {
        const std::string* name{};
        std::size_t index{};
    };

    bool fits_at(const Node& node, const json& value, const Step& step, bool tells) {
        way_.push_back(step);
        const bool good = fits(node, value, tells);
        way_.pop_back();
        return good;
    }

    std::string pointer() const {
        std::string text;
        for (const Step& step : way_) {
            text += '/';
            if (step.name == nullptr) {
                text += std::to_string(step.index);
                continue;
            }
            // More would not be shown.
            for (const char c : std::string_view(*step.name).substr(0, shown_max + 1))
                text += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
        }
        return shortened(text);
    }

    // Always false, so that it may stand for the answer. `why` is a text, or makes one.
    template <class Why>
    bool no(bool tells, const Why& why) {
        if (!tells || has_told_all()) return false;
        if constexpr (std::is_invocable_v<const Why&>) {
            reasons_.push_back({pointer(), shortened(why())});
        } else {
            reasons_.push_back({pointer(), why});
        }
        return false;
    }
    bool has_told_all() const { return reasons_.size() >= JsonSchema::reasons_max; }

    Effort& effort_;
    std::vector<Reason> reasons_;
    std::vector<Step> way_;
    std::unordered_map<const json*, std::string> canonical_;
    std::unordered_map<const std::string*, json> names_;
    unsigned deep_ = 0;
};

}  // namespace

std::vector<JsonSchema::Reason> JsonSchema::judge(std::string_view value, Effort& effort) const {
    if (!effort.spend(value.size() * effort_per_byte)) return {{"", std::string(too_much_effort)}};
    const auto read = read_strictly(value, levels_max);
    if (const auto* unfit = std::get_if<Unfit>(&read)) return {{"", unfit->why}};
    return Judge(effort).judge(*nodes_->front(), std::get<json>(read));
}

}  // namespace gavel::api
