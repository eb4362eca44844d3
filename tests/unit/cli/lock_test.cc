#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "cli/exit_code.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"

namespace gavel::cli {
namespace {

using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::problem;
using test::Ran;
using test::run;
using testing::EndsWith;
using testing::HasSubstr;

const FakeReply granted{.status = 201, .body = R"({"held":true,"name":"deploy","token":7})"};
const FakeReply kept_alive{.body = R"({"id":"s1","ttl":"15s","expires_in":"15s"})"};

bool is_keepalive(const FakeRequest& request) { return request.target.ends_with("/keepalive"); }

FakeReply held() {
    return problem(409, "lock-held",
                   R"(,"position":1,"holders":[{"session":"s9","session_name":"web-1","token":5}])",
                   true);
}

// A member that gives every session the lock at once; a test overrides what it is about.
class FakeMember {
public:
    using Override = std::function<std::optional<FakeReply>(const FakeRequest&)>;

    explicit FakeMember(Override special = [](const FakeRequest&) { return std::nullopt; })
        : special_(std::move(special)) {}

    Endpoint endpoint() const { return server_.endpoint(); }
    std::vector<FakeRequest> requests(const std::string& beginning) const {
        return server_.requests(beginning);
    }

private:
    FakeReply answer(const FakeRequest& request) {
        if (const auto reply = special_(request)) return *reply;
        if (request.method == "PUT") return granted;
        if (is_keepalive(request)) return kept_alive;
        if (request.method == "POST") {
            const int number = ++sessions_;
            return {.status = 201, .body = "{\"id\":\"s" + std::to_string(number) + "\"}"};
        }
        return {};
    }

    Override special_;
    std::atomic<int> sessions_{0};
    FakeServer server_{[this](const FakeRequest& request) { return answer(request); }};
};

class Lock : public testing::Test {
protected:
    Lock() { std::filesystem::remove(file_); }

    std::string said() const {
        std::ifstream in(file_);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void say() const { std::ofstream(file_) << "said"; }

    static Ran lock(const std::vector<Endpoint>& endpoints, const std::string& script,
                    std::vector<std::string> options = {}) {
        std::vector<std::string> arguments{"lock", "deploy"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {"--", "sh", "-c", script});
        return run(arguments, endpoints);
    }

    static void expect_left(const FakeMember& member, const std::string& session = "s1") {
        EXPECT_EQ(member.requests("DELETE /v1/locks/deploy?session=" + session).size(), 1u);
        EXPECT_EQ(member.requests("DELETE /v1/sessions/" + session).size(), 1u);
    }

    const std::string file_ = testing::TempDir() + "gavel-lock-test-" + std::to_string(::getpid());
};

TEST_F(Lock, RunsTheCommandWithNameTokenAndSessionAndReleasesAfterwards) {
    FakeMember member;

    const auto ran = lock({member.endpoint()},
                          "echo $GAVEL_LOCK_NAME $GAVEL_LOCK_TOKEN "
                          "$GAVEL_SESSION > " +
                              file_);

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(said(), "deploy 7 s1\n");
    EXPECT_EQ(ran.err, "");
    EXPECT_THAT(member.requests("POST /v1/sessions")[0].body, HasSubstr("\"ttl\":\"15000ms\""));
    expect_left(member);
}

TEST_F(Lock, GivesTheCommandsExitCodeAndReleasesEvenIfItFailed) {
    FakeMember member;

    EXPECT_EQ(lock({member.endpoint()}, "exit 7").code, 7);
    EXPECT_EQ(lock({member.endpoint()}, "kill -KILL $$").code, exit_by_signal(SIGKILL));

    expect_left(member);
    expect_left(member, "s2");
}

TEST_F(Lock, AnswersAsExecDoesWhenTheCommandCannotBeRun) {
    FakeMember member;

    const auto missing = run({"lock", "deploy", "--", "/nowhere/command"}, {member.endpoint()});
    const auto folder = run({"lock", "deploy", "--", "/tmp"}, {member.endpoint()});

    EXPECT_EQ(missing.code, exit_command_not_found);
    EXPECT_THAT(missing.err, HasSubstr("/nowhere/command: No such file or directory"));
    EXPECT_EQ(folder.code, exit_cannot_execute);
    expect_left(member);
    expect_left(member, "s2");
}

TEST_F(Lock, RunsTheCommandInAProcessGroupOfItsOwnWithTheUsualSignalMask) {
    FakeMember member;

    // Builtins only: the shell blocks signals while it waits for another program.
    lock({member.endpoint()},
         "read stat < /proc/$$/stat; set -- $stat; test $5 = $$ && echo group > " + file_ +
             "; while read name value; do case $name$value in SigBlk:*[1-9a-f]*) exit 1;; "
             "SigBlk:*) echo mask >> " +
             file_ + ";; esac; done < /proc/$$/status");

    EXPECT_EQ(said(), "group\nmask\n");
}

TEST_F(Lock, LeaksNoneOfItsDescriptorsIntoTheCommand) {
    FakeMember member;

    lock({member.endpoint()},
         "for fd in /proc/$$/fd/*; do case ${fd##*/} in [012]) ;; *) case $(readlink $fd) in "
         "socket:*|anon_inode:*) echo $fd >> " +
             file_ + ";; esac;; esac; done");

    EXPECT_EQ(said(), "");
}

TEST_F(Lock, WithNoWaitIsBusyWhenAnotherHoldsIt) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "PUT") return held();
        return std::nullopt;
    });

    const auto ran = lock({member.endpoint()}, "exit 0", {"--no-wait"});

    EXPECT_EQ(ran.code, exit_busy);
    EXPECT_EQ(member.requests("PUT ").size(), 1u);
    EXPECT_THAT(member.requests("PUT ")[0].target, EndsWith("?wait=0ms"));
    EXPECT_EQ(ran.err, "gavel: deploy is held by s9 (web-1)\n");
    expect_left(member);
}

TEST_F(Lock, WithNoWaitTellsWhatThereIsToKnowOfTheHolders) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "PUT") return held();
        if (request.method != "GET") return std::nullopt;
        return FakeReply{.body = R"({"name":"deploy","held":true,"holder_count":5,"holders":[
            {"session":"s9","session_name":"web-1:7","since":"2026-01-31T12:00:00.000Z",
             "held_for":"41.2s","metadata":{"job":"nightly"}},
            {"session":"s10","session_name":"","metadata":{}},{"session":"s11"},
            {"session":"s12"},{"session":"s13"}]})"};
    });

    const auto ran = lock({member.endpoint()}, "exit 0", {"--no-wait"});

    EXPECT_EQ(ran.code, exit_busy);
    EXPECT_EQ(ran.err,
              "gavel: deploy is held by s9 (web-1:7) since 2026-01-31T12:00:00.000Z (41.2s) "
              "{\"job\":\"nightly\"}, s10, s11, 2 more\n");
    EXPECT_EQ(member.requests("GET /v1/locks/deploy").size(), 1u);
}

TEST_F(Lock, WithNoWaitNamesWhoStoodInTheWayAndNotWhoHasItByThen) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "PUT") return held();
        if (request.method != "GET") return std::nullopt;
        return FakeReply{.body = R"({"name":"deploy","held":true,"holders":[{"session":"s30"}]})"};
    });

    EXPECT_EQ(lock({member.endpoint()}, "exit 0", {"--no-wait"}).err,
              "gavel: deploy is held by s9 (web-1)\n");
}

TEST_F(Lock, WithNoWaitSaysWhyWhenNobodyHoldsIt) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method != "PUT") return std::nullopt;
        return problem(409, "lock-held", R"(,"holders":[],"holder_count":0)", true);
    });

    const auto ran = lock({member.endpoint()}, "exit 0", {"--no-wait"});

    EXPECT_EQ(ran.code, exit_busy);
    EXPECT_EQ(ran.err, "gavel: deploy is not to be had: it is so\n");
    EXPECT_THAT(member.requests("GET "), testing::IsEmpty());
}

TEST_F(Lock, IsSharedWhenAskedForSo) {
    FakeMember member;

    lock({member.endpoint()}, "exit 0", {"--shared"});
    lock({member.endpoint()}, "exit 0", {"--limit", "3"});

    const auto asked = member.requests("PUT ");
    ASSERT_EQ(asked.size(), 2u);
    EXPECT_EQ(asked[0].body, R"({"mode":"shared","session":"s1"})");
    EXPECT_EQ(asked[1].body, R"({"limit":3,"session":"s2"})");
    EXPECT_EQ(lock({member.endpoint()}, "exit 0", {"--limit", "0"}).code, exit_usage);
}

TEST_F(Lock, GoesWithASessionThatEndsWhenSomebodyBreaksIt) {
    FakeMember member;

    lock({member.endpoint()}, "exit 0");

    EXPECT_THAT(member.requests("POST /v1/sessions")[0].body,
                HasSubstr("\"ends_with_locks\":true"));
}

TEST_F(Lock, SaysHowManyShareWhatItWaitsFor) {
    int attempts = 0;
    FakeMember member([&attempts](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method != "PUT" || ++attempts > 1) return std::nullopt;
        return problem(409, "lock-held",
                       R"(,"position":1,"holder_count":3,"holders":[{"session":"s9","token":5}])",
                       true);
    });

    EXPECT_EQ(lock({member.endpoint()}, "exit 0").err,
              "gavel: waiting for deploy, held by s9 and 2 more\n");
}

TEST_F(Lock, DoesNotWaitForWhatWouldNeverCome) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "PUT") return problem(409, "deadlock", "", false);
        return std::nullopt;
    });

    const auto ran = lock({member.endpoint()}, "exit 0");

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr("deadlock"));
}

TEST_F(Lock, GivesUpAtItsTimeout) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "PUT") return held();
        return std::nullopt;
    });

    const auto ran = lock({member.endpoint()}, "exit 0", {"--timeout", "100ms"});

    EXPECT_EQ(ran.code, exit_timed_out);
    EXPECT_EQ(ran.err,
              "gavel: waiting for deploy, held by s9 (web-1)\n"
              "gavel: timed out after 100ms waiting for deploy, held by s9 (web-1)\n");
    expect_left(member);
}

TEST_F(Lock, TimesOutWhenTheMemberSaysThatTheWaitIsOverThoughItsOwnClockIsBehind) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "PUT") return held();
        return std::nullopt;
    });

    const auto ran = lock({member.endpoint()}, "exit 0", {"--timeout", "1m"});

    EXPECT_EQ(ran.code, exit_timed_out);
    EXPECT_THAT(ran.err, HasSubstr("gavel: timed out after 1m waiting for deploy, held by s9"));
    EXPECT_EQ(member.requests("PUT ").size(), 2U);
}

TEST_F(Lock, SaysNothingButThatItTimedOutThoughItsSessionCannotBeEndedEither) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "POST") return std::nullopt;
        if (request.method == "PUT") return problem(503, "no-leader", "", true);
        return FakeReply{.hang_up = true};
    });

    const auto ran = lock({member.endpoint()}, "exit 0", {"--timeout", "200ms"});

    EXPECT_EQ(ran.code, exit_timed_out);
    EXPECT_EQ(ran.err, "gavel: timed out after 200ms waiting for deploy: it is so\n");
}

TEST_F(Lock, TimesOutAlikeWhenThereIsNoSessionToWaitWith) {
    FakeMember leaderless([](const FakeRequest&) { return problem(503, "no-leader", "", true); });
    FakeMember dumb([](const FakeRequest&) { return FakeReply{.hang_up = true}; });

    const auto told = lock({leaderless.endpoint()}, "exit 0", {"--timeout", "200ms"});
    const auto untold = lock({dumb.endpoint()}, "exit 0", {"--timeout", "200ms"});

    EXPECT_EQ(told.code, exit_timed_out);
    EXPECT_EQ(told.err, "gavel: timed out after 200ms waiting for deploy: it is so\n");
    EXPECT_EQ(untold.code, exit_timed_out);
    EXPECT_EQ(untold.err, "gavel: timed out after 200ms waiting for deploy: no member answered\n");
}

TEST_F(Lock, DoesNotCallItATimeoutWhenNobodyListensOrTheServerRefuses) {
    FakeMember full([](const FakeRequest&) { return problem(507, "quota-exceeded"); });

    const auto refused = lock({full.endpoint()}, "exit 0", {"--timeout", "5s"});
    const auto nobody = lock({test::closed_endpoint()}, "exit 0", {"--timeout", "5s"});

    EXPECT_EQ(refused.code, exit_error);
    EXPECT_THAT(refused.err, HasSubstr("quota-exceeded"));
    EXPECT_EQ(nobody.code, exit_error);
    EXPECT_THAT(nobody.err, HasSubstr("unreachable"));
}

TEST_F(Lock, WaitsInTheQueueAndSaysOnceWhoHoldsIt) {
    int attempts = 0;
    FakeMember member([&attempts](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "PUT" && ++attempts <= 3) return held();
        return std::nullopt;
    });

    const auto ran = lock({member.endpoint()}, "exit 0");

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(ran.err, "gavel: waiting for deploy, held by s9 (web-1)\n");
    EXPECT_THAT(member.requests("PUT ")[1].target, EndsWith("?wait=10m"));
}

TEST_F(Lock, KeepsWaitingWithItsSessionThroughAnotherMember) {
    FakeMember dies([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.target.ends_with("wait=0ms")) return held();
        if (request.method == "PUT") return FakeReply{.hang_up = true};
        return std::nullopt;
    });
    FakeMember other;

    const auto ran = lock({dies.endpoint(), other.endpoint()}, "echo $GAVEL_SESSION > " + file_);

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(said(), "s1\n");
    EXPECT_EQ(other.requests("PUT ")[0].body, dies.requests("PUT ")[0].body);
}

TEST_F(Lock, QueuesAgainWithANewSessionWhenItsSessionLapsedWhileWaiting) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "PUT" && request.body.find("\"s1\"") != std::string::npos) {
            return problem(404, "session-not-found");
        }
        return std::nullopt;
    });

    const auto ran = lock({member.endpoint()}, "echo $GAVEL_SESSION > " + file_);

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(said(), "s2\n");
}

TEST_F(Lock, LeavesTheQueueWhenASignalComesWhileItWaits) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.target.ends_with("wait=0ms")) return held();
        if (request.method != "PUT") return std::nullopt;
        ::kill(::getpid(), SIGTERM);
        return FakeReply{.silent = true};
    });

    const auto ran = lock({member.endpoint()}, "exit 0");

    EXPECT_EQ(ran.code, exit_by_signal(SIGTERM));
    expect_left(member);
}

TEST_F(Lock, PassesSignalsOnToTheCommandsGroup) {
    FakeMember member;

    const auto ran = lock({member.endpoint()},
                          "trap 'exit 9' USR1; kill -USR1 $PPID; while :; do sleep 0.02; done");

    EXPECT_EQ(ran.code, 9);
    expect_left(member);
}

TEST_F(Lock, KeepsItsSessionAliveWhileTheCommandRuns) {
    FakeMember member(
        [this, count = 0](const FakeRequest& request) mutable -> std::optional<FakeReply> {
            if (is_keepalive(request) && ++count == 2) say();
            return std::nullopt;
        });

    const auto ran = lock({member.endpoint()}, "while ! test -s " + file_ + "; do sleep 0.02; done",
                          {"--ttl", "3s"});

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_GE(member.requests("POST /v1/sessions/s1/keepalive").size(), 2u);
}

TEST_F(Lock, KeepsItsSessionAliveThroughAnotherMember) {
    FakeMember silent([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (is_keepalive(request)) return FakeReply{.silent = true};
        return std::nullopt;
    });
    FakeMember other([this](const FakeRequest& request) -> std::optional<FakeReply> {
        if (is_keepalive(request)) say();
        return std::nullopt;
    });

    const auto ran = lock({silent.endpoint(), other.endpoint()},
                          "while ! test -s " + file_ + "; do sleep 0.02; done", {"--ttl", "3s"});

    EXPECT_EQ(ran.code, exit_success);
}

// Standard error that tells when a word was said.
class Listener : public std::stringbuf {
public:
    explicit Listener(std::string word) : word_(std::move(word)) {}
    bool heard() const { return heard_; }

private:
    int sync() override {
        if (str().find(word_) != std::string::npos) heard_ = true;
        return 0;
    }

    std::string word_;
    std::atomic<bool> heard_{false};
};

TEST_F(Lock, TellsWhenItIsInJeopardyAndWhenItIsSafeAgain) {
    Listener listener("jeopardy");
    FakeMember member([&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (is_keepalive(request) && !listener.heard()) return FakeReply{.hang_up = true};
        if (is_keepalive(request)) say();
        return std::nullopt;
    });
    std::ostringstream out;
    std::ostream err(&listener);

    const int code = run_gavel({"lock", "deploy", "--ttl", "6s", "--", "sh", "-c",
                                "while ! test -s " + file_ + "; do sleep 0.02; done"},
                               {.out = out, .err = err, .endpoints = member.endpoint().url()});

    EXPECT_EQ(code, exit_success);
    EXPECT_THAT(
        listener.str(),
        testing::MatchesRegex(
            "gavel: deploy is in jeopardy: no keep-alive of session s1 was confirmed for "
            "3\\.[0-9]s; in 1\\.[0-9]s it counts as lost, and the command is sent TERM, and "
            "KILL 0\\.9s after it; the last one: unreachable: .*\n"
            "gavel: deploy is safe again: a keep-alive of session s1 was confirmed\n"));
}

std::optional<FakeReply> without_session(const FakeRequest& request) {
    if (is_keepalive(request)) return problem(404, "session-not-found");
    return std::nullopt;
}

TEST_F(Lock, EndsTheCommandWhenItsSessionHasEnded) {
    FakeMember member(without_session);

    const auto ran = lock({member.endpoint()},
                          "trap 'echo term > " + file_ +
                              "; exit 0' TERM; "
                              "while :; do sleep 0.02; done",
                          {"--ttl", "1s"});

    EXPECT_EQ(ran.code, exit_lock_lost);
    EXPECT_EQ(said(), "term\n");
    EXPECT_THAT(ran.err, HasSubstr("lock lost: the session has ended"));
}

TEST_F(Lock, KillsACommandThatDoesNotHeedTerm) {
    FakeMember member(without_session);

    const auto ran =
        lock({member.endpoint()}, "trap '' TERM; while :; do sleep 0.02; done", {"--ttl", "1s"});

    EXPECT_EQ(ran.code, exit_lock_lost);
    EXPECT_THAT(ran.err, HasSubstr("killing the command"));
}

TEST_F(Lock, WithKillDoesNotAskFirst) {
    FakeMember member(without_session);

    const auto ran = lock({member.endpoint()},
                          "trap 'echo term > " + file_ + "' TERM; while :; do sleep 0.02; done",
                          {"--ttl", "1s", "--on-lost", "kill"});

    EXPECT_EQ(ran.code, exit_lock_lost);
    EXPECT_EQ(said(), "");
}

TEST_F(Lock, IsLostBeforeItsTtlIsOverWhenNoKeepaliveIsConfirmed) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (is_keepalive(request)) return FakeReply{.hang_up = true};
        return std::nullopt;
    });
    const auto begun = std::chrono::steady_clock::now();

    const auto ran =
        lock({member.endpoint()}, "trap '' TERM; while :; do sleep 0.02; done", {"--ttl", "4s"});

    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(4));
    EXPECT_EQ(ran.code, exit_lock_lost);
    EXPECT_THAT(ran.err, HasSubstr("no keep-alive was confirmed"));
}

TEST_F(Lock, WithNoneLetsTheCommandGoOnAndSaysSoInTheEnd) {
    FakeMember member(without_session);

    const auto ran = lock({member.endpoint()}, "sleep 1; echo done > " + file_,
                          {"--ttl", "1s", "--on-lost", "none"});

    EXPECT_EQ(ran.code, exit_lock_lost);
    EXPECT_EQ(said(), "done\n");
    EXPECT_THAT(ran.err, HasSubstr("the command goes on without it"));
}

TEST_F(Lock, FailsWhenNobodyListens) {
    EXPECT_EQ(lock({test::closed_endpoint()}, "exit 0").code, exit_error);
}

TEST_F(Lock, FailsWhenTheServerRefuses) {
    FakeMember member([](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.method == "PUT") return problem(409, "deadlock");
        return std::nullopt;
    });

    const auto ran = lock({member.endpoint()}, "exit 0");

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_EQ(ran.err, "gavel: deadlock: it is so (request r-1)\n");
    expect_left(member);
}

// `gavel lock` with a shell script, in a process of its own on a terminal of its own. It exits with
// 99 if terminal or lock were not given back.
class OnATerminal {
public:
    explicit OnATerminal(const std::string& script) {
        pid_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
        if (pid_ != 0) return;
        FakeMember member;
        const int code =
            run({"lock", "deploy", "--", "sh", "-c", script}, {member.endpoint()}).code;
        const bool ours = ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
        const bool released = member.requests("DELETE /v1/locks/deploy").size() == 1;
        ::_exit(ours && released ? code : 99);
    }
    ~OnATerminal() { ::close(terminal_); }
    OnATerminal(const OnATerminal&) = delete;
    OnATerminal& operator=(const OnATerminal&) = delete;

    void type(const std::string& text) const {
        EXPECT_EQ(::write(terminal_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void go_on() const { ::kill(pid_, SIGCONT); }

    // The next thing that becomes of it.
    int wait() const {
        int status = 0;
        ::waitpid(pid_, &status, WUNTRACED);
        return status;
    }
    int exit_code() const {
        const int status = wait();
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t pid_ = -1;
    int terminal_ = -1;
};

void wait_until_exists(const std::string& file) {
    while (!std::filesystem::exists(file)) ::poll(nullptr, 0, 10);
}

TEST_F(Lock, LetsTheCommandReadFromTheTerminal) {
    OnATerminal lock("touch " + file_ + "; read word; test \"$word\" = hello && exit 5");
    wait_until_exists(file_);

    lock.type("hello\n");

    EXPECT_EQ(lock.exit_code(), 5);
}

TEST_F(Lock, LetsControlCReachTheCommand) {
    OnATerminal lock("trap 'exit 6' INT; touch " + file_ + "; while :; do sleep 0.02; done");
    wait_until_exists(file_);

    lock.type("\x03");

    EXPECT_EQ(lock.exit_code(), 6);
}

TEST_F(Lock, StopsWithTheCommandAndGoesOnWithItInTheForeground) {
    OnATerminal lock("touch " + file_ + "; read word; test \"$word\" = hello && exit 7");
    wait_until_exists(file_);

    lock.type("\x1a");
    ASSERT_TRUE(WIFSTOPPED(lock.wait()));
    lock.go_on();
    lock.type("hello\n");

    EXPECT_EQ(lock.exit_code(), 7);
}

}  // namespace
}  // namespace gavel::cli
