#include "persistence/log_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/prng.h"
#include "persistence/record.h"
#include "persistence/recovery.h"
#include "tests/unit/persistence/scratch.h"

namespace gavel::persistence {
namespace {

using namespace paxos;  // NOLINT(google-build-using-namespace)
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Ballot ballot{.round = 7, .member = {2}};
constexpr std::uint64_t small_map = 64ULL << 20;

class LogStoreTest : public testing::Test {
protected:
    LogStore store(std::optional<Identity> fresh = sample_identity()) {
        auto opened = LogStore::open({folder.path(), small_map}, std::move(fresh));
        if (!opened) throw std::runtime_error(opened.error().what);
        return std::move(*opened);
    }

    ScratchFolder folder;
};

Record accepted(std::uint64_t slot, std::string value) {
    return AcceptRecord{{slot}, {ballot, {std::move(value)}}};
}

// Accepts of slots 1 to `count`, and the prefix.
std::vector<Record> chosen_slots(std::uint64_t count) {
    std::vector<Record> records;
    for (std::uint64_t slot = 1; slot <= count; ++slot) {
        records.push_back(accepted(slot, "value " + std::to_string(slot)));
    }
    records.emplace_back(PrefixRecord{{count}});
    return records;
}

void expect_equal(const Durable& a, const Durable& b) {
    EXPECT_EQ(a.promised, b.promised);
    EXPECT_EQ(a.attempted, b.attempted);
    EXPECT_EQ(a.chosen_prefix, b.chosen_prefix);
    EXPECT_EQ(a.cut, b.cut);
    EXPECT_EQ(a.log, b.log);
    EXPECT_EQ(a.faulty, b.faulty);
}

using Log = LogStoreTest;

TEST_F(Log, OfANewMemberRemembersWhoItIsAndNothingElse) {
    LogStore log = store();

    EXPECT_EQ(log.identity(), sample_identity());
    EXPECT_EQ(log.boot(), 1U);
    EXPECT_EQ(log.oldest(), Slot{1});
    EXPECT_THAT(log.acquaintances(), IsEmpty());
    expect_equal(log.recover({}).value(), {});
}

TEST_F(Log, RemembersWhoItIsWithoutBeingTold) {
    { LogStore log = store(); }

    EXPECT_EQ(store(std::nullopt).identity(), sample_identity());
}

TEST_F(Log, CountsItsBoots) {
    for (std::uint64_t boot = 1; boot <= 3; ++boot) EXPECT_EQ(store().boot(), boot);
}

TEST_F(Log, CountsABootWithinOneRunAsWell) {
    {
        LogStore log = store();
        EXPECT_EQ(log.next_boot(), 2U);
        EXPECT_EQ(log.boot(), 2U);
    }

    EXPECT_EQ(store().boot(), 3U);
}

// What was accepted below the slot of a state that came from another member may be anything: it is
// handed to nobody.
TEST_F(Log, RecoveredUnderAStateThatCameFromElsewhereKeepsWhatItAcceptedAbove) {
    LogStore log = store();
    // By itself: what comes with a promise does not go by way of the journal.
    log.commit(std::vector<Record>{PromiseRecord{{.round = 9, .member = {3}}}});
    std::vector<Record> records = chosen_slots(5);
    for (const std::uint64_t slot : {6U, 7U, 8U, 9U, 12U})
        records.push_back(accepted(slot, "maybe"));
    log.commit(records);

    const Durable durable = log.recover({8}, {8}).value();

    EXPECT_EQ(log.oldest(), Slot{9});
    EXPECT_EQ(durable.promised, (Ballot{.round = 9, .member = {3}}));
    EXPECT_EQ(durable.chosen_prefix, Slot{8});
    EXPECT_THAT(durable.log, SizeIs(2));
    EXPECT_FALSE(durable.log.at({9}).chosen);
    EXPECT_THAT(log.read_chosen({7}, 1'000), IsEmpty());
    EXPECT_THAT(log.read_chosen({9}, 1'000), IsEmpty());
}

TEST_F(Log, GivesBackWhatWasCommitted) {
    {
        LogStore log = store();
        log.commit(std::vector<Record>{AttemptRecord{{9, {2}}}, PromiseRecord{{9, {2}}}});
        log.commit(std::vector<Record>{accepted(2, "out of order"), accepted(1, "first"),
                                       ChosenRecord{{4}, {"learned"}}, PrefixRecord{{1}}});
    }

    const Durable durable = store().recover({}).value();

    EXPECT_EQ(durable.promised, (Ballot{9, {2}}));
    EXPECT_EQ(durable.attempted, (Ballot{9, {2}}));
    EXPECT_EQ(durable.chosen_prefix, Slot{1});
    EXPECT_EQ(durable.log, (std::map<Slot, LogEntry>{{{1}, {{ballot, {"first"}}, false}},
                                                     {{2}, {{ballot, {"out of order"}}, false}},
                                                     {{4}, {{{}, {"learned"}}, true}}}));
    EXPECT_THAT(durable.faulty, IsEmpty());
}

TEST_F(Log, GivesBackOnlyWhatTheStateLacks) {
    LogStore log = store();
    log.commit(chosen_slots(9));

    const Durable durable = log.recover({7}).value();

    EXPECT_THAT(durable.log, SizeIs(2));
    EXPECT_EQ(durable.chosen_prefix, Slot{9});
    EXPECT_EQ(durable.cut, Slot{0}) << "what the state holds can still be handed on";
    EXPECT_EQ(log.oldest(), Slot{1});
}

TEST_F(Log, CallsHolesBelowTheStateCut) {
    LogStore log = store();
    log.commit(std::vector<Record>{accepted(1, "one"), accepted(2, "two"), accepted(4, "four")});

    const Durable durable = log.recover({5}).value();

    EXPECT_EQ(durable.cut, Slot{5});
    EXPECT_EQ(durable.chosen_prefix, Slot{5});
    EXPECT_EQ(log.oldest(), Slot{6});
}

Record random_record(Prng& prng) {
    const Ballot random_ballot{prng.between(1, 9),
                               {static_cast<std::uint16_t>(prng.between(1, 3))}};
    const Slot slot{prng.between(1, 60)};
    const Value value{std::string(prng.below(400), static_cast<char>(prng.between('a', 'z')))};
    const Record kinds[] = {PromiseRecord{random_ballot},
                            AttemptRecord{random_ballot},
                            AcceptRecord{slot, {random_ballot, value}},
                            AcceptRecord{slot + 20, {random_ballot, value}},
                            ChosenRecord{slot, value},
                            PrefixRecord{{slot.number / 4}}};
    return kinds[prng.below(std::size(kinds))];
}

TEST(PackedRecords, HaveTheSizeThatIsSaidBeforeTheyArePacked) {
    Prng prng(1);
    std::vector<Record> records;
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(packed(records).size(), packed_bytes(records));
        EXPECT_EQ(unpacked_records(packed(records)), records);
        records.push_back(random_record(prng));
    }
}

// What recover(applied) owes, by the pure functions alone.
Durable expected(Durable model, Slot applied) {
    for (Slot slot = applied; slot > model.cut; slot = {slot.number - 1}) {
        if (model.log.contains(slot)) continue;
        model.faulty.insert(slot);
        break;
    }
    model = recover(std::move(model), applied);
    model.log.erase(model.log.begin(), model.log.upper_bound(applied));
    return model;
}

TEST_F(Log, ReadsBackWhatReplayingItsRecordsGives) {
    Prng prng(1);
    for (int run = 0; run < 8; ++run) {
        ScratchFolder own;
        std::optional<LogStore> log =
            LogStore::open({own.path(), small_map}, sample_identity()).value();
        Durable model;
        for (int step = 0; step < 40; ++step) {
            std::vector<Record> records;
            for (auto left = prng.below(8); left > 0; --left) {
                records.push_back(random_record(prng));
            }
            for (const auto& record : records) replay(record, model);
            log->commit(records);
            if (prng.chance(10)) {
                const Slot through{prng.below(model.chosen_prefix.number + 1)};
                log->cut(through);
                if (through > model.cut) {
                    model.cut = through;
                    model.log.erase(model.log.begin(), model.log.upper_bound(through));
                }
            }
            if (prng.chance(70)) continue;
            const Slot applied = model.cut + prng.below(30);
            expect_equal(log->recover(applied).value(), expected(model, applied));

            // A store that has recovered knows what the state holds; the next is to know nothing.
            log.reset();
            log = LogStore::open({own.path(), small_map}, std::nullopt).value();
        }
    }
}

TEST_F(Log, HandsOnChosenValuesWithinItsBudget) {
    LogStore log = store();
    log.commit(chosen_slots(9));
    log.commit(std::vector<Record>{accepted(10, "not chosen")});

    EXPECT_THAT(log.read_chosen({8}, 1 << 20), ElementsAre(Value{"value 8"}, Value{"value 9"}));
    EXPECT_THAT(log.read_chosen({1}, 14), ElementsAre(Value{"value 1"}, Value{"value 2"}));
    EXPECT_THAT(log.read_chosen({1}, 0), ElementsAre(Value{"value 1"})) << "one at least";
    EXPECT_THAT(log.read_chosen({10}, 1 << 20), IsEmpty());
    EXPECT_THAT(log.read_chosen({99}, 1 << 20), IsEmpty());
}

TEST_F(Log, HandsOnWhatItLearnedBeyondItsPrefix) {
    LogStore log = store();
    log.commit(std::vector<Record>{ChosenRecord{{5}, {"five"}}, ChosenRecord{{6}, {}},
                                   ChosenRecord{{8}, {"eight"}}});
    log.settle();

    EXPECT_THAT(log.read_chosen({5}, 1 << 20), ElementsAre(Value{"five"}, Value{}));
}

TEST_F(Log, HandsOnWhatTheStateKnowsToBeChosen) {
    LogStore log = store();
    log.commit(std::vector<Record>{accepted(1, "one"), accepted(2, "two"), accepted(3, "three")});

    ASSERT_TRUE(log.recover({2}).has_value());

    EXPECT_THAT(log.read_chosen({1}, 1 << 20), SizeIs(2));
}

// Which of the accepted values were chosen it may not have been told yet, and on a quiet cluster
// for hours.
TEST_F(Log, HandsOnWhatTheStateExecutedOnceItHasSettled) {
    LogStore log = store();
    log.commit(std::vector<Record>{PromiseRecord{ballot}});
    log.commit(std::vector<Record>{accepted(1, "one"), accepted(2, "two"), accepted(3, "three")});
    log.settle();
    EXPECT_THAT(log.read_chosen({1}, 1 << 20), IsEmpty());

    log.settle({2});

    EXPECT_THAT(log.read_chosen({1}, 1 << 20), ElementsAre(Value{"one"}, Value{"two"}));
}

TEST_F(Log, CanBeReadWhileItIsWritten) {
    LogStore log = store();
    log.commit(chosen_slots(100));
    std::atomic<bool> done = false;
    std::size_t read = 0;
    std::thread reader([&] {
        do {
            read += log.read_chosen({1}, 1 << 20).size() == 100 ? 1 : 0;
        } while (!done);
    });

    for (std::uint64_t slot = 101; slot <= 150; ++slot) {
        log.commit(std::vector<Record>{accepted(slot, "more")});
    }
    done = true;
    reader.join();

    EXPECT_GT(read, 0U);
}

TEST_F(Log, IsCutInPiecesAndForGood) {
    constexpr std::uint64_t slots = 10'000;
    {
        LogStore log = store();
        log.commit(std::vector<Record>{PromiseRecord{ballot}});
        log.commit(chosen_slots(slots));
        log.settle();
        const std::uint64_t before = log.bytes_used();

        log.cut({slots - 5});

        EXPECT_EQ(log.oldest(), Slot{slots - 4});
        EXPECT_LT(log.bytes_used(), before / 10);
        EXPECT_THAT(log.read_chosen({slots - 5}, 100), IsEmpty());
        EXPECT_THAT(log.read_chosen({slots - 4}, 1 << 20), SizeIs(5));
    }
    LogStore log = store();
    EXPECT_EQ(log.oldest(), Slot{slots - 4});
    EXPECT_EQ(log.recover({slots}).value().cut, Slot{slots - 5});
}

TEST_F(Log, MakesRoomByCuttingNoMoreThanItHasToAndMay) {
    constexpr std::uint64_t megabyte = 1 << 20;
    {
        LogStore log = store();
        log.commit(std::vector<Record>{PromiseRecord{ballot}});
        for (std::uint64_t slot = 1; slot <= 40; ++slot) {
            EXPECT_EQ(log.is_crowded(), log.bytes_used() > small_map / 2);
            const std::uint64_t left = small_map / 4 * 3 - log.bytes_used();
            EXPECT_FALSE(log.is_nearly_full(left));
            EXPECT_TRUE(log.is_nearly_full(left + 1));
            log.commit(std::vector<Record>{accepted(slot, std::string(megabyte, 'v'))});
            log.settle();
        }
    }
    LogStore log = store();
    EXPECT_EQ(log.map_bytes(), small_map);
    EXPECT_TRUE(log.is_crowded()) << "after a start, too";

    log.make_room({4});
    EXPECT_EQ(log.oldest(), Slot{5});
    EXPECT_TRUE(log.is_crowded());
    log.make_room({40});

    EXPECT_FALSE(log.is_crowded());
    EXPECT_LE(log.bytes_used(), small_map / 8 * 3);
    EXPECT_GT(log.bytes_used(), small_map / 8 * 3 - 2 * megabyte);
    EXPECT_EQ(log.recover({40}).value().cut.next(), log.oldest());
}

TEST_F(Log, FindsInTheJournalWhatHasNotSettled) {
    {
        LogStore log = store();
        log.commit(std::vector<Record>{PromiseRecord{ballot}});
        log.commit(std::vector<Record>{accepted(1, "first"), accepted(2, "")});
        log.commit(std::vector<Record>{ChosenRecord{{3}, {"learned"}}, PrefixRecord{{3}}});
    }
    LogStore log = store();
    const Durable durable = log.recover({}).value();

    EXPECT_EQ(durable.chosen_prefix, Slot{3});
    EXPECT_EQ(durable.promised, ballot);
    EXPECT_THAT(durable.log, ElementsAre(std::pair{Slot{1}, LogEntry{{ballot, {"first"}}}},
                                         std::pair{Slot{2}, LogEntry{{ballot, {}}}},
                                         std::pair{Slot{3}, LogEntry{{{}, {"learned"}}, true}}));
}

TEST_F(Log, SettlesWhileItCommits) {
    constexpr std::uint64_t slots = 30'000;
    {
        LogStore log = store();
        log.commit(std::vector<Record>{PromiseRecord{ballot}});
        std::atomic<bool> done{false};
        std::thread keeper([&] {
            while (!done) log.settle();
        });
        for (std::uint64_t slot = 1; slot <= slots; slot += 100) {
            std::vector<Record> records;
            for (std::uint64_t i = 0; i < 100; ++i) {
                records.push_back(accepted(slot + i, std::to_string(slot + i)));
            }
            log.commit(records);
        }
        done = true;
        keeper.join();
    }

    const Durable durable = store().recover({}).value();

    ASSERT_THAT(durable.log, SizeIs(slots));
    for (const auto& [slot, entry] : durable.log) {
        ASSERT_EQ(entry.proposal.value.command, Bytes(std::to_string(slot.number)));
    }
}

TEST_F(Log, SettlesByItselfWhenTheJournalIsFull) {
    {
        LogStore log = store();
        log.commit(std::vector<Record>{PromiseRecord{ballot}});
        const auto commit = [&](std::uint64_t first, std::uint64_t last, std::size_t bytes) {
            std::vector<Record> records;
            for (std::uint64_t slot = first; slot <= last; ++slot) {
                records.push_back(accepted(slot, std::string(bytes, 'v')));
            }
            log.commit(records);
        };
        // Full by its bytes, by one batch that is larger than a half, by its records.
        for (std::uint64_t slot = 1; slot <= 100; ++slot) commit(slot, slot, 150'000);
        commit(101, 105, 1'000'000);
        for (std::uint64_t slot = 106; slot < 9'000; slot += 500) commit(slot, slot + 499, 1);
    }

    const Durable durable = store().recover({}).value();

    EXPECT_EQ(durable.log.size(), 9'105U);
    EXPECT_THAT(durable.faulty, IsEmpty());
}

TEST_F(Log, WantsToSettleNowAndThen) {
    LogStore log = store();
    log.commit(std::vector<Record>{PromiseRecord{ballot}});
    EXPECT_FALSE(log.wants_to_settle());

    std::uint64_t slot = 0;
    while (!log.wants_to_settle()) log.commit(std::vector<Record>{accepted(++slot, "v")});
    EXPECT_GT(slot, 100U);
    log.settle();

    EXPECT_FALSE(log.wants_to_settle());
}

TEST_F(Log, DoesNotBringBackWhatWasCutBeforeItSettled) {
    {
        LogStore log = store();
        log.commit(std::vector<Record>{PromiseRecord{ballot}});
        log.commit(chosen_slots(9));
        log.commit(std::vector<Record>{accepted(3, "again"), accepted(8, "again")});
        log.cut({5});
    }

    const Durable durable = store().recover({9}).value();

    EXPECT_EQ(durable.cut, Slot{5});
    EXPECT_EQ(store().oldest(), Slot{6});
    EXPECT_THAT(store().recover({5}).value().log, SizeIs(4));
}

TEST_F(Log, ThatWasCutBeyondTheStateIsRefused) {
    LogStore log = store();
    log.commit(std::vector<Record>{PromiseRecord{ballot}});
    log.commit(chosen_slots(9));
    log.cut({5});

    EXPECT_THAT(log.recover({4}).error().what, testing::HasSubstr("set back"));
}

TEST_F(Log, RemembersTheOthersOverARestart) {
    const Acquaintance first{.incarnation = 11, .boot = 1}, second{.incarnation = 22, .boot = 7};
    const Acquaintance later{
        .incarnation = 11, .boot = 3, .run = ~0ULL, .writes = 9, .mutual = true};
    {
        LogStore log = store();
        log.remember(1, first);
        log.remember(10, second);
        log.remember(1, later);
    }

    EXPECT_EQ(store().acquaintances(),
              (std::map<std::uint16_t, Acquaintance>{{1, later}, {10, second}}));
}

TEST_F(Log, KeepsWhatWasNotedOfTheOthersOnceItSettles) {
    const Acquaintance met{.incarnation = 11, .boot = 1}, heard{.incarnation = 11, .writes = 5};
    {
        LogStore log = store();
        log.remember(1, met);
        log.note(1, heard);
        EXPECT_EQ(log.acquaintances().at(1), met);
        log.settle();
        EXPECT_EQ(log.acquaintances().at(1), heard);

        log.note(1, heard);
        log.remember(1, met);
        log.settle();
        EXPECT_EQ(log.acquaintances().at(1), met) << "what was noted before does not come back";
    }

    EXPECT_EQ(store().acquaintances().at(1), met);
}

TEST_F(Log, CountsWhatItMadeDurableOverAllRuns) {
    std::uint64_t before = 0;
    {
        LogStore log = store();
        before = log.writes();
        log.commit(chosen_slots(1));
        EXPECT_EQ(log.writes(), before + 1) << "a promise, to the tables at once";
        for (std::uint64_t slot = 2; slot <= 4; ++slot) {
            log.commit(std::vector{accepted(slot, "through the journal")});
            EXPECT_EQ(log.writes(), before + slot);
        }
        log.settle();
        EXPECT_EQ(log.writes(), before + 4) << "nothing was added";
        log.commit(std::vector{accepted(5, "not settled at the end")});
    }
    for (int start = 0; start < 3; ++start) EXPECT_EQ(store().writes(), before + 5);
}

TEST_F(Log, RemembersItsLatestRuns) {
    std::vector<proto::Run> first, second, third;
    {
        LogStore log = store();
        first = log.runs();
        log.commit(chosen_slots(3));
        log.commit(std::vector{accepted(4, "through the journal")});
    }
    {
        LogStore log = store();
        second = log.runs();
        log.next_boot();
        third = log.runs();
    }
    const std::vector<proto::Run> fourth = store().runs();

    ASSERT_THAT(fourth, SizeIs(4));
    const auto before = [](std::vector<proto::Run> runs) {
        runs.pop_back();
        return runs;
    };
    EXPECT_EQ(before(fourth), third);
    EXPECT_EQ(before(third), second);
    EXPECT_EQ(before(second), first);
    EXPECT_EQ(second.back().began, first.back().began + 2);
    EXPECT_EQ(fourth.back().began, second.back().began);
    EXPECT_NE(fourth[0].id, fourth[1].id);
    EXPECT_NE(fourth[1].id, fourth[2].id);
    while (store().boot() < proto::runs_max + 3) {
    }
    EXPECT_THAT(store().runs(), SizeIs(proto::runs_max));
}

TEST_F(Log, ThatWasSetBackIsNotOpenedAgain) {
    store().quarantine();

    EXPECT_THAT(LogStore::open({folder.path(), small_map}, sample_identity()).error().what,
                testing::HasSubstr("remove the member (gavel member rm "));
}

TEST_F(Log, OfAStateThatDivergedIsNotOpenedAgain) {
    {
        LogStore log = store();
        log.condemn({2'048});
    }

    EXPECT_THAT(LogStore::open({folder.path(), small_map}, sample_identity()).error().what,
                testing::HasSubstr("its state at slot 2048 was not that of the other members"));
}

}  // namespace
}  // namespace gavel::persistence
