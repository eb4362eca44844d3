#include "api/position.h"

#include <gtest/gtest.h>

namespace gavel::api {
namespace {

TEST(Position, IsWrittenWithItsHistoryAndReadAgain) {
    for (const Position& position : {Position{0, 1}, Position{35, 0xc1a2b3c4}, Position{35, 0},
                                     Position{(1ULL << 53) - 1, 0xffffffff}}) {
        EXPECT_EQ(parse_position(to_string(position)), position) << to_string(position);
    }
    EXPECT_EQ(to_string({35, 0xc1a2b3c4}), "35.c1a2b3c4");
    EXPECT_EQ(to_string({35, 0xb3c4}), "35.0000b3c4");
    EXPECT_EQ(to_string({35, 0}), "35") << "as long as no history is known";
}

TEST(Position, IsReadInOneFormOnly) {
    for (const auto* text :
         {"", ".", "35.", ".c1a2b3c4", "35.c1a2b3c", "35.c1a2b3c45", "35.C1A2B3C4", "35.c1a2b3cx",
          "35.00000000", "-1", "035", "35 ", "9007199254740992.c1a2b3c4", "35.c1a2b3c4.1"}) {
        EXPECT_EQ(parse_position(text), std::nullopt) << text;
    }
}

TEST(Position, ContradictsAnotherHistoryButNotSilence) {
    EXPECT_TRUE((Position{1, 2}.contradicts(3)));
    EXPECT_FALSE((Position{1, 2}.contradicts(2)));
    EXPECT_FALSE((Position{1, 0}.contradicts(2))) << "taken at its word";
    EXPECT_FALSE((Position{1, 2}.contradicts(0))) << "this member knows of none yet";
}

}  // namespace
}  // namespace gavel::api
