#include "cli/text.h"

#include <gtest/gtest.h>

namespace gavel::cli {
namespace {

TEST(Text, ShowsControlCharactersInsteadOfSendingThemToTheTerminal) {
    EXPECT_EQ(printable("a\nb\tc\x1b[31md\x7f"), "a\\nb\\tc\\x1b[31md\\x7f");
    EXPECT_EQ(printable("grün"), "grün");
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
