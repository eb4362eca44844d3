#include "persistence/failure.h"

#include <lmdb.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>

#include "persistence/log_store.h"

namespace gavel::persistence {
namespace {

constexpr unsigned patience_seconds = 2;

std::string_view advice(int code) {
    switch (code) {
        case MDB_MAP_FULL:
            return "Its largest size is reached: start again with a larger one";
        case ENOSPC:
        case EDQUOT:
            return "Make room on its volume, then start again";
        // A full disk may show itself as this, too.
        case EIO:
            return "Look for room on its volume, and at the disk itself, then start again";
        case ENOMEM:
            return "Make memory available, then start again";
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_PANIC:
            return "Its file is damaged: remove this member and let it join anew, "
                   "empty";
        default:
            return "Look at its disk and file system, then start again";
    }
}

}  // namespace

std::string explain(std::string_view environment, const DiskError& error) {
    std::string line("storage of the ");
    line.append(environment).append(" failed to ").append(error.operation).append(": ");
    line.append(mdb_strerror(error.code)).append(". ");
    return line.append(advice(error.code));
}

void end_soon() {
    std::signal(SIGALRM, [](int) { ::_exit(storage_exit_code); });
    sigset_t alarm_alone;
    sigemptyset(&alarm_alone);
    sigaddset(&alarm_alone, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarm_alone, nullptr);
    ::alarm(patience_seconds);
}

void end_process(std::string_view line) {
    end_soon();
    // Straight to standard error: the logger may wait for the same disk.
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) ::_exit(storage_exit_code);
    ::_exit(storage_exit_code);
}

void end_process(std::string_view environment, const DiskError& error) {
    end_process("gaveld: " + explain(environment, error) + ".\n");
}

void throw_exception_from_error(const StorageError& error, const boost::source_location&) {
    throw std::runtime_error(error.what);
}

}  // namespace gavel::persistence
