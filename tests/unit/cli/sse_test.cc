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

EventId at(std::uint64_t revision, const std::string& history = "c1a2b3c4") {
    return {revision, std::to_string(revision) + "." + history};
}

TEST(EventId, IsARevisionAndWhoseItIs) {
    EXPECT_EQ(parse_event_id("35.c1a2b3c4"), (EventId{35, "35.c1a2b3c4"}));
    EXPECT_EQ(parse_event_id("35"), (EventId{35, "35"}));
    EXPECT_EQ(parse_event_id(""), std::nullopt);
    EXPECT_EQ(parse_event_id("x"), std::nullopt);
    EXPECT_EQ(parse_event_id("35x"), std::nullopt);
}

TEST(WatchPosition, ShowsEachRevisionOnce) {
    WatchPosition position;

    EXPECT_TRUE(position.is_new(5, at(5)));
    EXPECT_FALSE(position.is_new(5, at(5)));
    EXPECT_FALSE(position.is_new(4, at(4)));
    EXPECT_TRUE(position.is_new(6, at(6)));
    EXPECT_EQ(position.complete(), at(6));
}

TEST(WatchPosition, GoesOnWithinARevisionThatAStreamBroke) {
    WatchPosition position(at(4));
    EXPECT_TRUE(position.is_new(5, {}));
    EXPECT_TRUE(position.is_new(5, {}));
    EXPECT_EQ(position.complete(), at(4));

    position.on_connect();

    EXPECT_FALSE(position.is_new(5, {}));
    EXPECT_FALSE(position.is_new(5, {}));
    EXPECT_TRUE(position.is_new(5, at(5)));
    EXPECT_EQ(position.complete(), at(5));
}

TEST(WatchPosition, MovesWithBookmarksButNeverBack) {
    WatchPosition position;

    position.advance(at(9));
    position.advance(at(3));

    EXPECT_EQ(position.complete(), at(9));
    EXPECT_FALSE(position.is_new(8, at(8)));
}

TEST(WatchPosition, BeginsAnewWithAnotherClusterWhoseRevisionsMayBeSmaller) {
    WatchPosition position(at(9'000));
    position.begin_anew(at(3, "0badcafe"));
    EXPECT_EQ(position.complete(), at(3, "0badcafe"));
    EXPECT_TRUE(position.is_new(4, at(4, "0badcafe")));
}

}  // namespace
}  // namespace gavel::cli
