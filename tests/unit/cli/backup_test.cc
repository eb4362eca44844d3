#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/framed_file.h"
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

std::string a_backup() {
    FrameWriter writer;
    std::string file = writer.begin();
    file += writer.frame(Frame::header, "cluster_id=c1\nrevision=44\n");
    file += writer.frame(Frame::rows, std::string(100'000, 'x'));
    file += writer.frame(Frame::globals, "g");
    return file + writer.end();
}

FakeServer serving(const std::string& body) {
    return FakeServer([body](const FakeRequest&) {
        return FakeReply{
            .body = body, .content_type = "application/vnd.gavel.backup", .stream = true};
    });
}

class BackupFile : public testing::Test {
protected:
    BackupFile() {
        folder_ = fs::path(testing::TempDir()) / ("backup" + std::to_string(::getpid()));
        fs::create_directories(folder_);
        file_ = (folder_ / "gavel.backup").string();
    }
    ~BackupFile() override { fs::remove_all(folder_); }

    std::string contents() const {
        std::ostringstream text;
        text << std::ifstream(file_, std::ios::binary).rdbuf();
        return text.str();
    }
    std::ptrdiff_t files() const {
        return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
    }

    fs::path folder_;
    std::string file_;
};

TEST_F(BackupFile, HoldsWhatTheServerSentAndIsItsOwnersOnly) {
    auto server = serving(a_backup());
    std::ofstream(file_) << "an older one";

    const auto ran = run({"backup", file_}, {server.endpoint()});

    EXPECT_EQ(ran.code, exit_success) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr(file_ + ": revision 44 of cluster c1, "));
    EXPECT_EQ(contents(), a_backup());
    struct stat about {};
    ASSERT_EQ(::stat(file_.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
    EXPECT_EQ(files(), 1) << "nothing is left beside it";
    EXPECT_EQ(server.requests()[0].target, "/v1/backup");

    const auto told = nlohmann::json::parse(
        run({"-o", "json", "backup", file_, "--stale"}, {server.endpoint()}).out);
    EXPECT_EQ(told["revision"], "44");
    EXPECT_EQ(told["digest"].get<std::string>().size(), 16U);
    EXPECT_EQ(server.requests()[1].target, "/v1/backup?consistency=stale");
    EXPECT_EQ(run({"-o", "value", "backup", file_}, {server.endpoint()}).out, "44\n");
}

TEST_F(BackupFile, IsNotTouchedByOneThatIsCutOrDamaged) {
    std::ofstream(file_) << "an older one";
    std::string damaged = a_backup();
    damaged[5000] = 'y';
    auto cut = serving(a_backup().substr(0, 90'000));
    auto broken = serving(damaged);
    auto other = serving("<html>");

    const auto incomplete = run({"backup", file_}, {cut.endpoint()});
    EXPECT_EQ(incomplete.code, exit_error);
    EXPECT_THAT(incomplete.err, HasSubstr("its end is missing"));
    EXPECT_THAT(run({"backup", file_}, {broken.endpoint()}).err, HasSubstr("sum is wrong"));
    EXPECT_THAT(run({"backup", file_}, {other.endpoint()}).err, HasSubstr("not a backup"));
    EXPECT_THAT(run({"backup", "/nowhere/x"}, {cut.endpoint()}).err, HasSubstr("cannot write"));

    EXPECT_EQ(contents(), "an older one");
    EXPECT_EQ(files(), 1);
}

TEST_F(BackupFile, ReplacesNothingButAFile) {
    auto server = serving(a_backup());
    const auto pipe = (folder_ / "pipe").string();
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    fs::create_symlink("pipe", folder_ / "link");
    fs::create_symlink("loop", folder_ / "loop");

    for (const auto& name : {pipe, (folder_ / "link").string(), folder_.string()}) {
        const auto ran = run({"backup", name}, {server.endpoint()});
        EXPECT_EQ(ran.code, exit_error);
        EXPECT_THAT(ran.err, HasSubstr("cannot write " + name + ": it is no regular file"));
    }
    EXPECT_THAT(run({"backup", (folder_ / "loop").string()}, {server.endpoint()}).err,
                HasSubstr("cannot write"));

    EXPECT_TRUE(fs::is_fifo(pipe));
    EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
    EXPECT_TRUE(server.requests().empty());
}

TEST_F(BackupFile, IsWrittenWhereALinkLeads) {
    auto server = serving(a_backup());
    fs::create_directories(folder_ / "kept");
    std::ofstream(folder_ / "kept/one") << "an older one";
    fs::create_symlink("kept/one", file_);
    fs::create_symlink("kept/two", folder_ / "second");
    fs::create_symlink("second", folder_ / "first");

    EXPECT_EQ(run({"backup", file_}, {server.endpoint()}).code, exit_success);
    EXPECT_EQ(run({"backup", (folder_ / "first").string()}, {server.endpoint()}).code,
              exit_success);

    EXPECT_TRUE(fs::is_symlink(file_));
    EXPECT_EQ(contents(), a_backup());
    EXPECT_TRUE(fs::is_symlink(folder_ / "first"));
    EXPECT_EQ(fs::file_size(folder_ / "kept/two"), a_backup().size()) << "it was not there before";
}

TEST_F(BackupFile, LeavesNothingBehindWhenASignalEndsIt) {
    std::ofstream(file_) << "an older one";
    for (const int signal : {SIGINT, SIGTERM}) {
        FakeServer server([&](const FakeRequest&) {
            EXPECT_EQ(files(), 2) << "it is written beside the old one";
            ::kill(::getpid(), signal);
            return FakeReply{.silent = true};
        });

        EXPECT_EQ(run({"backup", file_}, {server.endpoint()}).code, exit_by_signal(signal));

        EXPECT_EQ(files(), 1);
        EXPECT_EQ(contents(), "an older one");
    }
}

TEST_F(BackupFile, IsBegunAnewAtTheNextEndpoint) {
    auto cut = serving(a_backup().substr(0, 90'000));
    auto busy = FakeServer([](const FakeRequest&) { return problem(503, "overloaded", "", true); });
    auto good = serving(a_backup());

    const auto ran = run({"backup", file_}, {busy.endpoint(), cut.endpoint(), good.endpoint()});

    EXPECT_EQ(ran.code, exit_success) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("overloaded: it is so (request r-1); beginning anew"));
    EXPECT_EQ(contents(), a_backup());
}

TEST_F(BackupFile, MayBeStandardOutputButNoTerminal) {
    auto server = serving(a_backup());

    const auto ran = run({"backup", "-"}, {server.endpoint()});
    EXPECT_EQ(ran.code, exit_success);
    EXPECT_EQ(ran.out, a_backup());
    EXPECT_THAT(ran.err, HasSubstr("revision 44"));
    EXPECT_EQ(run({"backup", "-"}, {server.endpoint()}, true).code, exit_usage);

    auto cut = serving(a_backup().substr(0, 90'000));
    const auto half = run({"backup", "-"}, {cut.endpoint(), server.endpoint()});
    EXPECT_EQ(half.code, exit_error) << "what is out cannot be taken back";
}

}  // namespace
}  // namespace gavel::cli
