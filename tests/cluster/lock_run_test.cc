#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/cluster/cluster.h"
#include "tests/cluster/process.h"

namespace gavel::test {
namespace {

// A line of what commands write: when (microseconds of one clock), who, what.
struct Line {
    std::uint64_t at{};
    std::string who{};
    std::string what{};
};

// `gavel lock` with a command that writes down when it ran, every 10 ms, and which signals came.
// While another process holds the lock none of these lines may be of the one that lost it.
class LockRuns : public testing::Test {
protected:
    void SetUp() override {
        cluster_.start_all();
        leader_ = cluster_.leader();
        // In bash, which knows the time without a process.
        std::ofstream(script()) << R"(
who=$1 diary=$2 manners=$3
note() { echo "${EPOCHREALTIME/[.,]/} $who $1" >>"$diary"; }
trap 'note TERM; test "$manners" = obeys && exit 0' TERM
trap 'note USR1' USR1
note token=$GAVEL_LOCK_TOKEN
while test -e "$diary"; do note runs; sleep 0.01; done
)";
    }

    // `through` names members in the order in which gavel asks them.
    Process run(const std::string& who, const std::vector<std::size_t>& through,
                const std::string& manners = "obeys", const std::string& ttl = "2s") {
        std::vector<std::string> arguments{GAVEL_BINARY};
        for (const std::size_t member : through) {
            arguments.push_back("--endpoint=http://127.0.0.1:" +
                                std::to_string(cluster_.port(member)));
        }
        for (const std::string& more :
             std::vector<std::string>{"lock", "deploy", "--ttl=" + ttl, "--", "/bin/bash", script(),
                                      who, diary(), manners}) {
            arguments.push_back(more);
        }
        return {arguments, (cluster_.folder() / who).string()};
    }

    std::vector<Line> lines() const {
        std::vector<Line> lines;
        std::ifstream in(diary());
        for (std::string text; std::getline(in, text);) {
            std::istringstream stream(text);
            Line line;
            if (stream >> line.at >> line.who >> line.what) lines.push_back(line);
        }
        return lines;
    }
    std::uint64_t first(const std::string& who, const std::string& what = "") const {
        for (const Line& line : lines()) {
            if (line.who == who && line.what.starts_with(what)) return line.at;
        }
        return 0;
    }
    std::uint64_t last(const std::string& who, const std::string& what = "") const {
        std::uint64_t at = 0;
        for (const Line& line : lines()) {
            if (line.who == who && line.what.starts_with(what)) at = line.at;
        }
        return at;
    }
    bool runs(const std::string& who) const { return first(who, "runs") != 0; }
    std::string said(const std::string& who) const {
        return contents((cluster_.folder() / who).string() + ".err");
    }
    bool queued() {
        auto client = cluster_.client((leader_ + 1) % 3);
        const auto lock = client.call("GET", "/v1/locks/deploy", "", {}, 2s).json();
        return lock.is_object() && lock.value("queue_length", 0) == 1;
    }
    std::uint64_t token(const std::string& who) const {
        for (const Line& line : lines()) {
            if (line.who == who && line.what.starts_with("token=")) {
                return std::stoull(line.what.substr(6));
            }
        }
        return 0;
    }

    Cluster cluster_{};
    std::size_t leader_ = 0;

private:
    std::string script() const { return (cluster_.folder() / "work.sh").string(); }
    std::string diary() const { return (cluster_.folder() / "diary").string(); }
};

// All that the holder reaches is frozen, and the cluster goes on without it: it asks its command to
// end, which does not heed it, and kills it, before the session can lapse and the next is granted
// the lock.
TEST_F(LockRuns, AreOverBeforeAnotherHoldsTheLockThoughTheirLeaderIsFrozen) {
    Process holder = run("holder", {leader_}, "stays");
    ASSERT_TRUE(eventually([this] { return runs("holder"); }));
    Process next = run("next", {(leader_ + 1) % 3, (leader_ + 2) % 3});
    ASSERT_TRUE(eventually([this] { return queued(); }));

    cluster_.freeze(leader_);
    EXPECT_EQ(holder.wait(20s), 122) << said("holder");
    ASSERT_TRUE(eventually([this] { return runs("next"); }, 30s));
    cluster_.signal(leader_, SIGCONT);

    EXPECT_NE(first("holder", "TERM"), 0U) << said("holder");
    EXPECT_GT(last("holder"), first("holder", "TERM")) << "it did not heed TERM";
    EXPECT_LT(last("holder"), first("next")) << "both ran";
    EXPECT_GT(token("next"), token("holder"));
    EXPECT_THAT(said("holder"), testing::HasSubstr("lock lost"));
    next.signal(SIGTERM);
    EXPECT_EQ(next.wait(10s), 0) << said("next");
}

TEST_F(LockRuns, GoOnUnderTheNextLeaderWhenTheirsIsFrozen) {
    Process holder = run("holder", {leader_, (leader_ + 1) % 3, (leader_ + 2) % 3});
    ASSERT_TRUE(eventually([this] { return runs("holder"); }));
    Process next = run("next", {(leader_ + 1) % 3});
    ASSERT_TRUE(eventually([this] { return queued(); }));

    cluster_.freeze(leader_);
    const std::uint64_t frozen_at = last("holder");
    cluster_.leader({leader_});
    // More than the TTL: it was kept alive with another leader meanwhile.
    EXPECT_TRUE(eventually([&] { return last("holder") > frozen_at + 5'000'000; }, 20s));
    cluster_.signal(leader_, SIGCONT);

    EXPECT_EQ(first("holder", "TERM"), 0U) << said("holder");
    EXPECT_FALSE(runs("next"));
    holder.signal(SIGUSR1);
    EXPECT_TRUE(eventually([&] { return first("holder", "USR1") != 0; }))
        << "signals are passed on";
    holder.signal(SIGTERM);
    EXPECT_EQ(holder.wait(10s), 0) << said("holder");
    EXPECT_TRUE(eventually([this] { return runs("next"); }, 10s));
    EXPECT_LT(last("holder"), first("next"));
    next.signal(SIGTERM);
    EXPECT_EQ(next.wait(10s), 0);
}

// Whoever looks at it can tell in time that the lock may be lost, and that it was not.
TEST_F(LockRuns, TellOfTheirJeopardyWhileTheirMemberIsFrozen) {
    const std::size_t follower = (leader_ + 1) % 3;
    Process holder = run("holder", {follower}, "obeys", "12s");
    ASSERT_TRUE(eventually([this] { return runs("holder"); }));

    cluster_.freeze(follower);
    EXPECT_TRUE(eventually(
        [this] { return said("holder").find("deploy is in jeopardy") != std::string::npos; }, 20s))
        << said("holder");
    cluster_.signal(follower, SIGCONT);
    EXPECT_TRUE(eventually(
        [this] { return said("holder").find("deploy is safe again") != std::string::npos; }, 20s))
        << said("holder");

    const std::string told = said("holder");
    EXPECT_EQ(std::ranges::count(told, '\n'), 2) << told;
    EXPECT_EQ(first("holder", "TERM"), 0U) << "it was held all the time";
    holder.signal(SIGTERM);
    EXPECT_EQ(holder.wait(10s), 0) << said("holder");
}

// Nobody can end the command while gavel itself is frozen; the token tells it from the next. Awake
// again gavel ends it before anything else.
TEST_F(LockRuns, EndAtOnceWhenGavelWakesUpAfterItsTtl) {
    Process holder = run("holder", {leader_}, "stays");
    ASSERT_TRUE(eventually([this] { return runs("holder"); }));
    Process next = run("next", {(leader_ + 1) % 3});
    ASSERT_TRUE(eventually([this] { return queued(); }));

    holder.freeze();
    ASSERT_TRUE(eventually([this] { return runs("next"); }, 20s));
    EXPECT_GT(token("next"), token("holder"));
    const std::uint64_t woken_at = last("next");
    holder.signal(SIGCONT);

    EXPECT_EQ(holder.wait(10s), 122) << said("holder");
    EXPECT_LT(last("holder"), woken_at + 1'000'000) << "it is killed, not asked";
    EXPECT_EQ(first("holder", "TERM"), 0U);
    EXPECT_TRUE(next.running());
    auto client = cluster_.client((leader_ + 1) % 3);
    const auto stale =
        client.call("GET", "/v1/locks/deploy?token=" + std::to_string(token("holder")));
    EXPECT_EQ(stale.json().value("code", ""), "stale-token");
    next.signal(SIGTERM);
    EXPECT_EQ(next.wait(10s), 0);
}

}  // namespace
}  // namespace gavel::test
