#include "api/judged.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "api/json.h"
#include "api/resources.h"
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
    Effort effort;
    for (const auto& put : puts_of(command)) {
        const auto verdict =
            call.services.schemas.judge(schemas, put.key, put.content_type, put.value, effort);
        if (!verdict.reasons.empty()) return violation(put, verdict);
        *put.schema = verdict.revision();
    }
    return std::nullopt;
}

namespace {

// A rollback whose values are being judged.
struct Restoring {
    statemachine::RollBackPlan plan{};
    Gateway::Schemas schemas{};
    Deadline deadline{};
    std::function<void(const CallPtr&, const RestoredVerdict&)> then{};
    std::size_t next{};
    Effort effort{.left = 10 * Effort::most};  // For all of it.

    // The next value, if there is one. What it took is taken from `turn`.
    std::optional<Problem> judge_next(const Call& call, Effort& turn) {
        const auto& past = plan.changes[next++].past;
        if (past == nullptr) return std::nullopt;
        Effort own{.left = std::min(Effort::most, effort.left)};
        const std::uint64_t before = own.left;
        const auto verdict = call.services.schemas.judge(schemas, past->key, past->content_type,
                                                         past->value.view(), own);
        effort.spend(before - own.left);
        turn.spend(before - own.left + schemas->size());
        if (verdict.reasons.empty()) return std::nullopt;
        return violation({past->key, past->content_type, past->value.view(), nullptr}, verdict);
    }
    RestoredVerdict good() const {
        return {.problem = std::nullopt,
                .judged = statemachine::digest_of_restored(plan, [&](std::string_view key) {
                    const auto schema = SchemaBook::governing(schemas, key);
                    return schema == nullptr ? statemachine::Revision{0} : schema->revision;
                })};
    }
};

void go_on(const CallPtr& call, const std::shared_ptr<Restoring>& restoring) {
    Effort turn{.left = effort_per_turn};
    while (restoring->next < restoring->plan.changes.size() && turn.left > 0) {
        if (auto problem = restoring->judge_next(*call, turn)) {
            return restoring->then(call, {.problem = std::move(problem)});
        }
    }
    if (restoring->next == restoring->plan.changes.size()) {
        return restoring->then(call, restoring->good());
    }
    if (std::chrono::steady_clock::now() >= restoring->deadline) {
        return respond(call, to_problem(Failure{Failure::Kind::timed_out}, false));
    }
    call->services.mailbox.post([call, restoring] { go_on(call, restoring); });
}

}  // namespace

void judge(const CallPtr& call, const statemachine::RollBackPlan& plan, Deadline deadline,
           std::function<void(const CallPtr& call, const RestoredVerdict& verdict)> then) {
    auto schemas = call->services.gateway.schemas();
    if (schemas == nullptr) return then(call, {});
    go_on(call, std::make_shared<Restoring>(
                    Restoring{plan, std::move(schemas), deadline, std::move(then)}));
}

void write_violations(JsonWriter& json, const std::vector<JsonSchema::Reason>& reasons) {
    json.open('[');
    for (const auto& reason : reasons) {
        json.open('{').text("pointer", reason.pointer).text("reason", reason.text).close('}');
    }
    json.close(']');
}

}  // namespace gavel::api
