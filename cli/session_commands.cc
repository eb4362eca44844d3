#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/api_call.h"
#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/render.h"

namespace gavel::cli {

namespace {

struct NewOptions {
    std::string name{};
    std::optional<std::chrono::milliseconds> ttl{};
    std::optional<std::chrono::milliseconds> lock_delay{};
    std::vector<std::string> metadata{};  // NAME=VALUE each.
};

std::string joined(const nlohmann::json& session, const char* member) {
    std::string text;
    std::size_t shown = 0;
    for (const auto& name : session.value(member, nlohmann::json::array())) {
        if (name.is_string()) text += (text.empty() ? "" : ", ") + name.get<std::string>();
        ++shown;
    }
    const auto count = session.value(std::string(member) + "_count", shown);
    return count > shown ? text + " and " + std::to_string(count - shown) + " more" : text;
}

void print_session(const Context& context, const nlohmann::json& session) {
    if (context.format == Format::json || context.format == Format::jsonl) {
        return print_json(context, session);
    }
    if (context.format == Format::value) {
        context.out << text_of(session, "id") << '\n';
        return;
    }
    Table table({"SESSION", text_of(session, "id")});
    for (const char* member :
         {"name", "ttl", "expires_in", "leader_start", "lock_delay", "created_at"}) {
        table.add({member, text_of(session, member)});
    }
    table.add({"held", joined(session, "held")});
    table.add({"waiting", joined(session, "waiting")});
    table.add({"keys", text_of(session, "keys")});
    table.add({"metadata", text_of(session, "metadata")});
    table.print(context.out, context.color);
}

int create(const Context& context, const NewOptions& options) {
    nlohmann::json body = nlohmann::json::object();
    if (!options.name.empty()) body["name"] = options.name;
    if (options.ttl) body["ttl"] = format_duration(*options.ttl);
    if (options.lock_delay) body["lock_delay"] = format_duration(*options.lock_delay);
    for (const auto& pair : options.metadata) {
        const auto equals = pair.find('=');
        body["metadata"][pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    Client client(context.endpoints);
    const auto session = call_json(client, create_session_call(body));
    if (!session) return context.fail(session.error());
    print_session(context, *session);
    return exit_success;
}

int list_sessions(const Context& context) {
    Client client(context.endpoints);
    const auto sessions = fetch_all(client, "/v1/sessions?", "sessions");
    if (!sessions) return context.fail(sessions.error());
    const auto names = [](const char* member) {
        return [member](const nlohmann::json& session) { return joined(session, member); };
    };
    print_list(context, *sessions,
               {column("SESSION", "id"),
                column("NAME", "name"),
                column("TTL", "ttl"),
                column("EXPIRES IN", "expires_in"),
                {"HOLDS", names("held")},
                {"WAITS FOR", names("waiting")}},
               "id");
    return exit_success;
}

int show(const Context& context, const std::string& id) {
    Client client(context.endpoints);
    const auto session = call_json(client, {.target = "/v1/sessions/" + encode_path(id)});
    if (!session) return context.fail(session.error());
    print_session(context, *session);
    return exit_success;
}

int keep(const Context& context, const std::string& id) {
    Client client(context.endpoints);
    const auto answer = call_json(
        client, {.method = "POST", .target = "/v1/sessions/" + encode_path(id) + "/keepalive"});
    if (!answer) return context.fail(answer.error());
    if (context.format == Format::json || context.format == Format::jsonl) {
        print_json(context, *answer);
    } else if (context.format == Format::value) {
        context.out << text_of(*answer, "expires_in") << '\n';
    } else {
        context.out << "session " << id << " expires in " << text_of(*answer, "expires_in") << '\n';
    }
    return exit_success;
}

int end(const Context& context, const std::string& id) {
    Client client(context.endpoints);
    const auto answer = client.call(end_session_call(id));
    if (!answer) return context.fail(answer.error());
    if (context.format == Format::table) context.out << "ended session " << id << '\n';
    return exit_success;
}

void add_new(CLI::App& group, Action& action) {
    using std::chrono::hours;
    using std::chrono::seconds;
    auto options = std::make_shared<NewOptions>();
    auto* command = group.add_subcommand("new", "Make a session");
    command->add_option("--name", options->name, "What people will see in lists");
    add_duration(*command, "--ttl", options->ttl, "How long it lives without a keep-alive",
                 seconds{1}, hours{24});
    add_duration(*command, "--lock-delay", options->lock_delay,
                 "How long its locks stay closed after it lapsed", seconds{0}, seconds{60});
    command->add_option("--metadata", options->metadata, "NAME=VALUE, repeatable")
        ->allow_extra_args(false)
        ->check([](const std::string& pair) {
            const auto equals = pair.find('=');
            const bool good = equals != std::string::npos && equals > 0;
            return good ? std::string() : "'" + pair + "' is not NAME=VALUE";
        });
    command->callback([&action, options] {
        action = [options](Context& context) { return create(context, *options); };
    });
}

void add_by_id(CLI::App& group, Action& action, const std::string& name, const std::string& help,
               int (*run)(const Context&, const std::string&)) {
    auto id = std::make_shared<std::string>();
    auto* command = group.add_subcommand(name, help);
    command->add_option("ID", *id, "The session")->required();
    command->callback(
        [&action, id, run] { action = [id, run](Context& context) { return run(context, *id); }; });
}

}  // namespace

void add_session_commands(CLI::App& app, Action& action) {
    auto* group = app.add_subcommand("session", "Make, look at, keep and end sessions");
    group->require_subcommand(1);
    add_new(*group, action);
    group->add_subcommand("ls", "List the sessions")->callback([&action] {
        action = list_sessions;
    });
    add_by_id(*group, action, "show", "Show one session", show);
    add_by_id(*group, action, "keep", "Send one keep-alive", keep);
    add_by_id(*group, action, "end", "End a session: its locks are released", end);
}

}  // namespace gavel::cli
