// What went wrong with watches elsewhere, each replayed here.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "base/prng.h"
#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::Desk;
using testing::FakeCall;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Heard {
    std::string event{};
    std::uint64_t revision{};
    std::string text{};  // The whole event.
    bool has_id{};
};

// The events that came whole: what follows the last empty line is lost with the connection.
std::vector<Heard> heard(const std::string& stream) {
    std::vector<Heard> events;
    std::istringstream lines(stream);
    Heard now;
    std::string data;
    for (std::string line; std::getline(lines, line);) {
        now.text += line + '\n';
        if (line.starts_with("event: ")) now.event = line.substr(7);
        if (line.starts_with("data: ")) data = line.substr(6);
        if (line.starts_with("id: ")) now.has_id = true;
        if (!line.empty() || lines.eof()) continue;
        now.revision = json::parse(data)["revision"];
        events.push_back(std::exchange(now, {}));
    }
    return events;
}

// All changes there were, as one who watched from the beginning was told of them.
std::vector<std::string> all_texts(Desk& desk, const std::string& filter) {
    const auto call = desk.get("/v1/watch?" + filter + "&since=0");
    for (int i = 0; i < 1'000; ++i) call->events.on_drained();
    std::vector<std::string> texts;
    for (const auto& event : heard(call->stream)) texts.push_back(event.text);
    call->events.on_gone();
    return texts;
}

// A session that holds so many locks ends: that many events of one revision.
void release_many(Desk& desk, int locks) {
    const auto session = desk.gateway.open_session();
    for (int i = 0; i < locks; ++i) {
        desk.gateway.run(statemachine::AcquireLock{"l/" + std::to_string(i), session, "", 0});
    }
    desk.gateway.run(statemachine::EndSession{session});
}

// etcd #15220: a progress notification could overtake events at or below its revision.
TEST(WatchReplay, ABookmarkNeverComesBeforeAnEventThatItCovers) {
    Desk desk;
    const std::string value(9'000, 'x');
    for (int i = 0; i < 40; ++i) desk.gateway.put("k", value);
    const auto call = desk.get("/v1/watch?prefix=&since=0");
    Prng prng(1);

    // The client takes its history slowly, more happens, and bookmarks fall due all the time.
    for (int i = 0; i < 60; ++i) {
        if (prng.chance(50)) desk.gateway.put("k", std::to_string(i));
        desk.pass(milliseconds(20'000));
        if (prng.chance(30)) call->events.on_drained();
    }
    for (int i = 0; i < 20; ++i) call->events.on_drained();
    desk.pass(milliseconds(20'000));

    std::uint64_t promised = 0, last = 0, bookmarks = 0;
    for (const auto& event : heard(call->stream)) {
        if (event.event == "bookmark") {
            ++bookmarks;
            EXPECT_GE(event.revision, last);
            promised = event.revision;
        } else {
            EXPECT_GT(event.revision, promised) << "a bookmark said that nothing comes here";
            EXPECT_EQ(event.revision, ++last);
        }
    }
    EXPECT_EQ(last, desk.gateway.applied());
    EXPECT_GT(bookmarks, 1U);
}

// etcd #17557: a watch that began in the past and found no event of its own got no progress
// notifications, so its place to resume at was compacted in the end.
TEST(WatchReplay, BookmarksComeAlsoToAWatchWhosePastHoldsNothingForIt) {
    Desk desk({}, {.history_changes = 5});
    for (int i = 0; i < 5; ++i) desk.gateway.put("other", "v");
    const auto call = desk.get("/v1/watch?prefix=mine/&since=1");
    for (int i = 0; i < 20; ++i) desk.gateway.put("other", "v");
    desk.take_mail();
    desk.pass(milliseconds(16'000));

    const auto events = heard(call->stream);
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(events[0].event, "bookmark");
    EXPECT_EQ(events[0].revision, 25U);
    desk.gateway.put("mine/a", "v");
    const auto resumed = desk.get("/v1/watch?prefix=mine/", {{"last-event-id", "25.c1a2b3c4"}});
    ASSERT_THAT(heard(resumed->stream), SizeIs(1));
    EXPECT_EQ(heard(resumed->stream)[0].event, "put");
}

// etcd #18089: a watch from the very revision of the compaction missed the delete that stood there.
TEST(WatchReplay, ADeleteAtTheEdgeOfTheHistoryIsNotMissed) {
    constexpr std::uint64_t kept = 4;
    Desk desk({}, {.history_changes = kept});
    for (int round = 0; round < 10; ++round) {
        desk.gateway.put("k", "v");
        desk.gateway.run(statemachine::DeleteKey{"k", {}, {}});
        const std::uint64_t now = desk.gateway.applied();
        const std::uint64_t floor = now < kept ? 0 : now - kept;
        for (std::uint64_t since = 0; since <= now; ++since) {
            const auto call = desk.get("/v1/watch?prefix=&since=" + std::to_string(since));
            if (since < floor) {
                EXPECT_EQ(call->code(), "compacted") << since << " of " << now;
                EXPECT_EQ(call->json()["oldest_revision"], floor);
                continue;
            }
            const auto events = heard(call->stream);
            ASSERT_THAT(events, SizeIs(now - since)) << since << " of " << now;
            for (std::size_t i = 0; i < events.size(); ++i) {
                EXPECT_EQ(events[i].revision, since + 1 + i);
                EXPECT_EQ(events[i].event, events[i].revision % 2 == 0 ? "delete" : "put");
            }
            call->events.on_gone();
        }
    }
}

// etcd #20221: a watch from a revision that was still to come was told of older changes.
TEST(WatchReplay, AWatchFromTheFutureIsToldOfNothingOlder) {
    Desk desk;
    desk.gateway.put("a", "v");
    // As long as this member has not come that far there is no stream, and so nothing on it.
    EXPECT_EQ(desk.get("/v1/watch?prefix=&since=3")->code(), "timed-out");
    EXPECT_EQ(desk.get("/v1/watch?prefix=&since=3&wait=1s")->json(),
              json::parse(R"({"events":[],"since":3,"position":"3"})"));
    EXPECT_EQ(desk.gateway.reads.back().min_revision, 3U);

    for (int i = 0; i < 2; ++i) desk.gateway.put("a", "v");
    const auto call = desk.get("/v1/watch?prefix=&since=3");
    desk.pass(milliseconds(16'000));
    desk.gateway.put("a", "v");
    desk.take_mail();

    const auto events = heard(call->stream);
    ASSERT_THAT(events, SizeIs(2));
    EXPECT_EQ(events[0].event, "bookmark");
    EXPECT_EQ(events[0].revision, 3U);
    EXPECT_EQ(events[1].revision, 4U);
}

// etcd #9291, python-etcd3 #729: the events of one transaction came in several responses, and who
// resumed behind one of them lost the rest.
TEST(WatchReplay, TheEventsOfOneRevisionStayTogetherHoweverManyTheyAre) {
    Desk desk;
    // More than one piece of a stream, or one answer of a poll, holds.
    for (int i = 0; i < 1'500; ++i) desk.gateway.put("k/" + std::to_string(i), "v");
    desk.gateway.run(statemachine::DeletePrefix{.key = "k"});
    desk.gateway.put("l", "v");
    const std::uint64_t whole = desk.gateway.applied() - 1;

    const auto call = desk.get("/v1/watch?prefix=&since=" + std::to_string(whole - 1));
    const auto events = heard(call->stream);
    ASSERT_THAT(events, SizeIs(1'500));
    EXPECT_GT(call->stream.size(), 64U * 1024);
    for (const auto& event : events) {
        EXPECT_EQ(event.revision, whole);
        EXPECT_EQ(event.has_id, &event == &events.back());
    }
    const auto poll =
        desk.get("/v1/watch?prefix=&wait=1s&since=" + std::to_string(whole - 1))->json();
    EXPECT_EQ(poll["events"].size(), 1'500U);
    EXPECT_EQ(poll["since"], whole) << "the put comes with the next one";
}

// etcd #17247: after a watch was resumed, events came that it had been told of before; #15271: or
// its revisions went back.
TEST(WatchReplay, WhoeverResumesAtAnIdIsToldOfAllTheRestOnce) {
    Desk desk;
    for (int i = 0; i < 30; ++i) {
        desk.gateway.put("k" + std::to_string(i % 3), std::to_string(i));
        if (i % 10 == 0) release_many(desk, 7);
    }
    desk.take_mail();
    const std::string filter = "prefix=&locks=";
    const auto expected = all_texts(desk, filter);
    Prng prng(2);
    for (int round = 0; round < 50; ++round) {
        std::vector<std::string> told;
        std::string id = "0.c1a2b3c4";
        for (int streams = 0; told.size() < expected.size(); ++streams) {
            ASSERT_LT(streams, 1'000);
            const auto call = desk.get("/v1/watch?" + filter, {{"last-event-id", id}});
            // The connection breaks anywhere. What has no id behind it is not complete.
            const auto events = heard(call->stream.substr(0, prng.below(3'000)));
            std::vector<std::string> open;
            for (const auto& event : events) {
                open.push_back(event.text);
                if (!event.has_id) continue;
                told.insert(told.end(), open.begin(), open.end());
                open.clear();
                id = std::to_string(event.revision) + ".c1a2b3c4";
            }
            call->events.on_gone();
        }
        ASSERT_EQ(told, expected);
    }
}

}  // namespace
}  // namespace gavel::api
