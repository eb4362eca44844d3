// Locks: what there is to see of them. How they are acquired and released is in lock_changes.cc.

#include <algorithm>
#include <optional>
#include <span>

#include "api/durations.h"
#include "api/json.h"
#include "api/names.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using statemachine::Holder;
using statemachine::LockMode;
using statemachine::Machine;
using statemachine::Ptr;
using statemachine::SessionId;
using statemachine::Token;
using std::chrono::milliseconds;

// Whoever looks at a lock must not hold up everybody else.
constexpr Machine::LockShown shown_of_one{.holders = 1'000, .waiters = 1'000};
constexpr Machine::LockShown shown_in_a_list{.holders = 16, .waiters = 0};

// A lock with the names of the sessions around it, copied out of the state.
struct LockView {
    Machine::LockView lock{};  // Without holders and queue: never held, or forgotten.
    std::vector<std::string> holder_names{};
    std::vector<std::string> queue_names{};
    statemachine::TimeMs now{};
};

std::string session_name(const Machine& state, SessionId id) {
    const auto session = state.session(id);
    return session != nullptr ? session->name : std::string();
}

LockView named(const Machine& state, Machine::LockView lock) {
    LockView view{std::move(lock), {}, {}, state.globals().time};
    for (const auto& holder : view.lock.holders) {
        view.holder_names.push_back(session_name(state, holder->session));
    }
    for (const auto& waiter : view.lock.queue) {
        view.queue_names.push_back(session_name(state, waiter->session));
    }
    return view;
}

LockView explain(const Machine& state, const std::string& name) {
    auto lock = state.lock(name, shown_of_one);
    return named(state, lock ? *std::move(lock) : Machine::LockView{.name = name});
}

bool is_held(const LockView& view) { return view.lock.holder_count > 0; }

void write_metadata(JsonWriter& json, const std::string& metadata) {
    json.raw("metadata", metadata.empty() ? "{}" : metadata);
}

std::string_view to_string(LockMode mode) {
    return mode == LockMode::shared ? "shared" : "exclusive";
}

// Whose leases are asked for: of a long list not all.
std::vector<SessionId> holders_of(std::span<const LockView> views) {
    std::vector<SessionId> holders;
    for (const auto& view : views) {
        for (const auto& holder : view.lock.holders) {
            if (holders.size() == Gateway::leases_max) return holders;
            holders.push_back(holder->session);
        }
    }
    return holders;
}

// Name, whether it is held, under which limit, and by whom.
void write_head(JsonWriter& json, const LockView& view, const Leases& leases) {
    json.open('{').text("name", view.lock.name).flag("held", is_held(view));
    if (view.lock.limit > 0) json.number("limit", view.lock.limit);
    json.key("holders").open('[');
    for (std::size_t i = 0; i < view.lock.holders.size(); ++i) {
        const Holder& holder = *view.lock.holders[i];
        json.open('{').text("session", session_id(holder.session));
        json.text("session_name", view.holder_names[i]).text("mode", to_string(holder.mode));
        json.number("token", holder.token).text("since", format_time(holder.since));
        const auto held_for = std::max<std::int64_t>(view.now - holder.since, 0);
        json.text("held_for", format_duration(milliseconds(held_for)));
        write_expires_in(json, leases, holder.session);
        write_metadata(json, holder.metadata);
        json.close('}');
    }
    json.close(']').number("holder_count", view.lock.holder_count);
}

std::string_view to_string(statemachine::ReleaseReason reason) {
    switch (reason) {
        case statemachine::ReleaseReason::released:
            return "released";
        case statemachine::ReleaseReason::session_ended:
            return "ended";
        case statemachine::ReleaseReason::session_expired:
            return "expired";
        case statemachine::ReleaseReason::forced:
            break;
    }
    return "forced";
}

void write_last_release(JsonWriter& json, const statemachine::LastRelease& last) {
    json.key("last_release").open('{').text("session", session_id(last.session));
    json.number("token", last.token).text("at", format_time(last.at));
    json.text("reason", to_string(last.reason));
    if (last.reason == statemachine::ReleaseReason::forced) {
        json.text("author", last.author).text("comment", last.comment);
    }
    json.close('}');
}

// Of the state's own time: a leader that takes over lets it begin anew.
void write_delay(JsonWriter& json, const statemachine::Lock& lock, statemachine::TimeMs now) {
    const auto until = lock.delayed_since + lock.delay;
    json.key("delay").open('{');
    json.text("remaining", format_duration(milliseconds(std::max<std::int64_t>(until - now, 0))));
    json.text("since", format_time(lock.delayed_since)).text("until", format_time(until));
    json.close('}');
}

Response explained(const LockView& view, const Leases& leases) {
    JsonWriter json;
    write_head(json, view, leases);
    json.key("queue").open('[');
    for (std::size_t i = 0; i < view.lock.queue.size(); ++i) {
        const auto& waiter = *view.lock.queue[i];
        json.open('{').text("session", session_id(waiter.session));
        json.text("session_name", view.queue_names[i]).number("position", i + 1);
        json.text("mode", to_string(waiter.mode)).text("since", format_time(waiter.since));
        write_metadata(json, waiter.metadata);
        json.close('}');
    }
    json.close(']').number("queue_length", view.lock.queue_length);
    const auto& record = view.lock.lock;
    if (record != nullptr && record->delay > 0) write_delay(json, *record, view.now);
    if (record != nullptr && record->last_release) write_last_release(json, *record->last_release);
    return json_response(200, json.close('}').take());
}

// Who holds a lock with a token, and the latest token there is.
struct TokenView {
    Ptr<Holder> holder{};  // Null: nobody does.
    Token latest{};
};

// `session` 0: of whoever.
TokenView look_for(const Machine& state, std::string_view name, Token token, SessionId session) {
    const auto lock = state.lock(name, {.holders = 0, .waiters = 0});
    TokenView view{nullptr, lock ? lock->latest_token : 0};
    if (!state.is_live(name, token, session)) return view;
    view.holder = session == 0 ? state.holder_with(name, token) : state.holder(name, session);
    return view;
}

// For services that guard a resource: does this token count now?
Response checked(const Call& call, const TokenView& view, Token token, SessionId session) {
    if (view.holder != nullptr) {
        JsonWriter json;
        json.open('{').flag("held", true).text("name", call.name).number("token", token);
        json.text("mode", to_string(view.holder->mode));
        json.text("session", session_id(view.holder->session)).close('}');
        return json_response(200, json.take());
    }
    const std::string live = "the live token is " + std::to_string(view.latest);
    const bool of_others = session != 0 && view.latest == token;
    return problem_response(call, {ProblemCode::stale_token,
                                   view.latest == 0 ? "nobody holds the lock"
                                   : of_others ? live + ", of others than " + session_id(session)
                                               : live,
                                   ",\"token\":" + std::to_string(view.latest)});
}

}  // namespace

void explain_lock(const CallPtr& call) {
    const auto token = call->parameters.number("token");
    if (!token) return respond(call, token.error());
    SessionId session = 0;
    if (const auto* given = call->parameters.find("session")) {
        session = parse_session_id(*given).value_or(0);
        if (session == 0) {
            return respond(call, bad_parameter("session", "is not a session id such as s123"));
        }
        if (!*token) return respond(call, bad_parameter("session", "goes with token"));
    }
    if (*token) {
        return read(
            call,
            [call, token = **token, session](const Machine& state) {
                return look_for(state, call->name, token, session);
            },
            [token = **token, session](const Call& back, const TokenView& view) {
                return checked(back, view, token, session);
            });
    }
    read_with_leases(
        call, [call](const Machine& state) { return explain(state, call->name); },
        [](const LockView& view) {
            return holders_of({&view, 1});
        },
        [](const Call&, const LockView& view, const Leases& leases) {
            return explained(view, leases);
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
            for (auto& lock : state.locks(prefix, page.after, page.limit + 1, shown_in_a_list)) {
                views.push_back(named(state, std::move(lock)));
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
                write_head(json, views[i], leases);
                json.number("queue_length", views[i].lock.queue_length).close('}');
            }
            const bool more = views.size() > limit;
            return end_page(json, back, more ? views[limit - 1].lock.name : "");
        });
}

}  // namespace gavel::api
