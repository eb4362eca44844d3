#pragma once

#include <functional>

#include "cli/context.h"

namespace CLI {
class App;
}

namespace gavel::cli {

// What the arguments ask for, found out while they are read and run afterwards.
using Action = std::function<int(Context&)>;

// Each adds its commands to `app`; the one that is used sets `action`.
void add_lock_command(CLI::App& app, Action& action);
void add_locks_commands(CLI::App& app, Action& action);
void add_session_commands(CLI::App& app, Action& action);
void add_config_commands(CLI::App& app, Action& action);
void add_transaction_command(CLI::App& app, Action& action);
void add_history_commands(CLI::App& app, Action& action);
void add_watch_command(CLI::App& app, Action& action);
void add_schema_commands(CLI::App& app, Action& action);
void add_quota_commands(CLI::App& app, Action& action);
void add_member_commands(CLI::App& app, Action& action);
void add_cluster_commands(CLI::App& app, Action& action);
void add_playground_command(CLI::App& app, Action& action);
void add_completion_command(CLI::App& app, Action& action);
void add_edit_command(CLI::App& app, Action& action);
void add_backup_command(CLI::App& app, Action& action);
void add_doctor_command(CLI::App& app, Action& action);
void add_top_command(CLI::App& app, Action& action);

}  // namespace gavel::cli
