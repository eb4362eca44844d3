#include <memory>

#include "api/guard.h"
#include "api/json.h"
#include "api/key_response.h"
#include "api/resources.h"
#include "api/transaction_request.h"

namespace gavel::api {
namespace {

using statemachine::KeyValue;
using statemachine::Ptr;
using statemachine::Transacted;

// What is left to be known of a transaction when its outcome comes.
struct Asked {
    std::vector<std::size_t> conditions{};
    std::vector<std::string> then_keys{};
    std::vector<std::string> else_keys{};
};

void write_got(JsonWriter& json, const std::string& key, std::uint64_t revision,
               const Ptr<KeyValue>& value) {
    json.open('{').flag("exists", revision != 0);
    if (value != nullptr) {
        write_item_members(json, *value, true);
    } else {
        json.text("key", key);
        // Of a repeat: there was a value, and another one has taken its place.
        if (revision != 0) json.number("revision", revision);
    }
    json.close('}');
}

Response transacted(const Call& call, const Asked& asked, const Executed& executed) {
    const auto* outcome = std::get_if<Transacted>(&executed.outcome);
    if (outcome == nullptr) return problem_response(call, to_problem(executed.outcome));
    const auto& keys = outcome->succeeded ? asked.then_keys : asked.else_keys;
    // Two requests may have one fingerprint, however rarely.
    if (outcome->results.size() != keys.size() ||
        (!outcome->succeeded && outcome->failed >= asked.conditions.size())) {
        return problem_response(
            call, to_problem(statemachine::Outcome(statemachine::IdempotencyKeyReused{})));
    }
    JsonWriter json;
    json.open('{').flag("succeeded", outcome->succeeded).number("revision", executed.revision);
    if (!outcome->succeeded) json.number("failed", asked.conditions[outcome->failed]);
    json.key("results").open('[');
    auto got = executed.got.begin();
    for (std::size_t i = 0; i < outcome->results.size(); ++i) {
        const auto [kind, number] = outcome->results[i];
        json.open('{');
        switch (kind) {
            case Transacted::Result::Kind::put:
                json.key("put").open('{').text("key", keys[i]);
                json.number("revision", executed.revision).number("version", number).close('}');
                break;
            case Transacted::Result::Kind::deleted:
                json.key("delete").open('{').text("key", keys[i]);
                json.number("deleted", number).close('}');
                break;
            case Transacted::Result::Kind::got:
                json.key("get");
                write_got(json, keys[i], number, got != executed.got.end() ? *got++ : nullptr);
                break;
        }
        json.close('}');
    }
    return json_response(200, json.close(']').close('}').take());
}

}  // namespace

void transact(const CallPtr& call) {
    auto request = parse_transaction(call->request.body);
    if (!request) return respond(call, request.error());
    auto guard = guard_of(*call);
    if (!guard) return respond(call, guard.error());
    request->command.guard = *std::move(guard);
    auto note = note_of(*call);
    if (!note) return respond(call, note.error());
    request->command.author = std::move(note->author);
    request->command.reason = std::move(note->reason);
    auto asked = std::make_shared<const Asked>(Asked{std::move(request->conditions),
                                                     std::move(request->then_keys),
                                                     std::move(request->else_keys)});
    execute(call, std::move(request->command),
            [asked](const CallPtr& back, const Executed& executed) {
                Response response = transacted(*back, *asked, executed);
                response.applied = executed.applied;
                back->respond(std::move(response));
            });
}

}  // namespace gavel::api
