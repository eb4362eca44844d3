#include <algorithm>
#include <charconv>

#include "api/durations.h"
#include "api/json.h"
#include "api/member_plan.h"
#include "api/names.h"
#include "api/resources.h"
#include "statemachine/limits.h"

namespace gavel::api {
namespace {

using statemachine::Machine;
using statemachine::Member;
using statemachine::MemberNumber;
using statemachine::MembersChanged;
using statemachine::Role;
using MemberList = std::vector<Member>;

constexpr std::size_t voters_listed_max = 32;

// What all changes may be asked with.
struct Terms {
    bool dry_run{};
    bool force{};
    std::optional<std::uint64_t> epoch{};  // The newest that the client knew.
};

Result<Terms, Problem> terms_of(const Call& call) {
    const auto dry_run = call.parameters.flag("dry_run");
    if (!dry_run) return dry_run.error();
    const auto force = call.parameters.flag("force");
    if (!force) return force.error();
    const auto epoch = call.parameters.number("epoch");
    if (!epoch) return epoch.error();
    if (*epoch && **epoch == 0) return bad_parameter("epoch", "is 1 or more");
    return Terms{*dry_run, *force, *epoch};
}

// What is asked for.

std::optional<std::uint64_t> parse_incarnation(std::string_view text) {
    std::uint64_t incarnation = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), incarnation, 16);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    if (!whole || text.size() != 16 || incarnation == 0) return std::nullopt;
    return incarnation;
}

std::optional<Unfit> check_client_address(std::string_view address) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (address.starts_with(scheme)) return check_address(address.substr(scheme.size()));
    }
    return check_address(address);
}

std::optional<Problem> read_field(const JsonField& field, statemachine::AddMember& into) {
    const auto is = [&](std::string_view name) { return field.name == name; };
    if (!is("name") && !is("peer_address") && !is("client_address") && !is("role") &&
        !is("incarnation")) {
        return bad_field(field.name,
                         "there is no such field; there are: name peer_address client_address role "
                         "incarnation");
    }
    if (field.kind != JsonField::Kind::text) return bad_field(field.name, "is not a text");
    std::optional<Unfit> unfit;
    if (is("name")) {
        unfit = check_member_name(field.text);
        into.name = field.text;
    } else if (is("peer_address")) {
        unfit = check_address(field.text);
        into.peer_address = field.text;
    } else if (is("client_address")) {
        // Each member tells the others how clients reach it; here it is for the operator's record.
        unfit = check_client_address(field.text);
    } else if (is("role")) {
        into.wants_vote = field.text == "voter";
        if (field.text != "voter" && field.text != "learner") {
            unfit = Unfit{"is \"learner\" or \"voter\""};
        }
    } else {
        const auto incarnation = parse_incarnation(field.text);
        if (!incarnation) unfit = Unfit{"is not 16 hexadecimal digits, not all of them 0"};
        into.incarnation = incarnation.value_or(0);
    }
    if (unfit) return bad_field(field.name, unfit->why);
    return std::nullopt;
}

Result<MemberWish, Problem> parse_newcomer(const Call& call) {
    const auto fields = parse_json_object(call.request.body);
    if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
    statemachine::AddMember add;
    for (const auto& field : *fields) {
        if (auto problem = read_field(field, add)) return *std::move(problem);
    }
    if (add.name.empty()) return bad_field("name", "is missing");
    if (add.peer_address.empty()) return bad_field("peer_address", "is missing");
    return MemberWish(std::move(add));
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const auto first = std::min(text.find_first_not_of(blanks), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

Result<MemberWish, Problem> parse_voters(const JsonField& field) {
    if (field.kind != JsonField::Kind::array) return bad_field("voters", "is not a list");
    // Valid JSON within brackets, which is a list of numbers or holds something that is none.
    std::string_view rest = trimmed(field.raw.substr(1, field.raw.size() - 2));
    if (rest.empty()) return bad_field("voters", "is empty");
    ReplaceVoters wish;
    for (bool more = true; more;) {
        const auto comma = rest.find(',');
        const auto id = parse_member_id(trimmed(rest.substr(0, comma)));
        more = comma != std::string_view::npos;
        if (more) rest.remove_prefix(comma + 1);
        if (!id) return bad_field("voters", "is not a list of member ids, 1 to 65535");
        if (std::ranges::find(wish.voters, *id) != wish.voters.end()) {
            return bad_field("voters", "names member " + std::to_string(*id) + " twice");
        }
        if (wish.voters.size() == voters_listed_max) {
            return bad_field("voters", "names more than 32 members");
        }
        wish.voters.push_back(*id);
    }
    return MemberWish(std::move(wish));
}

Result<MemberWish, Problem> parse_replacement(const Call& call) {
    const auto fields = parse_json_object(call.request.body);
    if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
    for (const auto& field : *fields) {
        if (field.name != "voters") {
            return bad_field(field.name, "there is no such field; there is: voters");
        }
    }
    if (fields->empty()) return bad_field("voters", "is missing");
    return parse_voters(fields->front());
}

// What is answered.

void write(JsonWriter& json, std::string_view name, const Voters& voters) {
    json.key(name).open('{').key("voters").open('[');
    for (const auto id : voters.ids) json.number(id);
    json.close(']').number("quorum", voters.quorum());
    json.number("faults_tolerated", voters.faults_tolerated()).number("live", voters.live);
    json.close('}');
}

void write(JsonWriter& json, const PlannedMember& planned) {
    json.open('{').key("member_id");
    if (planned.member.id != 0) {
        json.number(planned.member.id);
    } else {
        json.null();
    }
    json.text("name", planned.member.name);
    json.text("role", to_string(planned.member.role));
    json.flag("wants_vote", planned.member.wants_vote);
    json.flag("reachable", planned.reachable).flag("caught_up", planned.caught_up).key("lag");
    if (planned.lag) {
        json.number(*planned.lag);
    } else {
        json.null();
    }
    json.key("last_contact");
    if (planned.last_contact) {
        json.text(format_duration(*planned.last_contact));
    } else {
        json.null();
    }
    json.close('}');
}

std::string plan_json(const MemberPlan& plan, std::uint64_t newest) {
    JsonWriter json;
    json.open('{').text("verdict", to_string(plan.verdict)).number("based_on", newest);
    json.number("epoch", plan.epoch).number("from_slot", plan.from_slot);
    write(json, "before", plan.before);
    write(json, "after", plan.after);
    json.key("members").open('[');
    for (const auto& member : plan.members) write(json, member);
    json.close(']').key("reasons").open('[');
    for (const auto& reason : plan.reasons) {
        json.open('{').text("code", reason.code).text("level", to_string(reason.level));
        json.text("detail", reason.detail);
        if (reason.member != 0) json.number("member_id", reason.member);
        json.close('}');
    }
    return json.close(']').close('}').take();
}

Problem unsafe(const MemberPlan& plan, std::uint64_t newest) {
    Problem problem{plan.has("not-caught-up") ? ProblemCode::not_caught_up
                                              : ProblemCode::unsafe_change};
    for (const auto& reason : plan.reasons) {
        if (reason.level != PlanReason::Level::unsafe) continue;
        problem.detail += (problem.detail.empty() ? "" : "; ") + reason.detail;
    }
    problem.members = ",\"plan\":" + plan_json(plan, newest);
    return problem;
}

void write_members(JsonWriter& json, const MemberList& members) {
    json.key("members").open('[');
    for (const auto& member : members) {
        json.open('{').number("member_id", member.id).text("name", member.name);
        json.text("peer_address", member.peer_address).text("role", to_string(member.role));
        json.flag("wants_vote", member.wants_vote).close('}');
    }
    json.close(']');
}

MemberList newest_members(const Machine& state) { return state.globals().epochs.back().members; }

// Reads this member's state once it has executed `revision`.
template <class Then, class Refused>
void members_at(const CallPtr& call, statemachine::Revision revision, Then then, Refused refused) {
    const ReadOptions here{
        .stale = true, .min_revision = revision, .timeout = call->services.options.request_timeout};
    query(call, here, newest_members, then, refused);
}

// The change is decided and was not seen to govern: sent again with its key, it is told then.
void answer_unseen(const CallPtr& call, Failure) {
    respond(call, to_problem(Failure{Failure::Kind::outcome_unknown},
                             call->request.header("idempotency-key") != nullptr));
}

void answer_changed(const CallPtr& call, const MembersChanged& changed, bool governs,
                    const MemberList& members, std::uint64_t applied) {
    JsonWriter json;
    json.open('{').number("epoch", changed.epoch).number("from_slot", changed.first_slot);
    json.flag("governs", governs);
    write_members(json, members);
    auto response = json_response(governs ? 200 : 202, json.close('}').take());
    response.applied = applied;
    call->respond(std::move(response));
}

// Answers once the set governs, or when it does not in time.
void answer_when_it_governs(const CallPtr& call, const MembersChanged& changed) {
    members_at(
        call, changed.first_slot - 1,
        [changed](const CallPtr& back, const MemberList& members, std::uint64_t applied) {
            answer_changed(back, changed, true, members, applied);
        },
        [changed](const CallPtr& back, Failure) {
            members_at(
                back, 0,
                [changed](const CallPtr& again, const MemberList& members, std::uint64_t applied) {
                    answer_changed(again, changed, false, members, applied);
                },
                answer_unseen);
        });
}

// All that a newcomer needs in order to come.
Response added(const Call& call, const Status& status, const MembersChanged& changed,
               const MemberList& members) {
    const MemberNumber id = changed.added.at(0);
    const auto member = std::ranges::find(members, id, &Member::id);
    if (member == members.end()) {
        return problem_response(call, {ProblemCode::member_not_found,
                                       "member " + std::to_string(id) + " was removed since"});
    }
    JsonWriter json;
    json.open('{').number("member_id", id).text("name", member->name);
    json.text("role", to_string(member->role)).flag("wants_vote", member->wants_vote);
    json.number("epoch", changed.epoch).number("from_slot", changed.first_slot);
    json.text("cluster_id", status.cluster_id).number("alpha", status.alpha);
    json.number("format_level", status.format_level);
    json.text("initial_cluster", status.initial_cluster);
    write_members(json, members);
    auto response = json_response(202, json.close('}').take());
    response.add("Location", "/v1/members/" + std::to_string(id));
    return response;
}

void answer_added(const CallPtr& call, const Status& status, const MembersChanged& changed) {
    members_at(
        call, 0,
        [status, changed](const CallPtr& back, const MemberList& members, std::uint64_t applied) {
            auto response = added(*back, status, changed, members);
            response.applied = applied;
            back->respond(std::move(response));
        },
        answer_unseen);
}

// The way of a change.

using Then = std::function<void(const CallPtr& call, const Status& status)>;

void look(const CallPtr& call, Then then) {
    call->services.gateway.status([call, then = std::move(then)](Status status) {
        call->services.mailbox.post(
            [call, then, status = std::move(status)] { then(call, status); });
    });
}

// Looks when this member knows what was decided before the call.
void look_again(const CallPtr& call, Then then) {
    const ReadOptions now{
        .stale = false, .min_revision = 0, .timeout = call->services.options.request_timeout};
    query(
        call, now, [](const Machine&) { return true; },
        [then = std::move(then)](const CallPtr& back, bool, std::uint64_t) { look(back, then); },
        [](const CallPtr& back, Failure failure) { respond(back, to_problem(failure, false)); });
}

void show_plan(const CallPtr& call, const Status& status, const MemberPlan& plan) {
    if (std::holds_alternative<statemachine::EpochMismatch>(plan.expected)) {
        return respond(call, to_problem(plan.expected));
    }
    call->respond(json_response(200, plan_json(plan, status.epochs.back().number)));
}

void carry_out(const CallPtr& call, const Status& status, const MemberPlan& plan, bool force) {
    const auto newest = status.epochs.back().number;
    // An epoch that was: the state machine says so, or knows the Idempotency-Key. One that is not
    // known here was not looked at, either.
    if (plan.command.based_on > newest) return respond(call, to_problem(plan.expected));
    if (plan.verdict == MemberPlan::Verdict::unsafe && !force) {
        return respond(call, unsafe(plan, newest));
    }
    const bool adds = !plan.command.changes.empty() &&
                      std::holds_alternative<statemachine::AddMember>(plan.command.changes[0]);
    execute(call, plan.command, [adds, status](const CallPtr& back, const Executed& executed) {
        const auto* changed = std::get_if<MembersChanged>(&executed.outcome);
        if (changed == nullptr) return respond(back, to_problem(executed.outcome));
        if (adds) return answer_added(back, status, *changed);
        answer_when_it_governs(back, *changed);
    });
}

void change(const CallPtr& call, const Result<MemberWish, Problem>& wish) {
    if (!wish) return respond(call, wish.error());
    const auto terms = terms_of(*call);
    if (!terms) return respond(call, terms.error());
    if (const auto problem = bad_idempotency_key(*call)) return respond(call, *problem);
    const auto plan = [wish = *wish, epoch = terms->epoch](const Status& status) {
        return plan_members(status, wish, epoch);
    };
    if (terms->dry_run) {
        return look(call, [plan](const CallPtr& back, const Status& status) {
            show_plan(back, status, plan(status));
        });
    }
    look_again(call, [plan, force = terms->force](const CallPtr& back, const Status& status) {
        carry_out(back, status, plan(status), force);
    });
}

void set_role(const CallPtr& call, Role role) {
    const auto id = member_of(call);
    if (id) change(call, MemberWish(statemachine::SetRole{*id, role}));
}

}  // namespace

void add_member(const CallPtr& call) { change(call, parse_newcomer(*call)); }

void replace_voters(const CallPtr& call) { change(call, parse_replacement(*call)); }

void promote_member(const CallPtr& call) { set_role(call, Role::voter); }

void demote_member(const CallPtr& call) { set_role(call, Role::learner); }

void remove_member(const CallPtr& call) {
    const auto id = member_of(call);
    if (id) change(call, MemberWish(statemachine::RemoveMember{*id}));
}

}  // namespace gavel::api
