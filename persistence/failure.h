#pragma once

#include <string>
#include <string_view>

namespace gavel::persistence {

// A call of the system or of LMDB that failed, and the code that either gave. Thrown; the stores
// catch it at their doors, and no other room sees one.
struct DiskError {
    const char* operation = "";
    int code = 0;
};

// The exit code of a member whose storage failed, or holds what it must not serve (EX_SOFTWARE of
// sysexits.h).
inline constexpr int storage_exit_code = 70;

// What went wrong, and what an operator can do about it, in one line.
std::string explain(std::string_view environment, const DiskError& error);

// From now on the process ends within two seconds, with storage_exit_code, whatever it still waits
// for: a reader of its standard error that is stuck, say. Safe in a signal handler.
void end_soon();

// Says the line on standard error, and ends the process with storage_exit_code, heard or not. Safe
// in a signal handler.
[[noreturn]] void end_process(std::string_view line);

// Ends the process at once, with one line on standard error. Nothing is retried and nothing is
// tidied up: LMDB would let the next commit succeed after a failed sync, and whoever waits for this
// one must not be answered (docs/storage.md).
[[noreturn]] void end_process(std::string_view environment, const DiskError& error);

}  // namespace gavel::persistence
