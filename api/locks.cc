#include <optional>
#include <span>

#include "api/durations.h"
#include "api/json.h"
#include "api/names.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using statemachine::Holder;
using statemachine::Lock;
using statemachine::Machine;
using statemachine::Ptr;
using statemachine::SessionId;
using statemachine::Token;
using std::chrono::milliseconds;

constexpr std::size_t queue_shown_max = 1'000;

// A lock with the names of the sessions around it, copied out of the state.
struct LockView {
    Ptr<Lock> lock{};  // Null: never held, or forgotten.
    std::vector<Ptr<statemachine::Waiter>> queue{};
    std::vector<std::string> queue_names{};
    std::string holder_name{};
    std::uint64_t queue_length{};
    statemachine::TimeMs now{};
};

std::string session_name(const Machine& state, SessionId id) {
    const auto session = state.session(id);
    return session != nullptr ? session->name : std::string();
}

LockView explain(const Machine& state, std::string_view name) {
    auto found = state.explain(name);
    LockView view{found.lock, std::move(found.queue), {}, {}, 0, state.globals().time};
    view.queue_length = view.queue.size();
    // Whoever explains a lock must not hold up everybody else.
    view.queue.resize(std::min(view.queue.size(), queue_shown_max));
    for (const auto& waiter : view.queue) {
        view.queue_names.push_back(session_name(state, waiter->session));
    }
    if (view.lock != nullptr && view.lock->holder) {
        view.holder_name = session_name(state, view.lock->holder->session);
    }
    return view;
}

bool is_held(const LockView& view) { return view.lock != nullptr && view.lock->holder; }

void write_metadata(JsonWriter& json, const std::string& metadata) {
    json.raw("metadata", metadata.empty() ? "{}" : metadata);
}

std::vector<SessionId> holders_of(std::span<const LockView> views) {
    std::vector<SessionId> holders;
    for (const auto& view : views) {
        if (is_held(view)) holders.push_back(view.lock->holder->session);
    }
    return holders;
}

void write_holders(JsonWriter& json, const LockView& view, const Leases& leases) {
    json.key("holders").open('[');
    if (is_held(view)) {
        const Holder& holder = *view.lock->holder;
        json.open('{').text("session", session_id(holder.session));
        json.text("session_name", view.holder_name).number("token", holder.token);
        json.text("since", format_time(holder.since));
        const auto held_for = std::max<std::int64_t>(view.now - holder.since, 0);
        json.text("held_for", format_duration(milliseconds(held_for)));
        write_expires_in(json, leases, holder.session);
        write_metadata(json, holder.metadata);
        json.close('}');
    }
    json.close(']');
}

std::string_view to_string(statemachine::ReleaseReason reason) {
    switch (reason) {
        case statemachine::ReleaseReason::released:
            return "released";
        case statemachine::ReleaseReason::session_ended:
            return "ended";
        case statemachine::ReleaseReason::session_expired:
            break;
    }
    return "expired";
}

void write_last_release(JsonWriter& json, const statemachine::LastRelease& last) {
    json.key("last_release").open('{').text("session", session_id(last.session));
    json.number("token", last.token).text("at", format_time(last.at));
    json.text("reason", to_string(last.reason)).close('}');
}

Response explained(const Call& call, const LockView& view, const Leases& leases) {
    JsonWriter json;
    json.open('{').text("name", call.name).flag("held", is_held(view));
    write_holders(json, view, leases);
    json.key("queue").open('[');
    for (std::size_t i = 0; i < view.queue.size(); ++i) {
        const auto& waiter = *view.queue[i];
        json.open('{').text("session", session_id(waiter.session));
        json.text("session_name", view.queue_names[i]).number("position", i + 1);
        json.text("since", format_time(waiter.since));
        write_metadata(json, waiter.metadata);
        json.close('}');
    }
    json.close(']').number("queue_length", view.queue_length);
    if (view.lock != nullptr && view.lock->last_release) {
        write_last_release(json, *view.lock->last_release);
    }
    return json_response(200, json.close('}').take());
}

// For services that guard a resource: is this token the one that counts now?
Response checked(const Call& call, const LockView& view, Token token) {
    if (is_held(view) && view.lock->holder->token == token) {
        JsonWriter json;
        json.open('{').flag("held", true).text("name", call.name).number("token", token);
        json.text("session", session_id(view.lock->holder->session)).close('}');
        return json_response(200, json.take());
    }
    const Token present = is_held(view) ? view.lock->holder->token : 0;
    return problem_response(call, {ProblemCode::stale_token,
                                   present == 0 ? "nobody holds the lock"
                                                : "the live token is " + std::to_string(present),
                                   ",\"token\":" + std::to_string(present)});
}

std::optional<Problem> read_field(const JsonField& field, statemachine::AcquireLock& into) {
    if (field.name == "session") {
        const auto id =
            field.kind == JsonField::Kind::text ? parse_session_id(field.text) : std::nullopt;
        if (!id) return bad_field("session", "is not the id of a session, such as \"s123\"");
        into.session = *id;
    } else if (field.name == "mode") {
        if (field.kind != JsonField::Kind::text) return bad_field("mode", "is not a text");
        if (field.text != "exclusive") {
            return Problem{ProblemCode::unsupported_mode, "the only mode is \"exclusive\""};
        }
    } else if (field.name == "metadata") {
        auto metadata = metadata_field(field);
        if (!metadata) return metadata.error();
        into.metadata = *std::move(metadata);
    } else {
        return bad_field(field.name, "there is no such field; there are: session mode metadata");
    }
    return std::nullopt;
}

Result<statemachine::AcquireLock, Problem> parse_acquire(const Call& call) {
    const auto wait = call.parameters.duration("wait", call.services.options.wait_max);
    if (!wait) return wait.error();
    statemachine::AcquireLock command;
    command.name = call.name;
    command.wait = wait->value_or(milliseconds(0)).count();
    const auto fields = parse_json_object(call.request.body);
    if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
    for (const auto& field : *fields) {
        if (auto problem = read_field(field, command)) return *std::move(problem);
    }
    if (command.session == 0) {
        return bad_field("session", "is missing; POST /v1/sessions makes one");
    }
    return command;
}

Response acquired(const Call& call, SessionId session, const Executed& executed) {
    const auto* granted = std::get_if<statemachine::LockGranted>(&executed.outcome);
    if (granted == nullptr) return problem_response(call, to_problem(executed.outcome));
    JsonWriter json;
    json.open('{').flag("held", true).text("name", call.name).number("token", granted->token);
    json.text("session", session_id(session)).text("since", format_time(granted->since));
    return json_response(granted->fresh ? 201 : 200, json.close('}').take());
}

Response released(const Call& call, const Executed& executed) {
    const bool released = std::holds_alternative<statemachine::LockReleased>(executed.outcome);
    if (!released && !std::holds_alternative<statemachine::LeftQueue>(executed.outcome)) {
        return problem_response(call, to_problem(executed.outcome));
    }
    JsonWriter json;
    json.open('{').flag(released ? "released" : "left_queue", true);
    json.number("revision", executed.revision).close('}');
    return json_response(200, json.take());
}

}  // namespace

void acquire_lock(const CallPtr& call) {
    auto command = parse_acquire(*call);
    if (!command) return respond(call, command.error());
    // Held until the answer is made: one of the bounded number of waiting requests.
    std::shared_ptr<void> place;
    if (command->wait > 0) {
        place = call->services.waits.take();
        if (place == nullptr) {
            return respond(call, {ProblemCode::overloaded, "as many requests wait here as may"});
        }
        call->waits = true;
    }
    const auto session = command->session;
    execute(call, *std::move(command),
            [session, place](const CallPtr& back, const Executed& executed) {
                Response response = acquired(*back, session, executed);
                response.applied = executed.applied;
                back->respond(std::move(response));
            });
}

void release_lock(const CallPtr& call) {
    statemachine::ReleaseLock command{call->name, {}, {}};
    if (const auto* session = call->parameters.find("session")) {
        command.session = parse_session_id(*session);
        if (!command.session) {
            return respond(call, bad_parameter("session", "is not a session id such as s123"));
        }
    }
    const auto token = call->parameters.number("token");
    if (!token) return respond(call, token.error());
    command.token = *token;
    if (!command.session && !command.token) {
        return respond(call, bad_parameter("session", "or token is needed to release"));
    }
    execute(call, std::move(command), released);
}

void explain_lock(const CallPtr& call) {
    const auto token = call->parameters.number("token");
    if (!token) return respond(call, token.error());
    read_with_leases(
        call, [call](const Machine& state) { return explain(state, call->name); },
        [token = *token](const LockView& view) {
            return token ? std::vector<SessionId>() : holders_of({&view, 1});
        },
        [token = *token](const Call& back, const LockView& view, const Leases& leases) {
            return token ? checked(back, view, *token) : explained(back, view, leases);
        });
}

void list_locks(const CallPtr& call) {
    const auto asked = page(*call);
    if (!asked) return respond(call, asked.error());
    const auto prefix = prefix_of(*call);
    if (!prefix) return respond(call, prefix.error());
    read_with_leases(
        call,
        [page = *asked, prefix = *prefix](const Machine& state) {
            std::vector<LockView> views;
            for (const auto& lock : state.locks(prefix, page.after, page.limit + 1)) {
                LockView view;
                view.lock = lock;
                view.now = state.globals().time;
                view.queue_length = state.queue_length(lock->name);
                if (lock->holder) view.holder_name = session_name(state, lock->holder->session);
                views.push_back(std::move(view));
            }
            return views;
        },
        [limit = asked->limit](const std::vector<LockView>& views) {
            return holders_of(std::span(views).first(std::min(limit, views.size())));
        },
        [limit = asked->limit](const Call& back, const std::vector<LockView>& views,
                               const Leases& leases) {
            JsonWriter json;
            json.open('{').key("locks").open('[');
            for (std::size_t i = 0; i < std::min(limit, views.size()); ++i) {
                json.open('{').text("name", views[i].lock->name).flag("held", is_held(views[i]));
                write_holders(json, views[i], leases);
                json.number("queue_length", views[i].queue_length).close('}');
            }
            const bool more = views.size() > limit;
            return end_page(json, back, more ? views[limit - 1].lock->name : "");
        });
}

}  // namespace gavel::api
