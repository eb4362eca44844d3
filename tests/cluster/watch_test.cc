#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <ostream>
#include <thread>

#include "tests/cluster/cluster.h"
#include "tests/cluster/process.h"

namespace gavel::test {
namespace {

TEST(ClusterWatch, ResumesOverTheDeathOfItsMemberWithoutGapOrRepeat) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t dying = (leader + 1) % 3;
    auto writer = cluster.client(leader);
    const Answer start = writer.call("PUT", "/v1/config/app/start", "0");
    ASSERT_EQ(start.status, 201);
    const std::string since = std::to_string(start.json().value("revision", 0UL));

    std::vector<std::string> seen;
    std::string last_id;
    std::atomic<std::size_t> count{0};
    std::atomic<bool> complete{false};
    std::thread watcher([&] {
        std::size_t member = dying;
        for (int tries = 0; tries < 200 && !complete; ++tries) {
            auto client = cluster.client(member);
            std::vector<std::pair<std::string, std::string>> headers;
            if (!last_id.empty()) headers.emplace_back("Last-Event-ID", last_id);
            client.watch("/v1/watch?prefix=app/&since=" + since, headers, [&](const auto& event) {
                if (event.contains("id")) last_id = event.at("id");
                if (!event.contains("event") || event.at("event") != "put") return true;
                const auto data = nlohmann::json::parse(event.at("data"));
                seen.push_back(data.value("value", ""));
                ++count;
                complete = seen.back() == "399";
                return !complete;
            });
            member = (member + 1) % 3;
        }
    });

    for (int i = 0; i < 400; ++i) {
        if (i == 150) {
            ASSERT_TRUE(eventually([&] { return count > 50; }));
            cluster.kill(dying);
        }
        ASSERT_TRUE(
            writer.call("PUT", "/v1/config/app/" + std::to_string(i % 7), std::to_string(i)).ok());
    }
    EXPECT_TRUE(eventually([&] { return complete.load(); }, 20s));
    complete = true;
    watcher.join();

    std::vector<std::string> expected;
    for (int i = 0; i < 400; ++i) expected.push_back(std::to_string(i));
    EXPECT_EQ(seen, expected);
}

TEST(ClusterWatch, ResumesAfterARestartOfAllMembers) {
    Cluster cluster;
    cluster.start_all();
    auto writer = cluster.client(cluster.leader());
    const auto first = writer.call("PUT", "/v1/config/app/a", "1").json();
    writer.call("PUT", "/v1/config/app/a", "2");
    for (std::size_t i = 0; i < 3; ++i) cluster.kill(i);
    cluster.start_all();
    cluster.leader();

    std::vector<std::string> seen;
    cluster.client(0).watch(
        "/v1/watch?prefix=app/", {{"Last-Event-ID", std::to_string(first.value("revision", 0UL))}},
        [&](const auto& event) {
            if (event.contains("event") && event.at("event") == "put") {
                seen.push_back(nlohmann::json::parse(event.at("data")).value("value", ""));
            }
            return seen.empty();
        });

    EXPECT_THAT(seen, testing::ElementsAre("2"));
}

// The same list of members gives the same cluster id; what was seen of the first one is no place in
// the second, be it further or not.
TEST(ClusterWatch, KnowsAClusterThatWasMadeAnewFromTheSameList) {
    Cluster cluster;
    cluster.start_all();
    auto writer = cluster.client(cluster.leader());
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(writer.call("PUT", "/v1/config/a", "old").ok());
    const std::string poll = "/v1/watch?prefix=&wait=1s&since=";
    const auto old = cluster.client(1).call("GET", poll + "0").json().value("position", "");
    const auto id = cluster.client(1).call("GET", "/v1/status").json().value("cluster_id", "");

    for (std::size_t i = 0; i < 3; ++i) cluster.kill(i);
    for (std::size_t i = 0; i < 3; ++i) {
        std::filesystem::remove_all(cluster.folder() / ("n" + std::to_string(i + 1)));
    }
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    ASSERT_TRUE(client.call("PUT", "/v1/config/a", "new").ok());

    EXPECT_EQ(client.call("GET", "/v1/status").json().value("cluster_id", ""), id);
    const Answer refused = client.call("GET", poll + old);
    EXPECT_EQ(refused.status, 410) << refused.body;
    EXPECT_EQ(refused.json().value("code", ""), "other-cluster");
    const auto fresh = client.call("GET", poll + "0").json().value("position", "");
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(cluster.client(i).call("GET", poll + fresh).status, 200) << "on any member";
    }
}

// A change of a key as a watcher is told of it.
struct Told {
    std::uint64_t revision{};
    std::string event{};
    std::string key{};
    bool operator==(const Told&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Told& told) {
    return out << told.revision << ' ' << told.event << ' ' << told.key;
}

Told told_by(const std::map<std::string, std::string>& event) {
    const auto data = nlohmann::json::parse(event.at("data"));
    return {data.value("revision", 0UL), event.at("event"), data.value("key", "")};
}

// What follows `since`, of as many changes as are to come, or until nothing comes any more (well
// before a bookmark would). Bookmarks are left out, and must not lie.
std::vector<Told> told_after(Client client, const std::string& prefix, std::uint64_t since,
                             std::size_t count, std::chrono::milliseconds quiet_limit = 10s) {
    std::vector<Told> told;
    std::uint64_t covered = since;
    const std::string target = "/v1/watch?prefix=" + prefix + "&since=" + std::to_string(since);
    client.watch(
        target, {},
        [&](const auto& event) {
            if (!event.contains("event")) return true;
            const Told one = told_by(event);
            if (one.event == "bookmark") {
                EXPECT_GE(one.revision, covered) << "a bookmark of the past";
                covered = one.revision;
                return true;
            }
            EXPECT_GT(one.revision, covered) << "told of before, or said not to come: " << one;
            told.push_back(one);
            return told.size() < count;
        },
        quiet_limit);
    return told;
}

// Writes whose revisions are known.
class Writer {
public:
    explicit Writer(Client client) : client_(std::move(client)) {}

    std::uint64_t put(const std::string& key, const std::string& value = "v") {
        return note(client_.call("PUT", "/v1/config/" + key, value), "put", key);
    }
    std::uint64_t remove(const std::string& key) {
        return note(client_.call("DELETE", "/v1/config/" + key), "delete", key);
    }
    std::vector<Told> after(std::uint64_t since, const std::string& prefix) const {
        std::vector<Told> found;
        for (const Told& one : done_) {
            if (one.revision > since && one.key.starts_with(prefix)) found.push_back(one);
        }
        return found;
    }
    std::uint64_t last() const { return done_.back().revision; }

private:
    std::uint64_t note(const Answer& answer, const std::string& event, const std::string& key) {
        EXPECT_TRUE(answer.ok()) << answer.status << answer.body;
        const std::uint64_t revision = answer.json().value("revision", 0UL);
        done_.push_back({revision, event, key});
        return revision;
    }

    Client client_;
    std::vector<Told> done_{};
};

// Elsewhere it was told of older changes, or of progress before them (etcd #20221); here of nothing
// up to its revision, and then of all there is.
TEST(ClusterWatch, OnAFutureRevisionIsToldOfNothingOlderAndOfAllThatFollows) {
    Cluster cluster;
    cluster.start_all();
    Writer writer(cluster.client(cluster.leader()));
    for (std::size_t member = 0; member < 3; ++member) {
        const std::uint64_t future = writer.put("app/a") + 20;
        std::atomic<bool> begun{false};
        std::vector<Told> told;
        std::thread watching([&] {
            begun = true;
            told = told_after(cluster.client(member), "app/", future, 5);
        });
        EXPECT_TRUE(eventually([&] { return begun.load(); }));
        while (writer.after(future, "app/").size() < 5) {
            writer.put("app/" + std::to_string(writer.last() % 3));
        }
        watching.join();
        auto expected = writer.after(future, "app/");
        expected.resize(5);
        EXPECT_EQ(told, expected) << "member " << member;
    }
}

// A revision that others have long passed is the future of a member that lags: one that is frozen,
// so that it begins with what it was asked and then hears of the rest, or is asked for it by a
// client that comes when it has just begun to catch up.
TEST(ClusterWatch, OnARevisionThatItsMemberHasYetToReachIsToldOfAllThatFollows) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t lagging = (leader + 1) % 3;
    Writer writer(cluster.client(leader));
    writer.put("app/a");
    cluster.freeze(lagging);
    for (int i = 0; i < 300; ++i) writer.put("app/" + std::to_string(i % 5));
    const std::uint64_t since = writer.last();
    for (int i = 0; i < 300; ++i) writer.put("app/" + std::to_string(i % 5));
    const auto expected = writer.after(since, "app/");

    std::vector<Told> asked_before, asked_after;
    std::thread before(
        [&] { asked_before = told_after(cluster.client(lagging), "app/", since, 300); });
    cluster.signal(lagging, SIGCONT);
    std::thread after(
        [&] { asked_after = told_after(cluster.client(lagging), "app/", since, 300); });
    before.join();
    after.join();

    EXPECT_EQ(asked_before, expected);
    EXPECT_EQ(asked_after, expected);
}

// A history that is cut between a key's put, a large one that fills the history, and its deletion.
class ClusterWatchHistory : public testing::Test {
protected:
    void SetUp() override {
        cluster_.start_all();
        writer_.emplace(cluster_.client(cluster_.leader()));
        // 16 MiB are kept (docs/operating.md).
        const std::string large(900'000, '.');
        for (int i = 0; i < 24; ++i) {
            const std::string key = "edge/" + std::to_string(i);
            writer_->put(key);
            writer_->put("bulk/" + std::to_string(i % 2), large);
            writer_->remove(key);
        }
        const auto floor = floor_of(cluster_.client(cluster_.leader()));
        ASSERT_GT(floor, 0U) << "nothing was forgotten";
        floor_ = floor;
    }
    std::uint64_t floor_of(Client client) const {
        const auto answer = client.call("GET", "/v1/watch?prefix=edge/&wait=0s&since=0");
        if (answer.json().value("code", "") != "compacted") return 0;
        return answer.json().value("oldest_revision", 0UL);
    }
    // The slot of the state that a member began with.
    std::uint64_t restored_by(std::size_t member) const {
        const std::string log = cluster_.log(member);
        const auto serving = log.rfind("\"message\":\"serving\"");
        const std::string field = "\"applied\":";
        const auto at = serving == std::string::npos ? serving : log.find(field, serving);
        return at == std::string::npos ? 0 : std::stoull(log.substr(at + field.size()));
    }
    // From right before the edge of the history and from the edge on, on each member.
    void expect_exact_at_the_edge() {
        for (std::size_t member = 0; member < cluster_.size(); ++member) {
            SCOPED_TRACE("member " + std::to_string(member));
            ASSERT_TRUE(
                eventually([&] { return cluster_.client(member).call("GET", "/readyz").ok(); }));
            ASSERT_EQ(floor_of(cluster_.client(member)), floor_) << "all forget alike";
            for (const std::uint64_t since : {floor_ - 2, floor_ - 1}) {
                auto client = cluster_.client(member);
                const auto refused =
                    client.call("GET", "/v1/watch?prefix=edge/&since=" + std::to_string(since));
                EXPECT_EQ(refused.status, 410) << since;
                EXPECT_EQ(refused.json().value("oldest_revision", 0UL), floor_);
            }
            for (std::uint64_t since = floor_; since < floor_ + 4; ++since) {
                const auto expected = writer_->after(since, "edge/");
                ASSERT_FALSE(expected.empty());
                EXPECT_EQ(told_after(cluster_.client(member), "edge/", since, expected.size()),
                          expected)
                    << "since " << since;
            }
        }
    }

    Cluster cluster_{};
    std::optional<Writer> writer_{};
    std::uint64_t floor_ = 0;
};

// Elsewhere the deletion that stood at the edge of what was kept was lost to whoever watched from
// there (etcd #18089, #19179): of a key whose put is forgotten, too.
TEST_F(ClusterWatchHistory, KeepsADeletionThatStandsAtItsEdge) {
    const auto first = writer_->after(floor_, "").front();
    EXPECT_EQ(first.event, "delete") << "the edge lies elsewhere: " << first;
    expect_exact_at_the_edge();
}

// Elsewhere the revision went back when a member ended right after what it forgot, and the latest
// change was a deletion (etcd #17780); new changes then had numbers that were known already.
TEST_F(ClusterWatchHistory, DoesNotGoBackWhenAllMembersEndAfterADeletion) {
    const std::uint64_t last = writer_->last();
    ASSERT_EQ(writer_->after(last - 1, "").back().event, "delete");
    // One begins with its state, the others with what their logs tell.
    const std::size_t stopped = cluster_.follower();
    cluster_.signal(stopped, SIGTERM);
    ASSERT_EQ(cluster_.wait(stopped, 20s), 0);
    for (std::size_t member = 0; member < 3; ++member) cluster_.kill(member);
    cluster_.start_all();
    const std::size_t leader = cluster_.leader();
    ASSERT_GE(restored_by(stopped), last) << "its state was not written";

    expect_exact_at_the_edge();
    for (std::size_t member = 0; member < 3; ++member) {
        auto client = cluster_.client(member);
        const Answer gone = client.call("GET", "/v1/config/edge/23");
        EXPECT_EQ(gone.status, 404) << gone.body;
        EXPECT_GE(std::stoull(gone.headers.at("gavel-revision")), last);
    }
    std::vector<Told> told;
    std::thread watching(
        [&] { told = told_after(cluster_.client((leader + 1) % 3), "edge/", last, 1); });
    Writer again(cluster_.client(leader));
    EXPECT_GT(again.put("edge/new"), last);
    watching.join();
    EXPECT_EQ(told, again.after(last, "edge/"));
}

// A watcher that stops reading at its first event until it is let go on, resumes when it is cut,
// and is done when it is told of app/end.
class SlowWatcher {
public:
    SlowWatcher(const Cluster& cluster, std::size_t member, std::uint64_t since)
        : target_("/v1/watch?prefix=app/&since=" + std::to_string(since)),
          thread_([this, &cluster, member] {
              while (!done_ && ++streams_ < 10) {
                  std::vector<std::pair<std::string, std::string>> headers;
                  if (!last_id_.empty()) headers.emplace_back("Last-Event-ID", last_id_);
                  cluster.client(member).watch(target_, headers,
                                               [this](const auto& event) { return note(event); });
              }
              ended_ = true;
          }) {}
    ~SlowWatcher() { join(); }

    void go_on() { may_go_on_ = true; }
    bool is_stuck() const { return stuck_; }
    bool has_ended() const { return ended_; }
    void join() {
        go_on();
        if (thread_.joinable()) thread_.join();
    }
    // Once it has ended.
    const std::vector<Told>& told() const { return told_; }
    std::optional<std::uint64_t> reset_at() const { return reset_at_; }
    std::size_t told_before_reset() const { return before_reset_; }
    int streams() const { return streams_; }

private:
    bool note(const std::map<std::string, std::string>& event) {
        if (event.contains("id")) last_id_ = event.at("id");
        if (!event.contains("event")) return true;
        Told told = told_by(event);
        if (told.event == "reset") {
            reset_at_ = told.revision;
            before_reset_ = told_.size();
        }
        if (told.event != "put") return true;
        done_ = told.key == "app/end";
        told_.push_back(std::move(told));
        if (told_.size() == 1) {
            stuck_ = true;
            eventually([this] { return may_go_on_.load(); }, 60s);
        }
        return !done_;
    }

    std::string target_{};
    std::string last_id_{};
    std::vector<Told> told_{};
    std::optional<std::uint64_t> reset_at_{};
    std::size_t before_reset_ = 0;
    int streams_ = 0;
    bool done_ = false;
    std::atomic<bool> stuck_{false};
    std::atomic<bool> may_go_on_{false};
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

// Elsewhere watchers that were behind kept others from their events for minutes, and went on behind
// a gap without a word once what they had missed was forgotten (etcd #17529).
TEST(ClusterWatch, ThatReadsIsNotKeptBackByThoseThatDoNotAndThoseMissNothingUnsaid) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t member = cluster.follower();
    Writer writer(cluster.client(member));
    const std::uint64_t since = writer.put("app/start");
    std::deque<SlowWatcher> slow;
    for (int i = 0; i < 8; ++i) slow.emplace_back(cluster, member, since);
    writer.put("app/first");
    const auto all = [&slow](auto condition) {
        return eventually([&] { return std::ranges::all_of(slow, condition); });
    };
    ASSERT_TRUE(all([](const auto& one) { return one.is_stuck(); }));

    // Twice of what is kept. Now and then somebody reads.
    const std::string large(100'000, '.');
    for (int i = 0; i < 320; ++i) {
        const std::uint64_t before = writer.last();
        writer.put("app/" + std::to_string(i % 7), large);
        if (i % 16 != 0) continue;
        ASSERT_EQ(told_after(cluster.client(member), "app/", before, 1),
                  writer.after(before, "app/"))
            << "though others do not read";
    }
    for (auto& one : slow) one.go_on();
    // Again and again: a reset may lie behind the first of these.
    EXPECT_TRUE(eventually([&] {
        writer.put("app/end");
        return std::ranges::all_of(slow, &SlowWatcher::has_ended);
    }));

    int resets = 0;
    for (auto& one : slow) {
        one.join();
        // Whole up to where it was cut, and whole behind what it was told that it missed.
        auto expected = writer.after(since, "app/");
        if (one.reset_at()) {
            ++resets;
            expected.resize(one.told_before_reset());
            for (auto& told : writer.after(*one.reset_at(), "app/")) expected.push_back(told);
        }
        ASSERT_FALSE(one.told().empty());
        ASSERT_LE(one.told().size(), expected.size());
        expected.resize(one.told().size());
        EXPECT_EQ(one.told(), expected);
        EXPECT_EQ(one.told().back().key, "app/end");
        EXPECT_GT(one.streams(), 1) << "it was not cut";
    }
    EXPECT_GT(resets, 0) << "nobody was so far behind";
}

TEST(ClusterWatch, TellsOfANewMember) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    const auto since = client.call("GET", "/v1/watch?members=true&wait=0s").json();
    cluster.join(0, "learner");

    const auto told =
        client.call("GET", "/v1/watch?members=true&wait=10s&since=" + since.value("position", ""));
    ASSERT_EQ(told.status, 200) << told.body;
    const auto event = told.json().at("events").at(0);
    EXPECT_EQ(event.at("change"), "added");
    EXPECT_EQ(event.at("member_id"), 4);
    EXPECT_EQ(event.at("role"), "learner");
}

TEST(ClusterWatch, RunsACommandThatReadsTheEventOrDoesNot) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    const auto start = client.call("PUT", "/v1/config/app/start", "0").json();
    const std::string output = (cluster.folder() / "watch").string();
    const auto watch = [&](const std::string& script) {
        return Process(
            {GAVEL_BINARY, "--endpoint=http://127.0.0.1:" + std::to_string(cluster.port(0)),
             "watch", "app/", "--locks", "", "--count=3",
             "--since=" + std::to_string(start.value("revision", 0UL)), "--exec", "/bin/sh", "-c",
             script},
            output);
    };
    Process reads =
        watch("echo $GAVEL_CHANGE,$GAVEL_LOCK,$GAVEL_TOKEN,$GAVEL_EVENT_SESSION; wc -c");
    Process does_not = watch("exit 0");

    const std::string value(1'000'000, 'v');
    ASSERT_TRUE(client.call("PUT", "/v1/config/app/large", value).ok());
    const auto grant = client.call("PUT", "/v1/locks/deploy?ttl=30s", "{}").json();
    ASSERT_TRUE(client.call("DELETE", "/v1/config/app/large").ok());

    EXPECT_EQ(does_not.wait(20s), 0) << contents(output + ".err");
    EXPECT_EQ(reads.wait(20s), 0) << contents(output + ".err");
    const std::string token = std::to_string(grant.value("token", 0UL));
    EXPECT_THAT(
        contents(output + ".out"),
        testing::MatchesRegex("put,,,\n1000[0-9]{3}\nacquired,deploy," + token + "," +
                              grant.value("session", "") + "\n[0-9]+\ndelete,,,\n[0-9]+\n"));
}

TEST(ClusterWatch, AnswersALongPollAtAFollowerWhenTheKeyChanges) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    auto writer = cluster.client(leader);
    const Answer put = writer.call("PUT", "/v1/config/flag", "off");
    ASSERT_EQ(put.status, 201);
    const std::string etag = "\"" + std::to_string(put.json().value("revision", 0UL)) + "\"";

    Answer polled;
    std::thread waiting([&] {
        auto client = cluster.client((leader + 1) % 3);
        polled = client.call("GET", "/v1/config/flag?wait=30s", "", {{"If-None-Match", etag}}, 40s);
    });
    EXPECT_TRUE(writer.call("PUT", "/v1/config/flag", "on").ok());
    waiting.join();

    EXPECT_EQ(polled.status, 200);
    EXPECT_EQ(polled.body, "on");
}

}  // namespace
}  // namespace gavel::test
