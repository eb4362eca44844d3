#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace gavel::test {

// A child process of a test, ended by its pid when the test is over. What it prints goes to files.
class Process {
public:
    Process() = default;
    // `output` is the stem of two files: .out and .err, appended to.
    Process(const std::vector<std::string>& arguments, const std::string& output);
    ~Process();
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;

    bool running() const { return pid_ > 0; }
    void signal(int number) const;
    // SIGSTOP, and waits until it has come to a halt.
    void freeze() const;
    // Waits for its end; the exit code, 128 + n after signal n, or -1 when it outlives `patience`.
    int wait(std::chrono::milliseconds patience);
    // SIGKILL, and waits.
    void kill();

private:
    pid_t pid_ = 0;
};

// A port of loopback that was free a moment ago, each time another one.
int free_port();

std::string contents(const std::string& file);

}  // namespace gavel::test
