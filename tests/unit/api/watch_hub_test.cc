#include "api/watch_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace gavel::api {
namespace {

using namespace statemachine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Recorder : WatchHub::Watcher {
    void on_changes(const Matched& matched) override {
        for (const auto* event : matched.events()) revisions.push_back(event->revision);
        texts.push_back(matched.text());
        if (then) then();
    }
    void on_tick(std::chrono::steady_clock::time_point) override { ++ticks; }
    void on_end() override {}

    std::vector<Revision> revisions{};
    std::vector<std::shared_ptr<const std::string>> texts{};
    std::function<void()> then{};
    int ticks{};
};

Ptr<Change> put(Revision revision, const std::string& key) {
    auto value = std::make_shared<KeyValue>();
    value->key = key;
    value->modified = revision;
    auto change = std::make_shared<Change>();
    change->revision = revision;
    change->events = {{revision, 0, true, KeyPutEvent{std::move(value)}}};
    return change;
}
TEST(WatchHub, RendersABatchOnceForAllWhoWantTheSame) {
    WatchHub hub;
    const auto one = std::make_shared<Recorder>(), two = std::make_shared<Recorder>();
    hub.add({.prefixes = {"a", "b"}}, one, hub.attend());
    hub.add({.prefixes = {"b", "a", "a"}}, two, hub.attend());

    hub.on_changes({put(1, "a1"), put(2, "c"), put(3, "b")}, 1);

    EXPECT_THAT(one->revisions, ElementsAre(1, 3));
    ASSERT_EQ(two->texts.size(), 1U);
    EXPECT_EQ(one->texts[0], two->texts[0]);
    EXPECT_EQ(hub.position(), 3U);
}

TEST(WatchHub, ShowsAnEventOnceToAFilterThatNamesItTwice) {
    WatchHub hub;
    const auto watcher = std::make_shared<Recorder>();
    hub.add({.prefixes = {"", "a", "ab"}, .keys = {"abc"}}, watcher, hub.attend());
    hub.on_changes({put(1, "abc")}, 1);
    EXPECT_THAT(watcher->revisions, ElementsAre(1));
}

TEST(WatchHub, LetsWatchersLeaveWhileTheyAreTold) {
    WatchHub hub;
    const auto one = std::make_shared<Recorder>(), two = std::make_shared<Recorder>();
    hub.add({.keys = {"a"}}, one, hub.attend());
    hub.add({.prefixes = {"a"}}, two, hub.attend());
    one->then = [&] {
        hub.remove(one.get());
        hub.remove(two.get());
    };
    two->then = one->then;

    hub.on_changes({put(1, "a")}, 1);
    hub.on_changes({put(2, "a")}, 1);

    EXPECT_EQ(one->revisions.size() + two->revisions.size(), 1U);
    EXPECT_EQ(hub.size(), 0U);
}

TEST(WatchHub, AgreesWithItsFiltersWhateverComesAndGoes) {
    WatchHub hub;
    Prng prng(3);
    const auto name = [&] {
        std::string text;
        for (auto length = prng.below(4); length > 0; --length) {
            text += static_cast<char>('a' + prng.below(2));
        }
        return text;
    };
    std::vector<std::pair<WatchFilter, std::shared_ptr<Recorder>>> watchers;
    for (Revision revision = 1; revision < 2'000; ++revision) {
        if (prng.chance(60) || watchers.empty()) {
            WatchFilter filter;
            for (auto count = prng.below(3); count > 0; --count) filter.prefixes.push_back(name());
            for (auto count = prng.below(3); count > 0; --count) filter.keys.push_back(name());
            watchers.emplace_back(filter, std::make_shared<Recorder>());
            hub.add(filter, watchers.back().second, hub.attend());
        } else {
            const auto at = prng.below(watchers.size());
            hub.remove(watchers[at].second.get());
            watchers.erase(watchers.begin() + static_cast<std::ptrdiff_t>(at));
        }
        const auto change = put(revision, name());
        hub.on_changes({change}, 1);
        for (const auto& [filter, watcher] : watchers) {
            const bool seen = !watcher->revisions.empty() && watcher->revisions.back() == revision;
            ASSERT_EQ(seen, filter.matches(change->events[0].body));
        }
    }
    EXPECT_EQ(hub.size(), watchers.size());
}

TEST(WatchHub, TellsOfMembersThoseWhoWatchThem) {
    WatchHub hub;
    const auto members = std::make_shared<Recorder>(), keys = std::make_shared<Recorder>();
    hub.add({.members = true}, members, hub.attend());
    hub.add({.prefixes = {""}, .locks = {""}}, keys, hub.attend());
    auto change = std::make_shared<Change>();
    change->events = {{4, 0, true, MemberEvent{.member = 3, .name = "n3"}}};

    hub.on_changes({put(3, "n3"), change}, 1);

    EXPECT_THAT(members->revisions, ElementsAre(4));
    EXPECT_THAT(keys->revisions, ElementsAre(3));
    hub.remove(members.get());
    hub.on_changes({change}, 1);
    EXPECT_THAT(members->revisions, ElementsAre(4));
}

TEST(WatchHub, TicksForEveryone) {
    WatchHub hub;
    const auto watcher = std::make_shared<Recorder>();
    hub.add({.locks = {""}}, watcher, hub.attend());
    hub.tick({});
    EXPECT_EQ(watcher->ticks, 1);
    hub.on_changes({put(1, "a")}, 1);
    EXPECT_THAT(watcher->revisions, IsEmpty());
}

}  // namespace
}  // namespace gavel::api
