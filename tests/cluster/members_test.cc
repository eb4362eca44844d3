// Members join, leave and are replaced, as real processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class ClusterMembers : public testing::Test {
protected:
    void SetUp() override {
        cluster.start_all();
        cluster.leader();
        ASSERT_TRUE(eventually([&] { return all_have_met(); }));
    }

    // Every member has heard from every other one: until then a plan takes it for unreachable.
    bool all_have_met() {
        for (std::size_t at = 0; at < cluster.size(); ++at) {
            const json told = cluster.client(at).call("GET", "/v1/members").json();
            if (!told.is_object()) return false;
            for (const auto& member : told.value("members", json::array())) {
                if (member["last_contact"].is_null() || member["applied"].is_null()) return false;
            }
        }
        return true;
    }

    // What a member says of the members: number to role.
    std::map<int, std::string> roles(std::size_t at) {
        std::map<int, std::string> roles;
        const json members = cluster.client(at).call("GET", "/v1/members").json();
        if (!members.is_object()) return roles;
        for (const auto& member : members.value("members", json::array())) {
            roles[member.value("member_id", 0)] = member.value("role", "");
        }
        return roles;
    }
    bool eventually_has(std::size_t at, const std::map<int, std::string>& wanted) {
        return eventually([&] { return roles(at) == wanted; });
    }
    Answer change(std::size_t at, const std::string& method, const std::string& target,
                  const std::string& body = "") {
        return cluster.client(at).call(method, target, body,
                                       {{"Content-Type", "application/json"}});
    }
    // What a member keeps, but for what is hidden, as `rm -rf DIR/*` leaves it.
    void wipe(std::size_t member) {
        const auto folder = cluster.folder() / ("n" + std::to_string(member + 1));
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            if (!entry.path().filename().string().starts_with('.')) {
                std::filesystem::remove_all(entry.path());
            }
        }
    }
    bool put(std::size_t at, const std::string& key) {
        return cluster.client(at).call("PUT", "/v1/config/" + key, "value of " + key).ok();
    }
    bool eventually_gets(std::size_t at, const std::string& key) {
        return eventually([&] {
            return cluster.client(at).call("GET", "/v1/config/" + key).body == "value of " + key;
        });
    }

    Cluster cluster{3};
};

TEST_F(ClusterMembers, LetAnotherLeadWhenAsked) {
    const std::size_t old_leader = cluster.leader();
    const std::size_t asked = cluster.follower();
    const std::size_t wanted = 3 - old_leader - asked;

    const auto answer =
        change(asked, "POST", "/v1/leader", "{\"member_id\":" + std::to_string(wanted + 1) + "}");

    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.json()["leader_id"], wanted + 1);
    EXPECT_EQ(cluster.leader(), wanted);
    EXPECT_TRUE(put(old_leader, "after"));
    const auto again = change(wanted, "POST", "/v1/leader");
    EXPECT_EQ(again.status, 200) << again.body;
    EXPECT_NE(again.json()["leader_id"], wanted + 1);
}

TEST_F(ClusterMembers, JoinThroughAnyMemberAndVoteOnceTheyHaveCaughtUp) {
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(put(0, "k" + std::to_string(i)));

    const std::size_t fourth = cluster.join(cluster.follower());

    EXPECT_TRUE(eventually_has(0, {{1, "voter"}, {2, "voter"}, {3, "voter"}, {4, "voter"}}));
    EXPECT_TRUE(eventually_gets(fourth, "k49"));
    EXPECT_TRUE(put(fourth, "after"));
}

const std::map<int, std::string> with_a_learner{
    {1, "voter"}, {2, "voter"}, {3, "voter"}, {4, "learner"}};

TEST_F(ClusterMembers, KeepTheirNumberOverAStartThatWasCutShort) {
    const std::size_t fourth = cluster.prepare_to_join(0, "learner");
    // It registers, and then has no room for its log.
    const std::vector<std::string> without_room{"/bin/sh", "-c", "ulimit -f 2048; exec \"$@\"",
                                                "sh"};
    EXPECT_NE(cluster.run_instead(fourth, without_room), 0);
    ASSERT_TRUE(eventually_has(0, with_a_learner));

    // It must not found a cluster of its own on what is left.
    auto without_join = cluster.arguments(fourth);
    std::erase_if(without_join, [](const auto& option) { return option.starts_with("--join"); });
    EXPECT_EQ(Process(without_join, (cluster.folder() / "n4.log").string()).wait(20s), 1);
    EXPECT_THAT(cluster.log(fourth), HasSubstr("was cut short"));

    cluster.start(fourth);
    ASSERT_TRUE(put(0, "k"));
    EXPECT_TRUE(eventually_gets(fourth, "k"));
    EXPECT_TRUE(eventually_has(0, with_a_learner)) << "one newcomer, however often it came";
}

// Whoever got its number back without its memory would vote as one that never promised anything.
TEST_F(ClusterMembers, DoNotGetTheirNumberBackWithoutTheirMemory) {
    const std::size_t fourth = cluster.join(0, "learner");
    ASSERT_TRUE(put(0, "k"));
    ASSERT_TRUE(eventually_gets(fourth, "k"));
    cluster.kill(fourth);
    wipe(fourth);

    cluster.start(fourth);

    EXPECT_EQ(cluster.wait(fourth, 20s), 1);
    EXPECT_THAT(cluster.log(fourth), HasSubstr("member 4 has that name"));
}

TEST_F(ClusterMembers, EndWhenTheyAreRemovedAndDoNotComeBack) {
    const std::size_t stays = cluster.leader();
    const std::size_t gone = cluster.follower();

    const auto answer = change(stays, "DELETE", "/v1/members/" + std::to_string(gone + 1));
    ASSERT_EQ(answer.status, 200) << answer.body;

    EXPECT_EQ(cluster.wait(gone, 20s), 0) << "it ends by itself";
    EXPECT_THAT(cluster.log(gone), HasSubstr("removed"));
    cluster.start(gone);
    EXPECT_EQ(cluster.wait(gone, 20s), 1) << "and a start explains";
    EXPECT_THAT(cluster.log(gone), HasSubstr("cannot come back"));
    EXPECT_TRUE(put(stays, "after"));
}

TEST_F(ClusterMembers, ServeOnWhenTheirLeaderIsRemoved) {
    const std::size_t gone = cluster.leader();
    const std::size_t stays = (gone + 1) % 3;

    const auto answer = change(stays, "DELETE", "/v1/members/" + std::to_string(gone + 1));
    ASSERT_EQ(answer.status, 200) << answer.body;

    EXPECT_TRUE(eventually([&] { return put(stays, "after"); }));
    EXPECT_EQ(cluster.wait(gone, 20s), 0);
    EXPECT_TRUE(put(stays, "later"));
}

// A dead member is removed with as little ceremony as a live one.
TEST_F(ClusterMembers, AreRemovedWhenTheyAreDead) {
    const std::size_t dead = cluster.follower();
    const std::size_t stays = cluster.leader();
    cluster.kill(dead);

    const auto answer = change(stays, "DELETE", "/v1/members/" + std::to_string(dead + 1));

    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_TRUE(put(stays, "after"));
    // Back from the dead it is told, and does no harm.
    cluster.start(dead);
    EXPECT_EQ(cluster.wait(dead, 20s), 0);
    EXPECT_TRUE(put(stays, "later"));
}

TEST_F(ClusterMembers, AreReplacedAllAtOnceUnderLoad) {
    std::atomic<bool> stop{false};
    std::atomic<int> written{0};
    std::vector<std::size_t> fresh;
    for (int i = 0; i < 3; ++i) fresh.push_back(cluster.join(0, "learner"));
    ASSERT_TRUE(eventually([&] { return roles(0).size() == 6; }));
    for (const std::size_t one : fresh) ASSERT_TRUE(eventually([&] { return put(one, "warm"); }));
    ASSERT_TRUE(eventually([&] { return all_have_met(); }));
    std::thread load([&] {
        // The newcomers hand what they are asked to the leader, whoever that is.
        for (int i = 0; !stop; ++i) {
            if (put(fresh[static_cast<std::size_t>(i) % 3], "load/" + std::to_string(i))) {
                written = i;
            }
        }
    });

    const auto answer = change(fresh[0], "PUT", "/v1/members", R"({"voters":[4,5,6]})");
    EXPECT_EQ(answer.status, 200) << answer.body;
    for (std::size_t old = 0; old < 3; ++old) EXPECT_EQ(cluster.wait(old, 20s), 0) << old;
    const int before = written;
    EXPECT_TRUE(eventually([&] { return written > before + 20; })) << "writes go on";
    stop = true;
    load.join();

    for (const std::size_t one : fresh) {
        EXPECT_TRUE(eventually_gets(one, "load/" + std::to_string(written)));
    }
    EXPECT_TRUE(eventually_has(fresh[1], {{4, "voter"}, {5, "voter"}, {6, "voter"}}));
}

// A member comes to stand in a directory as it was some writes ago: it would vote as one that never
// gave the votes that it has given since.
class ClusterSetBack : public ClusterMembers {
protected:
    std::filesystem::path folder_of(std::size_t member) const {
        return cluster.folder() / ("n" + std::to_string(member + 1));
    }
    void copy(std::size_t member) {
        std::filesystem::copy(folder_of(member), cluster.folder() / "copy",
                              std::filesystem::copy_options::recursive);
    }
    void put_copy_back(std::size_t member) {
        std::filesystem::remove_all(folder_of(member));
        std::filesystem::rename(cluster.folder() / "copy", folder_of(member));
    }
    void stop(std::size_t member) {
        cluster.signal(member, SIGTERM);
        ASSERT_EQ(cluster.wait(member, 20s), 0);
    }
    // What it has on its disk, the others have heard of.
    void write_on(std::size_t member) {
        for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(member, "later/" + std::to_string(i)));
        ASSERT_TRUE(eventually_gets(member, "later/19"));
    }
    void expect_quarantine(std::size_t member) {
        const std::size_t before = cluster.log(member).size();
        cluster.start(member);
        EXPECT_EQ(cluster.wait(member, 20s), 70) << "it ends by itself";
        EXPECT_THAT(cluster.log(member).substr(before),
                    AllOf(HasSubstr("set back in time"),
                          HasSubstr("gavel member rm " + std::to_string(member + 1))));
        cluster.start(member);
        EXPECT_EQ(cluster.wait(member, 20s), 1) << "and a start explains";
        EXPECT_THAT(cluster.log(member), HasSubstr("than stands in it: it was set back in time"));
    }
};

TEST_F(ClusterSetBack, ToACopyOfTheirPresentRunAreReplacedByFreshOnes) {
    const std::size_t one = cluster.follower();
    ASSERT_TRUE(put(one, "k"));
    cluster.freeze(one);
    copy(one);
    cluster.signal(one, SIGCONT);
    write_on(one);
    cluster.kill(one);
    put_copy_back(one);

    expect_quarantine(one);

    const std::size_t stays = cluster.leader({one});
    ASSERT_TRUE(put(stays, "after")) << "the others go on";
    const auto answer = change(stays, "DELETE", "/v1/members/" + std::to_string(one + 1));
    ASSERT_EQ(answer.status, 200) << answer.body;
    const std::size_t fresh = cluster.join(stays);
    EXPECT_TRUE(eventually([&] { return roles(stays)[4] == "voter"; }));
    EXPECT_TRUE(eventually_gets(fresh, "after"));
}

// The copy's next start has the number of one that the others have seen.
TEST_F(ClusterSetBack, ToACopyOfTheRunBeforeAreRefused) {
    const std::size_t one = cluster.follower();
    stop(one);
    copy(one);
    cluster.start(one);
    ASSERT_TRUE(eventually([&] { return put(one, "k"); }));
    stop(one);
    put_copy_back(one);

    expect_quarantine(one);

    EXPECT_TRUE(put(cluster.leader({one}), "after"));
}

TEST_F(ClusterSetBack, AreRememberedByMembersThatWereRestarted) {
    const std::size_t one = cluster.follower();
    cluster.freeze(one);
    copy(one);
    cluster.signal(one, SIGCONT);
    write_on(one);
    stop(one);
    put_copy_back(one);
    for (std::size_t other = 0; other < 3; ++other) {
        if (other != one) stop(other);
    }
    for (std::size_t other = 0; other < 3; ++other) {
        if (other != one) cluster.start(other);
    }

    expect_quarantine(one);

    EXPECT_TRUE(put(cluster.leader({one}), "after"));
}

TEST_F(ClusterMembers, AreNotTakenFromAnotherDirectory) {
    // Which directory each has is recorded soon after the first start.
    const std::size_t lost = cluster.follower();
    ASSERT_TRUE(put(cluster.leader(), "k"));
    cluster.kill(lost);
    std::filesystem::remove_all(cluster.folder() / ("n" + std::to_string(lost + 1)));

    cluster.start(lost);

    EXPECT_TRUE(
        eventually([&] { return cluster.log(lost).find("data directory") != std::string::npos; }));
    EXPECT_NE(cluster.client(lost).call("GET", "/readyz").status, 200);
    EXPECT_TRUE(put(cluster.leader({lost}), "after"));
}

}  // namespace
}  // namespace gavel::test
