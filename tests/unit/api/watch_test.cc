#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::Desk;

std::string id(std::uint64_t revision) {
    return "id: " + std::to_string(revision) + ".c1a2b3c4\n\n";
}
std::string put_event(std::uint64_t revision, const std::string& key, const std::string& value,
                      int version = 1) {
    return "event: put\ndata: {\"revision\":" + std::to_string(revision) + ",\"key\":\"" + key +
           "\",\"value\":\"" + value +
           "\",\"content_type\":\"text/plain\",\"version\":" + std::to_string(version) + "}\n" +
           id(revision);
}
std::string bookmark(std::uint64_t revision) {
    return "event: bookmark\ndata: {\"revision\":" + std::to_string(revision) + "}\n" +
           id(revision);
}

TEST(Watch, StartsFromNowWithABookmark) {
    Desk desk;
    desk.gateway.put("a", "old");

    const auto call = desk.get("/v1/watch?prefix=");
    desk.gateway.put("a", "new");
    desk.take_mail();

    EXPECT_TRUE(call->streaming);
    EXPECT_EQ(call->field("Content-Type"), "text/event-stream");
    EXPECT_EQ(call->stream, bookmark(1) + put_event(2, "a", "new", 2));
}

TEST(Watch, ResumesBehindARevisionWithoutGapOrRepeat) {
    Desk desk;
    for (int i = 1; i <= 4; ++i) desk.gateway.put("k" + std::to_string(i), "v");
    desk.take_mail();

    const auto call = desk.get("/v1/watch?prefix=k&since=2");
    desk.gateway.put("k5", "v");
    desk.take_mail();

    EXPECT_EQ(call->stream,
              put_event(3, "k3", "v") + put_event(4, "k4", "v") + put_event(5, "k5", "v"));
}

TEST(Watch, SeesAChangeOnceWhenItFallsBetweenTheQueryAndItsAnswer) {
    Desk desk;
    desk.gateway.put("a", "1");
    // The query has run at revision 1, its answer waits behind a change in the mailbox, or before.
    const auto call = desk.send(Method::get, "/v1/watch?prefix=&since=0");
    desk.gateway.put("a", "2");
    desk.take_mail();

    EXPECT_EQ(call->stream, put_event(1, "a", "1") + put_event(2, "a", "2", 2));
}

TEST(Watch, PrefersTheLastEventId) {
    Desk desk;
    for (int i = 1; i <= 3; ++i) desk.gateway.put("a", "v");
    const auto call = desk.get("/v1/watch?prefix=&since=0", {{"last-event-id", "2"}});
    EXPECT_EQ(call->stream, put_event(3, "a", "v", 3));
    EXPECT_EQ(desk.get("/v1/watch?prefix=", {{"last-event-id", "x"}})->code(), "bad-header");
}

TEST(Watch, ShowsOnlyWhatWasAskedFor) {
    Desk desk;
    desk.gateway.open_session();
    const auto call = desk.get("/v1/watch?prefix=a/&prefix=b/&key=c&locks=l/");
    call->stream.clear();

    for (const auto* key : {"a/1", "ab", "b/2", "c", "c/d", "d"}) desk.gateway.put(key, "v");
    desk.gateway.run(statemachine::AcquireLock{"l/1", 1, "", 0});
    desk.gateway.run(statemachine::AcquireLock{"m/1", 1, "", 0});
    desk.gateway.run(statemachine::DeleteKey{"c", {}, {}});
    desk.take_mail();

    EXPECT_EQ(call->stream,
              put_event(2, "a/1", "v") + put_event(4, "b/2", "v") + put_event(5, "c", "v") +
                  "event: lock\ndata: {\"revision\":8,\"lock\":\"l/1\",\"change\":\"acquired\","
                  "\"session\":\"s1\",\"token\":8,\"mode\":\"exclusive\"}\n" +
                  id(8) + "event: delete\ndata: {\"revision\":10,\"key\":\"c\"}\n" + id(10));
}

TEST(Watch, PutsTheIdOnTheLastEventOfARevision) {
    Desk desk;
    desk.gateway.open_session();
    desk.gateway.open_session();
    for (const auto* lock : {"l/1", "l/2"}) {
        desk.gateway.run(statemachine::AcquireLock{lock, 1, "", 0});
        desk.gateway.run(statemachine::AcquireLock{lock, 2, "", 60'000});
    }
    const auto call = desk.get("/v1/watch?locks=l/");
    call->stream.clear();

    desk.gateway.run(statemachine::EndSession{1});
    desk.take_mail();

    const auto first_id = call->stream.find(id(7));
    EXPECT_NE(first_id, std::string::npos);
    EXPECT_EQ(call->stream.find("event:", first_id), std::string::npos);
    EXPECT_EQ(call->stream.rfind("id:"), first_id);
}

TEST(Watch, NeedsSomethingToWatch) {
    Desk desk;
    EXPECT_EQ(desk.get("/v1/watch")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/watch?key=a//b")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/watch?prefix=&since=x")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/watch?prefix=&all=true")->code(), "unknown-parameter");
}

TEST(Watch, SaysWhenTheHistoryIsForgotten) {
    Desk desk({}, {.history_changes = 2});
    for (int i = 1; i <= 5; ++i) desk.gateway.put("a", "v");

    const auto call = desk.get("/v1/watch?prefix=&since=1");
    EXPECT_EQ(call->status(), 410U);
    EXPECT_EQ(call->code(), "compacted");
    EXPECT_EQ(call->json()["oldest_revision"], 3);

    const auto event_source = desk.get("/v1/watch?prefix=", {{"last-event-id", "1"}});
    EXPECT_EQ(event_source->status(), 200U);
    EXPECT_EQ(
        event_source->stream,
        "event: reset\ndata: {\"revision\":5,\"oldest_revision\":3,\"reason\":\"compacted\"}\n" +
            id(5));
    desk.gateway.put("a", "v");
    desk.take_mail();
    EXPECT_NE(event_source->stream.find(id(6)), std::string::npos);
    EXPECT_EQ(desk.get("/v1/watch?prefix=&since=1&wait=1s")->code(), "compacted");
}

TEST(Watch, NeverGoesOnFromAPositionOfAnotherCluster) {
    Desk desk;
    for (int i = 1; i <= 3; ++i) desk.gateway.put("a", "v");

    // Larger, equal or smaller: its number means nothing here, and is not waited for.
    for (const auto* since : {"99.0badcafe", "3.0badcafe", "1.0badcafe"}) {
        const auto refused = desk.get(std::string("/v1/watch?prefix=&since=") + since);
        EXPECT_EQ(refused->status(), 410U);
        EXPECT_EQ(refused->code(), "other-cluster");
        EXPECT_EQ(refused->json()["revision"], 3);
        EXPECT_EQ(refused->json()["oldest_revision"], 0);
        EXPECT_EQ(desk.get(std::string("/v1/watch?prefix=&wait=1s&since=") + since)->code(),
                  "other-cluster");

        const auto event_source = desk.get("/v1/watch?prefix=", {{"last-event-id", since}});
        EXPECT_EQ(event_source->status(), 200U);
        EXPECT_EQ(event_source->stream,
                  "event: reset\ndata: {\"revision\":3,\"oldest_revision\":0,"
                  "\"reason\":\"other-cluster\"}\n" +
                      id(3))
            << "and no change of this one from before";
    }
    EXPECT_EQ(desk.gateway.reads.back().min_revision, 0U);
}

TEST(Watch, GoesOnFromAPositionOfItsOwnCluster) {
    Desk desk;
    for (int i = 1; i <= 3; ++i) desk.gateway.put("a", "v");
    EXPECT_EQ(desk.get("/v1/watch?prefix=&since=2.c1a2b3c4")->stream, put_event(3, "a", "v", 3));
    EXPECT_EQ(desk.get("/v1/watch?prefix=", {{"last-event-id", "2.c1a2b3c4"}})->stream,
              put_event(3, "a", "v", 3));
    const auto poll = desk.get("/v1/watch?prefix=&wait=1s&since=2.c1a2b3c4")->json();
    EXPECT_EQ(poll["position"], "3.c1a2b3c4");
}

TEST(Watch, TellsItsHistoryOnceThereIsOne) {
    Desk desk;
    desk.gateway.history = 0;
    const auto call = desk.get("/v1/watch?prefix=");
    EXPECT_THAT(call->stream, ::testing::EndsWith("id: 0\n\n"));
    desk.gateway.history = 0xc1a2b3c4;
    desk.gateway.put("a", "v");
    desk.take_mail();
    EXPECT_THAT(call->stream, ::testing::EndsWith(put_event(1, "a", "v")));
}

TEST(Watch, TellsOfChangesOfTheMembers) {
    Desk desk;
    const auto call = desk.get("/v1/watch?members=true");
    call->stream.clear();
    desk.gateway.put("a", "v");
    desk.gateway.run(statemachine::ChangeMembers{1, {statemachine::AddMember{"n3", "db3:7500"}}});
    desk.gateway.run(statemachine::ChangeMembers{
        2, {statemachine::SetRole{3, statemachine::Role::voter}, statemachine::RemoveMember{2}}});
    desk.take_mail();

    std::vector<json> events;
    std::string ids;
    std::istringstream lines(call->stream);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("data: ")) events.push_back(json::parse(line.substr(6)));
        if (line.starts_with("event: ")) {
            EXPECT_EQ(line, "event: member");
        }
        if (line.starts_with("id: ")) ids += line.substr(4) + ' ';
    }
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(events[0], json::parse(R"({"revision":2,"member_id":3,"name":"n3","change":"added",
        "role":"learner","peer_address":"db3:7500","epoch":2,"from_slot":66})"));
    EXPECT_EQ(events[1]["change"], "removed");
    EXPECT_EQ(events[1]["member_id"], 2);
    EXPECT_EQ(events[2]["change"], "promoted");
    EXPECT_EQ(events[2]["role"], "voter");
    EXPECT_EQ(events[1]["revision"], events[2]["revision"]);
    EXPECT_EQ(ids, "2.c1a2b3c4 " + std::to_string(events[2]["revision"].get<int>()) + ".c1a2b3c4 ")
        << "one id for each revision";

    const auto poll = desk.get("/v1/watch?members=true&since=0&wait=1s")->json();
    EXPECT_EQ(poll["events"].size(), 3U);
    EXPECT_EQ(poll["events"][0]["event"], "member");
    EXPECT_EQ(desk.get("/v1/watch?members=maybe")->code(), "bad-parameter");
}

TEST(Watch, LetsAnEventSourceComeBackToAMemberThatIsBehind) {
    Desk desk;
    const auto call = desk.get("/v1/watch?prefix=", {{"last-event-id", "99"}});
    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(call->stream, "retry: 1000\n\n");
    EXPECT_TRUE(call->ended);
    EXPECT_EQ(desk.gateway.reads.back().min_revision, 99U);
    EXPECT_EQ(desk.get("/v1/watch?prefix=&since=99")->code(), "timed-out");
}

TEST(Watch, IsToldItsPositionNowAndThen) {
    Desk desk;
    const auto call = desk.get("/v1/watch?key=quiet");
    call->stream.clear();
    for (int i = 1; i <= 3; ++i) desk.gateway.put("loud", "v");
    desk.take_mail();

    desk.pass(milliseconds(14'000));
    EXPECT_EQ(call->stream, "");
    desk.pass(milliseconds(2'000));
    EXPECT_EQ(call->stream, bookmark(3));
    desk.pass(milliseconds(2'000));
    EXPECT_EQ(call->stream, bookmark(3));
}

TEST(Watch, IsCutWhenItFallsBehindAndNeverSkips) {
    Desk desk;
    const auto call = desk.get("/v1/watch?prefix=&since=0");
    desk.gateway.put("a", "1");
    desk.take_mail();

    call->takes = false;
    desk.gateway.put("a", "2");
    desk.take_mail();
    call->takes = true;
    desk.gateway.put("a", "3");
    desk.take_mail();

    EXPECT_TRUE(call->ended);
    EXPECT_EQ(call->stream, put_event(1, "a", "1"));
    EXPECT_EQ(desk.hub.size(), 0U);
    EXPECT_EQ(desk.watches.taken(), 0U);
}

TEST(Watch, TakesALongHistoryInPiecesWithLaterChangesBehindIt) {
    Desk desk;
    const std::string value(10'000, 'x');
    std::string expected;
    for (std::uint64_t i = 1; i <= 20; ++i) {
        desk.gateway.put("k", value);
        expected += put_event(i, "k", value, static_cast<int>(i));
    }
    desk.take_mail();

    const auto call = desk.get("/v1/watch?prefix=&since=0");
    EXPECT_LT(call->stream.size(), 90'000U);
    desk.gateway.put("k", "late");
    desk.take_mail();
    for (int turns = 0; turns < 10; ++turns) call->events.on_drained();
    desk.gateway.put("k", "later");
    desk.take_mail();

    EXPECT_EQ(call->stream,
              expected + put_event(21, "k", "late", 21) + put_event(22, "k", "later", 22));
}

// A thousand watchers that come back at once must not copy the whole history each.
TEST(Watch, ReadsALongHistoryPieceByPieceWhileMoreHappens) {
    Desk desk;
    std::string expected;
    const auto put = [&](const std::string& key) {
        const auto revision = desk.gateway.put(key, "v");
        if (key != "other") expected += put_event(revision, key, "v");
    };
    for (int i = 0; i < 1'500; ++i) put("k" + std::to_string(i));
    for (int i = 0; i < 1'500; ++i) put("other");
    desk.take_mail();

    const auto call = desk.get("/v1/watch?prefix=k&since=0");
    EXPECT_EQ(desk.gateway.reads.size(), 1U);
    for (int turn = 0; turn < 40; ++turn) {
        if (turn % 2 == 0) put("k/late" + std::to_string(turn));
        if (turn % 3 == 0) desk.take_mail();
        call->events.on_drained();
    }
    desk.take_mail();
    put("k/last");
    desk.take_mail();

    EXPECT_EQ(call->stream, expected);
    EXPECT_GE(desk.gateway.reads.size(), 3U) << "it is read in pieces";
    EXPECT_EQ(desk.gateway.reads.back().min_revision, 0U);
    desk.pass(std::chrono::seconds(20));
    EXPECT_TRUE(call->stream.ends_with(bookmark(desk.gateway.applied())));
}

TEST(Watch, IsCutWhenTheHistoryIsForgottenFasterThanItTakesIt) {
    Desk desk({}, {.history_changes = 2'000});
    for (int i = 0; i < 1'900; ++i) desk.gateway.put("k", "v");
    desk.take_mail();
    const auto call = desk.get("/v1/watch?prefix=&since=0");
    const std::string before = call->stream;
    EXPECT_FALSE(call->ended);
    for (int i = 0; i < 2'500; ++i) desk.gateway.put("k", "v");
    desk.take_mail();

    for (int turn = 0; turn < 50 && !call->ended; ++turn) {
        call->events.on_drained();
        desk.take_mail();
    }

    EXPECT_TRUE(call->ended);
    EXPECT_TRUE(call->stream.starts_with(before));
    EXPECT_THAT(call->stream, ::testing::Not(::testing::HasSubstr("bookmark")));
    EXPECT_EQ(desk.watches.taken(), 0U);
}

TEST(Watch, IsForgottenWhenItsClientHasGone) {
    Desk desk;
    const auto call = desk.get("/v1/watch?prefix=");
    EXPECT_EQ(desk.watches.taken(), 1U);
    call->events.on_gone();
    call->events = {};
    EXPECT_EQ(desk.hub.size(), 0U);
    EXPECT_EQ(desk.watches.taken(), 0U);
    EXPECT_EQ(call.use_count(), 1);
}

TEST(Watch, GetsItsPositionWhenTheServerStops) {
    Desk desk;
    const auto call = desk.get("/v1/watch?prefix=a");
    call->stream.clear();
    desk.gateway.put("b", "v");
    desk.take_mail();
    desk.hub.stop();
    EXPECT_EQ(call->stream, bookmark(1));
    EXPECT_TRUE(call->ended);
}

TEST(Watch, IsNotStartedAnyMoreWhenTheServerStops) {
    Desk desk;
    desk.put("/v1/config/a", "v");
    desk.hub.stop();
    EXPECT_EQ(desk.get("/v1/watch?prefix=")->code(), "shutting-down");
    EXPECT_EQ(desk.get("/v1/watch?prefix=&since=1&wait=1s")->code(), "shutting-down");
    EXPECT_EQ(desk.get("/v1/config/a?wait=1s", {{"if-none-match", "\"1\""}})->code(),
              "shutting-down");
    const auto resumed = desk.get("/v1/watch?prefix=", {{"last-event-id", "1"}});
    EXPECT_EQ(resumed->status(), 200U) << "an EventSource gives up on other codes";
    EXPECT_EQ(resumed->stream, "retry: 1000\n\n");
    EXPECT_TRUE(resumed->ended);
    EXPECT_EQ(desk.hub.size(), 0U);
}

TEST(Watch, HasABoundedNumberOfStreams) {
    Desk desk;
    desk.watches = Places(1);
    const auto first = desk.get("/v1/watch?prefix=");
    EXPECT_EQ(desk.get("/v1/watch?prefix=")->code(), "overloaded");
}

TEST(Watch, HasOnlyAHeadForHead) {
    Desk desk;
    const auto call = desk.ask(Method::head, "/v1/watch?prefix=");
    EXPECT_FALSE(call->streaming);
    EXPECT_EQ(call->field("Content-Type"), "text/event-stream");
    EXPECT_EQ(desk.hub.size(), 0U);
}

TEST(LongPoll, LooksThroughALongHistoryForWhatItWaitsFor) {
    Desk desk;
    for (int i = 0; i < 2'000; ++i) desk.gateway.put("other", "v");
    const auto revision = desk.gateway.put("k", "v");
    for (int i = 0; i < 700; ++i) desk.gateway.put("other", "v");

    const auto answer = desk.get("/v1/watch?prefix=k&since=0&wait=1s")->json();
    EXPECT_EQ(answer["events"].size(), 1U);
    EXPECT_EQ(answer["events"][0]["revision"], revision);
    const auto rest = desk.get("/v1/watch?prefix=k&since=" + std::to_string(revision) + "&wait=0s");
    EXPECT_EQ(rest->json()["since"], revision + 700);
}

TEST(LongPoll, AnswersAtOnceWithWhatIsThere) {
    Desk desk;
    for (int i = 1; i <= 3; ++i) desk.gateway.put(i == 2 ? "b" : "a", "v");
    EXPECT_EQ(desk.get("/v1/watch?key=a&since=0&wait=30s")->json(), json::parse(R"({"events":[
        {"event":"put","revision":1,"key":"a","value":"v","content_type":"text/plain","version":1},
        {"event":"put","revision":3,"key":"a","value":"v","content_type":"text/plain","version":2}],
        "since":3,"position":"3.c1a2b3c4"})"));
}

TEST(LongPoll, WaitsForTheNextChange) {
    Desk desk;
    desk.gateway.put("a", "v");
    const auto call = desk.get("/v1/watch?prefix=a&wait=30s");
    EXPECT_EQ(call->status(), 0U);
    EXPECT_EQ(desk.waits.taken(), 1U);

    desk.gateway.put("b", "v");
    desk.take_mail();
    EXPECT_EQ(call->status(), 0U);
    desk.gateway.put("a", "w");
    desk.gateway.put("a", "x");
    desk.take_mail();

    EXPECT_EQ(call->json()["since"], 3);
    EXPECT_EQ(call->json()["events"].size(), 1U);
    EXPECT_EQ(call->answers_too_many, 0);
    EXPECT_EQ(desk.waits.taken(), 0U);
    EXPECT_EQ(desk.hub.size(), 0U);
}

TEST(LongPoll, EndsWithItsTimeAndAPlaceToGoOnFrom) {
    Desk desk;
    desk.gateway.put("a", "v");
    const auto call = desk.get("/v1/watch?prefix=b&since=0&wait=2s");
    desk.gateway.put("a", "w");
    desk.take_mail();
    desk.pass(milliseconds(1'900));
    EXPECT_EQ(call->status(), 0U);
    desk.pass(milliseconds(200));
    EXPECT_EQ(call->json(), json::parse(R"({"events":[],"since":2,"position":"2.c1a2b3c4"})"));
    EXPECT_EQ(desk.hub.size(), 0U);
}

TEST(LongPoll, GivesWholeRevisionsOfALongHistory) {
    Desk desk;
    for (int i = 0; i < 1'500; ++i) desk.gateway.put("a", "v");
    const auto first = desk.get("/v1/watch?prefix=&since=0&wait=1s")->json();
    EXPECT_EQ(first["events"].size(), 1'000U);
    EXPECT_EQ(first["since"], 1'000);
    const auto rest = desk.get("/v1/watch?prefix=&since=1000&wait=1s")->json();
    EXPECT_EQ(rest["events"].size(), 500U);
    EXPECT_EQ(rest["since"], 1'500);
}

TEST(KeyWait, BlocksUntilTheKeyDiffers) {
    Desk desk;
    desk.gateway.put("a", "1");
    const auto call = desk.get("/v1/config/a?wait=30s", {{"if-none-match", "\"1\""}});
    EXPECT_EQ(call->status(), 0U);

    desk.gateway.put("ab", "x");
    desk.gateway.put("a", "2");
    desk.take_mail();

    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(call->answer->content(), "2");
    EXPECT_EQ(call->field("ETag"), "\"3\"");
}

TEST(KeyWait, EndsWith304WhenItsTimeIsUp) {
    Desk desk;
    desk.gateway.put("a", "1");
    const auto call = desk.get("/v1/config/a?wait=1s", {{"if-none-match", "\"1\""}});
    desk.pass(milliseconds(1'100));
    EXPECT_EQ(call->status(), 304U);
    EXPECT_EQ(desk.waits.taken(), 0U);
}

TEST(KeyWait, SeesADeletion) {
    Desk desk;
    desk.gateway.put("a", "1");
    const auto call = desk.get("/v1/config/a?wait=1s", {{"if-none-match", "\"1\""}});
    desk.gateway.run(statemachine::DeleteKey{"a", {}, {}});
    desk.take_mail();
    EXPECT_EQ(call->code(), "key-not-found");
}

TEST(KeyWait, DoesNotBlockWhenItDiffersAlready) {
    Desk desk;
    desk.gateway.put("a", "1");
    EXPECT_EQ(desk.get("/v1/config/a?wait=1s", {{"if-none-match", "\"9\""}})->status(), 200U);
    EXPECT_EQ(desk.get("/v1/config/a?wait=1s")->status(), 200U);
    EXPECT_EQ(desk.get("/v1/config/b?wait=1s", {{"if-none-match", "\"9\""}})->status(), 404U);
}

}  // namespace
}  // namespace gavel::api
