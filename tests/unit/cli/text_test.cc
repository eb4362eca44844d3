#include "cli/text.h"

#include <gtest/gtest.h>

namespace gavel::cli {
namespace {

TEST(Text, ShowsControlCharactersInsteadOfSendingThemToTheTerminal) {
    EXPECT_EQ(printable("a\nb\tc\x1b[31md\x7f"), "a\\nb\\tc\\x1b[31md\\x7f");
    EXPECT_EQ(printable("grün"), "grün");
}

TEST(Text, ShowsControlCharactersOfC1AndWhatIsNoUtf8) {
    EXPECT_EQ(printable("a\xC2\x9B"
                        "31m\xC2\x80\xC2\x9F"),
              "a\\x9b31m\\x80\\x9f")
        << "CSI in one";
    EXPECT_EQ(printable("\xC2\xA0–€😀"), "\xC2\xA0–€😀") << "their bytes stand in others, too";
    EXPECT_EQ(printable("a\x9B"
                        "b\xFF\xC3"),
              "a\\x9bb\\xff\\xc3");
    EXPECT_EQ(printable("\xE0\x82\x9B"), "\\xe0\\x82\\x9b") << "another way to write it";
}

TEST(Text, SaysSizesAsPeopleDo) {
    EXPECT_EQ(size_text(1023), "1023 B");
    EXPECT_EQ(size_text(1536), "1.5 KiB");
    EXPECT_EQ(size_text(200ULL << 30), "200 GiB");
}

TEST(Text, IsShortenedByCharactersNotBytes) {
    EXPECT_EQ(shorten("äöü", 3), "äöü");
    EXPECT_EQ(shorten("äöüß", 3), "äö…");
    EXPECT_EQ(width("äöü"), 3u);
}

TEST(Text, FindsTheNearestWordButNothingFarFetched) {
    EXPECT_EQ(nearest("lokc", {"lock", "locks", "get"}), "lock");
    EXPECT_EQ(nearest("stauts", {"status", "session"}), "status");
    EXPECT_EQ(nearest("xyzzy", {"lock", "get", "ls"}), "");
}

TEST(Text, MakesIdsThatDiffer) {
    EXPECT_EQ(random_id().size(), 32u);
    EXPECT_NE(random_id(), random_id());
}

}  // namespace
}  // namespace gavel::cli
