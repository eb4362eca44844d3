#include <algorithm>
#include <string>

#include "api/json.h"
#include "api/member_plan.h"
#include "api/names.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using statemachine::MemberNumber;
using statemachine::Role;

// Whom the body names; 0: nobody, and the cluster chooses.
Result<MemberNumber, Problem> parse_successor(const Call& call) {
    if (call.request.body.empty()) return MemberNumber{0};
    const auto fields = parse_json_object(call.request.body);
    if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
    MemberNumber named = 0;
    for (const auto& field : *fields) {
        if (field.name != "member_id") {
            return bad_field(field.name, "there is no such field; there is: member_id");
        }
        const auto id = parse_member_id(field.raw);
        if (field.kind != JsonField::Kind::number || !id) {
            return bad_field(field.name, "is not a member's id, 1 to 65535");
        }
        named = *id;
    }
    return named;
}

// Voters of the set that governs now.
bool votes(const Status& status, MemberNumber id) {
    const auto& members = status.epochs.front().members;
    const auto member = std::ranges::find(members, id, &statemachine::Member::id);
    return member != members.end() && member->role == Role::voter;
}

std::optional<Problem> check_named(const Status& status, MemberNumber id, bool force) {
    const auto view = std::ranges::find(status.members, id,
                                        [](const MemberView& each) { return each.member.id; });
    if (view == status.members.end()) {
        return Problem{ProblemCode::member_not_found, "there is no member " + std::to_string(id)};
    }
    if (!votes(status, id)) {
        return Problem{ProblemCode::cannot_lead,
                       "member " + std::to_string(id) + " (" + view->member.name + ") has no vote"};
    }
    if (id == status.leader_id || force) return std::nullopt;
    auto unfit = why_not_live(status, view->member);
    if (unfit) return Problem{ProblemCode::not_caught_up, *std::move(unfit)};
    return std::nullopt;
}

std::optional<Problem> check_anyone(const Status& status) {
    const bool another =
        std::ranges::any_of(status.epochs.front().members, [&](const auto& member) {
            return member.role == Role::voter && member.id != status.leader_id;
        });
    if (another) return std::nullopt;
    return Problem{ProblemCode::cannot_lead, "no other member has a vote"};
}

void answer(const CallPtr& call, MemberNumber wanted, const HandOverResult& result) {
    if (const auto* led = std::get_if<Led>(&result)) {
        JsonWriter json;
        json.open('{').number("leader_id", led->leader_id).number("ballot", led->ballot);
        return call->respond(json_response(200, json.close('}').take()));
    }
    auto problem = to_problem(std::get<Failure>(result), false);
    if (problem.code == ProblemCode::timed_out) {
        problem.detail = wanted != 0 ? "member " + std::to_string(wanted) + " does not lead yet"
                                     : "no other member leads yet";
        problem.detail += "; member " + std::to_string(call->services.gateway.leader()) + " does";
    }
    respond(call, problem);
}

}  // namespace

void hand_leadership_over(const CallPtr& call) {
    const auto successor = parse_successor(*call);
    if (!successor) return respond(call, successor.error());
    const auto force = call->parameters.flag("force");
    if (!force) return respond(call, force.error());
    call->services.gateway.status([call, to = *successor, force = *force](const Status& status) {
        auto problem = to != 0 ? check_named(status, to, force) : check_anyone(status);
        call->services.mailbox.post([call, to, force, problem = std::move(problem)] {
            if (problem) return respond(call, *problem);
            call->services.gateway.hand_over(
                {to, force}, call->services.options.request_timeout,
                [call, to](HandOverResult result) {
                    call->services.mailbox.post([call, to, result] { answer(call, to, result); });
                });
        });
    });
}

}  // namespace gavel::api
