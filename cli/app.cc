#include "cli/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <optional>
#include <ostream>
#include <span>

#include "base/command_line.h"
#include "cli/commands.h"
#include "cli/completion_command.h"
#include "cli/exit_code.h"
#include "cli/manual.h"
#include "cli/options.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

enum class Color { automatic, always, never };

struct GlobalOptions {
    std::vector<std::string> endpoints{};
    Format format = Format::table;
    Color color = Color::automatic;
};

// Where the next word that is not one of the global options stands.
std::size_t find_word(const std::vector<std::string>& arguments, std::size_t from) {
    std::size_t i = from;
    while (i < arguments.size() && arguments[i].starts_with('-')) {
        const bool takes_value = arguments[i] == "--endpoint" || arguments[i] == "-o" ||
                                 arguments[i] == "--output" || arguments[i] == "--color";
        i += takes_value ? 2 : 1;
    }
    return i;
}

void build(CLI::App& app, GlobalOptions& options, Action& action) {
    app.name("gavel");
    app.description("Locks and configuration, kept by a cluster of gaveld.");
    app.fallthrough();
    app.require_subcommand(1);
    app.add_option("--endpoint", options.endpoints,
                   "Where a member listens, repeatable (GAVEL_ENDPOINTS, http://127.0.0.1:7400)")
        ->allow_extra_args(false);
    add_choice(
        app, "-o,--output", {"table", "json", "jsonl", "value"},
        [&options](std::size_t chosen) {
            constexpr std::array formats{Format::table, Format::json, Format::jsonl, Format::value};
            options.format = formats.at(chosen);
        },
        "How data is printed (table)");
    add_choice(
        app, "--color", {"auto", "always", "never"},
        [&options](std::size_t chosen) {
            constexpr std::array colors{Color::automatic, Color::always, Color::never};
            options.color = colors.at(chosen);
        },
        "Whether there are colours; auto: on a terminal, unless NO_COLOR is set or TERM is dumb "
        "(auto)");
    add_lock_command(app, action);
    add_locks_commands(app, action);
    add_session_commands(app, action);
    add_config_commands(app, action);
    add_transaction_command(app, action);
    add_history_commands(app, action);
    add_watch_command(app, action);
    add_schema_commands(app, action);
    add_quota_commands(app, action);
    add_member_commands(app, action);
    add_cluster_commands(app, action);
    add_playground_command(app, action);
    add_edit_command(app, action);
    add_backup_command(app, action);
    add_doctor_command(app, action);
    add_top_command(app, action);
    add_completion_command(app, action);
    for (auto* command : app.get_subcommands({})) {
        command->fallthrough();
        for (auto* nested : command->get_subcommands({})) nested->fallthrough();
    }
}

// A word that should be a command and is none, at either level: the complaint about it.
std::optional<std::string> unknown_command(CLI::App& app,
                                           const std::vector<std::string>& arguments) {
    CLI::App* group = &app;
    std::string path;
    std::size_t at = 0;
    for (;;) {
        std::vector<std::string> names;
        for (const auto* command : group->get_subcommands({})) names.push_back(command->get_name());
        at = find_word(arguments, at);
        if (names.empty() || at >= arguments.size()) return std::nullopt;
        const std::string& word = arguments[at++];
        if (std::find(names.begin(), names.end(), word) == names.end()) {
            const std::string near = nearest(word, names);
            return "there is no command '" + path + word + "'" +
                   (near.empty() ? "; see gavel --help" : "; did you mean '" + path + near + "'?");
        }
        group = group->get_subcommand(word);
        path += word + " ";
    }
}

// What is no command of a person's: the shells' and the build's own calls.
std::optional<int> run_call(CLI::App& app, const std::vector<std::string>& arguments,
                            const Surroundings& surroundings) {
    if (arguments.empty()) return std::nullopt;
    if (arguments[0] == complete_call) {
        return answer_shell(describe_commands(app), std::span(arguments).subspan(1), surroundings);
    }
    if (arguments[0] == manual_call && arguments.size() == 2) {
        return write_manual(describe_commands(app), arguments[1]);
    }
    return std::nullopt;
}

bool wants_color(Color color, bool is_terminal, bool no_color) {
    if (color == Color::automatic) return is_terminal && !no_color;
    return color == Color::always;
}

// Before it is known what was asked for.
int usage_error(const Surroundings& surroundings, const std::string& complaint) {
    const bool color =
        wants_color(Color::automatic, surroundings.err_is_terminal, surroundings.no_color);
    surroundings.err << painted("gavel:", Tone::bad, color) << ' ' << printable(complaint)
                     << std::endl;
    return exit_usage;
}

}  // namespace

CommandNode describe_gavel() {
    GlobalOptions options;
    Action action;
    CLI::App app;
    build(app, options, action);
    return describe_commands(app);
}

SplitArguments split_arguments(const std::vector<std::string>& arguments) {
    const std::size_t word = find_word(arguments, 0);
    const std::string name = word < arguments.size() ? arguments[word] : "";
    const std::string mark = name == "lock" ? "--" : name == "watch" ? "--exec" : "";
    const auto found =
        mark.empty() ? arguments.end() : std::find(arguments.begin(), arguments.end(), mark);

    SplitArguments split{.own = {arguments.begin(), found}};
    if (found != arguments.end()) {
        split.command.assign(found + 1, arguments.end());
        split.empty_command = split.command.empty();
    }
    return split;
}

int run_gavel(const std::vector<std::string>& arguments, const Surroundings& surroundings) {
    const SplitArguments split = split_arguments(arguments);
    GlobalOptions options;
    Action action;
    CLI::App app;
    build(app, options, action);
    if (const auto code = run_call(app, arguments, surroundings)) return *code;
    if (const auto complaint = unknown_command(app, split.own)) {
        return usage_error(surroundings, *complaint);
    }
    try {
        parse_command_line(app, split.own);
    } catch (const CLI::CallForHelp& help) {
        app.exit(help, surroundings.out, surroundings.err);
        surroundings.out.flush();
        if (surroundings.out) return exit_success;
        surroundings.err << "gavel: cannot write to standard output" << std::endl;
        return exit_error;
    } catch (const CLI::ParseError& error) {
        return usage_error(surroundings, error.what());
    }
    if (split.empty_command) return usage_error(surroundings, "a command is needed at the end");

    auto endpoints = choose_endpoints(options.endpoints, surroundings.endpoints);
    if (!endpoints) return usage_error(surroundings, endpoints.error().text);
    Context context{
        .out = surroundings.out,
        .err = surroundings.err,
        .out_is_terminal = surroundings.out_is_terminal,
        .color = wants_color(options.color, surroundings.out_is_terminal, surroundings.no_color),
        .err_color =
            wants_color(options.color, surroundings.err_is_terminal, surroundings.no_color),
        .format = options.format,
        .endpoints = *endpoints,
        .command = split.command,
        .held_lock = surroundings.held_lock,
        .held_token = surroundings.held_token,
        .held_session = surroundings.held_session,
        .author = surroundings.author};
    const int code = action(context);
    // Output that never arrived (a full disk) is not a success.
    context.out.flush();
    if (context.out || code != exit_success) return code;
    return context.fail("cannot write to standard output");
}

}  // namespace gavel::cli
