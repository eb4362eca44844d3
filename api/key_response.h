#pragma once

#include <optional>

#include "api/etag.h"
#include "api/resources.h"
#include "statemachine/state.h"

namespace gavel::api {

// What a GET of a key asks beside the key: shared by the plain read and the one that waits.
struct KeyConditions {
    std::optional<EntityTags> if_match{};
    std::optional<EntityTags> if_none_match{};
    bool meta{};  // The JSON view instead of the value.
};
Result<KeyConditions, Problem> key_conditions(const Call& call);

// Null: there is no such key.
Response key_response(const Call& call, const statemachine::Ptr<statemachine::KeyValue>& value,
                      const KeyConditions& conditions);

// A GET as of a revision that is yet to come.
Problem in_the_future(statemachine::Revision asked, statemachine::Revision newest);

constexpr std::size_t page_bytes_max = 4 << 20;  // Of values in one page, about.

// A key as lists show it: the members, or the object that has them.
void write_item_members(JsonWriter& json, const statemachine::KeyValue& value, bool with_value);
void write_item(JsonWriter& json, const statemachine::KeyValue& value, bool with_value);

}  // namespace gavel::api
