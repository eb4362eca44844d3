#include "daemon/clients.h"

#include <gmock/gmock.h>

#include <deque>
#include <string>

namespace gavel::daemon {
namespace {

using api::Failure;
using statemachine::Change;
using statemachine::Machine;
using statemachine::Ptr;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ClientsTest : public testing::Test {
protected:
    void run_posted() {
        for (; !posted.empty(); posted.pop_front()) posted.front()();
    }
    std::uint64_t submit(const std::string& name) {
        return clients.await(std::function([this, name](api::SubmitResult result) {
            const auto* failure = std::get_if<Failure>(&result);
            told.push_back(name + (failure == nullptr ? " done" : text(failure->kind)));
        }));
    }
    std::uint64_t read(const std::string& name) {
        return clients.await(
            api::Query([this, name](const Machine* state, std::optional<Failure> failure) {
                EXPECT_EQ(state == nullptr, failure.has_value());
                told.push_back(name + (failure ? text(failure->kind)
                                               : " at " + std::to_string(state->applied())));
            }));
    }
    std::uint64_t keep_alive(const std::string& name) {
        return clients.await(std::function([this, name](api::KeepAliveResult result) {
            const auto* failure = std::get_if<Failure>(&result);
            told.push_back(name + (failure == nullptr ? " kept" : text(failure->kind)));
        }));
    }
    std::uint64_t ask_for_leases(const std::string& name) {
        return clients.await(std::function([this, name](api::Leases leases) {
            told.push_back(name + " " + std::to_string(leases.size()) + " leases");
        }));
    }
    std::uint64_t hand_over(const std::string& name) {
        return clients.await(std::function([this, name](api::HandOverResult result) {
            const auto* failure = std::get_if<Failure>(&result);
            told.push_back(name + (failure == nullptr ? " led" : text(failure->kind)));
        }));
    }
    static std::string text(Failure::Kind kind) {
        switch (kind) {
            case Failure::Kind::outcome_unknown:
                return " unknown";
            case Failure::Kind::shutting_down:
                return " shutting down";
            default:
                return " failed";
        }
    }

    std::deque<Clients::Call> posted{};
    int entered = 0;
    std::vector<std::string> told{};
    Machine machine{{}, 8, {{.id = 1}}};
    Clients clients{{.post = [this](Clients::Call call) { posted.push_back(std::move(call)); },
                     .on_entered = [this] { ++entered; }}};
};

TEST_F(ClientsTest, WakeTheCoreOnceForAllThatCameMeanwhile) {
    for (const char* name : {"a", "b", "c"}) {
        clients.enter([this, name] { told.emplace_back(name); });
    }
    EXPECT_THAT(posted, SizeIs(1));
    EXPECT_THAT(told, IsEmpty());

    run_posted();

    EXPECT_THAT(told, ElementsAre("a", "b", "c"));
    EXPECT_EQ(entered, 1);
    clients.enter([this] {
        told.emplace_back("d");
        clients.enter([this] { told.emplace_back("e"); });
    });
    run_posted();
    EXPECT_THAT(told, ElementsAre("a", "b", "c", "d", "e"));
    EXPECT_EQ(entered, 3);
}

TEST_F(ClientsTest, AreToldWhatTheyWaitForAndOnce) {
    const auto first = submit("first"), second = submit("second"), reader = read("reader"),
               failed = read("failed"), session = keep_alive("session"),
               leases = ask_for_leases("asker"), operator_ = hand_over("operator");
    machine.apply_noop(1);

    clients.deliver(Turn::Submitted{second, api::Executed{}}, machine);
    clients.deliver(Turn::ReadReady{reader, {}}, machine);
    clients.deliver(Turn::ReadReady{failed, Failure{Failure::Kind::timed_out}}, machine);
    clients.deliver(Turn::KeptAlive{session, api::KeptAlive{}}, machine);
    clients.deliver(Turn::Leases{leases, {{7, std::chrono::milliseconds(5)}}}, machine);
    clients.deliver(Turn::HandedOver{operator_, api::Led{}}, machine);
    clients.deliver(Turn::Submitted{first, api::Executed{}}, machine);
    clients.deliver(Turn::Submitted{first, api::Executed{}}, machine);
    clients.deliver(Turn::Submitted{operator_ + 1, api::Executed{}}, machine);

    EXPECT_THAT(told, ElementsAre("second done", "reader at 1", "failed failed", "session kept",
                                  "asker 1 leases", "operator led", "first done"));
}

TEST_F(ClientsTest, AreNotLeftWaitingForACoreThatEnds) {
    const auto writer = submit("writer");
    read("reader");
    keep_alive("session");
    ask_for_leases("asker");
    hand_over("operator");

    clients.fail(Failure::Kind::shutting_down);
    clients.deliver(Turn::Submitted{writer, api::Executed{}}, machine);
    clients.fail(Failure::Kind::shutting_down);

    EXPECT_THAT(told, testing::UnorderedElementsAre("writer unknown", "reader shutting down",
                                                    "session shutting down", "asker 0 leases",
                                                    "operator shutting down"));
}

TEST_F(ClientsTest, WhoWatchAreToldForAsLongAsTheyLive) {
    std::vector<std::size_t> seen;
    auto sink = std::make_shared<Clients::Sink>([&](const Clients::Changes& changes) {
        seen.push_back(changes == nullptr ? 0 : changes->size());
    });
    clients.subscribe(sink);

    clients.publish({});
    clients.publish({std::make_shared<const Change>(), std::make_shared<const Change>()});
    clients.cut_watchers();
    clients.publish({std::make_shared<const Change>()});
    sink.reset();
    clients.publish({std::make_shared<const Change>()});

    EXPECT_THAT(seen, ElementsAre(2U, 0U, 1U)) << "nothing of nothing, and 0 of a cut";
}

}  // namespace
}  // namespace gavel::daemon
