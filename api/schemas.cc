#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "api/durations.h"
#include "api/judged.h"
#include "api/names.h"
#include "api/resources.h"
#include "api/schema_book.h"
#include "statemachine/limits.h"

namespace gavel::api {
namespace {

using statemachine::KeyValue;
using statemachine::Machine;
using statemachine::Ptr;
using statemachine::Schema;

constexpr std::size_t read_at_once = 32;
constexpr std::size_t checked_max = 100'000;
constexpr std::size_t conflicts_max = 100;

struct SchemaList {
    std::vector<Ptr<Schema>> schemas{};
    statemachine::Revision revision{};
};

Response listed(const Call&, const SchemaList& list) {
    JsonWriter json;
    json.open('{').number("revision", list.revision).key("schemas").open('[');
    for (const auto& schema : list.schemas) {
        json.open('{').text("prefix", schema->prefix).number("revision", schema->revision);
        json.text("set_at", format_time(schema->set_at)).number("bytes", schema->text.size());
        json.close('}');
    }
    return json_response(200, json.close(']').close('}').take());
}

Problem not_found() { return {ProblemCode::schema_not_found, "none is set for that prefix"}; }

Response shown(const Call& call, const Ptr<Schema>& schema) {
    if (schema == nullptr) return problem_response(call, not_found());
    Response response;
    response.add("Content-Type", "application/schema+json").add("Cache-Control", "no-cache");
    response.add("Last-Modified", format_http_date(schema->set_at));
    response.add("X-Content-Type-Options", "nosniff").add("Content-Security-Policy", "sandbox");
    response.body = schema->text;
    return response;
}

Response was_set(const Call& call, const Executed& executed) {
    if (std::holds_alternative<statemachine::RuleNotFound>(executed.outcome)) {
        return problem_response(call, not_found());
    }
    if (!std::holds_alternative<statemachine::Done>(executed.outcome)) {
        return problem_response(call, to_problem(executed.outcome));
    }
    JsonWriter json;
    json.open('{').text("prefix", call.name).number("revision", executed.revision).close('}');
    return json_response(200, json.take());
}

// Holds what is there to a schema that is to be set.
struct Check {
    Check(std::string text, JsonSchema schema_of_text)
        : command_text(std::move(text)), schema(std::move(schema_of_text)) {}

    std::string command_text;
    JsonSchema schema;
    bool only_checks{};
    Deadline deadline{};
    std::vector<Ptr<KeyValue>> keys{};  // Read, and looked at up to `next`.
    std::size_t next{};
    bool is_last{};  // There are none behind them.
    std::string after{};
    std::size_t checked{};
    bool complete{};
    struct Conflict {
        std::string key{};
        std::vector<JsonSchema::Reason> reasons{};
    };
    std::vector<Conflict> conflicts{};
};
using CheckPtr = std::shared_ptr<Check>;

std::string found(const Check& check) {
    JsonWriter json;
    json.number("keys_checked", check.checked).flag("complete", check.complete);
    json.key("conflicts").open('[');
    for (const auto& conflict : check.conflicts) {
        json.open('{').text("key", conflict.key).key("violations");
        JsonWriter violations;
        write_violations(violations, conflict.reasons);
        json.raw(violations.take()).close('}');
    }
    return json.close(']').take();
}

void finish(const CallPtr& call, const CheckPtr& check) {
    if (check->only_checks) {
        JsonWriter prefix;
        prefix.open('{').text("prefix", call->name);
        return call->respond(json_response(200, prefix.take() + ',' + found(*check) + '}'));
    }
    if (!check->conflicts.empty() || !check->complete) {
        const std::string why =
            check->conflicts.empty()
                ? "there are too many keys to look at all of them in time"
                : "the value of '" + check->conflicts.front().key + "' does not fit";
        return respond(call, {ProblemCode::schema_conflict,
                              why + "; force=true sets it all the same", ',' + found(*check)});
    }
    execute(call, statemachine::SetSchema{call->name, std::move(check->command_text), {}}, was_set);
}

struct Piece {
    std::vector<Ptr<KeyValue>> keys{};
    bool last{};
};

// The next few keys that the schema would govern.
Piece next_piece(const Machine& state, const std::string& prefix, const std::string& after) {
    Piece piece{.keys = state.keys(prefix, after, read_at_once), .last = false};
    piece.last = piece.keys.size() < read_at_once;
    return piece;
}

bool is_governed_by_another(const Call& call, const std::string& key) {
    const auto schema = SchemaBook::governing(call.services.gateway.schemas(), key);
    return schema != nullptr && schema->prefix.size() > call.name.size();
}

// The next key that was read. What it took is taken from `turn`.
void look_at_next(const Call& call, Check& check, Effort& turn) {
    const auto& value = *check.keys[check.next++];
    check.after = value.key;
    turn.spend(100);
    if (is_governed_by_another(call, value.key)) return;
    ++check.checked;
    Effort own;
    auto reasons = SchemaBook::judge(check.schema, value.content_type, value.value.view(), own);
    turn.spend(Effort::most - own.left);
    if (!reasons.empty()) check.conflicts.push_back({value.key, std::move(reasons)});
}

void read_more(const CallPtr& call, const CheckPtr& check);

// Others have their turn in between.
void go_on(const CallPtr& call, const CheckPtr& check) {
    Effort turn{.left = effort_per_turn};
    while (check->next < check->keys.size() && turn.left > 0) {
        look_at_next(*call, *check, turn);
        const bool enough = check->conflicts.size() >= conflicts_max ||
                            check->checked >= checked_max ||
                            std::chrono::steady_clock::now() >= check->deadline;
        check->complete = check->is_last && check->next == check->keys.size();
        if (enough) return finish(call, check);
    }
    if (check->next < check->keys.size()) {
        return call->services.mailbox.post([call, check] { go_on(call, check); });
    }
    check->complete = check->is_last;
    check->is_last ? finish(call, check) : read_more(call, check);
}

void read_more(const CallPtr& call, const CheckPtr& check) {
    ReadOptions options;
    options.timeout = call->services.options.request_timeout;
    query(
        call, options,
        [prefix = call->name, after = check->after](const Machine& state) {
            return next_piece(state, prefix, after);
        },
        [check](const CallPtr& back, const Piece& piece, std::uint64_t) {
            check->keys = piece.keys;
            check->next = 0;
            check->is_last = piece.last;
            go_on(back, check);
        },
        [](const CallPtr& back, Failure failure) { respond(back, to_problem(failure, false)); });
}

}  // namespace

void list_schemas(const CallPtr& call) {
    read(
        call,
        [](const Machine& state) {
            return SchemaList{state.schemas(), state.applied()};
        },
        listed);
}

void get_schema(const CallPtr& call) {
    read(
        call,
        [prefix = call->name](const Machine& state) {
            const auto all = state.schemas();
            const auto at = std::ranges::find_if(
                all, [&](const auto& schema) { return schema->prefix == prefix; });
            return at == all.end() ? nullptr : *at;
        },
        shown);
}

void set_schema(const CallPtr& call) {
    if (const auto problem = bad_idempotency_key(*call)) return respond(call, *problem);
    const auto only_checks = call->parameters.flag("check");
    if (!only_checks) return respond(call, only_checks.error());
    const auto force = call->parameters.flag("force");
    if (!force) return respond(call, force.error());
    if (call->request.body.size() > statemachine::schema_bytes_max) {
        return respond(call, {ProblemCode::body_too_large, "a schema has at most 64 KiB"});
    }
    auto schema = JsonSchema::compile(call->request.body);
    if (!schema) return respond(call, {ProblemCode::bad_schema, schema.error().why});
    if (*force && !*only_checks) {
        return execute(call, statemachine::SetSchema{call->name, call->request.body, {}}, was_set);
    }
    const auto check = std::make_shared<Check>(call->request.body, *std::move(schema));
    check->only_checks = *only_checks;
    check->deadline = std::chrono::steady_clock::now() + call->services.options.request_timeout;
    read_more(call, check);
}

void remove_schema(const CallPtr& call) {
    execute(call, statemachine::SetSchema{call->name, {}, {}}, was_set);
}

}  // namespace gavel::api
