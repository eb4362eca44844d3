// A directory that is left when its cluster is lost, and one that is made from it.

#include "persistence/survivor.h"

#include <gmock/gmock.h>

#include <fstream>
#include <map>

#include "persistence/new_member.h"
#include "persistence/state_store.h"
#include "tests/unit/persistence/scratch.h"

namespace gavel::persistence {
namespace {

namespace fs = std::filesystem;
using namespace paxos;  // NOLINT(google-build-using-namespace)
using statemachine::Globals;
using statemachine::Row;
using statemachine::Table;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

constexpr std::uint64_t small_map = 64ULL << 20;
constexpr Ballot ballot{.round = 7, .member = {2}};

Row key_row(const std::string& key, const std::string& value) {
    return {{Table::keys, key},
            std::make_shared<const statemachine::KeyValue>(statemachine::KeyValue{
                .key = key, .value = value, .created = 1, .modified = 1, .version = 1})};
}

class SurvivorTest : public testing::Test {
protected:
    LogStore log() { return LogStore::open({data, small_map}, sample_identity()).value(); }
    StateStore state() { return StateStore::open({data, sample_identity(), small_map}).value(); }

    // Slots 1 to 4 accepted, chosen up to 2; the state stands at `applied`. What was committed last
    // is in the journal.
    void leave_a_member(statemachine::Revision applied) {
        LogStore store = log();
        store.commit(std::vector<Record>{PromiseRecord{{9, {3}}}, AttemptRecord{{8, {2}}}});
        for (const std::uint64_t slot : {1U, 2U, 3U, 4U}) {
            store.commit(std::vector<Record>{
                AcceptRecord{{slot}, {ballot, {"marked value " + std::to_string(slot)}}}});
            if (slot == 2) store.settle();
        }
        store.commit(std::vector<Record>{PrefixRecord{{2}}});
        store.remember(3, {.incarnation = 5, .boot = 2, .mutual = true});
        state().commit(std::vector<Row>{key_row("k", "marked row")}, {.applied = applied});
    }

    std::string refusal() {
        const auto opened = Survivor::open(data);
        if (opened) return "";
        EXPECT_THAT(opened.error().what, Not(HasSubstr("\n"))) << "one line";
        return opened.error().what;
    }
    static std::vector<std::string> keys_of(const Survivor& survivor) {
        std::vector<std::string> keys;
        const auto loaded =
            survivor.load_state([&](const Row& row) { keys.push_back(row.key.key); });
        EXPECT_TRUE(loaded.has_value()) << loaded.error().what;
        return keys;
    }
    std::map<fs::path, std::string> every_byte() const {
        std::map<fs::path, std::string> bytes;
        for (const auto& entry : fs::recursive_directory_iterator(data)) {
            if (entry.is_regular_file()) bytes[entry.path()] = file_bytes(entry.path());
        }
        return bytes;
    }

    ScratchFolder folder;
    fs::path data = folder.path() / "data";
};

TEST_F(SurvivorTest, TellsWhatAStartWouldFind) {
    leave_a_member(1);

    const Survivor survivor = Survivor::open(data).value();
    const auto state_there = survivor.load_state([](const Row&) {}).value();
    const auto found = survivor.read_log(state_there).value();

    EXPECT_EQ(survivor.identity(), sample_identity());
    EXPECT_THAT(keys_of(survivor), ElementsAre("k"));
    EXPECT_EQ(state_there.globals->applied, 1U);
    EXPECT_EQ(found.marks.boot, 1U);
    EXPECT_EQ(found.durable.promised, (Ballot{9, {3}}));
    EXPECT_EQ(found.durable.chosen_prefix, Slot{2});
    EXPECT_THAT(found.durable.log,
                ElementsAre(Pair(Slot{2}, LogEntry{{ballot, {"marked value 2"}}, false}),
                            Pair(Slot{3}, LogEntry{{ballot, {"marked value 3"}}, false}),
                            Pair(Slot{4}, LogEntry{{ballot, {"marked value 4"}}, false})));
    EXPECT_THAT(found.others,
                ElementsAre(Pair(3, Acquaintance{.incarnation = 5, .boot = 2, .mutual = true})));
    EXPECT_GE(survivor.state_map_bytes(), small_map);
}

// It is evidence: of what happened, and for a second try.
TEST_F(SurvivorTest, IsLeftAsItWasToTheByte) {
    leave_a_member(1);
    const auto before = every_byte();

    {
        const Survivor survivor = Survivor::open(data).value();
        const auto state_there = survivor.load_state([](const Row&) {}).value();
        EXPECT_TRUE(survivor.read_log(state_there).has_value());
    }

    EXPECT_EQ(every_byte(), before);
}

TEST_F(SurvivorTest, MayStandOnAVolumeThatCannotBeWritten) {
    leave_a_member(1);
    fs::remove(data / "lock");  // As a copy may lack it.
    for (const auto& entry : fs::recursive_directory_iterator(data)) {
        fs::permissions(entry.path(), entry.is_directory()
                                          ? fs::perms::owner_read | fs::perms::owner_exec
                                          : fs::perms::owner_read);
    }

    EXPECT_EQ(refusal(), "");
    EXPECT_FALSE(fs::exists(data / "lock"));

    for (const auto& entry : fs::recursive_directory_iterator(data)) {
        fs::permissions(entry.path(), fs::perms::owner_all);
    }
}

TEST_F(SurvivorTest, IsNotReadWhileAMemberUsesIt) {
    leave_a_member(1);
    std::optional<LogStore> running = log();
    EXPECT_THAT(refusal(), HasSubstr("in use by a gaveld, process " + std::to_string(getpid())));

    running.reset();
    const auto survivor = Survivor::open(data);
    ASSERT_TRUE(survivor.has_value());
    EXPECT_FALSE(LogStore::open({data, small_map}, std::nullopt).has_value())
        << "no member starts while it is read";
}

TEST_F(SurvivorTest, IsNothingWhereNoMemberWas) {
    EXPECT_THAT(refusal(), HasSubstr("no Gavel data is here"));
    fs::create_directories(data);
    EXPECT_THAT(refusal(), HasSubstr("no Gavel data is here"));
    fs::create_directories(data / "log");
    write_file(data / "log" / "data.mdb", std::string(8'192, 'x'));
    EXPECT_THAT(refusal(), HasSubstr("not a Gavel data directory"));
}

TEST_F(SurvivorTest, GivesItsStateWhenItsLogIsDamaged) {
    leave_a_member(1);
    write_file(data / "log" / "journal", std::string(8U << 20, '\0'));

    const Survivor survivor = Survivor::open(data).value();

    EXPECT_EQ(survivor.identity(), sample_identity());
    EXPECT_THAT(keys_of(survivor), ElementsAre("k"));
    EXPECT_THAT(survivor.read_log(Survivor::State{}).error().what, HasSubstr("journal is blank"));
}

TEST_F(SurvivorTest, GivesItsLogWhenItsStateIsDamaged) {
    leave_a_member(1);
    ASSERT_GT(flip(data / "state" / "data.mdb", "marked row"), 0U);

    const Survivor survivor = Survivor::open(data).value();

    EXPECT_THAT(survivor.load_state([](const Row&) {}).error().what, HasSubstr("is damaged"));
    EXPECT_THAT(survivor.read_log(std::nullopt).value().durable.log, testing::SizeIs(4));
}

TEST_F(SurvivorTest, SaysWhichEntriesAreDamaged) {
    leave_a_member(1);
    ASSERT_GT(flip(data / "log" / "data.mdb", "marked value 2"), 0U);

    const Survivor survivor = Survivor::open(data).value();
    const auto state_there = survivor.load_state([](const Row&) {}).value();

    EXPECT_THAT(survivor.read_log(state_there).value().durable.faulty, ElementsAre(Slot{2}));
}

TEST_F(SurvivorTest, HasNoStateThatIsOlderThanWhatItsLogCut) {
    leave_a_member(1);
    log().cut({2});

    const Survivor survivor = Survivor::open(data).value();

    EXPECT_THAT(survivor.load_state([](const Row&) {}).error().what, HasSubstr("set back"));
    EXPECT_THAT(survivor.read_log(std::nullopt).value().durable.log, testing::SizeIs(2));
}

TEST_F(SurvivorTest, HasNoStateOfAnotherMemberThanItsLog) {
    leave_a_member(1);
    Identity other = sample_identity();
    other.member = 3;
    fs::remove_all(data / "state");
    StateStore::open({data, other, small_map}).value().commit({}, {.applied = 1});

    const Survivor survivor = Survivor::open(data).value();

    EXPECT_THAT(survivor.load_state([](const Row&) {}).error().what,
                HasSubstr("belongs to another member"));
}

TEST_F(SurvivorTest, TellsWhyNoStartServesIt) {
    leave_a_member(1);
    {
        LogStore store = log();
        store.condemn({3});
        store.retire({4});
    }

    const auto found = Survivor::open(data).value().read_log(Survivor::State{}).value();

    EXPECT_EQ(found.marks.diverged, Slot{3});
    EXPECT_EQ(found.marks.retired, Slot{4});
}

// What a log accepted under a state that came from elsewhere may be anything.
TEST_F(SurvivorTest, DoesNotTakeEntriesUnderAStateThatCameFromElsewhere) {
    leave_a_member(1);
    state().replace(std::vector<Row>{key_row("k", "from elsewhere")}, {.applied = 3});

    const Survivor survivor = Survivor::open(data).value();
    const auto state_there = survivor.load_state([](const Row&) {}).value();
    const auto durable = survivor.read_log(state_there).value().durable;

    EXPECT_EQ(durable.chosen_prefix, Slot{3});
    EXPECT_EQ(durable.cut, Slot{3});
    EXPECT_THAT(durable.log, ElementsAre(Pair(Slot{4}, testing::_)));
}

// ---- The directory of the new member ------------------------------------------------------------

class NewMemberTest : public testing::Test {
protected:
    static constexpr statemachine::Revision base = 2'000'000'000'000;

    std::optional<StorageError> make() {
        return make_member({data, sample_identity(), small_map},
                           std::vector<Row>{key_row("k", "v")}, Globals{.applied = base});
    }
    std::string refusal() {
        const auto error = make();
        return error ? error->what : "";
    }

    ScratchFolder folder;
    fs::path data = folder.path() / "data";
};

TEST_F(NewMemberTest, BeginsWithTheStateAndNoLogBelowIt) {
    ASSERT_EQ(refusal(), "");

    LogStore log = LogStore::open({data, small_map}, std::nullopt).value();
    const StateStore state = StateStore::open({data, log.identity(), small_map}).value();
    std::vector<std::string> keys;
    const auto globals = state.load([&](const Row& row) { keys.push_back(row.key.key); }).value();
    const Durable durable = log.recover({globals->applied}, {state.replaced()}).value();

    EXPECT_EQ(log.identity(), sample_identity());
    EXPECT_THAT(keys, ElementsAre("k"));
    EXPECT_EQ(globals->applied, base);
    EXPECT_EQ(durable.chosen_prefix, Slot{base});
    EXPECT_EQ(log.oldest(), Slot{base + 1});
    EXPECT_THAT(durable.log, IsEmpty());
    EXPECT_EQ(durable.promised, Ballot{});
}

TEST_F(NewMemberTest, IsNotMadeWhereThereIsAMember) {
    LogStore::open({data, small_map}, sample_identity()).value();

    EXPECT_THAT(refusal(), HasSubstr("a member has this directory already"));
}

TEST_F(NewMemberTest, IsNotMadeAmongForeignFiles) {
    fs::create_directories(data);
    write_file(data / "thesis.tex", "x");

    EXPECT_THAT(refusal(), HasSubstr("thesis.tex"));
}

// Its log comes last: a start finds nobody there who forgot what it was given.
TEST_F(NewMemberTest, IsNobodyWhenItsMakingWasCutShort) {
    ASSERT_EQ(refusal(), "");
    fs::remove_all(data / "log");

    EXPECT_TRUE(LogStore::open({data, small_map}, std::nullopt).error().nothing_there);
    EXPECT_THAT(LogStore::open({data, small_map}, sample_identity()).error().what,
                HasSubstr("holds a member's state but not its log"));
    EXPECT_THAT(refusal(), HasSubstr("holds a member's state but not its log"));
}

}  // namespace
}  // namespace gavel::persistence
