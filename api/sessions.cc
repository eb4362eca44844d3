#include <charconv>

#include "api/durations.h"
#include "api/json.h"
#include "api/names.h"
#include "api/resources.h"
#include "statemachine/limits.h"

namespace gavel::api {
namespace {

using statemachine::Machine;
using statemachine::Ptr;
using statemachine::Session;
using statemachine::SessionId;
using std::chrono::milliseconds;

// What a session's JSON is made of, copied out of the state.
struct SessionView {
    Ptr<Session> session{};  // Null: there is none.
    std::vector<std::string> held{};
    std::vector<std::string> waiting{};
    std::size_t held_count{};
    std::size_t waiting_count{};
    std::size_t keys{};
    statemachine::Revision leader_start{};
};

// Whoever looks at many sessions must not hold up everybody else.
constexpr std::size_t names_shown_in_a_list = 16;

SessionView view(const Machine& state, SessionId id, std::size_t names = SIZE_MAX) {
    SessionView view{.session = state.session(id), .leader_start = state.globals().leader_start};
    if (view.session == nullptr) return view;
    view.held = state.held_by(id, names);
    view.waiting = state.waited_for_by(id, names);
    view.held_count = state.held_count_of(id);
    view.waiting_count = state.waited_for_count_of(id);
    view.keys = state.key_count_of(id);
    return view;
}

void write_names(JsonWriter& json, std::string_view field, const std::vector<std::string>& names) {
    json.key(field).open('[');
    for (const auto& name : names) json.text(name);
    json.close(']');
}

void write(JsonWriter& json, const SessionView& view, const Leases& leases) {
    const auto& session = *view.session;
    json.open('{').text("id", session_id(session.id)).text("name", session.name);
    json.text("ttl", format_duration(milliseconds(session.ttl)));
    json.text("lock_delay", format_duration(milliseconds(session.lock_delay)));
    json.raw("metadata", session.metadata.empty() ? "{}" : session.metadata);
    if (session.ends_with_locks) json.flag("ends_with_locks", true);
    json.text("created_at", format_time(session.created_at));
    write_expires_in(json, leases, session.id);
    json.number("leader_start", view.leader_start);
    write_names(json, "held", view.held);
    json.number("held_count", view.held_count);
    write_names(json, "waiting", view.waiting);
    json.number("waiting_count", view.waiting_count);
    json.number("keys", view.keys).close('}');
}

std::string session_path(SessionId id) { return "/v1/sessions/" + session_id(id); }

Problem not_found(SessionId id) {
    return to_problem(statemachine::Outcome(statemachine::SessionNotFound{id}));
}

// The id in the path. What is no id at all names no session, and is answered so.
std::optional<SessionId> session_of(const CallPtr& call) {
    const auto id = parse_session_id(call->name);
    if (!id) {
        respond(call, {ProblemCode::session_not_found, "a session id is an s and a number"});
    }
    return id;
}

std::optional<Problem> read_field(const JsonField& field, const ServerOptions& options,
                                  statemachine::OpenSession& into) {
    if (field.name == "name") {
        if (field.kind != JsonField::Kind::text) return bad_field("name", "is not a text");
        if (const auto unfit = check_label(field.text)) return bad_field("name", unfit->why);
        into.name = field.text;
    } else if (field.name == "ttl") {
        const auto ttl = duration_field(field, options.ttl_min, options.ttl_max);
        if (!ttl) return ttl.error();
        into.ttl = ttl->count();
    } else if (field.name == "lock_delay") {
        const auto delay = duration_field(field, milliseconds(0), options.lock_delay_max);
        if (!delay) return delay.error();
        into.lock_delay = delay->count();
    } else if (field.name == "metadata") {
        auto metadata = metadata_field(field);
        if (!metadata) return metadata.error();
        into.metadata = *std::move(metadata);
    } else if (field.name == "ends_with_locks") {
        if (field.kind != JsonField::Kind::boolean)
            return bad_field(field.name, "is not a boolean");
        into.ends_with_locks = field.raw == "true";
    } else {
        return bad_field(field.name,
                         "there is no such field; there are: name ttl lock_delay "
                         "metadata ends_with_locks");
    }
    return std::nullopt;
}

Result<statemachine::OpenSession, Problem> parse_open(const Call& call) {
    const auto& options = call.services.options;
    statemachine::OpenSession command;
    command.ttl = options.ttl_default.count();
    if (call.request.body.empty()) return command;
    const auto fields = parse_json_object(call.request.body);
    if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
    for (const auto& field : *fields) {
        if (auto problem = read_field(field, options, command)) return *std::move(problem);
    }
    return command;
}

Response opened(const SessionView& view) {
    JsonWriter json;
    write(json, view, {{view.session->id, milliseconds(view.session->ttl)}});
    auto response = json_response(201, json.take());
    response.add("Location", session_path(view.session->id));
    return response;
}

// The first outcome of a repeated request, whose session has ended since.
Response opened_once(SessionId id) {
    JsonWriter json;
    json.open('{').text("id", session_id(id)).close('}');
    auto response = json_response(201, json.take());
    response.add("Location", session_path(id));
    return response;
}

// What a keep-alive gives is the whole TTL.
Response kept(SessionId id, const KeptAlive& kept) {
    const auto whole = format_duration(kept.expires_in);
    JsonWriter json;
    json.open('{').text("id", session_id(id)).text("ttl", whole).text("expires_in", whole);
    return json_response(200, json.number("leader_start", kept.leader_start).close('}').take());
}

}  // namespace

void open_session(const CallPtr& call) {
    auto command = parse_open(*call);
    if (!command) return respond(call, command.error());
    execute(call, *std::move(command), [](const CallPtr& back, const Executed& executed) {
        const auto* session = std::get_if<statemachine::SessionOpened>(&executed.outcome);
        if (session == nullptr) return respond(back, to_problem(executed.outcome));
        const ReadOptions here{.stale = true,
                               .min_revision = executed.revision,
                               .timeout = back->services.options.request_timeout};
        const auto id = session->session;
        read(
            back, here, [id](const Machine& state) { return view(state, id); },
            [id](const Call&, const SessionView& found) {
                return found.session != nullptr ? opened(found) : opened_once(id);
            });
    });
}

void get_session(const CallPtr& call) {
    const auto id = session_of(call);
    if (!id) return;
    read_with_leases(
        call, [id = *id](const Machine& state) { return view(state, id); },
        [](const SessionView& found) {
            return found.session != nullptr ? std::vector{found.session->id}
                                            : std::vector<SessionId>();
        },
        [id = *id](const Call& back, const SessionView& found, const Leases& leases) {
            if (found.session == nullptr) return problem_response(back, not_found(id));
            JsonWriter json;
            write(json, found, leases);
            return json_response(200, json.take());
        });
}

void list_sessions(const CallPtr& call) {
    const auto asked = page(*call);
    if (!asked) return respond(call, asked.error());
    const auto after = asked->after.empty() ? 0 : parse_session_id(asked->after);
    if (!after) return respond(call, bad_parameter("cursor", "is none that was given out"));
    const auto limit = asked->limit;
    read_with_leases(
        call,
        [after = *after, limit](const Machine& state) {
            std::vector<SessionView> views;
            const auto& sessions = state.sessions();
            for (auto at = sessions.upper_bound(after);
                 at != sessions.end() && views.size() <= limit; ++at) {
                views.push_back(view(state, at->first, names_shown_in_a_list));
            }
            return views;
        },
        [limit](const std::vector<SessionView>& views) {
            std::vector<SessionId> shown;
            for (std::size_t i = 0; i < std::min(limit, views.size()); ++i) {
                shown.push_back(views[i].session->id);
            }
            return shown;
        },
        [limit](const Call& back, const std::vector<SessionView>& views, const Leases& leases) {
            JsonWriter json;
            json.open('{').key("sessions").open('[');
            for (std::size_t i = 0; i < std::min(limit, views.size()); ++i) {
                write(json, views[i], leases);
            }
            const bool more = views.size() > limit;
            return end_page(json, back, more ? session_id(views[limit - 1].session->id) : "");
        });
}

void keep_session_alive(const CallPtr& call) {
    const auto id = session_of(call);
    if (!id) return;
    const auto timeout = call->services.options.request_timeout;
    call->services.gateway.keep_alive(*id, timeout, [call, id = *id](KeepAliveResult result) {
        call->services.mailbox.post([call, id, result] {
            if (const auto* failure = std::get_if<Failure>(&result)) {
                // Nothing is replicated by a keep-alive: whatever became of it, it can be repeated.
                return respond(call, to_problem(*failure, true));
            }
            const auto& answer = std::get<KeptAlive>(result);
            if (!answer.found) return respond(call, not_found(id));
            call->respond(kept(id, answer));
        });
    });
}

namespace {

// The session of one who held much goes on ending command by command: he is told when all is free.
void on_ended(const CallPtr& call, SessionId id, bool ended, const Executed& executed) {
    if (std::holds_alternative<statemachine::SessionEnding>(executed.outcome)) {
        return execute_again(call, statemachine::EndSession{id},
                             [id](const CallPtr& back, const Executed& further) {
                                 on_ended(back, id, true, further);
                             });
    }
    if (!ended && !std::holds_alternative<statemachine::SessionEnded>(executed.outcome)) {
        return respond(call, to_problem(executed.outcome));
    }
    Response response;
    response.status = 204;
    response.applied = executed.applied;
    call->respond(std::move(response));
}

}  // namespace

void end_session(const CallPtr& call) {
    const auto id = session_of(call);
    if (!id) return;
    execute(call, statemachine::EndSession{*id},
            [id = *id](const CallPtr& back, const Executed& executed) {
                on_ended(back, id, false, executed);
            });
}

}  // namespace gavel::api
