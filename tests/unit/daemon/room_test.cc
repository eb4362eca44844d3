#include <gmock/gmock.h>

#include "daemon/alarms.h"
#include "daemon/row_room.h"
#include "statemachine/rows.h"
#include "tests/unit/daemon/core_cluster.h"

namespace gavel::daemon {
namespace {

using statemachine::DeleteKey;
using statemachine::KeyDeleted;
using statemachine::KeyPut;
using statemachine::KeyValue;
using statemachine::SetQuota;
using statemachine::StorageFull;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST(Room, IsSparedAtEveryMemberWhenTheLeadersDiskIsFull) {
    CoreCluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    cluster.submit(follower, put("a", "12"));

    cluster.core(leader).spare_room(true);

    EXPECT_TRUE(cluster.outcome<StorageFull>(cluster.submit(follower, put("b", "1"))));
    EXPECT_TRUE(cluster.outcome<StorageFull>(cluster.submit(leader, put("b", "1"))));
    EXPECT_TRUE(cluster.outcome<KeyPut>(cluster.submit(follower, put("a", "1")))) << "smaller";
    EXPECT_TRUE(cluster.outcome<KeyDeleted>(cluster.submit(follower, DeleteKey{.key = "a"})));

    cluster.core(leader).spare_room(false);
    EXPECT_TRUE(cluster.outcome<KeyPut>(cluster.submit(follower, put("b", "1"))));
}

TEST(Room, IsSparedForAFollowerThatSaysThatItHasNone) {
    CoreCluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    cluster.core(follower).spare_room(true);
    cluster.run_for(1'100);

    EXPECT_TRUE(cluster.outcome<StorageFull>(cluster.submit(leader, put("b", "1"))));
    EXPECT_THAT(cluster.core(leader).status().alarms,
                Contains("member " + std::to_string(follower) + " has no room for a larger state"));

    cluster.core(follower).spare_room(false);
    cluster.run_for(1'100);
    EXPECT_TRUE(cluster.outcome<KeyPut>(cluster.submit(leader, put("b", "1"))));
    EXPECT_THAT(cluster.core(leader).status().alarms, IsEmpty());
}

TEST(Room, IsSparedForNobodyWhoIsGone) {
    CoreCluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    cluster.core(follower).spare_room(true);
    cluster.run_for(1'100);

    cluster.kill(follower);
    cluster.run_for(15'000);

    EXPECT_TRUE(cluster.outcome<KeyPut>(cluster.submit(leader, put("b", "1"))));
}

TEST(Room, OfWhatIsOnItsWayToTheDiskIsThatOfTheLatestValues) {
    CoreCluster cluster(1);
    const auto leader = cluster.leader();
    Core& core = cluster.core(leader);
    core.take_state_batch();
    EXPECT_EQ(core.dirty_bytes(), 0U);
    const std::string large(100'000, 'v');
    cluster.submit(leader, put("a", large));
    const auto once = core.dirty_bytes();
    EXPECT_GE(once, 200'000U) << "the key and its change";

    cluster.submit(leader, put("a", large));
    const auto twice = core.dirty_bytes() - once;
    EXPECT_GE(twice, 200'000U) << "a change more, and what the key was";
    EXPECT_LE(twice, 218'000U) << "but the key only once";

    const auto batch = core.take_state_batch();
    EXPECT_EQ(batch.bytes, once + twice);
    EXPECT_EQ(core.dirty_bytes(), 0U);
}

TEST(Room, OfARowCountsItsPages) {
    const auto value = [](std::size_t size) {
        return std::make_shared<const KeyValue>(
            KeyValue{.key = "k", .value = Bytes(std::string(size, 'v'))});
    };
    const auto key = statemachine::key_row("k");
    EXPECT_GE(room_to_commit(key, value(1)), 4'096U);
    EXPECT_LE(room_to_commit(key, value(1)), 5'000U);
    EXPECT_EQ(room_to_commit(key, value(10'000)), 4'096U + 4'096U + 3 * 4'096U);
    EXPECT_EQ(room_to_commit(key, {}), 4'096U) << "what is gone was on a leaf";
    EXPECT_LT(room_to_commit(statemachine::history_row(1), {}), 4'096U);
}

TEST(Alarms, OfQuotasAreRaisedInTwoSteps) {
    CoreCluster cluster(1);
    const auto leader = cluster.leader();
    const auto alarms = [&] { return cluster.core(leader).status().alarms; };
    cluster.submit(leader, SetQuota{"app/", {.keys = 10}});
    for (int i = 0; i < 7; ++i) cluster.submit(leader, put("app/" + std::to_string(i), ""));
    EXPECT_THAT(alarms(), IsEmpty());

    cluster.submit(leader, put("app/7", ""));
    EXPECT_THAT(alarms(), Contains("the quota of 'app/' in keys is filling up: 8 of 10"));

    cluster.submit(leader, put("app/8", ""));
    cluster.submit(leader, put("app/9", ""));
    EXPECT_THAT(alarms(), Contains("the quota of 'app/' in keys is nearly used up: 10 of 10"));

    cluster.submit(leader, SetQuota{"", {.keys = 11}});
    EXPECT_THAT(alarms(), Contains(StartsWith("the quota of everything in keys is filling up")));

    cluster.submit(leader, SetQuota{"app/", {.keys = 0}});
    EXPECT_THAT(alarms(), Contains(StartsWith("the quota of everything")));
    cluster.submit(leader, SetQuota{"", {}});
    EXPECT_THAT(alarms(), Not(Contains(HasSubstr("everything"))));
}

TEST(Alarms, OfIdempotencyKeysComeBeforeTheyAreRefused) {
    CoreCluster cluster(1);
    const auto leader = cluster.leader();
    const auto alarms = [&] { return cluster.core(leader).status().alarms; };
    auto put_keyed = [&, number = 0](int count) mutable {
        for (int i = 0; i < count; ++i) {
            api::Submission submission{.command = put("a", ""), .timeout = std::chrono::seconds(1)};
            submission.idempotency = {std::to_string(++number), 1};
            cluster.core(leader).submit(static_cast<std::uint64_t>(number) + 1'000'000,
                                        std::move(submission));
            if (number % 64 == 0) cluster.settle();
        }
        cluster.settle();
    };
    put_keyed(71'999);
    EXPECT_THAT(alarms(), IsEmpty());
    put_keyed(1);
    EXPECT_THAT(alarms(),
                ElementsAre("the room for idempotency keys is filling up: 72000 of 90000"));
    EXPECT_EQ(cluster.core(leader).status().idempotency_keys, 72'000U);
}

TEST(Alarms, AreNotRaisedWhereNothingMayBeAndNothingIs) {
    std::vector<std::string> alarms;
    add_alarm_of_use(alarms, "x", 0, 0);
    add_alarm_of_use(alarms, "x", 79, 100);
    EXPECT_THAT(alarms, IsEmpty());
    add_alarm_of_use(alarms, "x", 80, 100);
    add_alarm_of_use(alarms, "x", 94, 100);
    add_alarm_of_use(alarms, "x", 95, 100);
    EXPECT_THAT(alarms, ElementsAre("x is filling up: 80 of 100", "x is filling up: 94 of 100",
                                    "x is nearly used up: 95 of 100"));
}

}  // namespace
}  // namespace gavel::daemon
