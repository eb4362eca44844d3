#include "api/judged.h"

#include <string>
#include <variant>

#include "api/json.h"
#include "api/schema_book.h"
#include "statemachine/schemas.h"

namespace gavel::api {
namespace {

Problem violation(const PutOfCommand& put, const SchemaBook::Verdict& verdict) {
    JsonWriter json;
    json.open('{').text("prefix", verdict.schema->prefix);
    json.number("revision", verdict.schema->revision).close('}');
    JsonWriter violations;
    write_violations(violations, verdict.reasons);
    JsonWriter key;
    key.text(put.key);
    const auto& first = verdict.reasons.front();
    return {ProblemCode::schema_violation,
            "the value of '" + std::string(put.key) + "' does not fit the schema of '" +
                verdict.schema->prefix + "': " +
                (first.pointer.empty() ? std::string("it") : "what is at " + first.pointer) + ' ' +
                first.text,
            ",\"key\":" + key.take() + ",\"schema\":" + json.take() +
                ",\"violations\":" + violations.take()};
}

}  // namespace

std::vector<PutOfCommand> puts_of(statemachine::Command& command) {
    if (auto* put = std::get_if<statemachine::PutKey>(&command)) {
        return {{put->key, put->content_type, put->value.view(), &put->schema}};
    }
    std::vector<PutOfCommand> puts;
    auto* transact = std::get_if<statemachine::Transact>(&command);
    if (transact == nullptr) return puts;
    for (auto* branch : {&transact->then, &transact->otherwise}) {
        for (auto& operation : *branch) {
            auto* put = std::get_if<statemachine::PutOperation>(&operation);
            if (put == nullptr) continue;
            puts.push_back({put->key, put->content_type, put->value.view(), &put->schema});
        }
    }
    return puts;
}

void make_unfit(statemachine::Command& command) {
    using statemachine::no_schema;
    if (auto* put = std::get_if<statemachine::PutKey>(&command)) put->schema = no_schema;
    if (auto* transact = std::get_if<statemachine::Transact>(&command)) {
        // Whichever branch it takes, it may have had no put that is unfit.
        transact->then = {statemachine::PutOperation{.key = "unfit", .schema = no_schema}};
        transact->otherwise = transact->then;
    }
    if (auto* back = std::get_if<statemachine::RollBack>(&command)) back->judged = no_schema;
}

std::optional<Problem> judge(const Call& call, statemachine::Command& command) {
    const auto schemas = call.services.gateway.schemas();
    for (const auto& put : puts_of(command)) {
        Effort effort;
        const auto verdict =
            call.services.schemas.judge(schemas, put.key, put.content_type, put.value, effort);
        if (!verdict.reasons.empty()) return violation(put, verdict);
        *put.schema = verdict.revision();
    }
    return std::nullopt;
}

std::optional<Problem> judge(const Call& call, const statemachine::RollBackPlan& plan,
                             statemachine::RollBack& command) {
    const auto schemas = call.services.gateway.schemas();
    for (const auto& change : plan.changes) {
        const auto& past = change.past;
        if (past == nullptr) continue;
        Effort effort;
        const auto verdict = call.services.schemas.judge(schemas, past->key, past->content_type,
                                                         past->value.view(), effort);
        if (verdict.reasons.empty()) continue;
        return violation({past->key, past->content_type, past->value.view(), nullptr}, verdict);
    }
    command.judged = statemachine::digest_of_restored(plan, [&](std::string_view key) {
        const auto schema = SchemaBook::governing(schemas, key);
        return schema == nullptr ? statemachine::Revision{0} : schema->revision;
    });
    return std::nullopt;
}

void write_violations(JsonWriter& json, const std::vector<JsonSchema::Reason>& reasons) {
    json.open('[');
    for (const auto& reason : reasons) {
        json.open('{').text("pointer", reason.pointer).text("reason", reason.text).close('}');
    }
    json.close(']');
}

}  // namespace gavel::api
