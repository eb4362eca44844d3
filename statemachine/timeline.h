#pragma once

#include <string_view>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/keys.h"
#include "statemachine/limits.h"
#include "statemachine/past.h"
#include "statemachine/versions.h"

namespace gavel::statemachine {

// The keys at any revision: what is there now and what was there before, read as one.
class Timeline {
public:
    Timeline(const Limits& limits, const Keys& keys, const Versions& versions)
        : limits_(limits), keys_(keys), versions_(versions) {}

    KeyAt at(std::string_view key, Revision revision) const;
    KeysAt list(std::string_view prefix, std::string_view after, std::size_t limit,
                Revision revision) const;
    KeyChanges changes(std::string_view key, Revision before, std::size_t limit) const;
    // Of a command executed after slot `applied`.
    RollBackPlan plan(const RollBack& command, Revision applied) const;

    void check_invariants() const;

private:
    struct Name {
        std::string_view key{};
        Ptr<KeyValue> present{};
        const Versions::Past* past{};
    };
    // Names with the prefix after `after`, of keys that are there or of whose past something is
    // kept: as many as there are, or `limit`.
    std::vector<Name> names(std::string_view prefix, std::string_view after,
                            std::size_t limit) const;
    Name name(std::string_view key) const;

    const Limits& limits_;
    const Keys& keys_;
    const Versions& versions_;
};

}  // namespace gavel::statemachine
