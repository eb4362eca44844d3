#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api_call.h"
#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit_code.h"
#include "cli/input.h"
#include "cli/render.h"

namespace gavel::cli {
namespace {

struct SchemaOptions {
    std::string prefix{};
    std::string file{};
    bool force = false;
};

std::string schema_target(const std::string& prefix) {
    return "/v1/schemas/" + encode_path(prefix);
}

int list_schemas(const Context& context) {
    Client client(context.endpoints);
    const auto answer = call_json(client, {.target = "/v1/schemas"});
    if (!answer) return context.fail(answer.error());
    print_list(context, answer->value("schemas", nlohmann::json::array()),
               {column("PREFIX", "prefix"), column("REVISION", "revision"),
                column("BYTES", "bytes"), column("SET", "set_at")},
               "prefix");
    return exit_success;
}

int get(const Context& context, const SchemaOptions& options) {
    Client client(context.endpoints);
    const Call call{.target = schema_target(options.prefix)};
    if (context.format == Format::json || context.format == Format::jsonl) {
        const auto schema = call_json(client, call);
        if (!schema) return context.fail(schema.error());
        print_json(context, *schema);
        return exit_success;
    }
    const auto answer = client.call(call);
    if (!answer) return context.fail(answer.error());
    context.out << answer->body;
    if (context.out_is_terminal && !answer->body.ends_with('\n')) context.out << '\n';
    return exit_success;
}

int print_change(const Context& context, const nlohmann::json& answer, const std::string& done) {
    if (context.format == Format::json || context.format == Format::jsonl) {
        print_json(context, answer);
    } else if (context.format == Format::value) {
        context.out << text_of(answer, "revision") << '\n';
    } else {
        context.out << done << ": revision " << text_of(answer, "revision") << '\n';
    }
    return exit_success;
}

int set_schema(const Context& context, const SchemaOptions& options) {
    Complaint complaint;
    const auto text = read_input(options.file, complaint);
    if (!text) {
        return context.fail(complaint.text);
    }
    Client client(context.endpoints);
    const auto answer = call_json(
        client, {.method = "PUT",
                 .target = schema_target(options.prefix) + (options.force ? "?force=true" : ""),
                 .body = *text,
                 .content_type = "application/schema+json",
                 .needs_key = true});
    if (!answer) return context.fail(answer.error());
    return print_change(context, *answer, "set the schema of " + options.prefix);
}

int remove(const Context& context, const SchemaOptions& options) {
    Client client(context.endpoints);
    const auto answer = call_json(
        client, {.method = "DELETE", .target = schema_target(options.prefix), .needs_key = true});
    if (!answer) return context.fail(answer.error());
    return print_change(context, *answer, "removed the schema of " + options.prefix);
}

// One line for each reason, under the key.
nlohmann::json reasons_of(const nlohmann::json& answer) {
    auto reasons = nlohmann::json::array();
    for (const auto& conflict : answer.value("conflicts", nlohmann::json::array())) {
        for (auto reason : conflict.value("violations", nlohmann::json::array())) {
            reason["key"] = text_of(conflict, "key");
            reasons.push_back(std::move(reason));
        }
    }
    return reasons;
}

// Of a schema from a file, or of the one that is set.
int check(const Context& context, const SchemaOptions& options) {
    Client client(context.endpoints);
    std::string schema;
    if (options.file.empty()) {
        const auto present = client.call({.target = schema_target(options.prefix)});
        if (!present) return context.fail(present.error());
        schema = present->body;
    } else {
        Complaint complaint;
        const auto text = read_input(options.file, complaint);
        if (!text) {
            return context.fail(complaint.text);
        }
        schema = *text;
    }
    const auto answer = call_json(client, {.method = "PUT",
                                           .target = schema_target(options.prefix) + "?check=true",
                                           .body = schema,
                                           .content_type = "application/schema+json"});
    if (!answer) return context.fail(answer.error());
    const auto reasons = reasons_of(*answer);
    if (context.format == Format::json || context.format == Format::jsonl) {
        print_json(context, *answer);
    } else if (context.format == Format::value || !reasons.empty()) {
        print_list(context, reasons,
                   {column("KEY", "key"), column("AT", "pointer"), column("REASON", "reason")},
                   "key");
    }
    if (!answer->value("complete", true)) context.say("there are more keys than were looked at");
    if (context.format == Format::table && reasons.empty()) {
        context.out << text_of(*answer, "keys_checked") << " keys fit\n";
    }
    return reasons.empty() ? exit_success : exit_error;
}

using Run = int (*)(const Context&, const SchemaOptions&);

struct Command {
    const char* name{};
    const char* help{};
    const char* file{};  // Its help; null: takes none.
    bool needs_file{};
    Run run{};
};

void add_command(CLI::App& group, Action& action, const Command& which) {
    auto options = std::make_shared<SchemaOptions>();
    auto* command = group.add_subcommand(which.name, which.help);
    command->add_option("PREFIX", options->prefix, "Of the keys that begin with it")->required();
    if (which.file != nullptr) {
        command->add_option("FILE", options->file, which.file)->required(which.needs_file);
    }
    if (which.run == set_schema) {
        command->add_flag("--force", options->force, "Though values that are there do not fit");
    }
    command->callback([&action, options, run = which.run] {
        action = [options, run](Context& context) { return run(context, *options); };
    });
}

}  // namespace

void add_schema_commands(CLI::App& app, Action& action) {
    auto* group = app.add_subcommand("schema", "Set what values of keys have to look like");
    group->require_subcommand(1);
    group->add_subcommand("ls", "List the schemas")->callback([&action] { action = list_schemas; });
    for (const auto& command :
         {Command{"get", "Print a schema", nullptr, false, get},
          Command{"set", "Set a schema", "The JSON Schema; - for standard input", true, set_schema},
          Command{"rm", "Remove a schema", nullptr, false, remove},
          Command{"check", "List the values that do not fit",
                  "The JSON Schema; - for standard input; default: the one that is set", false,
                  check}}) {
        add_command(*group, action, command);
    }
}

}  // namespace gavel::cli
