#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/json.h"
#include "api/position.h"
#include "statemachine/state.h"

namespace gavel::api {

// The value of a key as lists and events show it: "value", and "encoding" when it is base64. JSON
// as JSON, other UTF-8 as a string, the rest in base64.
void write_value(JsonWriter& json, const statemachine::KeyValue& value);

// "put", "delete", "lock" or "member".
std::string_view event_name(const statemachine::EventBody& body);
// The data of an event, with its name as a field "event", for those who get many in one document.
void write_event(JsonWriter& json, const statemachine::Event& event);

// One event of a stream (WHATWG, server-sent events). `id` stands only on the last event of a
// revision, so that a stream is never resumed in the middle of one.
std::string stream_event(std::string_view name, std::string_view data, std::optional<Position> id);
std::string stream_event(const statemachine::Event& event, HistoryId history,
                         bool last_of_revision);
// One of those that tell together what is there: the change that left it so, or one that came
// meanwhile.
std::string snapshot_event(const statemachine::Event& event);

}  // namespace gavel::api
