#include <algorithm>

#include "api/durations.h"
#include "api/etag.h"
#include "api/event_text.h"
#include "api/guard.h"
#include "api/key_response.h"
#include "api/names.h"
#include "api/resources.h"
#include "statemachine/limits.h"

namespace gavel::api {
namespace {

using statemachine::KeyValue;
using statemachine::Machine;
using statemachine::Ptr;
using statemachine::Revision;

constexpr std::string_view default_content_type = "application/octet-stream";

Result<statemachine::Precondition, Problem> precondition_of(const Call& call) {
    auto condition =
        parse_precondition(call.request.header("if-match"), call.request.header("if-none-match"));
    if (!condition) return Problem{ProblemCode::bad_header, condition.error().why};
    return *std::move(condition);
}

Result<statemachine::PutKey, Problem> parse_put(Call& call) {
    statemachine::PutKey command;
    const auto* type = call.request.header("content-type");
    command.content_type = type != nullptr && !type->empty() ? *type : default_content_type;
    if (const auto unfit = check_content_type(command.content_type)) {
        return Problem{ProblemCode::bad_header, "Content-Type: " + unfit->why};
    }
    auto& body = call.request.body;
    if (body.size() > statemachine::value_bytes_max) {
        return Problem{ProblemCode::body_too_large, "a value has at most 1 MiB"};
    }
    if (is_json_type(command.content_type) && !is_json(body)) {
        return Problem{ProblemCode::value_not_json, "Content-Type says JSON, the body is not"};
    }
    auto condition = precondition_of(call);
    if (!condition) return condition.error();
    command.precondition = *std::move(condition);
    auto guard = guard_of(call);
    if (!guard) return guard.error();
    command.guard = *std::move(guard);
    if (const auto* session = call.parameters.find("session")) {
        const auto id = parse_session_id(*session);
        if (!id || *id == 0) return bad_parameter("session", "is not a session id such as s123");
        command.session = *id;
    }
    auto note = note_of(call);
    if (!note) return note.error();
    command.author = std::move(note->author);
    command.reason = std::move(note->reason);
    command.key = call.name;
    command.value = Bytes(std::move(body));
    return command;
}

Response was_put(const Call& call, const Executed& executed) {
    const auto* put = std::get_if<statemachine::KeyPut>(&executed.outcome);
    if (put == nullptr) return problem_response(call, to_problem(executed.outcome));
    JsonWriter json;
    json.open('{').text("key", call.name).number("revision", executed.revision);
    json.number("version", put->version).close('}');
    auto response = json_response(put->created ? 201 : 200, json.take());
    response.add("ETag", etag(executed.revision));
    return response;
}

Response was_deleted(const Call& call, const Executed& executed) {
    const auto* all = std::get_if<statemachine::PrefixDeleted>(&executed.outcome);
    if (all == nullptr && !std::holds_alternative<statemachine::KeyDeleted>(executed.outcome)) {
        return problem_response(call, to_problem(executed.outcome));
    }
    JsonWriter json;
    json.open('{').text("key", call.name).number("revision", executed.revision);
    if (all != nullptr) json.number("deleted", all->count);
    return json_response(200, json.close('}').take());
}

}  // namespace

void write_item(JsonWriter& json, const KeyValue& value, bool with_value) {
    json.open('{');
    write_item_members(json, value, with_value);
    json.close('}');
}

void write_item_members(JsonWriter& json, const KeyValue& value, bool with_value) {
    json.text("key", value.key);
    if (with_value) write_value(json, value);
    json.text("content_type", value.content_type).number("create_revision", value.created);
    json.number("revision", value.modified).number("version", value.version);
    json.text("author", value.author).text("reason", value.reason);
    json.text("modified_at", format_time(value.modified_at));
    if (value.session != 0) json.text("session", session_id(value.session));
}

Result<KeyConditions, Problem> key_conditions(const Call& call) {
    KeyConditions conditions;
    const auto read = [&](std::string_view name,
                          std::optional<EntityTags>& into) -> std::optional<Problem> {
        const auto* text = call.request.header(name);
        if (text == nullptr) return std::nullopt;
        auto tags = parse_entity_tags(*text);
        if (!tags)
            return Problem{ProblemCode::bad_header, std::string(name) + ": " + tags.error().why};
        into = *std::move(tags);
        return std::nullopt;
    };
    if (auto problem = read("if-match", conditions.if_match)) return *std::move(problem);
    if (auto problem = read("if-none-match", conditions.if_none_match)) return *std::move(problem);
    const auto meta = call.parameters.flag("meta");
    if (!meta) return meta.error();
    conditions.meta = *meta;
    return conditions;
}

Response key_response(const Call& call, const Ptr<KeyValue>& value,
                      const KeyConditions& conditions) {
    if (value == nullptr) {
        const auto code =
            conditions.if_match ? ProblemCode::precondition_failed : ProblemCode::key_not_found;
        return problem_response(call, {code, "there is no such key"});
    }
    if (conditions.if_match && !conditions.if_match->matches_strongly(value->modified)) {
        return problem_response(call,
                                to_problem(statemachine::Outcome(
                                    statemachine::PreconditionFailed{.present = value->modified})));
    }
    Response response;
    response.add("ETag", etag(value->modified));
    response.add("Last-Modified", format_http_date(value->modified_at));
    response.add("Gavel-Create-Revision", std::to_string(value->created));
    response.add("Gavel-Version", std::to_string(value->version));
    if (!value->author.empty()) response.add("Gavel-Author", value->author);
    if (value->session != 0) response.add("Gavel-Session", session_id(value->session));
    if (!value->reason.empty()) response.add("Gavel-Reason", value->reason);
    response.add("Cache-Control", "no-cache");
    if (conditions.if_none_match && conditions.if_none_match->matches_weakly(value->modified)) {
        response.status = 304;
        return response;
    }
    if (conditions.meta) {
        JsonWriter json;
        write_item(json, *value, true);
        response.add("Content-Type", "application/json");
        response.body = json.take();
        return response;
    }
    response.add("Content-Type", value->content_type);
    // A value is data, whatever its type says: no browser is to run it.
    response.add("X-Content-Type-Options", "nosniff");
    response.add("Content-Security-Policy", "sandbox");
    response.shared_body = value->value;
    return response;
}

namespace {

struct Asked {
    statemachine::KeyAt at{};
    Revision oldest{};
    Revision applied{};
};

void get_past_key(const CallPtr& call, const ReadOptions& options, KeyConditions conditions,
                  Revision revision) {
    read(
        call, options,
        [call, revision](const Machine& state) {
            return Asked{state.key_at(call->name, revision),
                         state.key_changes(call->name, revision, 0).oldest, state.applied()};
        },
        [conditions = std::move(conditions), revision](const Call& back, const Asked& asked) {
            if (revision > asked.applied) {
                return problem_response(back, in_the_future(revision, asked.applied));
            }
            if (!asked.at.known) return problem_response(back, compacted(back.name, asked.oldest));
            return key_response(back, asked.at.value, conditions);
        });
}

}  // namespace

Problem in_the_future(Revision asked, Revision newest) {
    return {ProblemCode::future_revision,
            "revision " + std::to_string(asked) + " is yet to come: the newest is " +
                std::to_string(newest),
            ",\"revision\":" + std::to_string(newest)};
}

void get_key(const CallPtr& call) {
    auto conditions = key_conditions(*call);
    if (!conditions) return respond(call, conditions.error());
    const auto options = read_options(*call);
    if (!options) return respond(call, options.error());
    const auto wait = call->parameters.duration("wait", call->services.options.wait_max);
    if (!wait) return respond(call, wait.error());
    const auto revision = call->parameters.number("revision");
    if (!revision) return respond(call, revision.error());
    if (*revision) {
        if (*wait) return respond(call, bad_parameter("wait", "is of no use with revision"));
        return get_past_key(call, *options, *std::move(conditions), **revision);
    }
    if (wait->value_or(std::chrono::milliseconds(0)).count() > 0 && conditions->if_none_match) {
        return wait_for_key(call, *options, **wait);
    }
    read(
        call, *options, [call](const Machine& state) { return state.key(call->name); },
        [conditions = *std::move(conditions)](const Call& back, const Ptr<KeyValue>& value) {
            return key_response(back, value, conditions);
        });
}

void put_key(const CallPtr& call) {
    auto command = parse_put(*call);
    if (!command) return respond(call, command.error());
    execute(call, *std::move(command), was_put);
}

void delete_key(const CallPtr& call) {
    auto condition = precondition_of(*call);
    if (!condition) return respond(call, condition.error());
    auto guard = guard_of(*call);
    if (!guard) return respond(call, guard.error());
    auto note = note_of(*call);
    if (!note) return respond(call, note.error());
    const auto recursive = call->parameters.flag("recursive");
    if (!recursive) return respond(call, recursive.error());
    if (!*recursive) {
        return execute(call,
                       statemachine::DeleteKey{.key = call->name,
                                               .author = std::move(note->author),
                                               .precondition = *std::move(condition),
                                               .guard = *std::move(guard),
                                               .reason = std::move(note->reason)},
                       was_deleted);
    }
    // What a condition is about is one key.
    if (condition->kind != statemachine::Precondition::Kind::none) {
        return respond(call, {ProblemCode::bad_header,
                              "a recursive delete takes neither If-Match nor If-None-Match"});
    }
    execute(call,
            statemachine::DeletePrefix{.key = call->name,
                                       .author = std::move(note->author),
                                       .guard = *std::move(guard),
                                       .reason = std::move(note->reason)},
            was_deleted);
}

}  // namespace gavel::api
