#include "cli/playground.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/exit_code.h"
#include "tests/unit/cli/fake_server.h"

namespace gavel::cli {
namespace {

using testing::HasSubstr;

constexpr const char* port_variable = "GAVEL_TEST_SERVE_PORT";

// This program again, as a member: ready at once, and with the first status that it gives it asks
// the playground to end.
const bool serving = [] {
    const char* port = ::getenv(port_variable);
    if (port == nullptr) return false;
    test::FakeServer server(
        [](const test::FakeRequest& request) {
            if (request.target == "/v1/status") ::kill(::getppid(), SIGTERM);
            return test::FakeReply{.body = "{\"leader_id\":1}"};
        },
        std::stoi(port));
    for (;;) ::pause();
}();

std::string script(const std::string& name, const std::string& text) {
    const std::string path = testing::TempDir() + name + std::to_string(::getpid());
    std::ofstream(path) << "#!/bin/sh\n" << text;
    ::chmod(path.c_str(), 0700);
    return path;
}

TEST(Playground, AnnouncesTheClusterAndLeavesNothingBehind) {
    const std::string marker =
        testing::TempDir() + "gavel-playground-data" + std::to_string(::getpid());
    const std::string member =
        script("member", "echo $4 > " + marker + "; " + port_variable + "=${6##*:} exec " +
                             std::filesystem::read_symlink("/proc/self/exe").string());
    std::ostringstream out;
    std::ostringstream err;
    const Context context{.out = out, .err = err};

    EXPECT_EQ(run_playground(context, member, 1), exit_success);

    EXPECT_THAT(out.str(), HasSubstr("n1      http://127.0.0.1:"));
    EXPECT_THAT(out.str(), HasSubstr("\nexport GAVEL_ENDPOINTS=http://127.0.0.1:"));
    std::string data;
    std::ifstream(marker) >> data;
    EXPECT_THAT(data, HasSubstr("gavel-playground-"));
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(data).parent_path()));
    std::filesystem::remove(marker);
}

TEST(Playground, SaysWhenAMemberDies) {
    const auto gaveld = script("dying", "echo starting\necho the disk is full\nexit 3\n");
    std::ostringstream out;
    std::ostringstream err;
    const Context context{.out = out, .err = err};

    EXPECT_EQ(run_playground(context, gaveld, 1), exit_error);

    EXPECT_THAT(err.str(), HasSubstr("exited with 3; its last words: the disk is full"));
    EXPECT_EQ(out.str(), "");
}

TEST(Playground, SaysWhatItCannotRun) {
    std::ostringstream out;
    std::ostringstream err;
    const Context context{.out = out, .err = err};

    EXPECT_EQ(run_playground(context, "/nowhere/gaveld", 1), exit_command_not_found);

    EXPECT_THAT(err.str(), HasSubstr("/nowhere/gaveld: No such file"));
}

}  // namespace
}  // namespace gavel::cli
