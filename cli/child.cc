#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

#include "base/invariant.h"
#include "cli/exit_code.h"

namespace gavel::cli {

namespace {

bool we_own_the_terminal() {
    return ::isatty(STDIN_FILENO) == 1 && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        if (!added.contains(std::string(text.substr(0, text.find('='))))) {
            environment.emplace_back(text);
        }
    }
    for (const auto& [name, value] : added) environment.push_back(name + "=" + value);
    return environment;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (auto& text : strings) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

// A file in memory that holds `text`, to be read from its beginning; -1 with errno if there is
// none. Unlike a pipe it needs nobody who writes while the child runs, whatever its size, and a
// child that does not read it breaks nothing.
int file_with(const std::string& text) {
    const int file = ::memfd_create("gavel-input", MFD_CLOEXEC);
    std::string_view rest = text;
    while (file >= 0 && !rest.empty()) {
        const auto written = ::write(file, rest.data(), rest.size());
        if (written > 0) {
            rest.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            const int error = errno;
            ::close(file);
            errno = error;
            return -1;
        }
    }
    if (file >= 0) ::lseek(file, 0, SEEK_SET);
    return file;
}

// The new process, from fork to exec. Others of our threads may hold any lock, so nothing here
// allocates: only calls that are safe in a signal handler.
[[noreturn]] void become(const ChildOptions& options, bool give_terminal, char* const* command,
                         char* const* environment, pid_t parent, int input, int report) {
    ::setpgid(0, 0);
    if (give_terminal) ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
    if (options.signal_when_parent_dies != 0) {
        ::prctl(PR_SET_PDEATHSIG, options.signal_when_parent_dies);
        if (::getppid() != parent) ::_exit(exit_error);
    }
    if (!options.output_file.empty()) {
        const int log = ::open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(log, STDOUT_FILENO);
        ::dup2(log, STDERR_FILENO);
        const int nothing = ::open("/dev/null", O_RDONLY);
        ::dup2(nothing, STDIN_FILENO);
    }
    // If we have no standard input, the file got its number, and is to outlive exec.
    if (input == STDIN_FILENO) ::fcntl(input, F_SETFD, 0);
    if (input > STDIN_FILENO) ::dup2(input, STDIN_FILENO);
    ::pthread_sigmask(SIG_SETMASK, &options.signal_mask, nullptr);
    ::execvpe(command[0], command, environment);
    const int error = errno;
    // A failed write leaves the parent with an empty pipe and a child that exits with 127.
    [[maybe_unused]] const auto written = ::write(report, &error, sizeof error);
    ::_exit(exit_command_not_found);
}

}  // namespace

int SpawnFailure::exit_code() const {
    return error == ENOENT || error == ENOTDIR ? exit_command_not_found : exit_cannot_execute;
}

Result<Child, SpawnFailure> Child::start(const ChildOptions& options) {
    std::vector<std::string> command = options.command;
    std::vector<std::string> environment = environment_with(options.environment);
    const auto command_pointers = pointers(command);
    const auto environment_pointers = pointers(environment);
    const bool give_terminal = options.take_terminal && we_own_the_terminal();

    int input = -1;
    if (options.input && (input = file_with(*options.input)) < 0) return SpawnFailure{errno};
    std::array<int, 2> report{};
    if (::pipe2(report.data(), O_CLOEXEC) != 0) {
        const int error = errno;
        if (input >= 0) ::close(input);
        return SpawnFailure{error};
    }
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
        become(options, give_terminal, command_pointers.data(), environment_pointers.data(), parent,
               input, report[1]);
    }
    const int fork_error = errno;
    ::close(report[1]);
    if (input >= 0) ::close(input);
    if (pid < 0) {
        ::close(report[0]);
        return SpawnFailure{fork_error};
    }
    // Both sides do this, so that it is done whichever comes first.
    ::setpgid(pid, pid);
    if (give_terminal) ::tcsetpgrp(STDIN_FILENO, pid);

    Child child(pid, options.take_terminal, give_terminal);
    int error = 0;
    const auto received = ::read(report[0], &error, sizeof error);
    ::close(report[0]);
    if (received == sizeof error) {
        child.wait();
        child.take_terminal_back();
        return SpawnFailure{error};
    }
    return child;
}

std::optional<int> Child::note(int status) {
    if (WIFSTOPPED(status)) stopped_ = true;
    if (WIFEXITED(status)) exit_code_ = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) exit_code_ = exit_by_signal(WTERMSIG(status));
    return exit_code_;
}

std::optional<int> Child::poll() {
    int status = 0;
    while (!exit_code_ && ::waitpid(pid_, &status, WNOHANG | WUNTRACED) == pid_) note(status);
    return exit_code_;
}

int Child::wait() {
    int status = 0;
    while (!exit_code_) {
        if (::waitpid(pid_, &status, 0) == pid_) {
            note(status);
        } else {
            invariant(errno == EINTR, "a child can be waited for until it has ended");
        }
    }
    return *exit_code_;
}

void Child::signal(int signal) const {
    ::kill(-pid_, signal);
    if (signal == SIGTERM || signal == SIGHUP) ::kill(-pid_, SIGCONT);
}

bool Child::take_stopped() { return std::exchange(stopped_, false); }

bool Child::wants_terminal() const { return wants_terminal_ && ::isatty(STDIN_FILENO) == 1; }

void Child::resume() {
    if (wants_terminal_ && we_own_the_terminal()) {
        ::tcsetpgrp(STDIN_FILENO, pid_);
        has_terminal_ = true;
    }
    ::kill(-pid_, SIGCONT);
}

void Child::take_terminal_back() {
    // The shell may have it by now.
    if (has_terminal_ && ::tcgetpgrp(STDIN_FILENO) == pid_) {
        ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
    }
    has_terminal_ = false;
}

}  // namespace gavel::cli
