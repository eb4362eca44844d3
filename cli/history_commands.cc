#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/api_call.h"
#include "cli/author.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/guard.h"
#include "cli/options.h"
#include "cli/render.h"
#include "cli/text.h"
#include "cli/text_diff.h"

namespace gavel::cli {

namespace {

std::string history_target(const std::string& key) {
    return "/v1/history?key=" + encode_query(key);
}

int history(const Context& context, const std::string& key, std::optional<std::uint64_t> limit) {
    Client client(context.endpoints);
    const std::string target = history_target(key);
    nlohmann::json changes;
    if (limit) {
        const auto page =
            call_json(client, {.target = target + "&limit=" + std::to_string(*limit)});
        if (!page) return context.fail(page.error());
        changes = page->value("changes", nlohmann::json::array());
    } else {
        auto all = fetch_all(client, target, "changes");
        if (!all) return context.fail(all.error());
        changes = *std::move(all);
    }
    const Column value{"VALUE", [](const nlohmann::json& item) {
                           return value_cell(item, value_columns_in_table);
                       }};
    print_list(
        context, changes,
        {column("REVISION", "revision"), column("CHANGE", "kind"), column("VERSION", "version"),
         column("TIME", "time"), column("AUTHOR", "author"), column("REASON", "reason"), value},
        "revision");
    return exit_success;
}

struct DiffOptions {
    std::string key{};
    std::optional<std::uint64_t> from{};
    std::optional<std::uint64_t> to{};
};

// The last change: from the revision before it to its own.
std::optional<Failure> find_last_change(Client& client, DiffOptions& options) {
    const auto page = call_json(client, {.target = history_target(options.key) + "&limit=1"});
    if (!page) return page.error();
    const auto changes = page->value("changes", nlohmann::json::array());
    if (changes.empty())
        return Failure{.code = "bad-answer", .detail = "the answer has no changes"};
    options.to = changes[0].value("revision", std::uint64_t{1});
    options.from = *options.to - 1;
    return std::nullopt;
}

// JSON with a member on each line; bytes that are no text as they are shown in lists.
std::string lines_of(const nlohmann::json& item) {
    const auto value = item.find("value");
    if (!item.is_object() || value == item.end()) return {};
    if (text_of(item, "encoding") == "base64")
        return value_cell(item, value_columns_in_table) + '\n';
    return value->is_string() ? value->get<std::string>() : value->dump(2) + '\n';
}

std::string side(const nlohmann::json& item, const std::string& key, const std::string& revision) {
    return item.is_null() ? "(no such key)" : printable(key) + " at revision " + revision;
}

int diff(const Context& context, DiffOptions options) {
    Client client(context.endpoints);
    if (!options.from) {
        if (const auto failure = find_last_change(client, options)) return context.fail(*failure);
    }
    std::string target = history_target(options.key) + "&from=" + std::to_string(*options.from);
    if (options.to) target += "&to=" + std::to_string(*options.to);
    const auto answer = call_json(client, {.target = target});
    if (!answer) return context.fail(answer.error());
    if (context.format == Format::json || context.format == Format::jsonl) {
        print_json(context, *answer);
        return exit_success;
    }
    const auto from = answer->value("from", nlohmann::json());
    const auto to = answer->value("to", nlohmann::json());
    if (answer->value("same", false)) {
        context.say("no difference");
        return exit_success;
    }
    const std::string lines = text_diff(lines_of(from), lines_of(to));
    if (context.format == Format::value) {
        context.out << lines << std::flush;
        return exit_success;
    }
    context.out << "--- " << side(from, options.key, text_of(*answer, "from_revision")) << "\n+++ "
                << side(to, options.key, text_of(*answer, "to_revision")) << '\n';
    // The same text under another type, or the same JSON written otherwise, or bytes.
    context.out << (lines.empty() ? "the bytes or the content type differ\n" : lines) << std::flush;
    return exit_success;
}

struct RollbackOptions {
    std::string target{};
    bool is_prefix = false;
    std::optional<std::uint64_t> to{};
    bool dry_run = false;
    GuardOptions guard{};
    Note note{};
};

int rollback(const Context& context, const RollbackOptions& options) {
    const bool is_prefix =
        options.is_prefix || options.target.empty() || options.target.ends_with('/');
    const nlohmann::json body = {{is_prefix ? "prefix" : "key", options.target},
                                 {"to_revision", *options.to}};
    Client client(context.endpoints);
    Call call{.method = "POST",
              .target = std::string("/v1/rollback") + (options.dry_run ? "?dry_run=true" : ""),
              .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
              .needs_key = !options.dry_run};
    if (const auto refused = add_guard(call, options.guard, context)) return *refused;
    add_note(call, context, options.note);
    const auto answer = call_json(client, call);
    if (!answer) return context.fail(answer.error());
    if (context.format == Format::json || context.format == Format::jsonl) {
        print_json(context, *answer);
        return exit_success;
    }
    if (context.format == Format::value) {
        context.out << text_of(*answer, "revision") << std::endl;
        return exit_success;
    }
    for (const auto& change : answer->value("changes", nlohmann::json::array())) {
        context.out << text_of(change, "kind") << "  " << printable(text_of(change, "key")) << '\n';
    }
    context.out << (options.dry_run ? "would roll back " : "rolled back ")
                << printable(options.target.empty() ? "all keys" : options.target)
                << " to revision " << text_of(*answer, "to_revision") << ", "
                << text_of(*answer, "restored") << " restored, " << text_of(*answer, "deleted")
                << " deleted";
    if (!options.dry_run) context.out << ": revision " << text_of(*answer, "revision");
    context.out << std::endl;
    return exit_success;
}

void add_history(CLI::App& app, Action& action) {
    struct Options {
        std::string key{};
        std::optional<std::uint64_t> limit{};
    };
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("history", "List the changes of a key, newest first");
    command->add_option("KEY", options->key, "The key")->required();
    add_number(*command, "--limit", options->limit, "No more than this many", 1);
    command->callback([&action, options] {
        action = [options](Context& context) {
            return history(context, options->key, options->limit);
        };
    });
}

void add_diff(CLI::App& app, Action& action) {
    auto options = std::make_shared<DiffOptions>();
    auto* command = app.add_subcommand("diff", "Show how a key differs between two revisions");
    command->add_option("KEY", options->key, "The key")->required();
    auto* from = add_number(*command, "--from", options->from,
                            "As of this revision; default: before the last change");
    add_number(*command, "--to", options->to, "As of this revision; default: now")->needs(from);
    command->callback([&action, options] {
        action = [options](Context& context) { return diff(context, *options); };
    });
}

void add_rollback(CLI::App& app, Action& action) {
    auto options = std::make_shared<RollbackOptions>();
    auto* command = app.add_subcommand(
        "rollback", "Bring a key, or all that begin with a prefix, back to a revision");
    command->add_option("KEY|PREFIX", options->target, "A prefix if it ends with '/' or is empty")
        ->required();
    add_number(*command, "--to", options->to, "What it was as of this revision")->required();
    command->add_flag("--prefix", options->is_prefix, "All keys that begin so");
    command->add_flag("--dry-run", options->dry_run, "Change nothing; show what would change");
    add_guard_options(*command, options->guard);
    add_note_options(*command, options->note);
    command->callback([&action, options] {
        action = [options](Context& context) { return rollback(context, *options); };
    });
}

}  // namespace

void add_history_commands(CLI::App& app, Action& action) {
    add_history(app, action);
    add_diff(app, action);
    add_rollback(app, action);
}

}  // namespace gavel::cli
