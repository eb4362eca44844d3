// Locks: how they are acquired and released. What there is to see of them is in locks.cc.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/durations.h"
#include "api/json.h"
#include "api/names.h"
#include "api/resources.h"
#include "statemachine/limits.h"

namespace gavel::api {
namespace {

using statemachine::LockMode;
using statemachine::SessionId;
using std::chrono::milliseconds;
using Wanted = statemachine::AcquireLocks::Wanted;

const std::uint64_t limit_max = statemachine::Limits{}.holders_per_lock;

// A lock as a body asks for it; the mode may follow from the limit.
struct Wish {
    std::string name{};
    std::optional<LockMode> mode{};
    std::optional<std::uint64_t> limit{};
};

std::optional<Problem> read_session(const JsonField& field, SessionId& into) {
    const auto id =
        field.kind == JsonField::Kind::text ? parse_session_id(field.text) : std::nullopt;
    if (!id || *id == 0)
        return bad_field("session", "is not the id of a session, such as \"s123\"");
    into = *id;
    return std::nullopt;
}

// Reads "mode" and "limit"; `handled` tells whether it was one of them.
std::optional<Problem> read_wish(const JsonField& field, Wish& into, bool& handled) {
    handled = field.name == "mode" || field.name == "limit";
    if (field.name == "mode") {
        if (field.kind != JsonField::Kind::text) return bad_field("mode", "is not a text");
        if (field.text != "exclusive" && field.text != "shared") {
            return Problem{ProblemCode::unsupported_mode,
                           "the modes are \"exclusive\" and \"shared\""};
        }
        into.mode = field.text == "shared" ? LockMode::shared : LockMode::exclusive;
    } else if (field.name == "limit") {
        const auto limit =
            field.kind == JsonField::Kind::number ? parse_number(field.raw) : std::nullopt;
        if (!limit || *limit == 0 || *limit > limit_max) {
            return bad_field("limit", "is not a number from 1 to " + std::to_string(limit_max));
        }
        into.limit = *limit;
    }
    return std::nullopt;
}

// A limit alone says that the lock is shared.
Result<Wanted, Problem> wanted_of(Wish wish) {
    if (wish.limit && wish.mode == LockMode::exclusive) {
        return bad_field("limit", "does not go with the mode \"exclusive\"");
    }
    const LockMode otherwise = wish.limit ? LockMode::shared : LockMode::exclusive;
    return Wanted{std::move(wish.name), wish.mode.value_or(otherwise), wish.limit.value_or(0)};
}

Result<milliseconds, Problem> wait_of(const Call& call) {
    const auto wait = call.parameters.duration("wait", call.services.options.wait_max);
    if (!wait) return wait.error();
    return wait->value_or(milliseconds(0));
}

Result<std::optional<milliseconds>, Problem> ttl_of(const Call& call) {
    const auto& options = call.services.options;
    auto ttl = call.parameters.duration("ttl", options.ttl_max);
    if (ttl && *ttl && **ttl < options.ttl_min) {
        return bad_parameter("ttl", "is at least " + format_duration(options.ttl_min));
    }
    return ttl;
}

Result<statemachine::AcquireLock, Problem> parse_acquire(const Call& call) {
    const auto wait = wait_of(call);
    if (!wait) return wait.error();
    const auto ttl = ttl_of(call);
    if (!ttl) return ttl.error();
    statemachine::AcquireLock command;
    Wish wish{.name = call.name, .mode = {}, .limit = {}};
    std::vector<JsonField> fields;
    if (!call.request.body.empty() || !*ttl) {
        auto parsed = parse_json_object(call.request.body);
        if (!parsed) return Problem{ProblemCode::malformed_body, "the body " + parsed.error().why};
        fields = *std::move(parsed);
    }
    for (const auto& field : fields) {
        bool handled = false;
        if (auto problem = read_wish(field, wish, handled)) return *std::move(problem);
        if (handled) continue;
        if (field.name == "session") {
            if (auto problem = read_session(field, command.session)) return *std::move(problem);
        } else if (field.name == "metadata") {
            auto metadata = metadata_field(field);
            if (!metadata) return metadata.error();
            command.metadata = *std::move(metadata);
        } else {
            return bad_field(field.name,
                             "there is no such field; there are: session mode limit metadata");
        }
    }
    if (command.session == 0 && !*ttl) {
        return bad_field("session",
                         "is missing; ?ttl=30s makes one that goes with the lock, "
                         "POST /v1/sessions one that stays");
    }
    if (command.session != 0 && *ttl) {
        return bad_parameter("ttl", "is for a session that is made; the body names one");
    }
    auto wanted = wanted_of(std::move(wish));
    if (!wanted) return wanted.error();
    command.name = std::move(wanted->name);
    command.mode = wanted->mode;
    command.limit = wanted->limit;
    command.wait = wait->count();
    command.ttl = ttl->value_or(milliseconds(0)).count();
    return command;
}

Result<Wanted, Problem> parse_wanted(const JsonField& element) {
    if (element.kind != JsonField::Kind::object) {
        return bad_field("locks", "is not a list of objects");
    }
    const auto fields = parse_json_object(element.raw);
    if (!fields) return bad_field("locks", "has an element that " + fields.error().why);
    Wish wish;
    for (const auto& field : *fields) {
        bool handled = false;
        if (auto problem = read_wish(field, wish, handled)) return *std::move(problem);
        if (handled) continue;
        if (field.name != "name") {
            return bad_field(field.name, "there is no such field; there are: name mode limit");
        }
        if (field.kind != JsonField::Kind::text) return bad_field("name", "is not a text");
        if (const auto unfit = check_name(field.text)) {
            return Problem{ProblemCode::bad_name, unfit->why};
        }
        wish.name = field.text;
    }
    if (wish.name.empty()) return bad_field("name", "is missing of one of the locks");
    return wanted_of(std::move(wish));
}

Result<std::vector<Wanted>, Problem> parse_locks(const JsonField& field) {
    if (field.kind != JsonField::Kind::array) return bad_field("locks", "is not a list");
    const auto elements = parse_json_array(field.raw, statemachine::locks_per_command_max);
    if (!elements) return bad_field("locks", elements.error().why);
    std::vector<Wanted> locks;
    for (const auto& element : *elements) {
        auto wanted = parse_wanted(element);
        if (!wanted) return wanted.error();
        if (std::ranges::count(locks, wanted->name, &Wanted::name) > 0) {
            return bad_field("locks", "names " + wanted->name + " twice");
        }
        locks.push_back(*std::move(wanted));
    }
    if (locks.empty()) return bad_field("locks", "is empty");
    return locks;
}

Result<statemachine::AcquireLocks, Problem> parse_acquire_several(const Call& call) {
    const auto& options = call.services.options;
    statemachine::AcquireLocks command;
    const auto fields = parse_json_object(call.request.body);
    if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
    for (const auto& field : *fields) {
        if (field.name == "session") {
            if (auto problem = read_session(field, command.session)) return *std::move(problem);
        } else if (field.name == "locks") {
            auto locks = parse_locks(field);
            if (!locks) return locks.error();
            command.locks = *std::move(locks);
        } else if (field.name == "metadata") {
            auto metadata = metadata_field(field);
            if (!metadata) return metadata.error();
            command.metadata = *std::move(metadata);
        } else if (field.name == "wait") {
            const auto wait = duration_field(field, milliseconds(0), options.wait_max);
            if (!wait) return wait.error();
            command.wait = wait->count();
        } else if (field.name == "ttl") {
            const auto ttl = duration_field(field, options.ttl_min, options.ttl_max);
            if (!ttl) return ttl.error();
            command.ttl = ttl->count();
        } else {
            return bad_field(field.name,
                             "there is no such field; there are: session ttl locks metadata wait");
        }
    }
    if (command.session == 0 && command.ttl == 0) {
        return bad_field("session",
                         "is missing; \"ttl\":\"30s\" instead makes one that goes with the "
                         "locks, POST /v1/sessions one that stays");
    }
    if (command.session != 0 && command.ttl != 0) {
        return bad_field("ttl", "is for a session that is made; the body names one");
    }
    if (command.locks.empty()) return bad_field("locks", "is missing");
    return command;
}

// Answers an acquire, which may have to wait for as long as a place among those who wait is kept.
template <class Command, class WriteWhat>
void acquire(const CallPtr& call, Command command, WriteWhat write_what) {
    if (command.wait > 0) {
        call->waiting = call->services.waits.take();
        if (call->waiting == nullptr) {
            return respond(call, {ProblemCode::overloaded, "as many requests wait here as may"});
        }
    }
    const auto session = command.session;
    execute(call, std::move(command),
            [session, write_what](const CallPtr& back, const Executed& executed) {
                const auto* granted = std::get_if<statemachine::LockGranted>(&executed.outcome);
                if (granted == nullptr) return respond(back, to_problem(executed.outcome));
                JsonWriter json;
                json.open('{').flag("held", true);
                write_what(json, *back);
                json.number("token", granted->token);
                json.text("session", session_id(session != 0 ? session : granted->session));
                json.text("since", format_time(granted->since));
                auto response = json_response(granted->fresh ? 201 : 200, json.close('}').take());
                response.applied = executed.applied;
                back->respond(std::move(response));
            });
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

// What an operator says of a release by force.
std::optional<Problem> read_force(const Call& call, statemachine::ReleaseLock& into) {
    const auto force = call.parameters.flag("force");
    if (!force) return force.error();
    into.force = *force;
    for (const auto& [name, text] :
         {std::pair<std::string_view, std::string&>{"reason", into.reason},
          {"author", into.author}}) {
        const auto* given = call.parameters.find(name);
        if (given == nullptr) continue;
        if (!into.force) return bad_parameter(name, "goes with force=true");
        if (const auto unfit = check_label(*given)) return bad_parameter(name, unfit->why);
        text = *given;
    }
    if (into.force && into.reason.empty()) {
        return bad_parameter("reason", "is needed with force=true: why the lock is taken away");
    }
    return std::nullopt;
}

Result<statemachine::ReleaseLock, Problem> parse_release(const Call& call) {
    statemachine::ReleaseLock command{.name = call.name};
    if (const auto* session = call.parameters.find("session")) {
        command.session = parse_session_id(*session);
        if (!command.session) {
            return bad_parameter("session", "is not a session id such as s123");
        }
    }
    const auto token = call.parameters.number("token");
    if (!token) return token.error();
    command.token = *token;
    if (auto problem = read_force(call, command)) return *std::move(problem);
    if (!command.session && !command.token && !command.force) {
        return bad_parameter("session", "or token is needed to release");
    }
    return command;
}

}  // namespace

void acquire_lock(const CallPtr& call) {
    auto command = parse_acquire(*call);
    if (!command) return respond(call, command.error());
    acquire(call, *std::move(command),
            [](JsonWriter& json, const Call& back) { json.text("name", back.name); });
}

void acquire_locks(const CallPtr& call) {
    auto command = parse_acquire_several(*call);
    if (!command) return respond(call, command.error());
    std::vector<std::string> names;
    for (const auto& wanted : command->locks) names.push_back(wanted.name);
    acquire(call, *std::move(command), [names](JsonWriter& json, const Call&) {
        json.key("locks").open('[');
        for (const auto& name : names) json.text(name);
        json.close(']');
    });
}

void release_lock(const CallPtr& call) {
    auto command = parse_release(*call);
    if (!command) return respond(call, command.error());
    execute(call, *std::move(command), released);
}

}  // namespace gavel::api
