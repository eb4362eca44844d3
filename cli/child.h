#pragma once

#include <signal.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace gavel::cli {

struct ChildOptions {
    std::vector<std::string> command{};
    std::map<std::string, std::string> environment{};  // Added to ours.
    sigset_t signal_mask{};                            // What the child starts with.
    int signal_when_parent_dies = 0;  // 0: none. For the child itself, not its group.
    bool take_terminal =
        false;  // Make it the foreground group if we are that and stdin is a terminal.
    std::optional<std::string> input{};  // What its standard input has; none: ours.
    std::string output_file{};  // Standard output and error go there; empty: where ours go.
};

// Why a child could not be started: the errno of exec.
struct SpawnFailure {
    int error = 0;
    int exit_code() const;  // 127 when there is no such command, else 126.
};

// A command that runs without a shell as the leader of a process group of its own. Owned by one
// thread, which blocks SIGCHLD and SIGTTOU.
class Child {
public:
    static Result<Child, SpawnFailure> start(const ChildOptions& options);

    pid_t pid() const { return pid_; }

    // Looks without waiting. The exit code (128+n after a signal) once it has ended.
    std::optional<int> poll();
    // Waits until it has ended.
    int wait();

    // To the whole group. A stopped group is woken when the signal is one that ends it.
    void signal(int signal) const;

    // Whether it was stopped (by ^Z) since the last poll.
    bool take_stopped();
    // Lets it go on, in the foreground if it wants that and we are there now.
    void resume();
    // Gives the terminal back to ourselves, if the child had it.
    void take_terminal_back();
    bool has_terminal() const { return has_terminal_; }
    // Whether it is to have the terminal whenever we are in its foreground.
    bool wants_terminal() const;

private:
    Child(pid_t pid, bool wants_terminal, bool has_terminal)
        : pid_(pid), wants_terminal_(wants_terminal), has_terminal_(has_terminal) {}
    std::optional<int> note(int status);

    pid_t pid_;
    bool wants_terminal_;
    bool has_terminal_;
    bool stopped_ = false;
    std::optional<int> exit_code_{};
};

}  // namespace gavel::cli
