#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "statemachine/outcomes.h"
#include "statemachine/state.h"

namespace gavel::statemachine {

// Views of what keys were. Each is exact, or says that it is not known any more.

// A key as of a revision.
struct KeyAt {
    Ptr<KeyValue> value{};  // Null: it was not there, or that is not known.
    bool known{};
};

// A key's past that is not known far enough back.
struct Forgotten {
    std::string key{};
    Revision oldest{};  // The oldest revision at which it is known.
};

// Some of the keys with a prefix, as of a revision.
struct KeysAt {
    std::vector<Ptr<KeyValue>> keys{};
    std::string last{};                    // The last name that was looked at.
    bool more{};                           // There are names after it.
    std::optional<Forgotten> forgotten{};  // Then there is nothing else.
};

// The changes of a key, newest first.
struct KeyChanges {
    std::vector<KeyRecord> changes{};
    bool more{};        // Older ones are known.
    Revision oldest{};  // From here on the key is known.
    bool remembered{};  // It is there, or something is kept of its past.
};

// What a RollBack would do now.
struct RollBackPlan {
    struct Change {
        Ptr<KeyValue> present{};  // Null: the key is put again.
        Ptr<KeyValue> past{};     // Null: the key is deleted.
    };
    std::vector<Change> changes{};  // By key.
    std::optional<Outcome> refused{};
};

}  // namespace gavel::statemachine
