#include <gmock/gmock.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// What `gavel` prints on a terminal of its own, under /bin/sh.
std::string on_a_terminal(const std::string& script) {
    int terminal = -1;
    const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid == 0) {
        ::unsetenv("NO_COLOR");
        ::setenv("TERM", "xterm", 1);
        ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
        ::_exit(127);
    }
    std::string shown;
    std::array<char, 4096> piece{};
    // Once the other side is closed the terminal has an error, not an end.
    for (ssize_t got = 0; (got = ::read(terminal, piece.data(), piece.size())) > 0;) {
        shown.append(piece.data(), static_cast<std::size_t>(got));
    }
    ::close(terminal);
    int status = 0;
    ::waitpid(pid, &status, 0);
    std::erase(shown, '\r');
    return shown;
}

TEST(ClusterTerminal, ShowsColoursAndNothingElseDoes) {
    Cluster cluster;
    cluster.start_all();
    cluster.leader();
    const std::string gavel = std::string(GAVEL_BINARY) +
                              " --endpoint=http://127.0.0.1:" + std::to_string(cluster.port(0)) +
                              " ";
    const std::string members = gavel + "member ls", unknown = gavel + "get no/such/key";

    EXPECT_THAT(on_a_terminal(members), HasSubstr("\x1b[32mvoter, leader\x1b[0m"));
    EXPECT_THAT(on_a_terminal(unknown), HasSubstr("\x1b[1;31mgavel:\x1b[0m key-not-found"));
    for (const std::string without : {"NO_COLOR=1 ", "TERM=dumb "}) {
        EXPECT_THAT(on_a_terminal(without + members), HasSubstr("voter, leader"));
        EXPECT_THAT(on_a_terminal(without + members), Not(HasSubstr("\x1b")));
        EXPECT_THAT(on_a_terminal(without + unknown), Not(HasSubstr("\x1b")));
    }
    EXPECT_THAT(on_a_terminal(members + " | cat"), Not(HasSubstr("\x1b")));
    EXPECT_THAT(on_a_terminal(members + " -o json"), Not(HasSubstr("\x1b")));
    EXPECT_THAT(on_a_terminal(unknown + " 2>&1 | cat"), Not(HasSubstr("\x1b")));
    EXPECT_THAT(on_a_terminal(unknown + " | cat"), HasSubstr("\x1b[1;31mgavel:"))
        << "messages have a stream of their own";
}

}  // namespace
}  // namespace gavel::test
