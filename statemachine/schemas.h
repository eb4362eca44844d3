#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/past.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// Of the values that a rollback would bring back under a schema, and which governs each; 0: none
// does.
std::uint64_t digest_of_restored(const RollBackPlan& plan,
                                 const std::function<Revision(std::string_view key)>& governing);

// The schemas there are. That of the longest prefix governs a key, and no other.
class Schemas {
public:
    explicit Schemas(const Limits& limits) : limits_(limits) {}

    Outcome set(Step& step, const SetSchema& command);

    // The revision of the one that governs the key; 0: none does.
    Revision governing(std::string_view key) const;

    void load(Ptr<Schema> schema, std::uint64_t hash);
    std::vector<Ptr<Schema>> all() const;
    void append_rows(std::vector<Row>& rows) const;

private:
    struct Entry {
        Ptr<Schema> schema{};
        std::uint64_t hash{};
    };

    const Limits& limits_;
    std::map<std::string, Entry, std::less<>> schemas_;
};

}  // namespace gavel::statemachine
