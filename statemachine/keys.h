#pragma once

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// The configuration: keys and their present values, in bytewise order.
class Keys {
public:
    explicit Keys(const Limits& limits) : limits_(limits) {}

    Outcome put(Step& step, const PutKey& command);
    Outcome remove(Step& step, const DeleteKey& command);

    void load(Ptr<KeyValue> value, std::uint64_t hash);

    Ptr<KeyValue> find(std::string_view key) const;
    std::vector<Ptr<KeyValue>> list(std::string_view prefix, std::string_view after,
                                    std::size_t limit) const;
    std::size_t size() const { return keys_.size(); }
    std::uint64_t bytes() const { return bytes_; }
    void append_rows(std::vector<Row>& rows) const;
    void check_invariants() const;

private:
    // A set and not a map, because the name is in the value already: with millions of keys a
    // second copy of it is felt. `name` only points there, to spare the search a step. A put
    // replaces the value by one of the same name, so the order stays.
    struct Entry {
        mutable std::string_view name{};
        mutable Ptr<KeyValue> value{};
        mutable std::uint64_t hash{};
    };
    struct ByName {
        using is_transparent = void;
        bool operator()(const Entry& a, const Entry& b) const { return a.name < b.name; }
        bool operator()(const Entry& a, std::string_view b) const { return a.name < b; }
        bool operator()(std::string_view a, const Entry& b) const { return a < b.name; }
    };

    const Limits& limits_;
    std::set<Entry, ByName> keys_;
    std::uint64_t bytes_{};  // Of names and values together.
};

}  // namespace gavel::statemachine
