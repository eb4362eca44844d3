#include "api/durations.h"
#include "api/json.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

void write(JsonWriter& json, const MemberView& view, std::uint64_t applied_here) {
    const auto& member = view.member;
    json.open('{').number("member_id", member.id).text("name", member.name);
    json.text("role", member.role == statemachine::Role::voter ? "voter" : "learner");
    json.text("peer_address", member.peer_address);
    json.key("client_address");
    if (view.client_address.empty()) {
        json.null();
    } else {
        json.text(view.client_address);
    }
    json.key("applied");
    if (view.applied) {
        json.number(*view.applied);
        json.number("lag", applied_here - std::min(applied_here, *view.applied));
    } else {
        json.null().key("lag").null();
    }
    json.key("last_contact");
    if (view.last_contact) {
        json.text(format_duration(*view.last_contact));
    } else {
        json.null();
    }
    json.key("version");
    if (view.version.empty()) {
        json.null();
    } else {
        json.text(view.version);
    }
    json.close('}');
}

Response members(const Status& status) {
    JsonWriter json;
    json.open('{').number("epoch", status.epoch).number("alpha", status.alpha);
    json.number("leader_id", status.leader_id).key("members").open('[');
    for (const auto& member : status.members) write(json, member, status.applied);
    return json_response(200, json.close(']').close('}').take());
}

}  // namespace

void list_members(const CallPtr& call) {
    with_status(call, [](const Call&, const Status& status) { return members(status); });
}

}  // namespace gavel::api
