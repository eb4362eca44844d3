#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"

namespace gavel {
namespace {

// RFC 3720, appendix B.4, and the check value of the CRC catalogues.
TEST(Crc32c, GivesThePublishedSums) {
    std::string ascending(32, '\0');
    std::string descending(32, '\0');
    for (std::size_t i = 0; i < 32; ++i) {
        ascending[i] = static_cast<char>(i);
        descending[i] = static_cast<char>(31 - i);
    }
    for (const auto sum : {&crc32c, &crc32c_portable}) {
        EXPECT_EQ(sum(std::string(32, '\0'), 0), 0x8A9136AAU);
        EXPECT_EQ(sum(std::string(32, '\xFF'), 0), 0x62A8AB43U);
        EXPECT_EQ(sum(ascending, 0), 0x46DD794EU);
        EXPECT_EQ(sum(descending, 0), 0x113FDB5CU);
        EXPECT_EQ(sum("123456789", 0), 0xE3069283U);
        EXPECT_EQ(sum("", 0), 0U);
    }
}

TEST(Crc32c, OfPiecesIsThatOfTheWhole) {
    const std::string_view text = "the quick brown fox jumps over the lazy dog";
    for (const auto sum : {&crc32c, &crc32c_portable}) {
        for (std::size_t at = 0; at <= text.size(); ++at) {
            EXPECT_EQ(sum(text.substr(at), sum(text.substr(0, at), 0)), sum(text, 0)) << at;
        }
    }
}

TEST(Crc32c, IsTheSameWithAndWithoutTheProcessorsInstruction) {
    Prng prng(1);
    for (int i = 0; i < 500; ++i) {
        std::string bytes(static_cast<std::size_t>(prng.below(200)), '\0');
        for (char& byte : bytes) byte = static_cast<char>(prng.next());
        const auto before = static_cast<std::uint32_t>(prng.next());

        EXPECT_EQ(crc32c(bytes, before), crc32c_portable(bytes, before));
    }
}

}  // namespace
}  // namespace gavel
