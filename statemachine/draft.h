#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "statemachine/keys.h"

namespace gavel::statemachine {

// Keys as one command would leave them: it is tried here, seen by nobody else, and then made of
// the keys whole or not at all. Each key is changed once, however often the command touches it.
class Draft {
public:
    Draft(const Keys& keys, const Step& step) : keys_(keys), step_(step) {}

    // As what was done here so far leaves it.
    Ptr<KeyValue> find(std::string_view key) const;
    // Returns the key's new version.
    std::uint64_t put(const PutOperation& operation);
    // Returns how many keys there were to delete.
    std::uint64_t remove(std::string_view key);
    std::uint64_t remove_prefix(std::string_view key);

    // More keys were looked at to be deleted than one command may; what is here is not to be made.
    bool deletes_too_many() const { return visited_ > keys_.limits().deleted_at_once; }
    // In the order in which they were first touched.
    std::vector<KeyChange> changes() const;

private:
    KeyChange& change_of(std::string_view key);

    const Keys& keys_;
    const Step& step_;
    std::vector<KeyChange> changes_;
    std::map<std::string, std::size_t, std::less<>> places_;  // In changes_.
    std::uint64_t visited_{};
};

}  // namespace gavel::statemachine
