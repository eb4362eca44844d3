#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api_call.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/render.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;

// Every endpoint is asked, for each member only knows itself.
int status(const Context& context) {
    auto found = nlohmann::json::array();
    for (const auto& endpoint : context.endpoints) {
        Client client({endpoint});
        const auto answer = call_json(client, {.target = "/v1/status",
                                               .attempt_limit = milliseconds{3000},
                                               .patience = milliseconds{3000}});
        if (!answer) {
            context.fail(answer.error());
            continue;
        }
        found.push_back(*answer);
        found.back()["endpoint"] = endpoint.url();
    }
    if (found.empty()) return exit_error;
    print_list(context, found,
               {column("ENDPOINT", "endpoint"), column("MEMBER", "member_id"),
                column("NAME", "name"), column("ROLE", "role", tone_of_role),
                column("LEADER", "leader_id"), column("APPLIED", "applied"),
                column("CHOSEN", "chosen"), column("EPOCH", "epoch"), column("VERSION", "version")},
               "role");
    return exit_success;
}

int version(const Context& context) {
    if (context.format == Format::table) {
        context.out << "gavel " GAVEL_VERSION << '\n';
    } else if (context.format == Format::value) {
        context.out << GAVEL_VERSION << '\n';
    } else {
        print_json(context, {{"version", GAVEL_VERSION}});
    }
    return exit_success;
}

}  // namespace

void add_cluster_commands(CLI::App& app, Action& action) {
    app.add_subcommand("status", "Show what each endpoint's member says of itself")
        ->callback([&action] { action = status; });
    app.add_subcommand("version", "Print the version of this tool")->callback([&action] {
        action = version;
    });
}

}  // namespace gavel::cli
