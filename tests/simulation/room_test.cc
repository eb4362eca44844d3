#include "tests/simulation/room.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/simulation/failure.h"

namespace gavel::simulation {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)
using What = QuotaExceeded::What;

// A state machine, and what Room says of what it did or is said to have done.
class RoomTest : public testing::Test {
protected:
    Applied apply(const Command& command, bool spares_room = false) {
        entry_ = {.request = {1, 1, ++requests_}, .command = command, .spares_room = spares_room};
        return machine_.apply(machine_.applied() + 1, entry_);
    }
    void run(const Command& command, bool spares_room = false) {
        const Applied applied = apply(command, spares_room);
        room_.check(entry_, applied);
    }
    std::string judge(Applied applied) {
        try {
            room_.check(entry_, applied);
        } catch (const Failure& failure) {
            return failure.what();
        }
        return "";
    }
    // As if the command had been refused so, and had done nothing.
    std::string refuse(const Command& command, Outcome outcome, bool spares_room = false) {
        entry_ = {.request = {1, 1, ++requests_}, .command = command, .spares_room = spares_room};
        return judge({.revision = machine_.applied() + 1, .outcome = std::move(outcome)});
    }

    Machine machine_{{}, 8, {{.id = 1, .name = "m1"}}};
    Reached reached_;
    Room room_{machine_, reached_};
    Entry entry_{};
    std::uint64_t requests_ = 0;
};

TEST_F(RoomTest, HasNothingAgainstWhatAQuotaRefusesByRights) {
    run(PutKey{.key = "q/a", .value = "1234"});
    run(SetQuota{.prefix = "q/", .bounds = {.bytes = 10, .keys = 2}});

    run(PutKey{.key = "q/b", .value = "1"});
    EXPECT_EQ(reached_.times("quota exceeded"), 1U);
    run(Transact{.compares = {{.kind = Compare::Kind::absent, .name = "q/a"}},
                 .then = {DeleteOperation{.key = "q/a"}},
                 .otherwise = {PutOperation{.key = "q/b"}, PutOperation{.key = "q/c"}}});
    EXPECT_EQ(reached_.times("transaction refused by a quota"), 1U);
    run(SetQuota{.prefix = "q/", .bounds = {.bytes = 5}});
    run(PutKey{.key = "q/a", .value = "123"});
    EXPECT_EQ(reached_.times("write done where a quota was passed already"), 1U);
    run(RollBack{.target = "q/", .is_prefix = true, .to = 1});
    EXPECT_EQ(reached_.times("roll back refused by a quota"), 1U);
    run(DeleteKey{.key = "q/a"});
}

TEST_F(RoomTest, FailsARefusalOfWhatThereIsRoomFor) {
    run(PutKey{.key = "q/a", .value = "1234"});
    run(SetQuota{.prefix = "q/", .bounds = {.bytes = 11, .keys = 2}});

    EXPECT_EQ(
        refuse(PutKey{.key = "q/b", .value = "1"}, QuotaExceeded{What::bytes, "q/", 11, 8, 4}),
        "what a quota has room for is not refused");
    EXPECT_EQ(
        refuse(PutKey{.key = "q/b", .value = "12"}, QuotaExceeded{What::bytes, "q/", 11, 8, 5}),
        "a refusal says how much there is and how much was asked for");
    EXPECT_EQ(
        refuse(PutKey{.key = "q/b", .value = "12"}, QuotaExceeded{What::bytes, "q/", 11, 7, 5}),
        "");
    EXPECT_EQ(refuse(PutKey{.key = "p"}, QuotaExceeded{What::bytes, "", 0, 7, 1}),
              "a write is refused by a quota that was set");
}

TEST_F(RoomTest, FailsARefusalOfWhatShrinks) {
    run(PutKey{.key = "q/a", .value = "1234"});
    run(SetQuota{.prefix = "q/", .bounds = {.bytes = 2, .keys = 0}});
    const std::string claim = "what shrinks is never refused";

    const QuotaExceeded exceeded{What::bytes, "q/", 2, 7, 0};
    EXPECT_EQ(refuse(DeleteKey{.key = "q/a"}, exceeded), claim);
    EXPECT_EQ(refuse(DeletePrefix{.key = "q"}, exceeded), claim);
    EXPECT_EQ(refuse(PutKey{.key = "q/a", .value = "123"}, exceeded), claim);
    EXPECT_EQ(refuse(Transact{.then = {PutOperation{.key = "q/b"}, DeleteOperation{"q", true},
                                       PutOperation{.key = "q/a", .value = "123"}}},
                     exceeded),
              claim);
    EXPECT_EQ(refuse(DeleteKey{.key = "q/a"}, StorageFull{}, true), claim);
    EXPECT_EQ(refuse(PutKey{.key = "q/a", .value = "123"}, StorageFull{}, true), claim);
    EXPECT_EQ(refuse(PutKey{.key = "q/a", .value = "12345"}, StorageFull{}, true), "");
    EXPECT_EQ(refuse(PutKey{.key = "q/a", .value = "12345"}, StorageFull{}),
              "room is refused only while it is spared");
}

TEST_F(RoomTest, FailsWhatIsDoneBeyondAQuota) {
    run(SetQuota{.prefix = "q/", .bounds = {.bytes = 10}});
    Applied put = apply(PutKey{.key = "q/a", .value = "1234567"});
    ASSERT_EQ(judge(put), "");
    // One of two, as if the second had been let in, too.
    put.events.front().body = KeyPutEvent{
        std::make_shared<const KeyValue>(KeyValue{.key = "q/b", .value = "1", .version = 1})};
    EXPECT_EQ(judge(put), "a quota of bytes is kept");
}

TEST_F(RoomTest, FailsASessionBeyondTheQuota) {
    run(OpenSession{.ttl = 1'000});
    run(SetQuota{.prefix = "", .bounds = {.sessions = 1}});
    run(OpenSession{.ttl = 1'000});
    EXPECT_EQ(reached_.times("quota of sessions exceeded"), 1U);
    EXPECT_EQ(refuse(OpenSession{.ttl = 1'000}, SessionOpened{77}), "a quota of sessions is kept");
}

TEST_F(RoomTest, FailsARefusalOfASessionThatThereIsRoomFor) {
    run(OpenSession{.ttl = 1'000});
    run(SetQuota{.prefix = "", .bounds = {.sessions = 2}});
    EXPECT_EQ(refuse(OpenSession{.ttl = 1'000}, QuotaExceeded{What::sessions, "", 2, 2, 1}),
              "what a quota has room for is not refused");
}

}  // namespace
}  // namespace gavel::simulation
