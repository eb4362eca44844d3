#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "api/guard.h"
#include "api/judged.h"
#include "api/names.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using statemachine::Machine;
using statemachine::Revision;
using statemachine::RollBack;
using statemachine::RollBackPlan;
using statemachine::RolledBack;

constexpr std::size_t changes_listed_max = 1'000;

// Where it is to go, and back to when.
struct Wish {
    std::optional<std::string> key{};
    std::optional<std::string> prefix{};
    std::optional<Revision> to{};
    std::optional<std::string> reason{};
};

std::optional<Problem> read_field(const JsonField& field, Wish& wish) {
    const bool is_text = field.kind == JsonField::Kind::text;
    const auto unfit = [&](std::string_view why) { return bad_field(field.name, why); };
    if (field.name == "to_revision") {
        wish.to = parse_number(field.raw);
        if (field.kind != JsonField::Kind::number || !wish.to) {
            return unfit("is not a whole number below 2^53");
        }
    } else if (field.name == "key" || field.name == "prefix" || field.name == "reason") {
        if (!is_text) return unfit("is not a string");
        const auto why = field.name == "key"      ? check_name(field.text)
                         : field.name == "prefix" ? check_prefix(field.text)
                                                  : check_label(field.text);
        if (why) return unfit(why->why);
        (field.name == "key"      ? wish.key
         : field.name == "prefix" ? wish.prefix
                                  : wish.reason) = field.text;
    } else {
        return unfit("there is no such field; there are: key prefix to_revision reason");
    }
    return std::nullopt;
}

Result<RollBack, Problem> parse_roll_back(const Call& call) {
    const auto fields = parse_json_object(call.request.body);
    if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
    Wish wish;
    for (const auto& field : *fields) {
        if (auto problem = read_field(field, wish)) return *std::move(problem);
    }
    if (wish.key.has_value() == wish.prefix.has_value()) {
        return bad_field("key", "or prefix is needed, and not both");
    }
    if (!wish.to) return bad_field("to_revision", "is needed");
    auto guard = guard_of(call);
    if (!guard) return guard.error();
    auto note = note_of(call);
    if (!note) return note.error();
    if (wish.reason && !note->reason.empty()) {
        return bad_field("reason", "is given by Gavel-Reason too");
    }
    return RollBack{.target = wish.key ? *std::move(wish.key) : *std::move(wish.prefix),
                    .is_prefix = !wish.key,
                    .to = *wish.to,
                    .author = std::move(note->author),
                    .guard = *std::move(guard),
                    .reason = wish.reason ? *std::move(wish.reason) : std::move(note->reason)};
}

void write_counts(JsonWriter& json, Revision to, const RolledBack& counts) {
    json.number("to_revision", to).number("restored", counts.restored);
    json.number("deleted", counts.deleted);
}

struct Planned {
    RollBackPlan plan{};
    Revision to{};
    Revision applied{};
};

Response foreseen(const Planned& planned) {
    const auto& changes = planned.plan.changes;
    RolledBack counts;
    for (const auto& each : changes) ++(each.past ? counts.restored : counts.deleted);
    JsonWriter json;
    json.open('{').flag("dry_run", true).number("revision", planned.applied);
    write_counts(json, planned.to, counts);
    json.key("changes").open('[');
    for (std::size_t i = 0; i < std::min(changes.size(), changes_listed_max); ++i) {
        const auto& [present, past] = changes[i];
        json.open('{').text("key", past ? past->key : present->key);
        json.text("kind", past ? "put" : "delete").close('}');
    }
    auto response = json_response(200, json.close(']').close('}').take());
    response.applied = planned.applied;
    return response;
}

void plan(const CallPtr& call, const RollBack& command) {
    const auto options = read_options(*call);
    if (!options) return respond(call, options.error());
    const auto deadline = std::chrono::steady_clock::now() + call->services.options.request_timeout;
    query(
        call, *options,
        [command](const Machine& state) {
            return std::make_shared<const Planned>(
                Planned{state.plan(command), command.to, state.applied()});
        },
        [deadline](const CallPtr& back, const std::shared_ptr<const Planned>& planned,
                   std::uint64_t) {
            const auto& refused = planned->plan.refused;
            if (refused) return respond(back, to_problem(*refused));
            judge(back, planned->plan, deadline,
                  [planned](const CallPtr& after, const RestoredVerdict& verdict) {
                      if (verdict.problem) return respond(after, *verdict.problem);
                      after->respond(foreseen(*planned));
                  });
        },
        [](const CallPtr& back, Failure failure) { respond(back, to_problem(failure, false)); });
}

}  // namespace

void roll_back(const CallPtr& call) {
    if (const auto problem = bad_idempotency_key(*call)) return respond(call, *problem);
    auto command = parse_roll_back(*call);
    if (!command) return respond(call, command.error());
    const auto dry_run = call->parameters.flag("dry_run");
    if (!dry_run) return respond(call, dry_run.error());
    if (*dry_run) return plan(call, *command);
    const Revision to = command->to;
    execute(call, *std::move(command), [to](const CallPtr& back, const Executed& executed) {
        const auto* counts = std::get_if<RolledBack>(&executed.outcome);
        if (counts == nullptr) return respond(back, to_problem(executed.outcome));
        JsonWriter json;
        json.open('{').number("revision", executed.revision);
        write_counts(json, to, *counts);
        auto response = json_response(200, json.close('}').take());
        response.applied = executed.applied;
        back->respond(std::move(response));
    });
}

}  // namespace gavel::api
