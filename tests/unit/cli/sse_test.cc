#include "cli/sse.h"

#include <gmock/gmock.h>

namespace gavel::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SseParser, ReadsTypeDataAndId) {
    SseParser parser;

    const auto events = parser.feed("event: put\ndata: {\"a\":1}\nid: 7\n\n");

    EXPECT_THAT(events, ElementsAre(SseEvent{"put", "{\"a\":1}", "7"}));
}

TEST(SseParser, GivesTheSameForEveryWayTheStreamIsCut) {
    const std::string text =
        "\xEF\xBB\xBF: hello\r\nevent:put\rdata: a\ndata: b\r\nid: 7\r\n\r\n"
        "data: c\n\n";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        SseParser parser;

        auto events = parser.feed(text.substr(0, cut));
        for (auto& event : parser.feed(text.substr(cut))) events.push_back(event);

        EXPECT_THAT(events, ElementsAre(SseEvent{"put", "a\nb", "7"},
                                        SseEvent{"message", "c", std::nullopt}))
            << "cut at " << cut;
    }
}

TEST(SseParser, IgnoresCommentsAndWhatHasNeitherDataNorId) {
    SseParser parser;

    EXPECT_THAT(parser.feed(": keep-alive\n\nretry: 10\n\nevent: put\n\n"), IsEmpty());
}

TEST(SseParser, HoldsBackAnEventThatIsNotComplete) {
    SseParser parser;

    EXPECT_THAT(parser.feed("data: half\n"), IsEmpty());
    EXPECT_THAT(parser.feed("\n"), ElementsAre(SseEvent{"message", "half", std::nullopt}));
}

TEST(WatchPosition, ShowsEachRevisionOnce) {
    WatchPosition position;

    EXPECT_TRUE(position.is_new(5, true));
    EXPECT_FALSE(position.is_new(5, true));
    EXPECT_FALSE(position.is_new(4, true));
    EXPECT_TRUE(position.is_new(6, true));
    EXPECT_EQ(position.complete(), 6u);
}

TEST(WatchPosition, GoesOnWithinARevisionThatAStreamBroke) {
    WatchPosition position(4);
    EXPECT_TRUE(position.is_new(5, false));
    EXPECT_TRUE(position.is_new(5, false));
    EXPECT_EQ(position.complete(), 4u);

    position.on_connect();

    EXPECT_FALSE(position.is_new(5, false));
    EXPECT_FALSE(position.is_new(5, false));
    EXPECT_TRUE(position.is_new(5, true));
    EXPECT_EQ(position.complete(), 5u);
}

TEST(WatchPosition, MovesWithBookmarksButNeverBack) {
    WatchPosition position;

    position.advance(9);
    position.advance(3);

    EXPECT_EQ(position.complete(), 9u);
    EXPECT_FALSE(position.is_new(8, true));
}

}  // namespace
}  // namespace gavel::cli
