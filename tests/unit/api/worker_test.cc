#include "api/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/unit/api/fake_gateway.h"

namespace gavel::api {
namespace {

using ::testing::ElementsAre;
using testing::FakeGateway;
using ::testing::IsEmpty;

// Notes the revisions it is told of, and the position at its end.
struct Noted : WatchHub::Watcher {
    explicit Noted(WatchHub& given) : hub(given) {}
    void on_changes(const Matched& matched) override {
        for (const auto* event : matched.events()) seen.push_back(event->revision);
    }
    void on_tick(std::chrono::steady_clock::time_point) override {}
    void on_end() override {
        ended_at = hub.position();
        hub.remove(this);
    }

    WatchHub& hub;
    std::vector<statemachine::Revision> seen{};
    std::optional<statemachine::Revision> ended_at{};
};

// A worker on a thread of its own, whose mail is taken when the test says so.
struct Held {
    Held() {
        thread = std::thread([this] { worker->run(); });
        ask([] {});  // It runs, and sees changes from now on.
    }
    ~Held() {
        worker->finish();
        thread.join();
    }

    // Runs on the worker's thread, with all that was posted before, and waits for it.
    void ask(const std::function<void()>& task) {
        std::promise<void> done;
        worker->post_fenced([&] {
            task();
            done.set_value();
        });
        done.get_future().wait();
    }
    // Nothing is taken until the returned promise is kept.
    std::promise<void> stop() {
        std::promise<void> go_on, stopped;
        worker->post([&stopped, held = go_on.get_future().share()] {
            stopped.set_value();
            held.wait();
        });
        stopped.get_future().wait();
        return go_on;
    }
    // As a watch does whose query has just run.
    void watch(const std::shared_ptr<Noted>& watcher) {
        worker->post_fenced([this, watcher, attention = hub.attend(), applied = gateway.applied()] {
            hub.advance(applied);
            hub.add({.prefixes = {""}}, watcher, attention);
        });
    }
    // Every change up to this one was handed out.
    statemachine::Revision position() {
        statemachine::Revision position{};
        ask([&] { position = hub.position(); });
        return position;
    }

    FakeGateway gateway{};
    // Room for two changes of one byte in key and value each.
    std::shared_ptr<ServerShared> shared =
        std::make_shared<ServerShared>(gateway, ServerOptions{.change_bytes_max = 300});
    std::shared_ptr<Worker> worker = std::make_shared<Worker>(shared, 1);
    WatchHub& hub = worker->services().hub;
    std::thread thread{};
};

TEST(Worker, CutsItsWatchersBeforeTheFirstChangeThatItHasNoRoomFor) {
    Held held;
    const auto early = std::make_shared<Noted>(held.hub);
    const auto late = std::make_shared<Noted>(held.hub);
    held.watch(early);
    auto go_on = held.stop();
    for (int i = 0; i < 3; ++i) held.gateway.put("a", "v");
    held.watch(late);  // Its query saw all three.
    held.gateway.put("a", "v");

    go_on.set_value();
    held.ask([] {});

    EXPECT_THAT(early->seen, ElementsAre(1, 2));
    EXPECT_EQ(early->ended_at, 2U);
    EXPECT_THAT(late->seen, IsEmpty()) << "the room is still taken";
    EXPECT_EQ(late->ended_at, 3U);
}

TEST(Worker, HasRoomAgainForChangesWhenItHasHandedSomeOut) {
    Held held;
    const auto watcher = std::make_shared<Noted>(held.hub);
    held.watch(watcher);

    for (int round = 0; round < 10; ++round) {
        auto go_on = held.stop();
        for (int i = 0; i < 2; ++i) held.gateway.put("a", "v");
        go_on.set_value();
        held.ask([] {});
    }

    EXPECT_EQ(watcher->seen.size(), 20U);
    EXPECT_EQ(watcher->ended_at, std::nullopt);
}

TEST(Worker, IsLeftAloneByChangesWhileNobodyWatches) {
    Held held;
    const auto watcher = std::make_shared<Noted>(held.hub);
    held.gateway.put("a", "v");
    EXPECT_EQ(held.position(), 0U);

    held.watch(watcher);
    held.gateway.put("a", "v");
    EXPECT_EQ(held.position(), 2U);
    held.ask([&] { held.hub.remove(watcher.get()); });
    held.gateway.put("a", "v");

    EXPECT_EQ(held.position(), 2U);
    EXPECT_THAT(watcher->seen, ElementsAre(2));
}

TEST(Worker, IsToldOfChangesFromBeforeAWatchHasAskedForItsStart) {
    Held held;
    const auto attention = held.hub.attend();
    held.gateway.put("a", "v");
    EXPECT_EQ(held.position(), 1U);
}

TEST(Worker, CutsItsWatchersWhenTheStateWentOnWithoutChanges) {
    Held held;
    const auto early = std::make_shared<Noted>(held.hub);
    const auto late = std::make_shared<Noted>(held.hub);
    held.watch(early);
    auto go_on = held.stop();
    held.gateway.put("a", "v");
    held.gateway.skip();
    held.watch(late);
    held.gateway.put("a", "v");

    go_on.set_value();
    held.ask([] {});

    EXPECT_THAT(early->seen, ElementsAre(1));
    EXPECT_EQ(early->ended_at, 1U);
    EXPECT_THAT(late->seen, ElementsAre(2));
    EXPECT_EQ(late->ended_at, std::nullopt);
}

}  // namespace
}  // namespace gavel::api
