// JsonSchema: how it is read. What cannot be held to is refused here, once, and not noticed with
// the first value.

#include "api/json_schema.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <variant>

#include "api/json_canonical.h"
#include "api/json_schema_node.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using Node = JsonSchema::Node;

enum class Draft : std::uint8_t { seven, twenty };

// What says nothing of the value.
constexpr std::array annotations{
    "$comment", "title",     "description", "default",         "examples",         "deprecated",
    "readOnly", "writeOnly", "format",      "contentEncoding", "contentMediaType", "contentSchema"};
constexpr std::array only_in_seven{"additionalItems", "dependencies"};
constexpr std::array only_in_twenty{"prefixItems", "minContains", "maxContains",
                                    "dependentRequired", "dependentSchemas"};

template <class List>
bool lists(const List& list, std::string_view name) {
    return std::ranges::any_of(list, [&](const char* each) { return name == each; });
}

std::string escaped(std::string_view name) {
    std::string text;
    for (const char c : name) {
        if (c == '~') {
            text += "~0";
        } else if (c == '/') {
            text += "~1";
        } else {
            text += c;
        }
    }
    return text;
}

constexpr std::size_t step_bytes = 16;  // Of a pattern, at most.

struct Refusal {
    std::string why{};
};

class Compiler {
public:
    explicit Compiler(const json& root) : root_(root) {}

    std::size_t size() const { return size_; }

    std::vector<std::unique_ptr<Node>> compile() {
        read_draft();
        compile_at(root_, "", 0);
        for (std::size_t i = 0; i < references_.size(); ++i) {
            const Reference reference = references_[i];
            reference.from->reference = compile_at(*reference.to, reference.at, 0);
        }
        refuse_circles();
        return std::move(nodes_);
    }

private:
    [[noreturn]] static void refuse(const std::string& at, const std::string& why) {
        throw Refusal{(at.empty() ? std::string("the schema") : "at '" + at + "' the schema") +
                      ' ' + why};
    }

    void grow(std::size_t size) {
        size_ += size;
        if (size_ > JsonSchema::size_max) {
            refuse("", "is too large: there are more than " + std::to_string(JsonSchema::size_max) +
                           " schemas in it and steps of patterns");
        }
    }

    void read_draft() {
        if (!root_.is_object() || !root_.contains("$schema")) return;
        const auto& named = root_.at("$schema");
        std::string name = named.is_string() ? named.get<std::string>() : std::string();
        if (name.ends_with('#')) name.pop_back();
        if (name.starts_with("https://")) name.erase(4, 1);
        if (name == "http://json-schema.org/draft-07/schema") {
            draft_ = Draft::seven;
        } else if (name != "http://json-schema.org/draft/2020-12/schema") {
            refuse("", "names a $schema that is not known here; there are draft-07 and 2020-12");
        }
    }

    Node::To compile_at(const json& schema, const std::string& at, std::size_t level) {
        if (level > JsonSchema::levels_max) refuse(at, "is nested too deeply");
        const auto known = by_place_.find(&schema);
        if (known != by_place_.end()) return known->second;
        nodes_.push_back(std::make_unique<Node>());
        Node& node = *nodes_.back();
        by_place_.emplace(&schema, &node);  // First: it may refer to itself.
        grow(1);
        if (schema.is_boolean()) {
            node.constant = schema.get<bool>();
            return &node;
        }
        if (!schema.is_object()) refuse(at, "is neither an object nor true or false");
        for (const auto& [keyword, value] : schema.items()) {
            const std::string place = at + '/' + escaped(keyword);
            if (lists(annotations, keyword) || keyword.starts_with("x-")) continue;
            if (!read_structure(node, schema, keyword, value, place, level) &&
                !read_value_keyword(node, keyword, value, place) &&
                !read_array_keyword(node, schema, keyword, value, place, level) &&
                !read_object_keyword(node, keyword, value, place, level)) {
                refuse(place, "has a keyword that is not known here");
            }
        }
        return &node;
    }

    // References, definitions, and what puts schemas together.
    bool read_structure(Node& node, const json& schema, const std::string& keyword,
                        const json& value, const std::string& at, std::size_t level) {
        const auto sub = [&](Node::To& into) {
            into = compile_at(value, at, level + 1);
            return true;
        };
        if (keyword == "$ref") {
            if (draft_ == Draft::seven) refuse_siblings(schema, at);
            resolve(node, value, at);
            return true;
        }
        if (keyword == "$schema" || keyword == "$id") {
            if (&schema != &root_) refuse(at, "is named anew; $schema and $id stand at its root");
            return true;
        }
        if (keyword == "$defs" || keyword == "definitions") {
            if (!value.is_object()) refuse(at, "has no object here");
            for (const auto& [name, each] : value.items()) {
                compile_at(each, at + '/' + escaped(name), level + 1);
            }
            return true;
        }
        if (keyword == "allOf") return schemas(value, at, level, node.all_of);
        if (keyword == "anyOf") return schemas(value, at, level, node.any_of);
        if (keyword == "oneOf") return schemas(value, at, level, node.exactly_one_of);
        if (keyword == "not") return sub(node.none_of);
        if (keyword == "if") return sub(node.condition);
        if (keyword == "then") return sub(node.when_so);
        if (keyword == "else") return sub(node.when_not_so);
        return false;
    }

    bool read_value_keyword(Node& node, const std::string& keyword, const json& value,
                            const std::string& at) {
        if (keyword == "type") {
            read_types(node, value, at);
        } else if (keyword == "enum") {
            if (!value.is_array()) refuse(at, "has no list here");
            for (const auto& each : value) allow(node, each);
            if (!node.one_of_these) node.one_of_these.emplace();
        } else if (keyword == "const") {
            write_canonical(value, node.only_this.emplace());
        } else if (keyword == "minimum") {
            node.minimum = number(value, at);
        } else if (keyword == "maximum") {
            node.maximum = number(value, at);
        } else if (keyword == "exclusiveMinimum") {
            node.above = number(value, at);
        } else if (keyword == "exclusiveMaximum") {
            node.below = number(value, at);
        } else if (keyword == "multipleOf") {
            if (number(value, at) <= 0) refuse(at, "has no number above 0 here");
            node.multiple_of = decimal_of(value);
            if (node.multiple_of->digits == 0) refuse(at, "has no number above 0 here");
            write_canonical(value, node.multiple_shown);
        } else if (keyword == "minLength") {
            node.length_min = count(value, at);
        } else if (keyword == "maxLength") {
            node.length_max = count(value, at);
        } else if (keyword == "pattern") {
            node.pattern = pattern(text(value, at), at);
        } else {
            return false;
        }
        return true;
    }

    bool read_array_keyword(Node& node, const json& schema, const std::string& keyword,
                            const json& value, const std::string& at, std::size_t level) {
        if (keyword == "items") {
            if (!value.is_array()) {
                node.items = compile_at(value, at, level + 1);
            } else if (draft_ == Draft::twenty) {
                refuse(at, "has a list here, which 2020-12 calls prefixItems");
            } else {
                schemas(value, at, level, node.prefix_items);
            }
        } else if (keyword == "additionalItems") {
            refuse_of_other_draft(keyword, at);
            // Without a list of items it says nothing.
            const bool tuple = schema.contains("items") && schema.at("items").is_array();
            const Node::To to = compile_at(value, at, level + 1);
            if (tuple) node.items = to;
        } else if (keyword == "prefixItems") {
            refuse_of_other_draft(keyword, at);
            schemas(value, at, level, node.prefix_items);
        } else if (keyword == "minItems") {
            node.items_min = count(value, at);
        } else if (keyword == "maxItems") {
            node.items_max = count(value, at);
        } else if (keyword == "uniqueItems") {
            if (!value.is_boolean()) refuse(at, "has neither true nor false here");
            node.unique_items = value.get<bool>();
        } else if (keyword == "contains") {
            node.contains = compile_at(value, at, level + 1);
        } else if (keyword == "minContains") {
            refuse_of_other_draft(keyword, at);
            node.contains_min = count(value, at);
        } else if (keyword == "maxContains") {
            refuse_of_other_draft(keyword, at);
            node.contains_max = count(value, at);
        } else {
            return false;
        }
        return true;
    }

    bool read_object_keyword(Node& node, const std::string& keyword, const json& value,
                             const std::string& at, std::size_t level) {
        if (keyword == "properties") {
            each_member(value, at,
                        [&](const std::string& name, const json& each, const std::string& place) {
                            node.members[name] = compile_at(each, place, level + 1);
                        });
        } else if (keyword == "patternProperties") {
            each_member(value, at,
                        [&](const std::string& name, const json& each, const std::string& place) {
                            node.pattern_members.emplace_back(pattern(name, place),
                                                              compile_at(each, place, level + 1));
                        });
        } else if (keyword == "additionalProperties") {
            node.further_members = compile_at(value, at, level + 1);
        } else if (keyword == "propertyNames") {
            node.member_names = compile_at(value, at, level + 1);
        } else if (keyword == "required") {
            node.required = texts(value, at);
        } else if (keyword == "minProperties") {
            node.members_min = count(value, at);
        } else if (keyword == "maxProperties") {
            node.members_max = count(value, at);
        } else if (keyword == "dependentRequired" || keyword == "dependentSchemas" ||
                   keyword == "dependencies") {
            refuse_of_other_draft(keyword, at);
            each_member(value, at,
                        [&](const std::string& name, const json& each, const std::string& place) {
                            const bool names = keyword == "dependentRequired" ||
                                               (keyword == "dependencies" && each.is_array());
                            if (names) {
                                node.required_with[name] = texts(each, place);
                            } else {
                                node.schema_with[name] = compile_at(each, place, level + 1);
                            }
                        });
        } else {
            return false;
        }
        return true;
    }

    void refuse_of_other_draft(const std::string& keyword, const std::string& at) const {
        if (draft_ == Draft::twenty && lists(only_in_seven, keyword)) {
            refuse(at, "has a keyword that 2020-12 has not: " +
                           std::string(keyword == "dependencies"
                                           ? "it has dependentRequired and dependentSchemas"
                                           : "it has prefixItems and items"));
        }
        if (draft_ == Draft::seven && lists(only_in_twenty, keyword)) {
            refuse(at, "has a keyword that draft-07 has not");
        }
    }

    // Draft-07 does not look at what stands beside a reference. Who wrote it there believes that it
    // counts.
    static void refuse_siblings(const json& schema, const std::string& at) {
        for (const auto& [keyword, value] : schema.items()) {
            const bool harmless = keyword.starts_with('$') || keyword == "definitions" ||
                                  lists(annotations, keyword) || keyword.starts_with("x-");
            if (!harmless) refuse(at, "has '" + keyword + "' beside it, which draft-07 ignores");
        }
    }

    // Only places within the schema: nothing is fetched from anywhere.
    void resolve(Node& node, const json& value, const std::string& at) {
        const std::string to = text(value, at);
        if (!to.starts_with('#') || (to.size() > 1 && to[1] != '/')) {
            refuse(at, "refers to '" + to + "'; here a reference is # and a JSON pointer");
        }
        const std::string place = percent_decode(std::string_view(to).substr(1)).value_or("?");
        try {
            references_.push_back({&node, &root_.at(json::json_pointer(place)), place});
        } catch (const json::exception&) {
            refuse(at, "refers to '" + to + "', and there is nothing");
        }
    }

    bool schemas(const json& value, const std::string& at, std::size_t level,
                 std::vector<Node::To>& into) {
        if (!value.is_array() || value.empty()) refuse(at, "has no list of schemas here");
        for (std::size_t i = 0; i < value.size(); ++i) {
            into.push_back(compile_at(value[i], at + '/' + std::to_string(i), level + 1));
        }
        return true;
    }

    template <class Each>
    static void each_member(const json& value, const std::string& at, Each each) {
        if (!value.is_object()) refuse(at, "has no object here");
        for (const auto& [name, member] : value.items()) {
            each(name, member, at + '/' + escaped(name));
        }
    }

    static void allow(Node& node, const json& value) {
        std::string one;
        write_canonical(value, one);
        if (!node.one_of_these) node.one_of_these.emplace();
        node.one_of_these->insert(std::move(one));
    }

    static void read_types(Node& node, const json& value, const std::string& at) {
        struct Name {
            const char* name{};
            JsonType type{};
        };
        constexpr std::array<Name, 7> names{{{"null", JsonType::null},
                                             {"boolean", JsonType::boolean},
                                             {"integer", JsonType::integer},
                                             {"number", JsonType::number},
                                             {"string", JsonType::string},
                                             {"array", JsonType::array},
                                             {"object", JsonType::object}}};
        const json list = value.is_array() ? value : json::array({value});
        if (list.empty()) refuse(at, "has no type here");
        for (const auto& each : list) {
            const auto found =
                std::ranges::find_if(names, [&](const Name& name) { return each == name.name; });
            if (found == names.end()) refuse(at, "has a type that JSON has not");
            node.types = static_cast<std::uint8_t>(node.types | static_cast<unsigned>(found->type));
        }
    }

    static long double number(const json& value, const std::string& at) {
        if (!value.is_number()) refuse(at, "has no number here");
        return value.get<long double>();
    }
    static std::uint64_t count(const json& value, const std::string& at) {
        const long double given = number(value, at);
        if (given < 0 || given > 9007199254740991.0L || std::floor(given) != given) {
            refuse(at, "has no whole number from 0 on here");
        }
        return static_cast<std::uint64_t>(given);
    }
    static std::string text(const json& value, const std::string& at) {
        if (!value.is_string()) refuse(at, "has no text here");
        return value.get<std::string>();
    }
    static std::vector<std::string> texts(const json& value, const std::string& at) {
        if (!value.is_array()) refuse(at, "has no list here");
        std::vector<std::string> all;
        for (const auto& each : value) all.push_back(text(each, at));
        return all;
    }
    Pattern pattern(const std::string& text, const std::string& at) {
        auto compiled = Pattern::compile(text);
        if (!compiled) refuse(at, "has a pattern that " + compiled.error().why);
        grow(compiled->size());
        return *std::move(compiled);
    }

    // A schema that asks about the same value whether it fits that very schema has no answer.
    void refuse_circles() const {
        std::map<Node::To, bool> done;  // False: on the way.
        const std::function<void(Node::To)> visit = [&](Node::To node) {
            const auto [at, fresh] = done.emplace(node, false);
            if (!fresh && at->second) return;
            if (!fresh) refuse("", "refers in a circle to itself, without going down the value");
            for (const Node::To next : node->in_place()) visit(next);
            done[node] = true;
        };
        for (const auto& node : nodes_) visit(node.get());
    }

    const json& root_;
    std::size_t size_ = 0;
    Draft draft_ = Draft::twenty;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::map<const json*, Node::To> by_place_;
    struct Reference {
        Node* from{};
        const json* to{};
        std::string at{};
    };
    std::vector<Reference> references_;  // Followed later, so that no chain of them goes deep.
};

}  // namespace

std::vector<JsonSchema::Node::To> JsonSchema::Node::in_place() const {
    std::vector<To> all = all_of;
    all.insert(all.end(), any_of.begin(), any_of.end());
    all.insert(all.end(), exactly_one_of.begin(), exactly_one_of.end());
    for (const auto& [name, schema] : schema_with) all.push_back(schema);
    all.insert(all.end(), {reference, none_of, condition, when_so, when_not_so});
    std::erase(all, nullptr);
    return all;
}

Result<JsonSchema, Unfit> JsonSchema::compile(std::string_view text) {
    const auto read = read_strictly(text, levels_max);
    if (const auto* unfit = std::get_if<Unfit>(&read)) return Unfit{"the schema " + unfit->why};
    try {
        JsonSchema schema;
        Compiler compiler(std::get<json>(read));
        schema.nodes_ = std::make_shared<const Nodes>(compiler.compile());
        schema.bytes_ =
            text.size() + schema.nodes_->size() * sizeof(Node) + compiler.size() * step_bytes;
        return schema;
    } catch (const Refusal& refusal) {
        return Unfit{refusal.why};
    }
}

}  // namespace gavel::api
