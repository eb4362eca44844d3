#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/json_canonical.h"
#include "api/json_schema.h"
#include "api/pattern.h"

// What the sources of JsonSchema share. Not for others.
namespace gavel::api {

enum class JsonType : std::uint8_t {
    null = 1,
    boolean = 2,
    integer = 4,
    number = 8,
    string = 16,
    array = 32,
    object = 64
};

// A schema within a schema. Others that it names belong to the whole, and may name it in turn.
struct JsonSchema::Node {
    using To = const Node*;

    std::optional<bool> constant{};  // The schemas true and false.
    To reference{};

    std::uint8_t types{};  // Of JsonType; 0: any.
    // Of the values allowed, as canonical() writes them.
    std::optional<std::set<std::string>> one_of_these{};
    std::optional<std::string> only_this{};

    std::optional<long double> minimum{}, maximum{}, above{}, below{};
    std::optional<Decimal> multiple_of{};
    std::string multiple_shown{};
    std::optional<std::uint64_t> length_min{}, length_max{};
    std::optional<Pattern> pattern{};

    std::optional<std::uint64_t> items_min{}, items_max{};
    bool unique_items{};
    std::vector<To> prefix_items{};
    To items{};  // Those behind the prefix.
    To contains{};
    std::uint64_t contains_min = 1;
    std::optional<std::uint64_t> contains_max{};

    std::optional<std::uint64_t> members_min{}, members_max{};
    std::vector<std::string> required{};
    std::map<std::string, To, std::less<>> members{};
    std::vector<std::pair<Pattern, To>> pattern_members{};
    To further_members{};
    To member_names{};
    std::map<std::string, std::vector<std::string>, std::less<>> required_with{};
    std::map<std::string, To, std::less<>> schema_with{};

    std::vector<To> all_of{}, any_of{}, exactly_one_of{};
    To none_of{};
    To condition{}, when_so{}, when_not_so{};

    // Those that judge the same value as this one does.
    std::vector<To> in_place() const;
};

}  // namespace gavel::api
