#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "cli/app.h"
#include "cli/manual.h"
#include "tests/unit/cli/run.h"

namespace gavel::cli {
namespace {

using test::run;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::string page() {
    std::ostringstream text;
    text << std::ifstream(SOURCE_FOLDER "/docs/cli.md").rdbuf();
    return text.str();
}

// The sections of docs/cli.md, under the first words of the commands that their headings name.
std::map<std::string, std::string> sections() {
    std::map<std::string, std::string> found;
    const std::string text = page();
    const std::regex heading("\n## ([^\n]*)\n");
    std::sregex_iterator at(text.begin(), text.end(), heading), end;
    for (; at != end; ++at) {
        const auto from = static_cast<std::size_t>(at->position(0));
        const auto next = std::next(at);
        const auto to = next == end ? text.size() : static_cast<std::size_t>(next->position(0));
        const std::string title = (*at)[1];
        const std::regex named("`(?:gavel )?([a-z]+)");
        for (std::sregex_iterator name(title.begin(), title.end(), named); name != end; ++name) {
            found[(*name)[1]] += text.substr(from, to - from);
        }
    }
    return found;
}

std::set<std::string> long_flags(const CommandNode& command) {
    std::set<std::string> flags;
    for (const auto& option : command.options) flags.insert(option.flags.back());
    for (const auto& nested : command.commands) flags.merge(long_flags(nested));
    if (!command.command_mark().empty()) flags.insert(std::string(command.command_mark()));
    return flags;
}

TEST(CliPage, NamesEveryCommandAndEveryOption) {
    const auto by_command = sections();
    for (const auto& command : describe_gavel().commands) {
        const auto section = by_command.find(command.name());
        ASSERT_NE(section, by_command.end()) << "no heading names gavel " << command.name();
        const auto names = [&](const std::string& text) {
            return section->second.find(text) != std::string::npos;
        };
        for (const auto& nested : command.commands) {
            EXPECT_TRUE(names("`" + nested.name()) || names(" " + nested.name()))
                << "gavel " << nested.path;
        }
        for (const auto& flag : long_flags(command)) {
            EXPECT_TRUE(flag == "--help" || names(flag)) << "gavel " << command.name() << flag;
        }
    }
}

TEST(CliPage, NamesNoOptionThatThereIsNot) {
    const auto tree = describe_gavel();
    std::set<std::string> known = long_flags(tree);
    const std::string text = page();
    const std::regex flag("`[^`\n]*`|\n    \\$ (?:[^\n]*=\\$\\()?gavel [^\n]*");
    const std::regex word("[ `](--[a-z][a-z-]*)");
    for (std::sregex_iterator at(text.begin(), text.end(), flag), end; at != end; ++at) {
        std::string span = at->str();
        for (const std::string mark : {" -- ", " --exec "}) {  // Of the user's own command.
            if (span.find(mark) != std::string::npos) span.erase(span.find(mark) + mark.size());
        }
        if (span.starts_with("`gaveld") || span.starts_with("`cmake")) continue;
        for (std::sregex_iterator each(span.begin(), span.end(), word); each != end; ++each) {
            EXPECT_THAT(known, Contains((*each)[1].str())) << span;
        }
    }
}

TEST(Manual, HasAPageOnEachCommandWithAllOfItsOptions) {
    const auto tree = describe_gavel();
    const auto pages = manual_pages(tree);
    ASSERT_EQ(pages.size(), tree.commands.size() + 1);
    for (std::size_t i = 0; i < tree.commands.size(); ++i) {
        const auto& command = tree.commands[i];
        const auto& [file, text] = pages[i + 1];
        EXPECT_EQ(file, "gavel-" + command.name() + ".1");
        for (auto flag : long_flags(command)) {
            if (flag == "--help") continue;
            flag = std::regex_replace(flag, std::regex("-"), "\\-");
            EXPECT_THAT(text, HasSubstr(flag)) << file;
        }
        EXPECT_THAT(pages[0].text, HasSubstr("gavel\\-" + command.name() + "(1)"));
        EXPECT_THAT(text, Not(HasSubstr("\n\n"))) << "an empty line is a request of its own";
    }
}

TEST(Manual, SaysOfTheDoctorWhatItsExitCodesAre) {
    const auto pages = manual_pages(describe_gavel());
    const auto doctor = std::ranges::find(pages, std::string("gavel-doctor.1"), &NamedPage::file);
    ASSERT_NE(doctor, pages.end());
    // A warning is no problem, and alone it is no failure either.
    EXPECT_THAT(doctor->text, HasSubstr("0 when none of them is a problem"));
    EXPECT_THAT(doctor->text, HasSubstr("1 when one is, and 125 when no member answers"));
    EXPECT_THAT(pages[0].text, HasSubstr("Of doctor: it found a problem"));
    EXPECT_THAT(page(), HasSubstr("of `doctor`: it found a problem"));
}

TEST(Manual, DescribesWhatIsThere) {
    for (const auto& command : describe_gavel().commands) {
        EXPECT_NE(command.help, "") << command.path;
        for (const auto* list : {&command.options, &command.arguments}) {
            for (const auto& parameter : *list) EXPECT_NE(parameter.help, "") << command.path;
        }
        for (const auto& nested : command.commands) EXPECT_NE(nested.help, "") << nested.path;
    }
    EXPECT_EQ(run({"__manual", "/nowhere"}).code, 125);
}

}  // namespace
}  // namespace gavel::cli
