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

Result<HandOverWish, Problem> parse_wish(const Call& call) {
    HandOverWish wish;
    if (call.request.body.empty()) return wish;
    const auto fields = parse_json_object(call.request.body);
    if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
    for (const auto& field : *fields) {
        const bool is_successor = field.name == "member_id";
        if (!is_successor && field.name != "instead_of") {
            return bad_field(field.name, "there is no such field; there are: member_id instead_of");
        }
        const auto id = parse_member_id(field.raw);
        if (field.kind != JsonField::Kind::number || !id) {
            return bad_field(field.name, "is not a member's id, 1 to 65535");
        }
        (is_successor ? wish.to : wish.instead_of) = *id;
    }
    if (wish.to != 0 && wish.instead_of != 0) {
        return bad_field("instead_of", "is of no use where member_id is given");
    }
    return wish;
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
    auto parsed = parse_wish(*call);
    if (!parsed) return respond(call, parsed.error());
    const auto force = call->parameters.flag("force");
    if (!force) return respond(call, force.error());
    parsed->force = *force;
    call->services.gateway.status([call, wish = *parsed](const Status& status) {
        auto problem =
            wish.to != 0 ? check_named(status, wish.to, wish.force) : check_anyone(status);
        call->services.mailbox.post([call, wish, problem = std::move(problem)] {
            if (problem) return respond(call, *problem);
            call->services.gateway.hand_over(
                wish, call->services.options.request_timeout, [call, wish](HandOverResult result) {
                    call->services.mailbox.post(
                        [call, wish, result] { answer(call, wish.to, result); });
                });
        });
    });
}

}  // namespace gavel::api
