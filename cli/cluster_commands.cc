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

int list_members(const Context& context) {
    Client client(context.endpoints);
    const auto answer = call_json(client, {.target = "/v1/members"});
    if (!answer) return context.fail(answer.error());
    const std::string leader = text_of(*answer, "leader_id");
    const Column role{"ROLE", [&leader](const nlohmann::json& member) {
                          const bool leads = text_of(member, "member_id") == leader;
                          return text_of(member, "role") + (leads ? ", leader" : "");
                      }};
    print_list(context, answer->value("members", nlohmann::json::array()),
               {column("MEMBER", "member_id"), column("NAME", "name"), role,
                column("CLIENTS", "client_address"), column("PEERS", "peer_address"),
                column("APPLIED", "applied"), column("LAG", "lag"),
                column("LAST CONTACT", "last_contact"), column("VERSION", "version")},
               "name");
    return exit_success;
}

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
    print_list(
        context, found,
        {column("ENDPOINT", "endpoint"), column("MEMBER", "member_id"), column("NAME", "name"),
         column("ROLE", "role"), column("LEADER", "leader_id"), column("APPLIED", "applied"),
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
    auto* group = app.add_subcommand("member", "Look at the members of the cluster");
    group->require_subcommand(1);
    group->add_subcommand("ls", "List the members")->callback([&action] { action = list_members; });
    app.add_subcommand("status", "Show what each endpoint's member says of itself")
        ->callback([&action] { action = status; });
    app.add_subcommand("version", "Print the version of this tool")->callback([&action] {
        action = version;
    });
}

}  // namespace gavel::cli
