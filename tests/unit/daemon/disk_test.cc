#include "daemon/disk.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "tests/unit/persistence/scratch.h"

namespace gavel::daemon {
namespace {

using persistence::LogStore;
using persistence::ScratchFolder;
using persistence::StateStore;
using statemachine::Revision;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t small_map = 256ULL << 20;
constexpr paxos::MemberId m1{1}, m2{2}, m3{3};

paxos::Ballot ballot(std::uint64_t round) { return {.round = round, .member = m1}; }

Outgoing message_to(paxos::MemberId to) { return {to, paxos::Message(paxos::Learn{})}; }

StateBatch state_at(Revision applied) { return {.rows = {}, .globals = {.applied = applied}}; }

// A disk on real files. What its writers report waits until the test says so: this is the core
// thread.
class DiskTest : public ::testing::Test {
protected:
    explicit DiskTest(std::uint64_t log_map = small_map) : log_map_(log_map) { open(); }

    void open() {
        auto log = LogStore::open({folder_.path(), log_map_}, persistence::sample_identity());
        auto state = StateStore::open({folder_.path(), log.value().identity(), small_map});
        disk_ = std::make_unique<Disk>(std::move(log.value()), std::move(state.value()), 0,
                                       [this](auto report) { post(std::move(report)); });
        disk_->released = [this](std::vector<Outgoing> messages) {
            for (const auto& message : messages) {
                released_.push_back(message.to);
                promised_then_.push_back(promised_on_disk());
            }
        };
    }
    // Waits for the writers' transactions, and for nothing that would follow them.
    void close() {
        disk_.reset();
        reports_.clear();
    }

    void run_reports_until_idle() {
        while (!disk_->idle()) {
            std::function<void()> report;
            {
                std::unique_lock lock(mutex_);
                reported_.wait(lock, [this] { return !reports_.empty(); });
                report = std::move(reports_.front());
                reports_.pop_front();
            }
            report();
        }
    }

    paxos::Ballot promised_on_disk() { return disk_->log().recover({}).value().promised; }
    Revision applied_on_disk() {
        const auto globals = disk_->state().load([](const statemachine::Row&) {});
        return globals.value().value_or(statemachine::Globals{}).applied;
    }

    const std::uint64_t log_map_;
    ScratchFolder folder_;
    std::mutex mutex_;
    std::condition_variable reported_;
    std::deque<std::function<void()>> reports_;
    std::vector<paxos::MemberId> released_;
    std::vector<paxos::Ballot> promised_then_;
    std::unique_ptr<Disk> disk_;

private:
    void post(std::function<void()> report) {
        const std::lock_guard lock(mutex_);
        reports_.push_back(std::move(report));
        reported_.notify_one();
    }
};

TEST_F(DiskTest, ReleasesAMessageOnlyWhenWhatItRestsOnIsDurable) {
    disk_->append({paxos::PromiseRecord{ballot(1)}}, {message_to(m2)});
    disk_->append({paxos::PromiseRecord{ballot(2)}}, {message_to(m3)});
    EXPECT_THAT(released_, IsEmpty());

    run_reports_until_idle();

    EXPECT_THAT(released_, ElementsAre(m2, m3));
    EXPECT_GE(promised_then_.at(0), ballot(1));
    EXPECT_GE(promised_then_.at(1), ballot(2));
}

// A repeated promise rests on a record that may still be under way.
TEST_F(DiskTest, LetsAMessageWithoutRecordsWaitForThoseBeforeIt) {
    disk_->append({}, {message_to(m1)});
    EXPECT_THAT(released_, ElementsAre(m1)) << "nothing is under way";

    disk_->append({paxos::PromiseRecord{ballot(1)}}, {});
    disk_->append({}, {message_to(m2)});
    EXPECT_THAT(released_, ElementsAre(m1));

    run_reports_until_idle();
    EXPECT_THAT(released_, ElementsAre(m1, m2));
    EXPECT_EQ(promised_then_.back(), ballot(1));
}

// Nothing that was handed over is refused, so whoever hands over must know when to stop.
TEST_F(DiskTest, SaysWhenTooMuchWaitsToBecomeDurable) {
    const auto accept = [&](std::uint64_t slot) {
        const std::string megabyte(1 << 20, 'v');
        disk_->append({paxos::AcceptRecord{{slot}, {ballot(1), {megabyte}}}}, {message_to(m2)});
    };
    // The core does not hear of the first batch's end, so the others collect behind it.
    for (std::uint64_t slot = 1; slot <= 60; ++slot) accept(slot);
    EXPECT_FALSE(disk_->is_overloaded());
    for (std::uint64_t slot = 61; slot <= 64; ++slot) accept(slot);
    EXPECT_TRUE(disk_->is_overloaded());

    run_reports_until_idle();
    EXPECT_FALSE(disk_->is_overloaded());
    EXPECT_EQ(released_.size(), 64U);

    // And all of it was taken off the account again.
    for (std::uint64_t slot = 65; slot <= 124; ++slot) accept(slot);
    EXPECT_FALSE(disk_->is_overloaded());
}

// Else a restart might find a state that is ahead of the log.
TEST_F(DiskTest, StartsNoCommitOfTheStateBeforeTheRecordsItRestsOnAreDurable) {
    disk_->append({paxos::AcceptRecord{{1}, {ballot(1), {"value"}}}}, {});
    disk_->append({paxos::AcceptRecord{{2}, {ballot(1), {"value"}}}}, {});
    disk_->commit_state(state_at(2));

    // The first batch may be durable, but the core has not heard of it, nor is the second begun.
    close();
    open();
    EXPECT_EQ(applied_on_disk(), 0U);

    disk_->append({paxos::AcceptRecord{{1}, {ballot(1), {"value"}}}}, {});
    disk_->commit_state(state_at(1));
    run_reports_until_idle();
    EXPECT_EQ(applied_on_disk(), 1U);
    EXPECT_EQ(disk_->durable_applied(), 1U);
}

// The tables do not know yet that they are chosen, and nothing else may come for hours.
TEST_F(DiskTest, HandsOnWhatTheDurableStateHoldsSoonAfterAPeerAskedInVain) {
    const auto accepted = [](std::uint64_t slot) {
        return paxos::AcceptRecord{{slot}, {ballot(1), {"value"}}};
    };
    const paxos::LogRead wanted{m2, {1}, {3}};
    disk_->append({paxos::PromiseRecord{ballot(1)}}, {});
    run_reports_until_idle();
    disk_->append({accepted(1), accepted(2), accepted(3)}, {});
    disk_->commit_state(state_at(2));
    run_reports_until_idle();
    EXPECT_THAT(disk_->read(wanted).values, IsEmpty());

    run_reports_until_idle();

    EXPECT_THAT(disk_->read(wanted).values, SizeIs(2)) << "the third may not be chosen at all";
}

// It is told that they are gone, and keeping the log would not bring them back.
TEST_F(DiskTest, KeepsTheLogForNobodyWhoAsksForWhatIsCut) {
    constexpr std::uint64_t slots = 5'000;
    disk_->append({paxos::PromiseRecord{ballot(1)}}, {});
    run_reports_until_idle();
    std::vector<paxos::Record> records;
    for (std::uint64_t slot = 1; slot <= slots; ++slot) {
        records.emplace_back(paxos::AcceptRecord{{slot}, {ballot(1), {"value"}}});
    }
    disk_->append(std::move(records), {});
    disk_->commit_state(state_at(slots));
    run_reports_until_idle();
    disk_->cut({slots});
    run_reports_until_idle();
    ASSERT_EQ(disk_->log().oldest(), paxos::Slot{slots + 1});

    EXPECT_THAT(disk_->read({m2, {1}, {slots}}).values, IsEmpty());

    EXPECT_TRUE(disk_->idle());
}

// A backlog of cuts may take longer than a service manager waits.
TEST_F(DiskTest, CutsNoFurtherOnceItIsToEnd) {
    constexpr std::uint64_t slots = 40'000;
    std::vector<paxos::Record> records{paxos::PromiseRecord{ballot(1)}};
    for (std::uint64_t slot = 1; slot <= slots; ++slot) {
        records.emplace_back(paxos::AcceptRecord{{slot}, {ballot(1), {"value"}}});
    }
    disk_->append(std::move(records), {});
    run_reports_until_idle();

    disk_->cut({slots});
    disk_->stop_keeping();
    run_reports_until_idle();

    EXPECT_GT(disk_->log().oldest(), paxos::Slot{1}) << "what was under way went on";
    EXPECT_LT(disk_->log().oldest(), paxos::Slot{slots / 2});
}

// Values so large that a few of them fill the log's map.
class CrowdedDisk : public DiskTest {
protected:
    static constexpr std::uint64_t map_bytes = 32 << 20;
    CrowdedDisk() : DiskTest(map_bytes) {
        disk_->append({paxos::PromiseRecord{ballot(1)}}, {});
        run_reports_until_idle();
    }
    // What a tick does while nobody may be left behind.
    void accept(std::uint64_t slot) {
        const std::string megabyte(1 << 20, 'v');
        disk_->append({paxos::AcceptRecord{{slot}, {ballot(1), {megabyte}}}}, {});
        run_reports_until_idle();
        disk_->cut({0});
        run_reports_until_idle();
    }
};

TEST_F(CrowdedDisk, KeepsForOthersNoMoreThanHalfAMap) {
    for (std::uint64_t slot = 1; slot <= 100; ++slot) {
        accept(slot);
        disk_->commit_state(state_at(slot));
    }
    run_reports_until_idle();
    disk_->cut({0});
    run_reports_until_idle();

    EXPECT_LE(disk_->log().bytes_used(), map_bytes / 2);
    EXPECT_GT(disk_->log().oldest(), paxos::Slot{80});
    EXPECT_LT(disk_->log().oldest(), paxos::Slot{95}) << "what there is room for is kept";
}

TEST_F(CrowdedDisk, CutsNothingThatTheDurableStateLacks) {
    accept(1);
    accept(2);
    disk_->commit_state(state_at(2));
    for (std::uint64_t slot = 3; slot <= 20; ++slot) accept(slot);
    EXPECT_TRUE(disk_->log().is_crowded());
    EXPECT_EQ(disk_->log().oldest(), paxos::Slot{3});

    disk_->commit_state(state_at(20));
    run_reports_until_idle();
    disk_->cut({0});
    run_reports_until_idle();

    EXPECT_FALSE(disk_->log().is_crowded());
    EXPECT_GT(disk_->log().oldest(), paxos::Slot{3});
}

// A state from another member, and the log below it: values that were accepted, not chosen.
class DiskInstall : public DiskTest {
protected:
    DiskInstall() : snapshot_({}, 8, {{.id = 1}, {.id = 2}}) {
        for (Revision slot = 1; slot <= 6; ++slot) snapshot_.apply_noop(slot);
        // By itself: what comes with a promise does not go by way of the journal.
        disk_->append({paxos::PromiseRecord{ballot(3)}}, {});
        run_reports_until_idle();
        std::vector<paxos::Record> records;
        for (const std::uint64_t slot : {1U, 2U, 3U, 4U, 5U, 6U, 8U}) {
            records.emplace_back(paxos::AcceptRecord{{slot}, {ballot(3), {"perhaps"}}});
        }
        records.emplace_back(paxos::PrefixRecord{{2}});
        disk_->append(std::move(records), {});
        run_reports_until_idle();
        boot_ = disk_->log().boot();
    }
    void expect_installed(const paxos::Durable& durable) {
        EXPECT_EQ(durable.promised, ballot(3));
        EXPECT_EQ(durable.chosen_prefix, paxos::Slot{6});
        EXPECT_EQ(durable.cut, paxos::Slot{6});
        EXPECT_THAT(durable.log, SizeIs(1)) << "what it accepted above";
        EXPECT_EQ(applied_on_disk(), 6U);
        EXPECT_THAT(disk_->log().read_chosen({1}, 1'000), IsEmpty());
        EXPECT_THAT(disk_->log().read_chosen({6}, 1'000), IsEmpty());
    }

    statemachine::Machine snapshot_;
    std::uint64_t boot_ = 0;
};

TEST_F(DiskInstall, LeavesWhatAMemberFindsThatStartsFromTheSnapshot) {
    std::optional<Disk::Fresh> fresh;
    disk_->install(snapshot_, [&](Disk::Fresh found) { fresh = std::move(found); });
    EXPECT_FALSE(disk_->idle());
    run_reports_until_idle();

    ASSERT_TRUE(fresh && fresh->durable.has_value());
    EXPECT_EQ(fresh->boot, boot_ + 1);
    EXPECT_EQ(disk_->durable_applied(), 6U);
    expect_installed(*fresh->durable);
    EXPECT_EQ(disk_->snapshot()->applied(), 6U) << "and can be handed on";
}

TEST_F(DiskInstall, ThatEndedBeforeTheLogWasCutIsFinishedByTheNextStart) {
    close();
    {
        auto log = LogStore::open({folder_.path(), small_map}, persistence::sample_identity());
        auto state = StateStore::open({folder_.path(), log.value().identity(), small_map});
        state.value().replace(snapshot_.rows(), snapshot_.globals());
    }
    open();

    const paxos::Slot applied{applied_on_disk()};
    const auto durable = disk_->log().recover(applied, {disk_->state().replaced()});

    ASSERT_TRUE(durable.has_value());
    expect_installed(*durable);
}

}  // namespace
}  // namespace gavel::daemon
