#include "base/hash.h"

#include <gtest/gtest.h>

namespace gavel {
namespace {

// XXH3's published sums: these are in the replicated state, so they must never change.
TEST(Hash, GivesThePublishedSums) {
    EXPECT_EQ(hash64(""), 0x2D06800538D394C2ULL);
    EXPECT_EQ(hash64("abc"), 0x78AF5F94892F3950ULL);
}

TEST(Hash, DependsOnTheSeed) {
    EXPECT_NE(hash64("abc", 1), hash64("abc", 2));
    EXPECT_EQ(hash64("abc", 1), hash64("abc", 1));
}

}  // namespace
}  // namespace gavel
