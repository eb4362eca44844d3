#include "statemachine/timeline.h"

#include <gmock/gmock.h>

#include "chance.h"
#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// "1" for a value, "-" for a key that was not there, "410 from 7" for what is not known.
std::string at(const Machine& machine, const std::string& key, Revision revision) {
    const KeyAt found = machine.key_at(key, revision);
    if (!found.known) {
        return "410 from " + std::to_string(machine.key_changes(key, ~0ULL, 1).oldest);
    }
    return found.value ? std::string(found.value->value.view()) : "-";
}

std::vector<std::string> lines(const KeyChanges& changes) {
    std::vector<std::string> lines;
    for (const KeyRecord& change : changes.changes) {
        const auto* put = std::get_if<Ptr<KeyValue>>(&change);
        lines.push_back(std::to_string(revision_of(change)) +
                        (put != nullptr ? " put " + std::string((*put)->value.view()) : " delete"));
    }
    return lines;
}

std::vector<std::string> names(const KeysAt& list) {
    std::vector<std::string> names;
    for (const auto& value : list.keys) {
        names.push_back(value->key + "=" + std::string(value->value.view()));
    }
    return names;
}

TEST(Timeline, TellsWhatAKeyWasAtEachRevision) {
    Driver driver;
    driver.noop();
    driver.put("a", "1");
    driver.noop();
    driver.put("a", "2");
    driver.run(DeleteKey{.key = "a"});
    driver.noop();
    driver.put("a", "3");

    for (const Machine& machine : {driver.restored(), driver.restored()}) {
        EXPECT_EQ(at(machine, "a", 1), "-");
        EXPECT_EQ(at(machine, "a", 2), "1");
        EXPECT_EQ(at(machine, "a", 3), "1");
        EXPECT_EQ(at(machine, "a", 4), "2");
        EXPECT_EQ(at(machine, "a", 5), "-");
        EXPECT_EQ(at(machine, "a", 6), "-");
        EXPECT_EQ(at(machine, "a", 7), "3");
        EXPECT_EQ(at(machine, "b", 3), "-");
    }
}

TEST(Timeline, NamesTheChangesOfAKeyNewestFirst) {
    Driver driver;
    driver.put("a", "1");
    driver.put("a", "2");
    driver.run(DeleteKey{.key = "a", .author = "ann", .reason = "tidy"});
    driver.put("a", "3");

    const KeyChanges all = driver.machine().key_changes("a", ~0ULL, 10);
    EXPECT_THAT(lines(all), ElementsAre("4 put 3", "3 delete", "2 put 2", "1 put 1"));
    EXPECT_FALSE(all.more);
    const auto& deletion = *std::get<Ptr<KeyDeletion>>(all.changes[1]);
    EXPECT_EQ(deletion.author, "ann");
    EXPECT_EQ(deletion.reason, "tidy");
    EXPECT_EQ(deletion.version, 2U);

    const KeyChanges some = driver.machine().key_changes("a", 4, 2);
    EXPECT_THAT(lines(some), ElementsAre("3 delete", "2 put 2"));
    EXPECT_TRUE(some.more);
    EXPECT_FALSE(driver.machine().key_changes("b", ~0ULL, 2).remembered);
}

// However a key is changed, it has its place in the past, with who did it and why.
TEST(Timeline, KnowsWhatTransactionsSessionsAndRecursiveDeletesDid) {
    Driver driver;
    const SessionId session = driver.open();
    driver.put("t/a", "1");
    driver.run(Transact{
        .then = {PutOperation{.key = "t/a", .value = "2"}}, .author = "ann", .reason = "moved"});
    const Revision moved = driver.machine().applied();
    driver.run(
        Transact{.then = {DeleteOperation{"t", true}, PutOperation{.key = "t/a", .value = "3"},
                          PutOperation{.key = "t/b", .value = "3", .session = session}}});
    const Revision anew = driver.machine().applied();
    driver.run(EndSession{session});
    driver.run(DeletePrefix{.key = "t", .author = "bob", .reason = "tidy"});
    const Machine machine = driver.restored();

    EXPECT_EQ(machine.key_at("t/a", moved).value->author, "ann");
    EXPECT_EQ(machine.key_at("t/a", moved).value->reason, "moved");
    EXPECT_EQ(at(machine, "t/a", anew - 1), "2");
    EXPECT_EQ(machine.key_at("t/a", anew).value->version, 1U) << "deleted and put again at once";
    EXPECT_EQ(at(machine, "t/b", anew), "3");
    EXPECT_EQ(at(machine, "t/b", anew + 1), "-") << "its session ended";
    const KeyChanges changes = machine.key_changes("t/a", ~0ULL, 1);
    EXPECT_EQ(std::get<Ptr<KeyDeletion>>(changes.changes[0])->author, "bob");
    EXPECT_EQ(std::get<Ptr<KeyDeletion>>(changes.changes[0])->reason, "tidy");
}

// What was deleted and put again at once had a past, though there is no deletion to show for it.
TEST(Timeline, DoesNotTakeAKeyThatWasPutAgainForANewOne) {
    Driver driver({.versions_per_key = 1});
    driver.put("a", "1");
    driver.run(
        Transact{.then = {DeleteOperation{"a", false}, PutOperation{.key = "a", .value = "2"}}});
    driver.put("a", "3");

    EXPECT_EQ(at(driver.machine(), "a", 1), "410 from 2");
    EXPECT_EQ(at(driver.machine(), "a", 2), "2");
}

TEST(Timeline, ListsTheKeysOfARevisionInPages) {
    Driver driver;
    driver.put("a", "1");
    driver.put("b", "1");
    driver.put("c", "1");
    driver.put("other", "1");
    const Revision then = driver.machine().applied();
    driver.put("b", "2");
    driver.run(DeleteKey{.key = "c"});
    driver.put("aa", "1");
    const Machine& machine = driver.machine();

    const KeysAt all = machine.keys_at("", "", 10, then);
    EXPECT_THAT(names(all), ElementsAre("a=1", "b=1", "c=1", "other=1"));
    EXPECT_FALSE(all.more);
    const KeysAt first = machine.keys_at("", "", 2, then);
    EXPECT_THAT(names(first), ElementsAre("a=1", "b=1"));
    EXPECT_TRUE(first.more);
    EXPECT_THAT(names(machine.keys_at("", first.last, 2, then)), ElementsAre("c=1", "other=1"));
    EXPECT_THAT(names(machine.keys_at("c", "", 2, then)), ElementsAre("c=1"));
    EXPECT_THAT(names(machine.keys_at("", "", 9, machine.applied())),
                ElementsAre("a=1", "aa=1", "b=2", "other=1"));
}

TEST(Timeline, KeepsSoManyVersionsOfAKeyAndSaysFromWhenOnItIsKnown) {
    Driver driver({.versions_per_key = 2});
    for (const char* value : {"1", "2", "3", "4"}) driver.put("a", value);
    driver.put("b", "1");

    EXPECT_EQ(at(driver.machine(), "a", 1), "410 from 2");
    EXPECT_EQ(at(driver.machine(), "a", 2), "2");
    EXPECT_EQ(at(driver.machine(), "b", 1), "-") << "what is not known of one key is of another";
    EXPECT_EQ(driver.machine().globals().versions_floor, 0U);

    const auto list = driver.machine().keys_at("", "", 10, 1);
    ASSERT_TRUE(list.forgotten);
    EXPECT_EQ(list.forgotten->key, "a");
    EXPECT_EQ(list.forgotten->oldest, 2U);
    EXPECT_THAT(list.keys, IsEmpty());
    EXPECT_FALSE(driver.machine().keys_at("b", "", 10, 1).forgotten);
}

// The deletion goes, but the value that came after it tells of it.
TEST(Timeline, KnowsThatAKeyWasGoneWhenItsDeletionIsForgotten) {
    Driver driver({.versions_per_key = 2});
    driver.put("a", "1");
    driver.run(DeleteKey{.key = "a"});
    driver.noop();
    driver.put("a", "2");
    driver.put("a", "3");
    driver.put("a", "4");

    EXPECT_EQ(at(driver.machine(), "a", 1), "410 from 2");
    EXPECT_EQ(at(driver.machine(), "a", 2), "-");
    EXPECT_EQ(at(driver.machine(), "a", 3), "-");
    EXPECT_EQ(at(driver.machine(), "a", 4), "2");
    EXPECT_EQ(driver.machine().globals().versions_floor, 0U);
}

TEST(Timeline, RaisesTheFloorWhenNothingIsLeftOfAKey) {
    Driver driver({.version_ms = 1'000});
    driver.put("kept", "1");
    driver.put("a", "1");
    driver.run(DeleteKey{.key = "a"});
    driver.pass(999);
    driver.put("kept", "2");
    EXPECT_EQ(at(driver.machine(), "a", 2), "1");

    driver.pass(1);
    driver.put("kept", "3");

    const Machine machine = driver.restored();
    EXPECT_EQ(machine.globals().versions_floor, 3U);
    EXPECT_EQ(at(machine, "a", 2), "410 from 3");
    EXPECT_EQ(at(machine, "a", 3), "-") << "exactly at the deletion it is known to be gone";
    EXPECT_EQ(at(machine, "never", 2), "410 from 3") << "nothing tells it from one that is gone";
    EXPECT_EQ(at(machine, "kept", 2), "1") << "what is there is known as far back as it is kept";
    ASSERT_TRUE(machine.keys_at("", "", 9, 2).forgotten);
    EXPECT_EQ(machine.keys_at("", "", 9, 2).forgotten->oldest, 3U);
    EXPECT_THAT(names(machine.keys_at("", "", 9, 3)), ElementsAre("kept=1"));
}

TEST(Timeline, ForgetsTheOldestWhenThereIsTooMuch) {
    Driver driver({.version_bytes = 4 * 600});
    const std::string value(80, 'v');
    for (const char* key : {"a", "b", "c", "a", "b", "c"}) driver.put(key, value);
    EXPECT_EQ(driver.machine().version_count(), 3U);

    for (int i = 0; i < 3; ++i) driver.put("d", value);

    EXPECT_EQ(driver.machine().version_count(), 4U);
    EXPECT_EQ(at(driver.machine(), "a", 3), "410 from 4");
    EXPECT_EQ(at(driver.machine(), "b", 3), value);
    driver.put("d", std::string(2'400, 'v'));
    driver.put("d", "");
    EXPECT_EQ(driver.machine().version_count(), 0U) << "one that is larger than all leaves none";
}

TEST(Timeline, ForgetsAFewPerCommand) {
    Driver driver({.versions_per_key = 100, .version_ms = 1'000});
    for (int i = 0; i < 31; ++i) driver.put("a", "1");
    driver.pass(1'000);

    driver.run(LeaderStart{});
    EXPECT_EQ(driver.machine().version_count(), 22U);
    driver.run(LeaderStart{});
    EXPECT_EQ(driver.machine().version_count(), 14U);
}

// Everything that ever was, to compare with what is kept.
class Archive {
public:
    void note(const Machine& machine) {
        auto& state = states_[machine.applied()];
        for (const auto& value : machine.keys("", "", 1'000)) state[value->key] = value;
    }
    Ptr<KeyValue> at(const std::string& key, Revision revision) const {
        const auto& state = states_.at(revision);
        const auto found = state.find(key);
        return found == state.end() ? nullptr : found->second;
    }
    const std::map<std::string, Ptr<KeyValue>>& state(Revision revision) const {
        return states_.at(revision);
    }

private:
    std::map<Revision, std::map<std::string, Ptr<KeyValue>>> states_;
};

std::string shown(const Ptr<KeyValue>& value) {
    if (!value) return "-";
    return value->key + "@" + std::to_string(value->modified) + " v" +
           std::to_string(value->version) + " " + std::string(value->value.view());
}

struct RandomPast : testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomPast, IsReadExactlyOrSaidToBeForgotten) {
    Chance chance(GetParam());
    Driver driver(tight);
    Archive archive;
    archive.note(driver.machine());
    int known_of_the_past = 0, forgotten = 0, raised = 0;
    for (int i = 0; i < 600; ++i) {
        driver.run(chance.entry(driver.machine()));
        if (chance.percent(5)) driver.restart();
        const Machine& machine = driver.machine();
        archive.note(machine);
        raised = machine.globals().versions_floor > 0 ? 1 : raised;

        const Revision newest = machine.applied();
        // Beyond what is kept for its age alone; each revision is looked at again and again.
        for (Revision revision = newest - std::min<Revision>(newest, 150); revision <= newest;
             revision += 3) {
            for (const char* key : {"key/0", "key/1", "key/5", "never"}) {
                const KeyAt found = machine.key_at(key, revision);
                const Revision oldest = machine.key_changes(key, ~0ULL, 1).oldest;
                ASSERT_EQ(found.known, revision >= oldest) << key << " at " << revision;
                if (!found.known) {
                    ++forgotten;
                    continue;
                }
                ASSERT_EQ(shown(found.value), shown(archive.at(key, revision)))
                    << key << " at " << revision << " of " << newest;
                known_of_the_past += found.value && found.value != machine.key(key) ? 1 : 0;
            }
            const KeysAt list = machine.keys_at("key/", "", 100, revision);
            if (list.forgotten) {
                ASSERT_LT(revision, list.forgotten->oldest);
                continue;
            }
            std::vector<std::string> listed, were;
            for (const auto& value : list.keys) listed.push_back(shown(value));
            for (const auto& [name, value] : archive.state(revision)) were.push_back(shown(value));
            ASSERT_EQ(listed, were) << "at " << revision << " of " << newest;
        }
    }
    EXPECT_GT(known_of_the_past, 0);
    EXPECT_GT(forgotten, 0);
    EXPECT_EQ(raised, 1);
}

// With room for all of it, nothing is ever forgotten.
TEST_P(RandomPast, IsKnownToItsBeginningWhereThereIsRoom) {
    Chance chance(GetParam());
    Driver driver;
    Archive archive;
    archive.note(driver.machine());
    for (int i = 0; i < 300; ++i) {
        Entry entry = chance.entry(driver.machine());
        entry.spares_room = false;
        driver.run(entry);
        archive.note(driver.machine());
    }
    for (Revision revision = 0; revision <= driver.machine().applied(); ++revision) {
        for (const char* key : {"key/0", "key/1", "key/2", "never"}) {
            const KeyAt found = driver.machine().key_at(key, revision);
            ASSERT_TRUE(found.known) << key << " at " << revision;
            ASSERT_EQ(shown(found.value), shown(archive.at(key, revision)));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPast, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace gavel::statemachine
