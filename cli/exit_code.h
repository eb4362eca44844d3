#pragma once

namespace gavel::cli {

// What the process answers to its caller. The numbers from 122 up stay clear of what commands use
// themselves, as env(1) and timeout(1) do it.
inline constexpr int exit_success = 0;
inline constexpr int exit_else = 1;  // A transaction's condition did not hold.
inline constexpr int exit_usage = 2;
inline constexpr int exit_lock_lost = 122;
inline constexpr int exit_busy = 123;
inline constexpr int exit_timed_out = 124;
inline constexpr int exit_error = 125;
inline constexpr int exit_cannot_execute = 126;
inline constexpr int exit_command_not_found = 127;

constexpr int exit_by_signal(int signal) { return 128 + signal; }

}  // namespace gavel::cli
