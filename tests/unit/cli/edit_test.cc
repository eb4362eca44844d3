#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "cli/content_type.h"
#include "cli/edited_file.h"
#include "cli/exit_code.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"

namespace gavel::cli {
namespace {

namespace fs = std::filesystem;
using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::problem;
using test::run;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class Edit : public testing::Test {
protected:
    Edit() {
        folder_ = testing::TempDir() + "edit" + std::to_string(::getpid());
        fs::create_directories(folder_);
        ::setenv("TMPDIR", folder_.c_str(), 1);
        ::unsetenv("VISUAL");
    }
    ~Edit() override {
        ::unsetenv("TMPDIR");
        ::unsetenv("EDITOR");
        ::unsetenv("VISUAL");
        fs::remove_all(folder_);
    }

    static void editor(const std::string& command) { ::setenv("EDITOR", command.c_str(), 1); }
    std::size_t files() const {
        return static_cast<std::size_t>(std::distance(fs::recursive_directory_iterator(folder_),
                                                      fs::recursive_directory_iterator()));
    }
    // The one that was kept.
    std::string kept() const {
        for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
            if (!entry.is_regular_file()) continue;
            std::ostringstream text;
            text << std::ifstream(entry.path()).rdbuf();
            return text.str();
        }
        return "nothing";
    }

    std::string folder_;
};

// A server with one key.
FakeServer holding(const std::string& value, const std::string& type,
                   const FakeReply& put = {.body = R"({"key":"a","revision":8,"version":2})"}) {
    return FakeServer([=](const FakeRequest& request) {
        if (request.method == "PUT") return put;
        return FakeReply{.body = value, .content_type = type, .headers = {{"ETag", "\"7\""}}};
    });
}

TEST_F(Edit, PutsWhatTheEditorLeftOnlyIfNobodyElseDid) {
    auto server = holding("Good morning", "text/plain");
    editor("sed -i s/morning/evening/");

    const auto ran = run({"edit", "a"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_success) << ran.err;
    EXPECT_EQ(ran.out, "put a: revision 8, version 2\n");
    const auto put = server.requests("PUT ").at(0);
    EXPECT_EQ(put.body, "Good evening");
    EXPECT_EQ(put.headers.at("if-match"), "\"7\"");
    EXPECT_EQ(put.headers.at("content-type"), "text/plain");
    EXPECT_EQ(put.headers.at("idempotency-key").size(), 32U);
    EXPECT_EQ(files(), 0U) << "nothing is left behind";
}

TEST_F(Edit, GivesTheEditorAFileThatNobodyElseCanRead) {
    auto server = holding("{\"a\":1}", "application/json");
    editor("stat -c '%a %n' >" + folder_ + "/seen");

    EXPECT_EQ(run({"edit", "a"}, {server.endpoint()}).code, exit_success);

    std::string seen;
    std::getline(std::ifstream(folder_ + "/seen"), seen);
    EXPECT_THAT(seen, MatchesRegex("600 .*/gavel-edit-.*/value.json"));
    const auto file = EditedFile::make("value.txt", "x");
    struct stat folder {};
    ASSERT_EQ(::stat(file->path().parent_path().c_str(), &folder), 0);
    EXPECT_EQ(folder.st_mode & 0777U, 0700U);
}

TEST_F(Edit, PutsNothingWhenNothingWasChanged) {
    auto server = holding("no end of line", "text/plain");
    editor("sh -c 'echo >>\"$0\"'");  // As editors end a last line.

    const auto ran = run({"edit", "a"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.err, "gavel: nothing was changed\n");
    EXPECT_TRUE(server.requests("PUT ").empty());
    EXPECT_EQ(files(), 0U);
}

TEST_F(Edit, MakesANewKeyOnlyIfThereIsStillNone) {
    FakeServer server([](const FakeRequest& request) {
        if (request.method == "GET") return problem(404, "key-not-found");
        return FakeReply{.status = 201, .body = R"({"key":"a","revision":8,"version":1})"};
    });
    editor("sh -c 'echo \"{}\" >\"$0\"'");

    EXPECT_EQ(run({"edit", "a", "-o", "value"}, {server.endpoint()}).out, "8\n");

    const auto put = server.requests("PUT ").at(0);
    EXPECT_EQ(put.headers.at("if-none-match"), "*");
    EXPECT_EQ(put.headers.at("content-type"), "application/json");
    EXPECT_EQ(put.body, "{}\n");
}

TEST_F(Edit, KeepsTheFileAndSaysWhereWhenSomebodyElseChangedTheKey) {
    auto server = holding("old", "text/plain", problem(412, "precondition-failed"));
    editor("sed -i s/old/new/");

    const auto ran = run({"edit", "a"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr("precondition-failed"));
    EXPECT_THAT(ran.err, HasSubstr("(request r-1)"));
    EXPECT_THAT(ran.err, HasSubstr("is kept in " + folder_));
    EXPECT_EQ(kept(), "new");
}

TEST_F(Edit, LetsNoJsonPassThatIsNone) {
    auto server = holding("{\n\"a\": 1\n}", "application/json; charset=utf-8");
    editor("sed -i s/1/,/");

    const auto ran = run({"edit", "a"}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr("line 2 is not JSON; nothing was put"));
    EXPECT_TRUE(server.requests("PUT ").empty());
    EXPECT_EQ(kept(), "{\n\"a\": ,\n}");
}

TEST_F(Edit, PutsNothingWhenTheEditorFails) {
    auto server = holding("old", "text/plain");
    editor("sh -c 'echo new >\"$0\"; exit 3'");
    const auto failed = run({"edit", "a"}, {server.endpoint()});
    EXPECT_EQ(failed.code, exit_error);
    EXPECT_THAT(failed.err, HasSubstr("exit code 3; nothing was put"));
    EXPECT_EQ(kept(), "new\n") << "work is not thrown away";

    editor("false");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    EXPECT_EQ(run({"edit", "a"}, {server.endpoint()}).code, exit_error);
    EXPECT_EQ(files(), 0U);
    EXPECT_TRUE(server.requests("PUT ").empty());
}

TEST_F(Edit, KeepsTheFileWhenWhatTheEditorLeftCannotBeRead) {
    auto server = holding("old", "text/plain");
    editor("sh -c 'head -c 17000000 /dev/zero >\"$0\"'");
    const auto ran = run({"edit", "a"}, {server.endpoint()});
    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr("cannot read " + folder_));
    EXPECT_THAT(ran.err, HasSubstr("is kept in " + folder_));
    EXPECT_EQ(kept().size(), 17'000'000U);
    EXPECT_TRUE(server.requests("PUT ").empty());

    fs::remove_all(folder_);
    fs::create_directories(folder_);
    editor("sh -c 'rm \"$0\"'");
    EXPECT_THAT(run({"edit", "a"}, {server.endpoint()}).err, Not(HasSubstr("is kept")));
    EXPECT_EQ(files(), 0U) << "of what is not there nothing is left";
}

TEST_F(Edit, PutsTheSameValueWithAnotherContentType) {
    auto server = holding("{}", "text/plain");
    editor("true");

    EXPECT_EQ(run({"edit", "a", "--content-type", "text/plain"}, {server.endpoint()}).err,
              "gavel: nothing was changed\n");
    const auto ran = run({"edit", "a", "--content-type", "application/json"}, {server.endpoint()});

    EXPECT_EQ(ran.out, "put a: revision 8, version 2\n");
    const auto put = server.requests("PUT ").at(0);
    EXPECT_EQ(put.headers.at("content-type"), "application/json");
    EXPECT_EQ(put.body, "{}");
}

TEST_F(Edit, LeavesAnEphemeralKeyToItsSession) {
    FakeServer server([](const FakeRequest& request) {
        if (request.method == "PUT") return FakeReply{.body = R"({"revision":8,"version":2})"};
        return FakeReply{.body = "old",
                         .content_type = "text/plain",
                         .headers = {{"ETag", "\"7\""}, {"Gavel-Session", "s12"}}};
    });
    editor("sed -i s/old/new/");

    EXPECT_EQ(run({"edit", "nodes/web-1"}, {server.endpoint()}).code, exit_success);

    EXPECT_EQ(server.requests("PUT ").at(0).target, "/v1/config/nodes/web-1?session=s12");
}

// What a shell does for its job: it stops with the editor, is sent to the background, where the
// editor asks for the terminal and both stop again, and comes back. True when it was so, and the
// editor got what was typed.
bool through_the_background(const std::function<int()>& job) {
    ::alarm(20);
    ::signal(SIGTTOU, SIG_IGN);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::signal(SIGTTOU, SIG_DFL);
        ::setpgid(0, 0);
        while (::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) ::poll(nullptr, 0, 1);
        ::_exit(job());
    }
    ::setpgid(pid, pid);
    ::tcsetpgrp(STDIN_FILENO, pid);
    const auto becomes = [&] {
        int status = 0;
        ::waitpid(pid, &status, WUNTRACED);
        return status;
    };
    if (!WIFSTOPPED(becomes())) return false;
    if (::tcgetpgrp(STDIN_FILENO) == pid) ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
    ::kill(-pid, SIGCONT);  // bg
    if (!WIFSTOPPED(becomes())) return false;
    ::tcsetpgrp(STDIN_FILENO, pid);  // fg
    ::kill(-pid, SIGCONT);
    const int status = becomes();
    return WIFEXITED(status) && WEXITSTATUS(status) == exit_success;
}

TEST_F(Edit, GivesTheEditorTheTerminalAgainThatCameBackFromTheBackground) {
    const std::string begun = folder_ + "/begun";
    editor("sh -c 'touch " + begun + "; read word; echo $word >\"$0\"'");
    int terminal = -1;
    const pid_t shell = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (shell == 0) {
        const bool so = through_the_background([] {
            auto server = holding("old\n", "text/plain");
            const auto ran = run({"edit", "a"}, {server.endpoint()});
            const auto puts = server.requests("PUT ");
            return ran.code != 0 || puts.size() != 1 || puts[0].body != "hello\n" ? 1 : 0;
        });
        ::_exit(so ? 0 : 1);
    }
    while (!fs::exists(begun) && ::waitpid(shell, nullptr, WNOHANG) == 0) ::poll(nullptr, 0, 10);

    EXPECT_EQ(::write(terminal, "\x1a", 1), 1);
    EXPECT_EQ(::write(terminal, "hello\n", 6), 6);

    int status = 0;
    ::waitpid(shell, &status, 0);
    ::close(terminal);
    EXPECT_TRUE(WIFEXITED(status)) << "it hung";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Edit, PrefersVisualAndStartsNothingThatNobodyCouldLeave) {
    auto server = holding("old", "text/plain");
    editor("false");
    ::setenv("VISUAL", "true", 1);
    EXPECT_EQ(run({"edit", "a"}, {server.endpoint()}).code, exit_success);

    ::unsetenv("VISUAL");
    ::unsetenv("EDITOR");
    if (::isatty(STDIN_FILENO) == 1) GTEST_SKIP() << "there is a terminal";
    const auto ran = run({"edit", "a"}, {server.endpoint()});
    EXPECT_EQ(ran.code, exit_error);
    EXPECT_THAT(ran.err, HasSubstr("set VISUAL or EDITOR"));
}

TEST_F(Edit, FailsWithTheServersWordsWhenTheKeyCannotBeRead) {
    FakeServer server([](const FakeRequest&) { return problem(400, "bad-name"); });
    editor("true");
    EXPECT_EQ(run({"edit", "a"}, {server.endpoint()}).err,
              "gavel: bad-name: it is so (request r-1)\n");
}

TEST(ContentType, IsJsonByItsName) {
    EXPECT_TRUE(is_json_type("application/json"));
    EXPECT_TRUE(is_json_type("Application/JSON ; charset=utf-8"));
    EXPECT_TRUE(is_json_type("application/problem+json"));
    EXPECT_FALSE(is_json_type("text/plain"));
    EXPECT_FALSE(is_json_type("application/jsonl"));
    EXPECT_FALSE(is_json_type(""));
}

TEST(ContentType, NamesTheLineThatIsNotJson) {
    EXPECT_EQ(json_complaint("[1,\n2]"), "");
    EXPECT_EQ(json_complaint("[1,\n2,\n}"), "line 3 is not JSON");
    EXPECT_EQ(json_complaint(""), "line 1 is not JSON");
}

}  // namespace
}  // namespace gavel::cli
