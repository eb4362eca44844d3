#include <algorithm>
#include <limits>

#include "api/durations.h"
#include "api/event_text.h"
#include "api/json_patch.h"
#include "api/key_response.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using statemachine::KeyAt;
using statemachine::KeyChanges;
using statemachine::KeyDeletion;
using statemachine::KeyRecord;
using statemachine::KeyValue;
using statemachine::Machine;
using statemachine::Ptr;
using statemachine::Revision;

struct Changes {
    KeyChanges changes{};
    Revision applied{};
};

void write_change(JsonWriter& json, const KeyValue& put) {
    json.open('{').text("kind", "put").number("revision", put.modified);
    json.number("version", put.version).text("time", format_time(put.modified_at));
    json.text("author", put.author).text("reason", put.reason);
    json.text("content_type", put.content_type);
    write_value(json, put);
    json.close('}');
}

void write_change(JsonWriter& json, const KeyDeletion& deletion) {
    json.open('{').text("kind", "delete").number("revision", deletion.revision);
    json.number("version", deletion.version).text("time", format_time(deletion.at));
    json.text("author", deletion.author).text("reason", deletion.reason).close('}');
}

std::size_t value_bytes(const KeyRecord& change) {
    const auto* put = std::get_if<Ptr<KeyValue>>(&change);
    return put != nullptr ? (*put)->value.size() : 0;
}

Response render_changes(const Call& call, const std::string& key, const Changes& read) {
    const auto& [changes, more, oldest, remembered] = read.changes;
    if (!remembered) {
        return problem_response(call, {ProblemCode::key_not_found,
                                       "there is no such key, and nothing is kept of its past"});
    }
    JsonWriter json;
    json.open('{').text("key", key).number("revision", read.applied);
    json.number("oldest_revision", oldest).key("changes").open('[');
    std::size_t count = 0;
    for (std::size_t bytes = 0; count < changes.size() && bytes < page_bytes_max; ++count) {
        bytes += value_bytes(changes[count]);
        std::visit([&](const auto& change) { write_change(json, *change); }, changes[count]);
    }
    const bool goes_on = more || count < changes.size();
    return end_page(json, call, goes_on ? std::to_string(revision_of(changes[count - 1])) : "");
}

void list_changes(const CallPtr& call, const std::string& key) {
    const auto asked = page(*call);
    if (!asked) return respond(call, asked.error());
    Revision before = std::numeric_limits<Revision>::max();
    if (!asked->after.empty()) {
        const auto place = parse_number(asked->after);
        if (!place) {
            return respond(call, bad_parameter("cursor", "is none that was given out"));
        }
        before = *place;
    }
    read(
        call,
        [key, before, limit = asked->limit](const Machine& state) {
            return Changes{state.key_changes(key, before, limit), state.applied()};
        },
        [key](const Call& back, const Changes& read) { return render_changes(back, key, read); });
}

struct Pair {
    KeyAt from{};
    KeyAt to{};
    Revision from_revision{};
    Revision to_revision{};
    Revision oldest{};
    Revision applied{};
};

void write_side(JsonWriter& json, std::string_view name, const Ptr<KeyValue>& value) {
    json.key(name);
    if (value) {
        write_item(json, *value, true);
    } else {
        json.null();
    }
}

bool is_same(const Ptr<KeyValue>& one, const Ptr<KeyValue>& other) {
    if (!one || !other) return one == other;
    return one->value == other->value && one->content_type == other->content_type;
}

Response render_difference(const Call& call, const std::string& key, const Pair& pair) {
    const Revision later = std::max(pair.from_revision, pair.to_revision);
    if (later > pair.applied) return problem_response(call, in_the_future(later, pair.applied));
    if (!pair.from.known || !pair.to.known) {
        return problem_response(call, compacted(key, pair.oldest));
    }
    const auto& from = pair.from.value;
    const auto& to = pair.to.value;
    JsonWriter json;
    json.open('{').text("key", key).number("from_revision", pair.from_revision);
    json.number("to_revision", pair.to_revision).flag("same", is_same(from, to));
    write_side(json, "from", from);
    write_side(json, "to", to);
    if (from && to && is_json_type(from->content_type) && is_json_type(to->content_type)) {
        if (const auto patch = json_patch(from->value.view(), to->value.view())) {
            json.raw("json_patch", *patch);
        }
    }
    return json_response(200, json.close('}').take());
}

void compare(const CallPtr& call, const std::string& key) {
    const auto from = call->parameters.number("from");
    if (!from) return respond(call, from.error());
    const auto to = call->parameters.number("to");
    if (!to) return respond(call, to.error());
    if (!*from) return respond(call, bad_parameter("to", "is of no use without from"));
    for (const auto* name : {"limit", "cursor"}) {
        if (call->parameters.find(name) != nullptr) {
            return respond(call, bad_parameter(name, "is of no use with from"));
        }
    }
    read(
        call,
        [key, from = **from, to = *to](const Machine& state) {
            const auto end = to.value_or(state.applied());
            return Pair{state.key_at(key, from),
                        state.key_at(key, end),
                        from,
                        end,
                        state.key_changes(key, 0, 0).oldest,
                        state.applied()};
        },
        [key](const Call& back, const Pair& pair) { return render_difference(back, key, pair); });
}

}  // namespace

void get_history(const CallPtr& call) {
    const auto* key = call->parameters.find("key");
    if (key == nullptr) return respond(call, bad_parameter("key", "is needed"));
    if (const auto unfit = check_name(*key)) {
        return respond(call, bad_parameter("key", unfit->why));
    }
    const bool pair =
        call->parameters.find("from") != nullptr || call->parameters.find("to") != nullptr;
    if (pair) return compare(call, *key);
    list_changes(call, *key);
}

}  // namespace gavel::api
