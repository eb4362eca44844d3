#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/api_call.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/holders.h"
#include "cli/options.h"
#include "cli/render.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

// Each token once: those who were granted the lock together have the same.
std::string holder_tokens(const nlohmann::json& lock) {
    std::string tokens, last;
    for (const auto& holder : lock.value("holders", nlohmann::json::array())) {
        const std::string token = text_of(holder, "token");
        if (token == last) continue;
        tokens += (tokens.empty() ? "" : ", ") + token;
        last = token;
    }
    return tokens;
}

// "exclusive", "shared", or of a semaphore "2 of 3".
std::string lock_mode(const nlohmann::json& lock) {
    const std::string limit = text_of(lock, "limit");
    if (!limit.empty()) return text_of(lock, "holder_count") + " of " + limit;
    const auto holders = lock.value("holders", nlohmann::json::array());
    return holders.empty() ? std::string() : text_of(holders[0], "mode");
}

int list(const Context& context, const std::string& prefix) {
    Client client(context.endpoints);
    const auto locks = fetch_all(client, "/v1/locks?prefix=" + encode_query(prefix), "locks");
    if (!locks) return context.fail(locks.error());
    print_list(context, *locks,
               {column("LOCK", "name"),
                {"HOLDER", holder_labels},
                {"MODE", lock_mode},
                {"TOKEN", holder_tokens},
                column("WAITING", "queue_length",
                       [](const std::string& count) {
                           return count == "0" ? Tone::plain : Tone::warning;
                       })},
               "name");
    return exit_success;
}

void print_explanation(const Context& context, const nlohmann::json& lock) {
    Table table({"LOCK " + text_of(lock, "name"), "SESSION", "MODE", "TOKEN", "SINCE", "HELD FOR",
                 "EXPIRES IN"});
    for (const auto& holder : lock.value("holders", nlohmann::json::array())) {
        table.add({"held by", session_label(holder), text_of(holder, "mode"),
                   text_of(holder, "token"), text_of(holder, "since"), text_of(holder, "held_for"),
                   text_of(holder, "expires_in")});
    }
    if (!lock.value("held", false)) table.add({{"free", Tone::good}});
    for (const auto& waiter : lock.value("queue", nlohmann::json::array())) {
        table.add({{"waiting " + text_of(waiter, "position"), Tone::warning},
                   session_label(waiter),
                   text_of(waiter, "mode"),
                   "",
                   text_of(waiter, "since")});
    }
    const auto delay = lock.find("delay");
    if (delay != lock.end() && delay->is_object()) {
        table.add({{"delayed", Tone::warning},
                   "",
                   "",
                   "",
                   text_of(*delay, "since"),
                   "",
                   text_of(*delay, "remaining")});
    }
    const auto last = lock.find("last_release");
    if (last != lock.end() && last->is_object()) {
        const std::string reason = text_of(*last, "reason");
        // By whom it was given back is history; that somebody lost it is to be seen.
        const bool lost = reason == "forced" || reason == "expired";
        table.add({{"last " + reason, lost ? Tone::bad : Tone::plain},
                   text_of(*last, "session"),
                   "",
                   text_of(*last, "token"),
                   text_of(*last, "at")});
    }
    table.print(context.out, context.color);
    const std::string limit = text_of(lock, "limit");
    if (!limit.empty()) context.out << lock_mode(lock) << " hold it\n";
    if (last != lock.end() && text_of(*last, "reason") == "forced") {
        context.out << "forced by " << printable(text_of(*last, "author")) << ": "
                    << printable(text_of(*last, "comment")) << '\n';
    }
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
    bool force = false;
    std::string reason{};
    std::string author{};
};

int release(const Context& context, const ReleaseOptions& options) {
    Client client(context.endpoints);
    std::string query;
    if (!options.session.empty()) query += "&session=" + encode_query(options.session);
    if (options.token) query += "&token=" + std::to_string(*options.token);
    if (options.force) query += "&force=true&reason=" + encode_query(options.reason);
    if (!options.author.empty()) query += "&author=" + encode_query(options.author);
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
    } else if (options.force) {
        context.out << "broke " << options.name << '\n';
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

// Who does it, unless somebody else is named.
std::string login_name() {
    const char* user = std::getenv("USER");
    return user == nullptr ? std::string() : std::string(user);
}

void add_break(CLI::App& group, Action& action) {
    auto options = std::make_shared<ReleaseOptions>();
    options->force = true;
    options->author = login_name();
    auto* command = group.add_subcommand("break", "Take a lock from whoever holds it");
    command->add_option("NAME", options->name, "The lock")->required();
    command->add_option("--reason", options->reason, "Why; shown with the lock")->required();
    command->add_option("--author", options->author, "Who does it (the login name)");
    command->add_option("--session", options->session, "Only from this session");
    add_number(*command, "--token", options->token, "Only from those with this fencing token");
    command->callback([&action, options] {
        action = [options](Context& context) { return release(context, *options); };
    });
}

}  // namespace

void add_locks_commands(CLI::App& app, Action& action) {
    auto* group = app.add_subcommand("locks", "Look at locks, release or break one");
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
    add_break(*group, action);
}

}  // namespace gavel::cli
