#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = Precondition::Kind;

TEST(Key, IsCreatedWithVersionOne) {
    Driver driver;

    const Applied applied = driver.run(
        PutKey{.key = "app/a", .value = "1", .content_type = "text/plain", .author = "ann"});

    EXPECT_EQ(applied.outcome, (Outcome{KeyPut{.version = 1, .created = true}}));
    EXPECT_THAT(lines(applied.events), ElementsAre("0! put app/a"));
    EXPECT_EQ(*driver.machine().key("app/a"), (KeyValue{.key = "app/a",
                                                        .value = "1",
                                                        .content_type = "text/plain",
                                                        .author = "ann",
                                                        .created = 1,
                                                        .modified = 1,
                                                        .version = 1,
                                                        .modified_at = driver.now()}));
}

TEST(Key, KeepsWhenItWasCreatedAndCountsItsVersions) {
    Driver driver;
    driver.put("a", "1");
    driver.noop();
    driver.pass(5);

    const Outcome outcome = driver.outcome(PutKey{.key = "a", .value = "2"});

    EXPECT_EQ(outcome, (Outcome{KeyPut{.version = 2, .created = false}}));
    EXPECT_EQ(*driver.machine().key("a"), (KeyValue{.key = "a",
                                                    .value = "2",
                                                    .created = 1,
                                                    .modified = 3,
                                                    .version = 2,
                                                    .modified_at = driver.now()}));
}

TEST(Key, BeginsAgainAfterItsDeletion) {
    Driver driver;
    driver.put("a", "1");
    driver.put("a", "2");

    const Applied deleted = driver.run(DeleteKey{.key = "a"});

    EXPECT_EQ(deleted.outcome, Outcome{KeyDeleted{}});
    EXPECT_THAT(lines(deleted.events), ElementsAre("0! delete a"));
    EXPECT_EQ(std::get<KeyDeletedEvent>(deleted.events.at(0).body).version, 2U);
    EXPECT_EQ(driver.machine().key("a"), nullptr);
    EXPECT_EQ(driver.machine().key_count(), 0U);
    EXPECT_EQ(driver.machine().key_bytes(), 0U);
    EXPECT_EQ(driver.outcome(PutKey{.key = "a"}), (Outcome{KeyPut{.version = 1, .created = true}}));
}

TEST(Key, ThatIsMissingCannotBeDeleted) {
    Driver driver;

    const Applied applied = driver.run(DeleteKey{.key = "a"});

    EXPECT_EQ(applied.outcome, Outcome{KeyNotFound{}});
    EXPECT_THAT(applied.changed, IsEmpty());
}

// RFC 9110, sections 13.1.1 and 13.1.2: each condition against no key, and against one that was
// modified at revision 2.
TEST(Key, ChangesOnlyWhenItsPreconditionHolds) {
    struct Case {
        Precondition precondition;
        bool holds_when_missing, holds_when_present;
    };
    const std::vector<Case> cases = {{{Kind::none, {}}, true, true},
                                     {{Kind::absent, {}}, true, false},
                                     {{Kind::present, {}}, false, true},
                                     {{Kind::matches, {2}}, false, true},
                                     {{Kind::matches, {1, 2}}, false, true},
                                     {{Kind::matches, {1, 3}}, false, false},
                                     {{Kind::matches, {0}}, false, false},
                                     {{Kind::matches, {}}, false, false},
                                     {{Kind::none_matches, {2}}, true, false},
                                     {{Kind::none_matches, {1, 2}}, true, false},
                                     {{Kind::none_matches, {1, 3}}, true, true},
                                     {{Kind::none_matches, {}}, true, true}};
    for (const auto& [precondition, when_missing, when_present] : cases) {
        Driver missing, present;
        present.noop();
        present.put("a", "1");

        const Applied put_missing = missing.run(PutKey{.key = "a", .precondition = precondition});
        const Applied put_present = present.run(PutKey{.key = "a", .precondition = precondition});

        SCOPED_TRACE(testing::Message() << "kind " << static_cast<int>(precondition.kind) << ", "
                                        << precondition.revisions.size() << " revisions");
        const Outcome created{KeyPut{.version = 1, .created = true}};
        const Outcome replaced{KeyPut{.version = 2, .created = false}};
        EXPECT_EQ(put_missing.outcome, when_missing ? created : PreconditionFailed{0});
        EXPECT_EQ(put_present.outcome, when_present ? replaced : PreconditionFailed{2});
        EXPECT_EQ(put_missing.changed.empty(), !when_missing);
        EXPECT_EQ(put_present.changed.empty(), !when_present);
    }
}

TEST(Key, IsDeletedOnlyWhenThePreconditionHolds) {
    Driver driver;
    EXPECT_EQ(driver.outcome(DeleteKey{.key = "a", .precondition = {Kind::present, {}}}),
              Outcome{PreconditionFailed{0}});
    const Revision revision = driver.put("a", "1");

    EXPECT_EQ(driver.outcome(DeleteKey{.key = "a", .precondition = {Kind::matches, {1}}}),
              Outcome{PreconditionFailed{revision}});
    EXPECT_EQ(driver.outcome(DeleteKey{.key = "a", .precondition = {Kind::matches, {revision}}}),
              Outcome{KeyDeleted{}});
}

TEST(Key, IsRefusedWhenThereAreTooMany) {
    Driver driver({.keys = 1});
    driver.put("a", "1");

    EXPECT_EQ(driver.outcome(PutKey{.key = "b"}), Outcome{LimitReached{LimitReached::What::keys}});
    driver.put("a", "2");
    driver.run(DeleteKey{.key = "a"});
    driver.put("b", "1");
}

TEST(Key, MayOnlyShrinkWhenTheStoreIsFull) {
    Driver driver({.key_bytes = 10});
    driver.put("a", "123456789");
    const Outcome full{LimitReached{LimitReached::What::key_bytes}};

    EXPECT_EQ(driver.outcome(PutKey{.key = "b", .value = ""}), full);
    EXPECT_EQ(driver.outcome(PutKey{.key = "a", .value = "1234567890"}), full);
    driver.put("a", "987654321");
    driver.put("a", "98765432");
    driver.put("b", "");

    EXPECT_EQ(driver.machine().key_bytes(), 10U);
}

TEST(Key, IsListedByPrefixInPages) {
    Driver driver;
    for (const char* key : {"b", "app/c", "app/a", "apq", "app/b", "app"}) driver.put(key, "");
    const auto keys = [&](std::string_view prefix, std::string_view after, std::size_t limit) {
        std::vector<std::string> found;
        for (const auto& value : driver.machine().keys(prefix, after, limit)) {
            found.push_back(value->key);
        }
        return found;
    };

    EXPECT_THAT(keys("app/", "", 2), ElementsAre("app/a", "app/b"));
    EXPECT_THAT(keys("app/", "app/b", 2), ElementsAre("app/c"));
    EXPECT_THAT(keys("app/", "app/c", 2), IsEmpty());
    EXPECT_THAT(keys("app/", "app/bb", 2), ElementsAre("app/c"));
    EXPECT_THAT(keys("app/", "zzz", 2), IsEmpty());
    EXPECT_THAT(keys("", "", 9), ElementsAre("app", "app/a", "app/b", "app/c", "apq", "b"));
    EXPECT_THAT(keys("", "apq", 9), ElementsAre("b"));
    EXPECT_THAT(keys("c", "", 9), IsEmpty());
}

TEST(Key, IsDeletedWithAllBelowIt) {
    Driver driver;
    for (const char* key : {"a", "a-b", "a/b", "a/b/c", "a0", "b"}) driver.put(key, "1");

    const Applied applied = driver.run(DeletePrefix{.key = "a"});

    EXPECT_EQ(applied.outcome, Outcome(PrefixDeleted{3}));
    EXPECT_THAT(lines(applied.events),
                ElementsAre("0 delete a", "1 delete a/b", "2! delete a/b/c"));
    EXPECT_EQ(driver.machine().key_count(), 3U);
    EXPECT_EQ(driver.outcome(DeletePrefix{.key = "a"}), Outcome(KeyNotFound{}));
    EXPECT_EQ(driver.outcome(DeletePrefix{.key = "b/c"}), Outcome(KeyNotFound{}));
}

TEST(Key, IsNotDeletedWithMoreBelowItThanOneCommandMayDelete) {
    Driver driver({.deleted_at_once = 3});
    for (const char* key : {"a/1", "a/2", "a/3", "a/4"}) driver.put(key, "1");

    const Applied refused = driver.run(DeletePrefix{.key = "a"});
    driver.run(DeletePrefix{.key = "a/4"});
    const Applied deleted = driver.run(DeletePrefix{.key = "a"});

    EXPECT_EQ(refused.outcome, Outcome(TooMuch{TooMuch::What::keys_deleted}));
    EXPECT_THAT(refused.changed, IsEmpty());
    EXPECT_EQ(deleted.outcome, Outcome(PrefixDeleted{3}));
}

TEST(Key, StaysAsItWasForWhoeverLooksAtIt) {
    Driver driver;
    driver.put("a", "1");
    const Ptr<KeyValue> seen = driver.machine().key("a");

    driver.put("a", "2");

    EXPECT_EQ(seen->value, Bytes("1"));
}

}  // namespace
}  // namespace gavel::statemachine
