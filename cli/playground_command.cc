#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/playground.h"

namespace gavel::cli {

void add_playground_command(CLI::App& app, Action& action) {
    auto members = std::make_shared<int>(3);
    auto* command = app.add_subcommand("playground", "Run a throw-away cluster on loopback");
    command->add_option("-n", *members, "How many members (3)")->check(CLI::Range(1, 7));
    command->callback([&action, members] {
        action = [members](Context& context) {
            const auto gaveld = find_gaveld();
            if (gaveld.empty()) {
                return context.fail("gaveld is neither beside gavel nor on PATH");
            }
            return run_playground(context, gaveld, *members);
        };
    });
}

}  // namespace gavel::cli
