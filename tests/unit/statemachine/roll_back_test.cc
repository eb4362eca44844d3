#include <gmock/gmock.h>

#include "chance.h"
#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Reason = RollBackRefused::Reason;

TEST(RollBack, BringsAPrefixBackInOneRevision) {
    Driver driver;
    driver.run(PutKey{.key = "app/a", .value = "1", .content_type = "text/plain"});
    driver.put("app/gone", "1");
    driver.put("app/same", "1");
    driver.put("else", "1");
    const Revision then = driver.machine().applied();
    driver.put("app/a", "2");
    driver.run(DeleteKey{.key = "app/gone"});
    driver.put("app/new", "1");
    driver.put("else", "2");

    const Applied applied = driver.run(RollBack{
        .target = "app/", .is_prefix = true, .to = then, .author = "ann", .reason = "broken"});

    EXPECT_EQ(applied.outcome, (Outcome{RolledBack{.restored = 2, .deleted = 1}}));
    EXPECT_THAT(lines(applied.events),
                ElementsAre("0 put app/a", "1 put app/gone", "2! delete app/new"));
    const Machine& machine = driver.machine();
    const Revision now = machine.applied();
    EXPECT_EQ(*machine.key("app/a"), (KeyValue{.key = "app/a",
                                               .value = "1",
                                               .content_type = "text/plain",
                                               .author = "ann",
                                               .created = 1,
                                               .modified = now,
                                               .version = 3,
                                               .modified_at = driver.now(),
                                               .reason = "broken"}));
    EXPECT_EQ(machine.key("app/gone")->created, now) << "a new key of that name";
    EXPECT_EQ(machine.key("app/same")->modified, 3U);
    EXPECT_EQ(machine.key("app/new"), nullptr);
    EXPECT_EQ(machine.key("else")->value, "2");
    const auto changes = machine.key_changes("app/new", ~0ULL, 1).changes;
    EXPECT_EQ(std::get<Ptr<KeyDeletion>>(changes.at(0))->reason, "broken");
}

TEST(RollBack, OfAKeyLeavesThoseBelowIt) {
    Driver driver;
    driver.put("a", "1");
    driver.put("a", "2");
    driver.put("ab", "2");

    EXPECT_EQ(driver.outcome(RollBack{.target = "a", .to = 1}), Outcome{RolledBack{.restored = 1}});
    EXPECT_EQ(driver.machine().key("a")->value, "1");
    EXPECT_NE(driver.machine().key("ab"), nullptr);
    EXPECT_EQ(driver.outcome(RollBack{.target = "a", .to = 2}), Outcome{RolledBack{.restored = 1}})
        << "and a roll back is rolled back alike";
    EXPECT_EQ(driver.machine().key("a")->value, "2");
}

TEST(RollBack, ChangesNothingWhereAllIsAsItWas) {
    Driver driver;
    driver.put("a", "1");
    driver.put("a", "2");
    driver.put("a", "1");

    const Applied applied = driver.run(RollBack{.target = "a", .to = 1});

    EXPECT_EQ(applied.outcome, Outcome{RolledBack{}});
    EXPECT_THAT(applied.events, IsEmpty());
    EXPECT_EQ(driver.machine().key("a")->version, 3U);
    EXPECT_EQ(driver.outcome(RollBack{.target = "never", .to = 1}), Outcome{RolledBack{}});
}

TEST(RollBack, IsRefusedWhereThePastIsNotKnown) {
    Driver driver({.versions_per_key = 1});
    driver.put("a/a", "1");
    for (const char* value : {"1", "2", "3"}) driver.put("a/b", value);
    const Revision applied = driver.machine().applied();

    EXPECT_EQ(driver.outcome(RollBack{.target = "a/", .is_prefix = true, .to = 2}),
              (Outcome{RollBackRefused{Reason::compacted, "a/b", 3}}));
    EXPECT_EQ(driver.outcome(RollBack{.target = "a/b", .to = applied + 3}),
              Outcome{RollBackRefused{Reason::future}})
        << "the revision of the roll back itself";
    EXPECT_EQ(driver.outcome(RollBack{.target = "a/b", .to = applied + 2}), Outcome{RolledBack{}});
    EXPECT_EQ(driver.machine().key("a/b")->modified, applied);
}

TEST(RollBack, OfAPrefixIsRefusedBelowTheFloor) {
    Driver driver({.version_ms = 1'000});
    driver.put("a", "1");
    driver.run(DeleteKey{.key = "a"});
    driver.pass(1'000);
    driver.run(LeaderStart{});

    EXPECT_EQ(driver.outcome(RollBack{.target = "", .is_prefix = true, .to = 1}),
              (Outcome{RollBackRefused{Reason::compacted, "", 2}}));
    EXPECT_EQ(driver.outcome(RollBack{.target = "a", .to = 1}),
              (Outcome{RollBackRefused{Reason::compacted, "a", 2}}));
}

// They live and end with their sessions, whatever was once under their names.
TEST(RollBack, LeavesEphemeralKeysAlone) {
    Driver driver;
    const SessionId session = driver.open();
    driver.put("a", "1");
    driver.run(PutKey{.key = "b", .value = "1", .session = session});
    const Revision then = driver.machine().applied();
    driver.run(PutKey{.key = "a", .value = "2", .session = session});
    driver.put("b", "2");
    driver.run(PutKey{.key = "c", .value = "2", .session = session});

    EXPECT_EQ(driver.outcome(RollBack{.target = "", .is_prefix = true, .to = then}),
              Outcome{RolledBack{}});
    EXPECT_EQ(driver.machine().key("a")->session, session);
    EXPECT_EQ(driver.machine().key("b")->value, "2");
    EXPECT_NE(driver.machine().key("c"), nullptr);
}

TEST(RollBack, IsBoundedAndThenChangesNothing) {
    Driver driver({.rolled_back_keys = 2, .rolled_back_looked_at = 4, .rolled_back_bytes = 2'000});
    const RollBack all{.target = "a", .is_prefix = true, .to = 0};
    driver.put("a1", "1");
    driver.put("a2", "1");
    EXPECT_EQ(driver.machine().plan(all).changes.size(), 2U);
    driver.put("a3", "1");
    EXPECT_EQ(driver.outcome(all), Outcome{RollBackRefused{Reason::too_many_keys}});
    EXPECT_EQ(driver.machine().key_count(), 3U);

    const RollBack none{.target = "a", .is_prefix = true, .to = driver.machine().applied()};
    driver.put("a4", "1");
    EXPECT_EQ(driver.machine().plan(none).changes.size(), 1U);
    driver.put("a5", "1");
    EXPECT_EQ(driver.outcome(none), Outcome{RollBackRefused{Reason::too_many_keys}})
        << "there are more than it looks at";

    const Revision large = driver.put("b", std::string(2'000, 'v'));
    driver.put("b", "small");
    EXPECT_EQ(driver.outcome(RollBack{.target = "b", .to = large}),
              Outcome{RollBackRefused{Reason::too_large}});
}

TEST(RollBack, KeepsToTheLimitsOfTheStore) {
    Driver driver({.keys = 2, .key_bytes = 20});
    driver.put("a", "1");
    const Revision then = driver.machine().applied();
    driver.run(DeleteKey{.key = "a"});
    driver.put("b", "1");
    driver.put("c", "1");

    EXPECT_EQ(driver.outcome(RollBack{.target = "a", .to = then}),
              Outcome{LimitReached{LimitReached::What::keys}});
    EXPECT_EQ(driver.outcome(RollBack{.target = "", .is_prefix = true, .to = then}),
              (Outcome{RolledBack{.restored = 1, .deleted = 2}}))
        << "what goes makes room";

    const Revision large = driver.put("a", std::string(15, 'v'));
    driver.put("a", "");
    driver.put("b", std::string(15, 'v'));
    EXPECT_EQ(driver.outcome(RollBack{.target = "a", .to = large}),
              Outcome{LimitReached{LimitReached::What::key_bytes}});
}

struct RandomRollBack : testing::TestWithParam<std::uint64_t> {};

// After it, each key is as it was, and no other has been touched.
TEST_P(RandomRollBack, LeavesTheStateOfItsRevision) {
    Chance chance(GetParam());
    Driver driver(tight);
    struct Value {
        std::string text{};
        bool ephemeral{};
        bool operator==(const Value&) const = default;
    };
    using State = std::map<std::string, Value>;
    std::map<Revision, State> states{{0, {}}};
    const auto state_of = [](const Machine& machine) {
        State found;
        for (const auto& value : machine.keys("", "", 100)) {
            found[value->key] = {std::string(value->value.view()), value->session != 0};
        }
        return found;
    };
    int changed = 0, refused = 0;
    for (int i = 0; i < 3'000; ++i) {
        Entry entry = chance.entry(driver.machine());
        if (chance.percent(5)) {
            const Revision applied = driver.machine().applied();
            entry.command = RollBack{.target = "key/",
                                     .is_prefix = true,
                                     .to = applied - std::min<Revision>(applied, 4)};
        }
        const State before = state_of(driver.machine());
        const Applied applied = driver.run(entry);
        const State after = state_of(driver.machine());
        states[driver.machine().applied()] = after;
        const auto* command = std::get_if<RollBack>(&entry.command);
        if (command == nullptr || applied.repeated) continue;
        if (!std::holds_alternative<RolledBack>(applied.outcome)) {
            ++refused;
            ASSERT_EQ(before, after);
            continue;
        }
        State expected = before;
        const State& then = states.at(command->to);
        for (const auto* state : {&before, &then}) {
            for (const auto& [key, value] : *state) {
                const bool covered =
                    command->is_prefix ? key.starts_with(command->target) : key == command->target;
                const auto was = then.find(key), is = before.find(key);
                const bool ephemeral = (was != then.end() && was->second.ephemeral) ||
                                       (is != before.end() && is->second.ephemeral);
                if (!covered || ephemeral) continue;
                expected.erase(key);
                if (was != then.end()) expected.insert(*was);
            }
        }
        ASSERT_EQ(after, expected) << "command " << i;
        changed += before != after ? 1 : 0;
    }
    EXPECT_GT(changed, 0);
    EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomRollBack, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace gavel::statemachine
