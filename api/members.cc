#include <algorithm>

#include "api/durations.h"
#include "api/json.h"
#include "api/names.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using statemachine::Epoch;
using statemachine::Member;
using statemachine::MemberNumber;
using statemachine::Role;

// The member as the first of these epochs has it that has it at all.
template <class At>
const Member* find(At epoch, At end, MemberNumber id) {
    for (; epoch != end; ++epoch) {
        const auto at = std::ranges::find(epoch->members, id, &Member::id);
        if (at != epoch->members.end()) return &*at;
    }
    return nullptr;
}

void write_text_or_null(JsonWriter& json, std::string_view name, const std::string& value) {
    json.key(name);
    if (value.empty()) {
        json.null();
    } else {
        json.text(value);
    }
}

void write(JsonWriter& json, const MemberView& view, const Status& status) {
    // What it is now, and what it will be.
    const auto& epochs = status.epochs;
    const auto* now = find(epochs.begin(), epochs.end(), view.member.id);
    const auto* later = find(epochs.rbegin(), epochs.rend(), view.member.id);
    json.open('{').number("member_id", view.member.id).text("name", view.member.name);
    json.text("role", to_string((now != nullptr ? *now : view.member).role));
    json.flag("wants_vote", (later != nullptr ? *later : view.member).wants_vote);
    json.text("peer_address", view.member.peer_address);
    write_text_or_null(json, "client_address", view.client_address);
    json.key("applied");
    if (view.applied) {
        json.number(*view.applied);
        json.number("lag", view.lag.value_or(0));
    } else {
        json.null().key("lag").null();
    }
    write_text_or_null(json, "last_contact",
                       view.last_contact ? format_duration(*view.last_contact) : std::string());
    write_text_or_null(json, "version", view.version);
    json.close('}');
}

void write_ids(JsonWriter& json, std::string_view name, const Epoch& epoch, Role role) {
    json.key(name).open('[');
    for (const auto& member : epoch.members) {
        if (member.role == role) json.number(member.id);
    }
    json.close(']');
}

void write_pending(JsonWriter& json, const std::vector<Epoch>& epochs) {
    json.key("pending").open('[');
    for (std::size_t i = 1; i < epochs.size(); ++i) {
        json.open('{').number("epoch", epochs[i].number).number("from_slot", epochs[i].first_slot);
        write_ids(json, "voters", epochs[i], Role::voter);
        write_ids(json, "learners", epochs[i], Role::learner);
        json.close('}');
    }
    json.close(']');
}

Response members(const Status& status) {
    JsonWriter json;
    json.open('{').number("epoch", status.epoch).number("alpha", status.alpha);
    json.number("leader_id", status.leader_id).key("members").open('[');
    for (const auto& member : status.members) write(json, member, status);
    json.close(']');
    write_pending(json, status.epochs);
    return json_response(200, json.close('}').take());
}

}  // namespace

std::string_view to_string(Role role) { return role == Role::voter ? "voter" : "learner"; }

std::optional<MemberNumber> member_of(const CallPtr& call) {
    const auto id = parse_member_id(call->name);
    if (!id) respond(call, {ProblemCode::member_not_found, "a member's id is 1 to 65535"});
    return id;
}

void list_members(const CallPtr& call) {
    with_status(call, [](const Call&, const Status& status) { return members(status); });
}

void get_member(const CallPtr& call) {
    const auto id = member_of(call);
    if (!id) return;
    with_status(call, [id = *id](const Call& back, const Status& status) {
        const auto view = std::ranges::find(status.members, id,
                                            [](const MemberView& each) { return each.member.id; });
        if (view == status.members.end()) {
            return problem_response(
                back, {ProblemCode::member_not_found, "there is no member " + std::to_string(id)});
        }
        JsonWriter json;
        write(json, *view, status);
        return json_response(200, json.take());
    });
}

}  // namespace gavel::api
