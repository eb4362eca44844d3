#include "base/manual_page.h"

#include <gmock/gmock.h>

namespace gavel {
namespace {

ManualPage begun() {
    return ManualPage({.name = "gavel-x",
                       .section = 1,
                       .date = "2026-01-31",
                       .version = "gavel 1",
                       .summary = "does x"});
}

TEST(ManualPage, BeginsWithItsTitleAndItsName) {
    EXPECT_EQ(begun().text(),
              ".TH \"GAVEL\\-X\" 1 \"2026-01-31\" \"gavel 1\" \"Gavel\"\n"
              ".SH NAME\ngavel\\-x \\- does x\n");
}

TEST(ManualPage, ShowsWhatIsARequestElsewhereAsItIs) {
    auto page = begun();
    const std::size_t before = page.text().size();

    page.paragraph(".so /etc/passwd\n'x \\fB and --a-b…");
    page.item("--file \"F\"", "");
    page.item("x", "… with dots");
    page.lines("a -b\n.c");

    EXPECT_EQ(page.text().substr(before),
              ".PP\n\\&.so /etc/passwd\n\\&'x \\efB and \\-\\-a-b...\n"
              ".TP\n.B \"\\-\\-file \\(dqF\\(dq\"\n\\&\n"
              ".TP\n.B \"x\"\n\\&... with dots\n"
              ".PP\n.nf\n.RS 4\na \\-b\n\\&.c\n.RE\n.fi\n");
}

TEST(ManualPage, HasNoParagraphOfItsOwnBehindAHeading) {
    auto page = begun();
    page.section("A");
    page.paragraph("b");
    page.subsection("C");
    page.lines("d");

    EXPECT_THAT(page.text(),
                testing::EndsWith(".SH \"A\"\nb\n.SS \"C\"\n.nf\n.RS 4\nd\n.RE\n.fi\n"));
}

TEST(ManualPage, BreaksBetweenTheCommandsOfItsSynopsis) {
    auto page = begun();
    page.section("SYNOPSIS");
    page.command("gavel x");
    page.command("gavel y");

    EXPECT_THAT(page.text(),
                testing::EndsWith(".SH \"SYNOPSIS\"\n.B \"gavel x\"\n.br\n.B \"gavel y\"\n"));
}

}  // namespace
}  // namespace gavel
