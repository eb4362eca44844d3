#include "api/event_text.h"

#include "api/names.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using statemachine::KeyDeletedEvent;
using statemachine::KeyPutEvent;
using statemachine::LockEvent;
using statemachine::MemberEvent;

std::string_view to_string(LockEvent::Change change) {
    switch (change) {
        case LockEvent::Change::acquired:
            return "acquired";
        case LockEvent::Change::released:
            return "released";
        case LockEvent::Change::expired:
            return "expired";
        case LockEvent::Change::broken:
            return "broken";
        case LockEvent::Change::delay_ended:
            break;
    }
    return "delay_ended";
}

std::string_view to_string(const MemberEvent& event) {
    switch (event.change) {
        case MemberEvent::Change::added:
            return "added";
        case MemberEvent::Change::removed:
            return "removed";
        case MemberEvent::Change::role_changed:
            break;
    }
    return event.role == statemachine::Role::voter ? "promoted" : "demoted";
}

void write_body(JsonWriter& json, const KeyPutEvent& put) {
    json.text("key", put.value->key);
    write_value(json, *put.value);
    json.text("content_type", put.value->content_type).number("version", put.value->version);
    if (put.value->session != 0) json.text("session", session_id(put.value->session));
}

void write_body(JsonWriter& json, const KeyDeletedEvent& deleted) { json.text("key", deleted.key); }

void write_body(JsonWriter& json, const LockEvent& lock) {
    json.text("lock", lock.lock).text("change", to_string(lock.change));
    json.text("session", session_id(lock.session)).number("token", lock.token);
    json.text("mode", lock.mode == statemachine::LockMode::shared ? "shared" : "exclusive");
    if (lock.is_forced()) json.text("author", lock.author).text("comment", lock.comment);
}

void write_body(JsonWriter& json, const MemberEvent& member) {
    json.number("member_id", member.member).text("name", member.name);
    json.text("change", to_string(member)).text("role", api::to_string(member.role));
    json.text("peer_address", member.peer_address);
    json.number("epoch", member.epoch).number("from_slot", member.first_slot);
}

// One line, to its end.
void write_rest(JsonWriter& json, const statemachine::Event& event, bool of_snapshot = false) {
    json.number("revision", event.revision);
    if (of_snapshot) json.flag("snapshot", true);
    std::visit([&](const auto& body) { write_body(json, body); }, event.body);
    json.close('}');
}

}  // namespace

void write_value(JsonWriter& json, const statemachine::KeyValue& value) {
    const auto bytes = value.value.view();
    // What was put as JSON was checked then.
    if (is_json_type(value.content_type) && !bytes.empty()) {
        json.raw("value", bytes);
    } else if (valid_utf8(bytes)) {
        json.text("value", bytes);
    } else {
        json.text("value", base64(bytes)).text("encoding", "base64");
    }
}

std::string_view event_name(const statemachine::EventBody& body) {
    if (std::holds_alternative<KeyPutEvent>(body)) return "put";
    if (std::holds_alternative<KeyDeletedEvent>(body)) return "delete";
    return std::holds_alternative<LockEvent>(body) ? "lock" : "member";
}

void write_event(JsonWriter& json, const statemachine::Event& event) {
    json.open('{').text("event", event_name(event.body));
    write_rest(json, event);
}

std::string stream_event(std::string_view name, std::string_view data, std::optional<Position> id) {
    std::string text;
    text.reserve(name.size() + data.size() + 48);
    text.append("event: ").append(name).append("\ndata: ").append(data).append("\n");
    if (id) text.append("id: ").append(to_string(*id)).append("\n");
    return text += '\n';
}

std::string stream_event(const statemachine::Event& event, HistoryId history,
                         bool last_of_revision) {
    JsonWriter json;
    json.open('{');
    write_rest(json, event);
    return stream_event(
        event_name(event.body), json.take(),
        last_of_revision ? std::optional(Position{event.revision, history}) : std::nullopt);
}

std::string snapshot_event(const statemachine::Event& event) {
    JsonWriter json;
    json.open('{');
    write_rest(json, event, true);
    return stream_event(event_name(event.body), json.take(), std::nullopt);
}

}  // namespace gavel::api
