// What a store makes of a disk that lies, and of a folder that is not its own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <set>

#include "persistence/failure.h"
#include "persistence/journal.h"
#include "persistence/owner.h"
#include "persistence/state_store.h"
#include "proto/codec.h"
#include "tests/unit/persistence/scratch.h"

namespace gavel::persistence {
namespace {

namespace fs = std::filesystem;
using namespace paxos;  // NOLINT(google-build-using-namespace)
using testing::AllOf;
using testing::ElementsAre;
using testing::ExitedWithCode;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::uint64_t small_map = 64ULL << 20;
constexpr Ballot promised{.round = 0x12'3456'789A, .member = {0xBCDE}};
constexpr Ballot accepted{.round = 3, .member = {1}};

class DataDirectory : public testing::Test {
protected:
    Result<LogStore, StorageError> open(std::optional<Identity> fresh = sample_identity()) {
        return LogStore::open({data, small_map}, std::move(fresh));
    }
    // A log with a promise and four accepted slots.
    void fill() {
        LogStore log = open().value();
        log.commit(std::vector<Record>{PromiseRecord{promised}, AttemptRecord{accepted}});
        std::vector<Record> records;
        for (const std::uint64_t slot : {1U, 2U, 3U, 4U}) {
            records.emplace_back(
                AcceptRecord{{slot}, {accepted, {"marked value " + std::to_string(slot)}}});
        }
        log.commit(records);
        log.settle();
    }
    std::string refusal(std::optional<Identity> fresh = sample_identity()) {
        auto opened = open(std::move(fresh));
        if (opened) return "";
        EXPECT_THAT(opened.error().what, Not(HasSubstr("\n"))) << "one line";
        return opened.error().what;
    }

    ScratchFolder folder;
    fs::path data = folder.path() / "data";
    fs::path log_file = data / "log" / "data.mdb";
};

TEST_F(DataDirectory, IsItsOwnersAlone) {
    LogStore log = open().value();

    const auto permissions = [](const fs::path& path) { return fs::status(path).permissions(); };
    EXPECT_EQ(permissions(data), fs::perms::owner_all);
    EXPECT_EQ(permissions(data / "log"), fs::perms::owner_all);
    for (const auto& file : {data / "lock", data / "log" / "data.mdb", data / "log" / "lock.mdb"}) {
        EXPECT_EQ(permissions(file), fs::perms::owner_read | fs::perms::owner_write) << file;
    }
}

TEST_F(DataDirectory, IsOpenOnce) {
    std::optional<LogStore> log = open().value();
    EXPECT_THAT(refusal(),
                AllOf(HasSubstr("in use by another gaveld"), HasSubstr(std::to_string(getpid()))));

    log.reset();
    EXPECT_EQ(refusal(), "");
}

TEST_F(DataDirectory, ThatIsNotThereNeedsAnIdentity) {
    EXPECT_THAT(refusal(std::nullopt), HasSubstr("no Gavel data is here"));
    EXPECT_FALSE(fs::exists(data)) << "and nothing was made";
}

TEST_F(DataDirectory, OfAnotherMemberIsRefusedAndLeftAlone) {
    fill();
    const std::string before = file_bytes(log_file);
    Identity other_cluster = sample_identity();
    other_cluster.cluster_id = "decaf";
    Identity other_name = sample_identity();
    other_name.name = "n3";
    Identity other_number = sample_identity();
    other_number.member = 3;
    Identity other_alpha = sample_identity();
    other_alpha.alpha = 8;

    EXPECT_THAT(refusal(other_cluster), HasSubstr("belongs to cluster 00c0ffee, not to"));
    EXPECT_THAT(refusal(other_name), HasSubstr("belongs to member 'n2' (number 2), not to"));
    EXPECT_THAT(refusal(other_number), HasSubstr("belongs to member 'n2' (number 2), not to"));
    EXPECT_THAT(refusal(other_alpha), HasSubstr("alpha 512"));
    EXPECT_EQ(file_bytes(log_file), before);
}

TEST_F(DataDirectory, KeepsItsIncarnationWhateverIsDrawnLater) {
    fill();
    Identity again = sample_identity();
    again.incarnation = 1;

    EXPECT_EQ(open(again).value().identity(), sample_identity());
}

TEST_F(DataDirectory, OfANewerFormatIsRefusedAndLeftAlone) {
    fill();
    {
        const lmdb::Environment environment((data / "log").string(), small_map, 8);
        lmdb::Transaction transaction(environment, lmdb::Transaction::Kind::write);
        Identity newer = sample_identity();
        newer.format_level = proto::format_level + 1;
        write_owner(transaction, transaction.table("meta", 0), newer);
        transaction.commit();
    }
    const std::string before = file_bytes(log_file);

    EXPECT_THAT(refusal(), HasSubstr("format level 2, but this gaveld knows level 1"));
    EXPECT_THAT(refusal(std::nullopt), HasSubstr("format level 2"));
    EXPECT_EQ(file_bytes(log_file), before);
}

TEST_F(DataDirectory, IsNotMadeAmongForeignFiles) {
    fs::create_directories(data);
    write_file(data / "homework.txt", "");

    EXPECT_THAT(refusal(), AllOf(HasSubstr("not a Gavel data directory"), HasSubstr("homework")));
    EXPECT_EQ(std::distance(fs::directory_iterator(data), {}), 1) << "nothing was added";
}

TEST_F(DataDirectory, IsMadeInAnEmptyFolderOrWhereAFirstStartWasCutShort) {
    fs::create_directories(data / "log");
    write_file(data / "lock", "");
    fs::create_directories(data / "lost+found");

    EXPECT_EQ(refusal(), "");
}

TEST_F(DataDirectory, IsNotMadeAnewBesideAState) {
    fs::create_directories(data / "state");
    write_file(data / "state" / "data.mdb", "something");

    EXPECT_THAT(refusal(), HasSubstr("must not vote"));
}

TEST_F(DataDirectory, WithSomethingElsesFilesIsRefused) {
    fs::create_directories(data / "log");
    write_file(log_file, std::string(16'384, 'x'));
    EXPECT_THAT(refusal(), HasSubstr("not a Gavel data directory"));

    fs::remove_all(data);
    fs::create_directories(data / "log");
    {
        const lmdb::Environment environment((data / "log").string(), small_map, 8);
        lmdb::Transaction transaction(environment, lmdb::Transaction::Kind::write);
        transaction.put(transaction.table("theirs", MDB_CREATE), "key", 1)[0] = 'v';
        transaction.commit();
    }
    EXPECT_THAT(refusal(), HasSubstr("not a Gavel data directory"));
}

TEST_F(DataDirectory, ThatCannotBeMadeIsRefused) {
    write_file(folder.path() / "file", "");
    data = folder.path() / "file" / "data";
    EXPECT_THAT(refusal(), HasSubstr("Not a directory"));

    data = "/proc/gavel/data";
    EXPECT_THAT(refusal(), HasSubstr("/proc/gavel: cannot be made"));
}

TEST_F(DataDirectory, CutOffInTheMiddleIsRefused) {
    {
        LogStore log = open().value();
        log.commit(std::vector<Record>{AcceptRecord{{1}, {accepted, {std::string(100'000, 'v')}}}});
    }
    fs::resize_file(log_file, 50'000);

    EXPECT_THAT(refusal(), HasSubstr("shorter than its pages"));
}

TEST_F(DataDirectory, WithADamagedIdentityIsRefused) {
    fill();
    ASSERT_GT(flip(log_file, "00c0ffee"), 0U);

    EXPECT_THAT(refusal(), HasSubstr("whose it is"));
}

TEST_F(DataDirectory, WithADamagedTreeIsRefused) {
    fill();
    // Every page but the two that say where the trees begin.
    std::string bytes = file_bytes(log_file);
    std::fill(bytes.begin() + 8'192, bytes.end(), '\0');
    write_file(log_file, bytes);

    EXPECT_NE(refusal(), "");
}

TEST_F(DataDirectory, WithoutItsJournalIsRefused) {
    fill();
    fs::remove(data / "log" / "journal");

    EXPECT_THAT(refusal(), HasSubstr("must not vote"));
}

// Each would pass for one in which everything has settled, and what it does not hold, acknowledged
// or not, for what never was.
TEST_F(DataDirectory, WithAJournalThatIsNotItsOwnOrWasSetBackIsRefused) {
    { LogStore log = open().value(); }
    const fs::path journal = data / "log" / "journal";
    const std::string older = file_bytes(journal);
    const std::string blank(2 * Journal::half_bytes, '\0');
    Identity another = sample_identity();
    another.incarnation += 1;
    { LogStore log = LogStore::open({folder.path() / "other", small_map}, another).value(); }
    const std::string foreign = file_bytes(folder.path() / "other" / "log" / "journal");
    const auto expect_refused = [&](const std::string& content) {
        const std::string own = file_bytes(journal);
        const std::string tables = file_bytes(log_file);
        write_file(journal, content);
        EXPECT_THAT(refusal(), AllOf(HasSubstr("journal"), HasSubstr("join anew, empty")));
        EXPECT_EQ(file_bytes(log_file), tables) << "left as it was";
        write_file(journal, own);
    };
    expect_refused(blank);
    expect_refused(foreign);

    fill();
    expect_refused(blank);
    expect_refused(foreign);
    expect_refused(older);

    EXPECT_EQ(refusal(), "");
}

// The tables as they were before the last settling, and the journal as it was at its end: so they
// stand when the machine stops in the middle of it, while commits go on.
TEST_F(DataDirectory, KeepsWhatBothHalvesOfTheJournalHeldWhenSettlingWasCutShort) {
    const auto commit = [](LogStore& log, std::uint64_t slot) {
        log.commit(std::vector<Record>{AcceptRecord{{slot}, {accepted, {"v"}}}});
    };
    std::uint64_t slot = 0;
    for (int round = 0; round < 5; ++round) {
        std::string tables;
        {
            LogStore log = open().value();
            log.commit(std::vector<Record>{PromiseRecord{promised}});
            for (int i = 0; i < round; ++i) commit(log, ++slot);
            if (round % 2 == 1) log.settle();
            for (int i = 0; i < 3; ++i) commit(log, ++slot);
            tables = file_bytes(log_file);
            log.settle();
            for (int i = 0; i < 1 + round; ++i) commit(log, ++slot);
        }
        write_file(log_file, tables);

        for (int times = 0; times < 2; ++times) {
            LogStore log = open().value();
            const Durable durable = log.recover({}).value();
            ASSERT_THAT(durable.log, SizeIs(slot)) << round;
            EXPECT_THAT(durable.faulty, IsEmpty());
        }
    }
}

// However often, and whether or not anything is written meanwhile.
TEST_F(DataDirectory, IsOpenedAgainAndAgain) {
    std::uint64_t slot = 0;
    for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 5; ++i) {
            LogStore log = open().value();
            EXPECT_THAT(log.recover({}).value().log, SizeIs(slot));
        }
        LogStore log = open().value();
        for (int i = 0; i <= round; ++i) {
            log.commit(std::vector<Record>{AcceptRecord{{++slot}, {accepted, {"v"}}}});
            if (i % 2 == 1) log.settle();
        }
    }
}

// What a crash makes of the batch under way, at any moment of the life of a journal.
TEST_F(DataDirectory, IsOpenedAfterAnyBatchWasTorn) {
    const fs::path journal = data / "log" / "journal";
    std::uint64_t slot = 0;
    for (int round = 0; round < 12; ++round) {
        std::string before;
        {
            LogStore log = open().value();
            log.commit(std::vector<Record>{PromiseRecord{promised}});
            for (int i = 0; i < round % 4; ++i) {
                log.commit(std::vector<Record>{AcceptRecord{{++slot}, {accepted, {"v"}}}});
                if (i != round % 3) continue;
                for (int times = 0; times <= round % 2; ++times) log.settle();
            }
            before = file_bytes(journal);
            log.commit(std::vector<Record>{AcceptRecord{{slot + 1}, {accepted, {"torn"}}}});
        }
        std::string torn = file_bytes(journal);
        for (std::size_t at = 0; at < torn.size(); at += Journal::block_bytes) {
            if (torn.compare(at, 64, before, at, 64) != 0) torn[at + 20] ^= 1;
        }
        ASSERT_NE(torn, file_bytes(journal));
        write_file(journal, torn);

        LogStore log = open().value();
        ASSERT_THAT(log.recover({}).value().log, SizeIs(slot)) << round;
    }
}

TEST_F(DataDirectory, WithADamagedEntryReportsItAndGoesOn) {
    fill();
    ASSERT_GT(flip(log_file, "marked value 2"), 0U);

    LogStore log = open().value();
    const Durable durable = log.recover({}).value();

    EXPECT_THAT(durable.faulty, ElementsAre(Slot{2}));
    EXPECT_THAT(durable.log, SizeIs(3));
    EXPECT_EQ(durable.promised, promised);
    EXPECT_THAT(log.read_chosen({2}, 100), IsEmpty()) << "nor is it handed on";

    log.commit(std::vector<Record>{ChosenRecord{{2}, {"learned anew"}}});
    EXPECT_THAT(log.recover({}).value().faulty, IsEmpty());
}

// Such an entry stands in pieces.
TEST_F(DataDirectory, WithDamageInALongEntryReportsItAndGoesOn) {
    const std::string value = std::string(6'000, 'v') + "marked value" + std::string(6'000, 'v');
    {
        LogStore log = open().value();
        log.commit(std::vector<Record>{AcceptRecord{{1}, {accepted, {value}}},
                                       AcceptRecord{{2}, {accepted, {std::string(6'000, 'w')}}}});
        log.settle();
    }
    ASSERT_GT(flip(log_file, "marked value"), 0U);

    LogStore log = open().value();
    EXPECT_THAT(log.recover({}).value().faulty, ElementsAre(Slot{1}));
    EXPECT_THAT(log.recover({}).value().log, SizeIs(1));

    log.commit(std::vector<Record>{ChosenRecord{{1}, {value}}});
    EXPECT_THAT(log.recover({}).value().faulty, IsEmpty());
    log.settle();
    EXPECT_EQ(log.recover({}).value().log.at({1}).proposal.value.command, Bytes(value));
}

TEST_F(DataDirectory, TakesAnEntryInAnothersPlaceForDamaged) {
    fill();
    {
        const lmdb::Environment environment((data / "log").string(), small_map, 8);
        lmdb::Transaction transaction(environment, lmdb::Transaction::Kind::write);
        const MDB_dbi table = transaction.table("log", MDB_INTEGERKEY);
        const std::uint64_t from = 3;
        const std::uint64_t to = 4;
        const auto key = [](const std::uint64_t& slot) {
            return std::string_view(reinterpret_cast<const char*>(&slot), sizeof(slot));
        };
        const std::string record(*transaction.find(table, key(from)));
        record.copy(transaction.put(table, key(to), record.size()), record.size());
        transaction.commit();
    }

    EXPECT_THAT(open().value().recover({}).value().faulty, ElementsAre(Slot{4}));
}

// The two copies of the promise have different sums, for they stand in different tables.
TEST_F(DataDirectory, SurvivesTheLossOfOneCopyOfThePromise) {
    const std::string number = packed(promised.number());
    std::set<std::string> sums;
    fill();
    const std::string intact = file_bytes(log_file);
    flip(log_file, number, [&](std::string_view sum) {
        sums.emplace(sum);
        return false;
    });
    ASSERT_THAT(sums, SizeIs(2));

    for (const auto& damaged : sums) {
        write_file(log_file, intact);
        ASSERT_GT(flip(log_file, number, [&](std::string_view sum) { return sum == damaged; }), 0U);

        EXPECT_EQ(open().value().recover({}).value().promised, promised);

        // Opening wrote both again.
        EXPECT_EQ(open().value().recover({}).value().promised, promised);
    }
}

TEST_F(DataDirectory, ThatLostItsPromiseNeverVotesAgain) {
    fill();
    ASSERT_GT(flip(log_file, packed(promised.number())), 1U);

    EXPECT_THAT(refusal(), AllOf(HasSubstr("promise"), HasSubstr("join anew")));
}

TEST_F(DataDirectory, ThatLostItsHighestAttemptNeverVotesAgain) {
    fill();
    ASSERT_GT(flip(log_file, packed(accepted.number())), 0U);

    EXPECT_THAT(refusal(), HasSubstr("highest ballot tried"));
}

using Storage = DataDirectory;

TEST_F(Storage, EndsTheProcessWhenItsMapIsFull) {
    const auto fill_up = [this] {
        LogStore log = LogStore::open({data, 1 << 20}, sample_identity()).value();
        for (std::uint64_t slot = 1; slot < 100; ++slot) {
            log.commit(
                std::vector<Record>{AcceptRecord{{slot}, {accepted, {std::string(50'000, 'v')}}}});
        }
    };

    EXPECT_EXIT(fill_up(), ExitedWithCode(storage_exit_code),
                "^gaveld: storage of the log failed to .*MDB_MAP_FULL.*larger one\\.\n$");

    // What was committed before is all there, and a larger map lets it go on.
    LogStore log = LogStore::open({data, small_map}, std::nullopt).value();
    const Durable durable = log.recover({}).value();
    EXPECT_GT(durable.log.size(), 10U);
    EXPECT_EQ(durable.log.rbegin()->first.number, durable.log.size()) << "without a gap";
    EXPECT_THAT(durable.faulty, IsEmpty());
}

TEST_F(Storage, EndsTheProcessWhenACommitFails) {
    const auto write_beyond_the_limit = [this] {
        LogStore log = open().value();
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{40'000, 40'000};
        setrlimit(RLIMIT_FSIZE, &limit);
        log.commit(std::vector<Record>{AcceptRecord{{1}, {accepted, {std::string(200'000, 'v')}}}});
    };

    EXPECT_EXIT(write_beyond_the_limit(), ExitedWithCode(storage_exit_code),
                "^gaveld: storage of the log failed to commit: .*start again\\.\n$");

    EXPECT_THAT(open().value().recover({}).value().log, IsEmpty());
}

TEST_F(Storage, EndsTheProcessThoughNobodyReadsWhatItSays) {
    const auto fail_unheard = [] {
        block_stderr();
        end_process("log", {"commit", EIO});
    };

    EXPECT_EXIT(fail_unheard(), ExitedWithCode(storage_exit_code), "");
}

TEST_F(Storage, OfTheStateEndsTheProcessToo) {
    const auto fill_up = [this] {
        StateStore state = StateStore::open({data, sample_identity(), 1 << 20}).value();
        std::vector<statemachine::Row> rows;
        for (int i = 0; i < 5'000; ++i) {
            const std::string key = std::to_string(100'000 + i);
            rows.push_back({{statemachine::Table::keys, key},
                            std::make_shared<const statemachine::KeyValue>(statemachine::KeyValue{
                                .key = key, .value = std::string(900, 'v')})});
        }
        state.commit(rows, {.applied = 1});
    };

    EXPECT_EXIT(fill_up(), ExitedWithCode(storage_exit_code),
                "^gaveld: storage of the state failed to .*MDB_MAP_FULL");

    const auto globals = StateStore::open({data, sample_identity(), small_map})
                             .value()
                             .load([](const statemachine::Row&) { FAIL() << "all or nothing"; });
    EXPECT_FALSE(globals.value().has_value());
}

}  // namespace
}  // namespace gavel::persistence
