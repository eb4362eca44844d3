#include "base/bytes.h"

#include <gtest/gtest.h>

namespace gavel {
namespace {

TEST(Bytes, ShareTheirRunWithTheirCopies) {
    const Bytes bytes = "command";

    const Bytes copy = bytes;  // NOLINT(performance-unnecessary-copy-initialization)

    EXPECT_EQ(copy.view().data(), bytes.view().data());
    EXPECT_EQ(copy, bytes);
}

TEST(Bytes, AreEqualByContent) {
    EXPECT_EQ(Bytes("a"), Bytes(std::string("a")));
    EXPECT_NE(Bytes("a"), Bytes("b"));
    EXPECT_EQ(Bytes(), Bytes(""));
}

TEST(Bytes, AreOrderedBytewise) {
    EXPECT_LT(Bytes("a"), Bytes("b"));
    EXPECT_LT(Bytes("a"), Bytes("aa"));
    EXPECT_LT(Bytes(), Bytes("a"));
    EXPECT_LT(Bytes("\x7F"), Bytes("\x80")) << "bytes have no sign";
}

TEST(Bytes, MayHoldZeroes) {
    const Bytes bytes(std::string("a\0b", 3));

    EXPECT_EQ(bytes.size(), 3U);
    EXPECT_FALSE(bytes.empty());
    EXPECT_TRUE(Bytes().empty());
}

}  // namespace
}  // namespace gavel
