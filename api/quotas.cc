#include <string>
#include <utility>
#include <vector>

#include "api/names.h"
#include "api/resources.h"
#include "statemachine/limits.h"

namespace gavel::api {
namespace {

using statemachine::Machine;
using statemachine::QuotaBounds;

// Of a quota; without one of everything the limits of the state stand in its place.
struct QuotaList {
    std::vector<Machine::QuotaView> quotas{};
    std::uint64_t sessions{};
    statemachine::Limits limits{};
    statemachine::Revision revision{};
};

void write_use(JsonWriter& json, std::string_view what, std::uint64_t used,
               std::optional<std::uint64_t> limit) {
    if (!limit) return;
    json.key(what).open('{').number("used", used).number("limit", *limit).close('}');
}

void write_quota(JsonWriter& json, const Machine::QuotaView& view, const QuotaList& list) {
    const bool of_everything = view.quota == nullptr || view.quota->prefix.empty();
    QuotaBounds bounds = view.quota != nullptr ? view.quota->bounds : QuotaBounds{};
    json.open('{').text("prefix", of_everything ? std::string_view() : view.quota->prefix);
    if (of_everything) {
        bounds = {.bytes = bounds.bytes.value_or(list.limits.key_bytes),
                  .keys = bounds.keys.value_or(list.limits.keys),
                  .sessions = bounds.sessions.value_or(list.limits.sessions)};
    }
    write_use(json, "bytes", view.bytes, bounds.bytes);
    write_use(json, "keys", view.keys, bounds.keys);
    write_use(json, "sessions", list.sessions, bounds.sessions);
    json.close('}');
}

Response listed(const Call&, const QuotaList& list) {
    JsonWriter json;
    json.open('{').number("revision", list.revision).key("quotas").open('[');
    for (const auto& view : list.quotas) write_quota(json, view, list);
    return json_response(200, json.close(']').close('}').take());
}

// One of the body's fields.
std::optional<Problem> read_bound(const JsonField& field, bool of_everything,
                                  const statemachine::Limits& limits, QuotaBounds& bounds) {
    struct Bound {
        std::string_view name{};
        std::optional<std::uint64_t>& value;
        std::uint64_t most{};
    };
    const Bound known[] = {{"bytes", bounds.bytes, limits.key_bytes},
                           {"keys", bounds.keys, limits.keys},
                           {"sessions", bounds.sessions, limits.sessions}};
    for (const auto& bound : known) {
        if (bound.name != field.name || (field.name == "sessions" && !of_everything)) continue;
        const auto number = parse_number(field.raw);
        if (field.kind != JsonField::Kind::number || !number || *number > bound.most) {
            return bad_field(field.name, "is not a number from 0 to " + std::to_string(bound.most));
        }
        bound.value = *number;
        return std::nullopt;
    }
    return bad_field(field.name, of_everything
                                     ? "there is no such field; there are: bytes keys sessions"
                                     : "there is no such field; there are: bytes keys");
}

Result<QuotaBounds, Problem> parse_bounds(const Call& call, bool of_everything) {
    const auto fields = parse_json_object(call.request.body);
    if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
    QuotaBounds bounds;
    for (const auto& field : *fields) {
        if (auto problem = read_bound(field, of_everything, {}, bounds)) return *std::move(problem);
    }
    if (!bounds.any()) {
        return Problem{ProblemCode::malformed_body, "the body has no bound; DELETE takes all away"};
    }
    return bounds;
}

Response was_set(const Call& call, const Executed& executed) {
    if (std::holds_alternative<statemachine::RuleNotFound>(executed.outcome)) {
        return problem_response(call, {ProblemCode::quota_not_found, "none was set"});
    }
    if (!std::holds_alternative<statemachine::Done>(executed.outcome)) {
        return problem_response(call, to_problem(executed.outcome));
    }
    JsonWriter json;
    json.open('{').text("prefix", call.name).number("revision", executed.revision).close('}');
    return json_response(200, json.take());
}

}  // namespace

void list_quotas(const CallPtr& call) {
    read(
        call,
        [](const Machine& state) {
            return QuotaList{state.quotas(), state.sessions().size(), state.limits(),
                             state.applied()};
        },
        listed);
}

void set_quota(const CallPtr& call) {
    auto bounds = parse_bounds(*call, call->name.empty());
    if (!bounds) return respond(call, bounds.error());
    execute(call, statemachine::SetQuota{call->name, *bounds}, was_set);
}

void remove_quota(const CallPtr& call) {
    execute(call, statemachine::SetQuota{call->name, {}}, was_set);
}

}  // namespace gavel::api
