#include "base/framed_file.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace gavel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string whole() {
    FrameWriter writer;
    std::string file = writer.begin();
    file += writer.frame(Frame::header, "a=1\n");
    file += writer.frame(Frame::rows, std::string("\0x", 2));
    file += writer.frame(Frame::globals, "");
    return file + writer.end();
}

struct Read {
    bool good = true;
    bool complete = false;
    std::vector<std::string> frames{};
    std::string complaint{};
};

Read read(const std::string& file, std::size_t piece) {
    FrameReader reader;
    Read result;
    for (std::size_t at = 0; at < file.size() && result.good; at += piece) {
        result.good = reader.feed(std::string_view(file).substr(at, piece),
                                  [&](char kind, std::string_view content) {
                                      result.frames.push_back(kind + std::string(content));
                                      return kind != '!';
                                  });
    }
    result.complete = reader.complete();
    result.complaint = reader.complaint();
    return result;
}

TEST(FramedFile, IsReadInWhateverPiecesItComes) {
    for (const std::size_t piece : {1U, 2U, 7U, 1000U}) {
        const auto result = read(whole(), piece);
        EXPECT_TRUE(result.good && result.complete) << result.complaint;
        EXPECT_THAT(result.frames, ElementsAre("Ha=1\n", std::string("R\0x", 3), "G"));
    }
}

TEST(FramedFile, IsNotCompleteWithoutItsEnd) {
    const std::string file = whole();
    for (std::size_t length = 0; length < file.size(); ++length) {
        EXPECT_FALSE(read(file.substr(0, length), 1000).complete) << length;
    }
    EXPECT_THAT(read(file + "x", 1000).complaint, HasSubstr("follows its end"));
}

TEST(FramedFile, TellsEveryBitThatIsNotAsItWas) {
    const std::string file = whole();
    for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
        std::string damaged = file;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
        const auto result = read(damaged, 1000);
        EXPECT_FALSE(result.good && result.complete) << "bit " << bit;
    }
}

TEST(FramedFile, TellsFramesThatAreMissingOrElsewhere) {
    FrameWriter writer;
    const std::string begin = writer.begin();
    const std::string one = writer.frame(Frame::rows, "one");
    const std::string two = writer.frame(Frame::rows, "two");
    const std::string end = writer.end();

    EXPECT_TRUE(read(begin + one + two + end, 1000).complete);
    EXPECT_THAT(read(begin + two + one + end, 1000).complaint, HasSubstr("digest"));
    EXPECT_THAT(read(begin + one + end, 1000).complaint, HasSubstr("digest"));
    EXPECT_THAT(read(one + two + end, 1000).complaint, HasSubstr("not a backup"));
}

TEST(FramedFile, StopsAtWhatItsReaderDoesNotUnderstand) {
    FrameWriter writer;
    const auto result = read(writer.begin() + writer.frame('!', ""), 1000);
    EXPECT_FALSE(result.good);
    EXPECT_THAT(result.complaint, HasSubstr("newer"));
}

}  // namespace
}  // namespace gavel
