#include "api/watch_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "api/names.h"
#include "base/prng.h"
#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Desk;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct Heard {
    std::string event{};
    json data{};
    std::string id{};
};

std::vector<Heard> heard(const std::string& stream) {
    std::vector<Heard> events;
    std::istringstream lines(stream);
    Heard now;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("event: ")) now.event = line.substr(7);
        if (line.starts_with("data: ")) now.data = json::parse(line.substr(6));
        if (line.starts_with("id: ")) now.id = line.substr(4);
        if (line.empty()) events.push_back(std::exchange(now, {}));
    }
    return events;
}

// What somebody knows who does as the events say: by kind and name, what is there.
using Known = std::map<std::string, std::string>;

void learn(Known& known, const Heard& heard) {
    const auto& data = heard.data;
    if (heard.event == "put") {
        known["key " + data["key"].get<std::string>()] = data["value"];
    } else if (heard.event == "delete") {
        known.erase("key " + data["key"].get<std::string>());
    } else if (heard.event == "lock") {
        const auto name =
            "lock " + data["lock"].get<std::string>() + " of " + data["session"].get<std::string>();
        known.erase(name);
        if (data["change"] == "acquired") known[name] = data["token"].dump();
    } else if (heard.event == "member") {
        const auto name = "member " + data["member_id"].dump();
        known.erase(name);
        if (data["change"] != "removed") known[name] = data["role"];
    }
}

// The same, out of the state itself.
Known there(Desk& desk, const WatchFilter& filter) {
    Known known;
    desk.gateway.read({.stale = true}, [&](const statemachine::Machine* state, auto) {
        for (const auto& value : state->keys("", "", 100'000)) {
            if (filter.matches(statemachine::KeyPutEvent{value})) {
                known["key " + value->key] = std::string(value->value.view());
            }
        }
        for (const auto& lock : state->locks("", "", 100'000, {})) {
            if (!filter.matches(statemachine::LockEvent{.lock = lock.name})) continue;
            for (const auto& holder : lock.holders) {
                known["lock " + lock.name + " of " + session_id(holder->session)] =
                    std::to_string(holder->token);
            }
        }
        if (!filter.members) return;
        for (const auto& member : state->globals().epochs.back().members) {
            known["member " + std::to_string(member.id)] =
                member.role == statemachine::Role::voter ? "voter" : "learner";
        }
    });
    return known;
}

// The client takes all it was sent, until the snapshot is closed.
void take_all(Desk& desk, testing::FakeCall& call) {
    for (int i = 0; i < 10'000 && call.stream.find("event: bookmark") == std::string::npos; ++i) {
        call.events.on_drained();
        desk.take_mail();
    }
}

TEST(WatchSnapshot, SendsWhatIsThereThenGoesOn) {
    Desk desk;
    const auto session = desk.gateway.open_session();
    desk.gateway.put("app/a", "1");
    desk.gateway.put("app/b", "2");
    desk.gateway.put("app/b", "3");
    desk.gateway.put("other", "4");
    desk.gateway.run(statemachine::AcquireLock{"deploy/web", session, "", 0});
    desk.gateway.run(statemachine::AcquireLock{"deploy/db", session, "", 0});
    desk.gateway.run(statemachine::ReleaseLock{"deploy/db", session, {}});

    const auto call = desk.get("/v1/watch?prefix=app/&locks=deploy/&members=true&snapshot=true");
    desk.gateway.put("app/a", "5");
    desk.take_mail();

    EXPECT_EQ(
        call->stream,
        "event: member\ndata: {\"revision\":8,\"snapshot\":true,\"member_id\":1,\"name\":\"n1\","
        "\"change\":\"added\",\"role\":\"voter\",\"peer_address\":\"127.0.0.1:7500\",\"epoch\":1,"
        "\"from_slot\":1}\n\n"
        "event: member\ndata: {\"revision\":8,\"snapshot\":true,\"member_id\":2,\"name\":\"n2\","
        "\"change\":\"added\",\"role\":\"voter\",\"peer_address\":\"127.0.0.1:7501\",\"epoch\":1,"
        "\"from_slot\":1}\n\n"
        "event: put\ndata: {\"revision\":2,\"snapshot\":true,\"key\":\"app/a\",\"value\":\"1\","
        "\"content_type\":\"text/plain\",\"version\":1}\n\n"
        "event: put\ndata: {\"revision\":4,\"snapshot\":true,\"key\":\"app/b\",\"value\":\"3\","
        "\"content_type\":\"text/plain\",\"version\":2}\n\n"
        "event: lock\ndata: {\"revision\":6,\"snapshot\":true,\"lock\":\"deploy/web\","
        "\"change\":\"acquired\",\"session\":\"s1\",\"token\":6,"
        "\"mode\":\"exclusive\"}\n\n"
        "event: bookmark\ndata: {\"revision\":8,\"snapshot\":true}\nid: 8.c1a2b3c4\n\n"
        "event: put\ndata: {\"revision\":9,\"key\":\"app/a\",\"value\":\"5\","
        "\"content_type\":\"text/plain\",\"version\":2}\nid: 9.c1a2b3c4\n\n");
}

TEST(WatchSnapshot, IsClosedAlsoWhereNothingIs) {
    Desk desk;
    EXPECT_EQ(desk.get("/v1/watch?prefix=x&snapshot=true")->stream,
              "event: bookmark\ndata: {\"revision\":0,\"snapshot\":true}\nid: 0.c1a2b3c4\n\n");
}

TEST(WatchSnapshot, IsOfNowAndNotOfWhatThisMemberHappensToKnow) {
    Desk desk;
    desk.get("/v1/watch?prefix=&snapshot=true");
    EXPECT_FALSE(desk.gateway.reads.back().stale);
    desk.get("/v1/watch?prefix=");
    EXPECT_TRUE(desk.gateway.reads.back().stale);
}

TEST(WatchSnapshot, IsReadPieceByPieceAsItIsTaken) {
    Desk desk;
    const std::string value(10'000, 'x');
    for (int i = 0; i < 100; ++i) desk.gateway.put("k" + std::to_string(i), value);

    const auto call = desk.get("/v1/watch?prefix=&snapshot=true");
    const auto reads = desk.gateway.reads.size();
    EXPECT_LT(call->stream.size(), 90'000U);
    desk.take_mail();
    EXPECT_EQ(desk.gateway.reads.size(), reads) << "nobody has taken anything yet";
    call->events.on_drained();
    call->events.on_drained();
    EXPECT_EQ(desk.gateway.reads.size(), reads + 1) << "one piece at a time";
    desk.take_mail();
    EXPECT_LT(call->stream.size(), 180'000U);

    take_all(desk, *call);
    const auto events = heard(call->stream);
    ASSERT_EQ(events.size(), 101U);
    for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(events[i].id, "") << "no place to resume at";
    EXPECT_EQ(events[100].id, "100.c1a2b3c4");
    const auto after = desk.gateway.reads.size();
    call->events.on_drained();
    EXPECT_EQ(desk.gateway.reads.size(), after) << "it is over";
}

// Slots without an event, too, are behind whoever has seen them.
TEST(WatchSnapshot, IsFollowedByNoEarlierPosition) {
    Desk desk;
    for (int i = 0; i < 10; ++i)
        desk.gateway.put("k" + std::to_string(i), std::string(10'000, 'x'));
    const auto call = desk.get("/v1/watch?prefix=&snapshot=true");
    for (int i = 0; i < 5; ++i) desk.gateway.open_session();
    take_all(desk, *call);
    ASSERT_EQ(heard(call->stream).back().id, "15.c1a2b3c4");

    desk.pass(std::chrono::milliseconds(20'000));

    EXPECT_EQ(heard(call->stream).back().id, "15.c1a2b3c4");
    EXPECT_EQ(heard(call->stream).size(), 12U) << "it was told where it stands once more";
}

TEST(WatchSnapshot, ShowsEveryNameOnceHoweverManyFiltersCoverIt) {
    Desk desk;
    for (const auto* key : {"a", "a/b", "a/b/c", "a0", "b", "c/d"}) desk.gateway.put(key, "v");
    const auto call = desk.get(
        "/v1/watch?prefix=a/&prefix=a/b&key=a/b&key=a/b/c&key=a&prefix=c&key=c/d&key=b&snapshot=1");
    EXPECT_EQ(call->code(), "bad-parameter") << "true or false";
    const auto stream =
        desk.get(
                "/v1/watch?prefix=a/&prefix=a/b&key=a/b&key=a/b/c&key=a&prefix=c&key=c/d&key=b&"
                "snapshot=true")
            ->stream;
    std::vector<std::string> keys;
    for (const auto& each : heard(stream)) {
        if (each.event == "put") keys.push_back(each.data["key"]);
    }
    EXPECT_THAT(keys, ::testing::ElementsAre("a", "a/b", "a/b/c", "b", "c/d"));
}

TEST(WatchSnapshot, GoesNeitherWithSinceNorWithAWait) {
    Desk desk;
    EXPECT_EQ(desk.get("/v1/watch?prefix=&snapshot=true&since=0")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/watch?prefix=&snapshot=true&wait=1s")->code(), "bad-parameter");
    EXPECT_EQ(desk.get("/v1/watch?prefix=&snapshot=false&wait=0s")->status(), 200U);
}

TEST(WatchSnapshot, IsNotSentAgainToWhoResumesBehindIt) {
    Desk desk;
    for (int i = 0; i < 3; ++i) desk.gateway.put("a", "v");
    const auto call =
        desk.get("/v1/watch?prefix=&snapshot=true", {{"last-event-id", "2.c1a2b3c4"}});
    const auto events = heard(call->stream);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].id, "3.c1a2b3c4");
    EXPECT_FALSE(events[0].data.contains("snapshot"));
    EXPECT_TRUE(desk.gateway.reads.back().stale);
}

TEST(WatchSnapshot, FollowsAResetThatItIsAskedFor) {
    Desk desk({}, {.history_changes = 2});
    for (int i = 1; i <= 5; ++i) desk.gateway.put("a", "v");
    for (const auto* id : {"1.c1a2b3c4", "9999.0badcafe"}) {
        const auto call = desk.get("/v1/watch?prefix=&snapshot=true", {{"last-event-id", id}});
        const auto events = heard(call->stream);
        ASSERT_EQ(events.size(), 3U);
        EXPECT_EQ(events[0].event, "reset");
        EXPECT_EQ(events[0].id, "") << "there is no position before what is there is sent";
        EXPECT_EQ(events[1].event, "put");
        EXPECT_EQ(events[1].data["snapshot"], true);
        EXPECT_EQ(events[2].event, "bookmark");
        EXPECT_EQ(events[2].id, "5.c1a2b3c4");
    }
}

TEST(WatchSnapshot, EndsWithoutAPositionWhenItIsCutShort) {
    const std::string value(10'000, 'x');
    const auto begin = [&](Desk& desk) {
        for (int i = 0; i < 20; ++i) desk.gateway.put("k" + std::to_string(i), value);
        return desk.get("/v1/watch?prefix=&snapshot=true");
    };
    const auto expect_end = [](const testing::FakeCall& call, const char* what) {
        EXPECT_TRUE(call.ended) << what;
        EXPECT_THAT(call.stream, Not(HasSubstr("id: "))) << what;
    };
    Desk stopping;
    auto call = begin(stopping);
    stopping.pass(std::chrono::milliseconds(20'000));
    EXPECT_THAT(call->stream, Not(HasSubstr("bookmark"))) << "not yet";
    stopping.hub.stop();
    expect_end(*call, "stopped");

    Desk failing;
    call = begin(failing);
    failing.gateway.failure = Failure{Failure::Kind::no_leader};
    call->events.on_drained();
    failing.take_mail();
    expect_end(*call, "the next piece is not to be had");
    EXPECT_EQ(failing.watches.taken(), 0U);

    Desk slow;
    call = begin(slow);
    call->takes = false;
    slow.gateway.put("k0", "changed");
    slow.take_mail();
    expect_end(*call, "what has been sent changes, and its client takes nothing");
    EXPECT_EQ(slow.metrics.watches_cut, 1U);

    Desk gone;
    call = begin(gone);
    call->events.on_drained();
    call->events.on_gone();
    gone.take_mail();
    EXPECT_EQ(gone.hub.size(), 0U);
}

TEST(WatchSnapshot, SaysThatThereIsNoLeaderToAsk) {
    Desk desk;
    desk.gateway.failure = Failure{Failure::Kind::no_leader};
    EXPECT_EQ(desk.get("/v1/watch?prefix=&snapshot=true")->code(), "no-leader");
    const auto event_source =
        desk.get("/v1/watch?prefix=&snapshot=true", {{"last-event-id", "9.0badcafe"}});
    EXPECT_EQ(event_source->stream, "retry: 1000\n\n") << "it would give up on another code";
}

// Changes come between any two pieces, and between a piece and its way to the client: when the
// snapshot is closed, who did as the events said knows exactly what is there, and so ever after.
class WatchSnapshotAmidChanges : public ::testing::TestWithParam<std::uint64_t> {
protected:
    void run(statemachine::Command command) {
        desk_.gateway.run(std::move(command));
        history_[desk_.gateway.applied()] = there(desk_, filter_);
    }

    void change_something() {
        const std::string name =
            names_[prng_.below(std::size(names_))] + std::to_string(prng_.below(30));
        const std::uint64_t dice = prng_.below(10);
        if (dice < 6) {
            const std::string filler(prng_.below(40'000), 'x');
            run(statemachine::PutKey{
                name, std::to_string(++value_) + filler, "text/plain", {}, {}});
        } else if (dice < 8) {
            run(statemachine::DeleteKey{name, {}, {}});
        } else if (dice == 8) {
            run(statemachine::AcquireLock{name, session_, "", 0});
            if (prng_.chance(50)) run(statemachine::ReleaseLock{name, session_, {}});
        } else if (prng_.chance(20)) {
            const std::string member = "m" + std::to_string(++value_);
            run(statemachine::ChangeMembers{0, {statemachine::AddMember{member, member + ":1"}}});
        } else if (prng_.chance(50)) {  // Several changes of one revision.
            run(statemachine::EndSession{session_});
            session_ = desk_.gateway.open_session();
            history_[desk_.gateway.applied()] = there(desk_, filter_);
        }
    }
    // Each command is one revision, and no-ops may follow it.
    const Known& at(std::uint64_t revision) const { return history_.lower_bound(revision)->second; }

    static constexpr const char* names_[] = {"a", "a/", "b/", "c"};
    Prng prng_{GetParam()};
    Desk desk_{{}, {.members = 1'000}};
    statemachine::SessionId session_ = desk_.gateway.open_session();
    int value_ = 0;
    WatchFilter filter_{.prefixes = {"a/", "b/1"},
                        .keys = {"a1", "c2", "c3"},
                        .locks = {"a/", "c"},
                        .members = true};
    std::map<std::uint64_t, Known> history_{};
};

TEST_P(WatchSnapshotAmidChanges, IsTheStateOfTheRevisionThatClosesIt) {
    for (int i = 0; i < 200; ++i) change_something();
    history_[desk_.gateway.applied()] = there(desk_, filter_);

    const auto call = desk_.get(
        "/v1/watch?prefix=a/&prefix=b/1&key=a1&key=c2&key=c3&locks=a/&locks=c&members=true&"
        "snapshot=true");
    int pieces = 1;
    while (call->stream.find("event: bookmark") == std::string::npos) {
        for (auto changes = prng_.below(6); changes > 0; --changes) change_something();
        if (prng_.chance(50)) desk_.take_mail();
        call->events.on_drained();
        for (auto changes = prng_.below(6); changes > 0; --changes) change_something();
        if (prng_.chance(50)) desk_.take_mail();
        ASSERT_LT(++pieces, 1'000);
    }
    for (int i = 0; i < 50; ++i) change_something();
    desk_.take_mail();

    EXPECT_GT(pieces, 3);
    Known known;
    bool closed = false;
    std::uint64_t last = 0;
    for (const auto& event : heard(call->stream)) {
        learn(known, event);
        ASSERT_EQ(event.data.contains("snapshot"), !closed);
        if (event.event == "bookmark") {
            closed = true;
            last = event.data["revision"];
            ASSERT_EQ(known, at(last)) << last;
        }
        if (closed && !event.id.empty()) {
            ASSERT_GE(event.data["revision"], last);
            last = event.data["revision"];
            ASSERT_EQ(known, at(last)) << last;
        }
    }
    EXPECT_TRUE(closed);
    EXPECT_EQ(known, there(desk_, filter_));
}

INSTANTIATE_TEST_SUITE_P(Seeds, WatchSnapshotAmidChanges, ::testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace gavel::api
