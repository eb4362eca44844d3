#include "daemon/log.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "persistence/failure.h"
#include "tests/unit/persistence/scratch.h"

namespace gavel::daemon::log {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::system_clock::time_point noon{std::chrono::milliseconds(1'700'000'000'123)};

std::string text(std::string_view message, const std::vector<Field>& fields) {
    return render_text({noon, Level::info, message, fields});
}
std::string json(std::string_view message, const std::vector<Field>& fields) {
    return render_json({noon, Level::warning, message, fields});
}

TEST(LogLine, ReadsLikeASentenceOnATerminal) {
    EXPECT_EQ(
        text("elected", {{"ballot", "3.1"}, {"round", 7}, {"alone", true}, {"why", "no leader"}}),
        "2023-11-14T22:13:20.123Z info    elected ballot=3.1 round=7 alone=true "
        "why=\"no leader\"");
}

TEST(LogLine, IsOneJsonObject) {
    EXPECT_EQ(json("elected", {{"ballot", "3.1"}, {"round", 7}, {"alone", false}}),
              R"({"time":"2023-11-14T22:13:20.123Z","level":"warning","message":"elected",)"
              R"("ballot":"3.1","round":7,"alone":false})");
}

TEST(LogLine, BecomesFieldsOfTheJournal) {
    const std::vector<Field> fields{{"ballot", "3.1"}, {"state_bytes", 7}};

    const auto entries = render_journal({noon, Level::error, "elected", fields});

    EXPECT_THAT(entries,
                ElementsAre("MESSAGE=elected ballot=3.1 state_bytes=7", "PRIORITY=3",
                            "SYSLOG_IDENTIFIER=gaveld", "GAVEL_BALLOT=3.1", "GAVEL_STATE_BYTES=7"));
}

TEST(LogLine, CannotBeForgedByWhatItHolds) {
    const std::string evil = "a\n2023 error fake\x1b[31m\x7f\xc2\x9b\"q\\";

    EXPECT_THAT(text("said", {{"by", evil}}),
                HasSubstr(R"(by="a\n2023 error fake\x1b[31m\x7f\x9b\"q\\")"));
    EXPECT_THAT(json("said", {{"by", evil}}),
                HasSubstr(R"("by":"a\n2023 error fake\u001b[31m\u007f\u009b\"q\\")"));
    const std::vector<Field> fields{{"by", evil}};
    for (const auto& entry : render_journal({noon, Level::info, "said", fields})) {
        EXPECT_THAT(entry, Not(HasSubstr("\n")));
    }
}

TEST(LogLine, ShowsBytesThatAreNotUtf8) {
    EXPECT_THAT(text("said", {{"by", "\xff\xc0\xaf"}}), HasSubstr("\\xff\\xc0\\xaf"));
    EXPECT_THAT(json("said", {{"by", "\xffx"}}), HasSubstr("\"\\ufffdx\""));
    EXPECT_THAT(json("said", {{"by", "gr\xc3\xbc\xc3\x9f"}}), HasSubstr("gr\xc3\xbc\xc3\x9f"));
}

TEST(LogLine, IsCutWhereAFieldIsTooLong) {
    const std::string line = text("said", {{"what", std::string(100'000, 'x')}});

    EXPECT_LT(line.size(), 1'200U);
    EXPECT_THAT(line, testing::EndsWith("…"));
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
    testing::internal::CaptureStderr();
    set_level(Level::warning);
    info("not this");
    warning("but this");
    set_level(Level::info);

    const std::string log = testing::internal::GetCapturedStderr();

    EXPECT_THAT(log, Not(HasSubstr("not this")));
    EXPECT_THAT(log, HasSubstr("but this"));
}

TEST(Log, WritesWhatIsQueuedBeforeItStops) {
    testing::internal::CaptureStderr();
    start(Format::json, Level::debug);
    for (int i = 0; i < 1'000; ++i) debug("line", {{"number", i}});
    stop();
    set_level(Level::info);

    const std::string log = testing::internal::GetCapturedStderr();

    EXPECT_THAT(log, HasSubstr("\"number\":0}"));
    EXPECT_THAT(log, HasSubstr("\"number\":999}"));
}

TEST(Log, HoldsUpNobodyWhenItsReaderIsStuck) {
    // given: a pipe for stderr that nobody reads
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    const int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    start(Format::text, Level::info);

    // when: far more is logged than the pipe and the queue hold
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 20'000; ++i) info("line", {{"number", i}});
    const auto took = std::chrono::steady_clock::now() - begun;

    // then: the caller went on, and the reader learns in the end that lines are missing
    EXPECT_LT(took, std::chrono::seconds(5));
    std::string log;
    std::thread reader([&] {
        std::array<char, 4'096> buffer{};
        for (ssize_t got = 1; got > 0;) {
            got = read(ends[0], buffer.data(), buffer.size());
            if (got > 0) log.append(buffer.data(), static_cast<std::size_t>(got));
        }
    });
    stop();
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    reader.join();
    close(ends[0]);
    EXPECT_THAT(log, HasSubstr("log lines were dropped lines="));
}

TEST(Log, DoesNotHoldUpAProcessThatMustEnd) {
    const auto end_unheard = [] {
        persistence::block_stderr();
        start(Format::text, Level::info);
        info("the last line");
        persistence::end_soon();
        stop();
    };

    EXPECT_EXIT(end_unheard(), testing::ExitedWithCode(persistence::storage_exit_code), "");
}

TEST(LogFormat, IsTheJournalsOwnWhenStderrIsTheJournal) {
    struct stat here {};
    ASSERT_EQ(fstat(STDERR_FILENO, &here), 0);
    const std::string stream = std::to_string(here.st_dev) + ":" + std::to_string(here.st_ino);

    setenv("JOURNAL_STREAM", stream.c_str(), 1);
    EXPECT_EQ(format_for_stderr(), Format::journal);
    setenv("JOURNAL_STREAM", "1:1", 1);
    EXPECT_NE(format_for_stderr(), Format::journal);
    unsetenv("JOURNAL_STREAM");
}

TEST(LogLevel, HasANameThatIsReadBack) {
    for (const Level each : {Level::debug, Level::info, Level::warning, Level::error}) {
        EXPECT_EQ(level_from(to_string(each)), each);
    }
    for (const Format each : {Format::text, Format::json, Format::journal}) {
        EXPECT_EQ(format_from(to_string(each)), each);
    }
    EXPECT_EQ(level_from("loud"), std::nullopt);
}

}  // namespace
}  // namespace gavel::daemon::log
