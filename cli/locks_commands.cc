#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/api_call.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/render.h"

namespace gavel::cli {

namespace {

// "s12 (web-1)".
std::string session_label(const nlohmann::json& claim) {
    const std::string name = text_of(claim, "session_name");
    return text_of(claim, "session") + (name.empty() ? "" : " (" + name + ")");
}

std::string holder_labels(const nlohmann::json& lock) {
    std::string labels;
    for (const auto& holder : lock.value("holders", nlohmann::json::array())) {
        labels += (labels.empty() ? "" : ", ") + session_label(holder);
    }
    return labels;
}

std::string holder_tokens(const nlohmann::json& lock) {
    std::string tokens;
    for (const auto& holder : lock.value("holders", nlohmann::json::array())) {
        tokens += (tokens.empty() ? "" : ", ") + text_of(holder, "token");
    }
    return tokens;
}

int list(const Context& context, const std::string& prefix) {
    Client client(context.endpoints);
    const auto locks = fetch_all(client, "/v1/locks?prefix=" + encode_query(prefix), "locks");
    if (!locks) return context.fail(locks.error());
    print_list(context, *locks,
               {column("LOCK", "name"),
                {"HOLDER", holder_labels},
                {"TOKEN", holder_tokens},
                column("WAITING", "queue_length")},
               "name");
    return exit_success;
}

void print_explanation(const Context& context, const nlohmann::json& lock) {
    Table table(
        {"LOCK " + text_of(lock, "name"), "SESSION", "TOKEN", "SINCE", "HELD FOR", "EXPIRES IN"});
    for (const auto& holder : lock.value("holders", nlohmann::json::array())) {
        table.add({"held by", session_label(holder), text_of(holder, "token"),
                   text_of(holder, "since"), text_of(holder, "held_for"),
                   text_of(holder, "expires_in")});
    }
    if (!lock.value("held", false)) table.add({"free"});
    for (const auto& waiter : lock.value("queue", nlohmann::json::array())) {
        table.add({"waiting " + text_of(waiter, "position"), session_label(waiter), "",
                   text_of(waiter, "since")});
    }
    const auto last = lock.find("last_release");
    if (last != lock.end() && last->is_object()) {
        table.add({"last " + text_of(*last, "reason"), text_of(*last, "session"),
                   text_of(*last, "token"), text_of(*last, "at")});
    }
    table.print(context.out, context.color);
}

int show(const Context& context, const std::string& name) {
    Client client(context.endpoints);
    const auto lock = call_json(client, {.target = "/v1/locks/" + encode_path(name)});
    if (!lock) return context.fail(lock.error());
    switch (context.format) {
        case Format::table:
            print_explanation(context, *lock);
            break;
        case Format::value:
            context.out << holder_tokens(*lock) << '\n';
            break;
        default:
            print_json(context, *lock);
    }
    return exit_success;
}

struct ReleaseOptions {
    std::string name{};
    std::string session{};
    std::optional<std::uint64_t> token{};
};

int release(const Context& context, const ReleaseOptions& options) {
    Client client(context.endpoints);
    std::string query;
    if (!options.session.empty()) query += "&session=" + encode_query(options.session);
    if (options.token) query += "&token=" + std::to_string(*options.token);
    query.front() = '?';
    const auto answer =
        call_json(client, {.method = "DELETE",
                           .target = "/v1/locks/" + encode_path(options.name) + query,
                           .needs_key = true});
    if (!answer) return context.fail(answer.error());
    if (context.format == Format::json || context.format == Format::jsonl) {
        print_json(context, *answer);
    } else if (context.format == Format::value) {
        context.out << text_of(*answer, "revision") << '\n';
    } else if (answer->value("left_queue", false)) {
        context.out << "left the queue of " << options.name << '\n';
    } else {
        context.out << "released " << options.name << '\n';
    }
    return exit_success;
}

void add_release(CLI::App& group, Action& action) {
    auto options = std::make_shared<ReleaseOptions>();
    auto* command = group.add_subcommand("release", "Release a lock, or leave its queue");
    command->add_option("NAME", options->name, "The lock")->required();
    command->add_option("--session", options->session, "The session that holds it or waits");
    add_number(*command, "--token", options->token, "The fencing token it was granted with");
    command->callback([&action, options] {
        if (options->session.empty() && !options->token) {
            throw CLI::RequiredError("--session or --token");
        }
        action = [options](Context& context) { return release(context, *options); };
    });
}

}  // namespace

void add_locks_commands(CLI::App& app, Action& action) {
    auto* group = app.add_subcommand("locks", "Look at locks, release one");
    group->require_subcommand(1);

    auto prefix = std::make_shared<std::string>();
    auto* ls = group->add_subcommand("ls", "List the locks");
    ls->add_option("PREFIX", *prefix, "Default: all locks");
    ls->callback([&action, prefix] {
        action = [prefix](Context& context) { return list(context, *prefix); };
    });

    auto name = std::make_shared<std::string>();
    auto* show_command =
        group->add_subcommand("show", "Show who holds a lock and who waits for it");
    show_command->add_option("NAME", *name, "The lock")->required();
    show_command->callback(
        [&action, name] { action = [name](Context& context) { return show(context, *name); }; });

    add_release(*group, action);
}

}  // namespace gavel::cli
