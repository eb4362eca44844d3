#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/api_call.h"
#include "cli/author.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/guard.h"
#include "cli/input.h"
#include "cli/render.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

struct TransactionOptions {
    std::string file{};
    GuardOptions guard{};
    Note note{};
};

// What an operation did, for a person.
std::string result_of(const std::string& operation, const nlohmann::json& result) {
    if (operation == "put") return "version " + text_of(result, "version");
    if (operation == "delete") return text_of(result, "deleted") + " deleted";
    if (text_of(result, "exists") != "true") return "no such key";
    if (result.contains("value")) return value_cell(result, value_columns_in_line);
    return "revision " + text_of(result, "revision") + ", replaced since";
}

void print_table(const Context& context, const nlohmann::json& answer, bool succeeded) {
    context.out << (succeeded ? "then" : "else") << " at revision " << text_of(answer, "revision");
    if (!succeeded) context.out << ", for if[" << text_of(answer, "failed") << "] does not hold";
    context.out << '\n';
    Table table({"OPERATION", "KEY", "RESULT"});
    bool any = false;
    for (const auto& each : answer.value("results", nlohmann::json::array())) {
        for (const auto& [operation, result] : each.items()) {
            table.add({operation, text_of(result, "key"), result_of(operation, result)});
            any = true;
        }
    }
    if (any) table.print(context.out, context.color);
    context.out.flush();
}

int transact(const Context& context, const TransactionOptions& options) {
    Complaint complaint;
    const auto body = read_input(options.file, complaint);
    if (!body) {
        return context.fail(complaint.text);
    }
    Client client(context.endpoints);
    Call call{.method = "POST", .target = "/v1/transactions", .body = *body, .needs_key = true};
    if (const auto refused = add_guard(call, options.guard, context)) return *refused;
    add_note(call, context, options.note);
    const auto answer = call_json(client, call);
    if (!answer) return context.fail(answer.error());

    const bool succeeded = text_of(*answer, "succeeded") == "true";
    if (context.format == Format::table) {
        print_table(context, *answer, succeeded);
    } else if (context.format == Format::value) {
        context.out << text_of(*answer, "revision") << std::endl;
    } else {
        print_json(context, *answer);
    }
    return succeeded ? exit_success : exit_else;
}

}  // namespace

void add_transaction_command(CLI::App& app, Action& action) {
    auto options = std::make_shared<TransactionOptions>();
    auto* command =
        app.add_subcommand("txn", "Compare, and put, delete and get keys, all at one revision");
    command
        ->add_option("FILE", options->file,
                     "JSON as POST /v1/transactions takes it; '-' for standard input")
        ->required();
    add_guard_options(*command, options->guard);
    add_note_options(*command, options->note);
    command->callback([&action, options] {
        action = [options](Context& context) { return transact(context, *options); };
    });
}

}  // namespace gavel::cli
