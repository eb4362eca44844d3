#include "statemachine/quotas.h"

#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using What = QuotaExceeded::What;

void set(Driver& driver, const std::string& prefix, QuotaBounds bounds) {
    ASSERT_EQ(driver.outcome(SetQuota{prefix, bounds}), Outcome{Done{}});
}

bool puts(Driver& driver, const std::string& key, const std::string& value) {
    return std::holds_alternative<KeyPut>(driver.outcome(PutKey{.key = key, .value = value}));
}

TEST(Quota, RefusesWhatWouldPassItsBytesAndSaysTheNumbers) {
    Driver driver;
    driver.put("app/a", "12345");
    set(driver, "app/", {.bytes = 20});

    const Applied refused = driver.run(PutKey{.key = "app/b", .value = "123456"});

    EXPECT_EQ(refused.outcome,
              (Outcome{QuotaExceeded{
                  .what = What::bytes, .prefix = "app/", .limit = 20, .used = 10, .more = 11}}));
    EXPECT_THAT(refused.changed, IsEmpty());
    EXPECT_THAT(refused.events, IsEmpty());
    EXPECT_TRUE(puts(driver, "app/b", "12345")) << "the last byte may be used";
    EXPECT_TRUE(puts(driver, "other", std::string(1'000, 'v'))) << "counts only its prefix";
}

TEST(Quota, RefusesAKeyTooMany) {
    Driver driver;
    set(driver, "app/", {.keys = 1});
    driver.put("app/a", "1");

    EXPECT_EQ(driver.outcome(PutKey{.key = "app/b"}),
              (Outcome{QuotaExceeded{What::keys, "app/", 1, 1, 1}}));
    EXPECT_TRUE(puts(driver, "app/a", std::string(100, 'v'))) << "the same key is not one more";
}

TEST(Quota, OfEverythingCountsEveryKeyAndTheSessions) {
    Driver driver;
    const SessionId session = driver.open();
    driver.put("a", "1");
    set(driver, "", {.bytes = 4, .keys = 1, .sessions = 1});

    EXPECT_EQ(driver.outcome(PutKey{.key = "b"}),
              (Outcome{QuotaExceeded{What::keys, "", 1, 1, 1}}));
    EXPECT_EQ(driver.outcome(PutKey{.key = "a", .value = "12345"}),
              (Outcome{QuotaExceeded{What::bytes, "", 4, 2, 4}}));
    EXPECT_EQ(driver.outcome(OpenSession{.ttl = 1}),
              (Outcome{QuotaExceeded{What::sessions, "", 1, 1, 1}}));

    EXPECT_EQ(driver.outcome(EndSession{session}), Outcome{SessionEnded{}});
    EXPECT_TRUE(std::holds_alternative<SessionOpened>(driver.outcome(OpenSession{.ttl = 1})));
}

TEST(Quota, BelowWhatThereIsLetsThingsGetLess) {
    Driver driver;
    driver.put("app/a", "12345");
    driver.put("app/b", "12345");
    set(driver, "app/", {.bytes = 1, .keys = 1});

    EXPECT_TRUE(puts(driver, "app/a", "54321")) << "no larger";
    EXPECT_TRUE(puts(driver, "app/a", "1")) << "smaller";
    EXPECT_FALSE(puts(driver, "app/a", "12")) << "larger";
    EXPECT_EQ(driver.outcome(DeleteKey{.key = "app/b"}), Outcome{KeyDeleted{}});
    EXPECT_EQ(driver.outcome(DeleteKey{.key = "app/a"}), Outcome{KeyDeleted{}});
    EXPECT_FALSE(puts(driver, "app/a", "")) << "one key of five bytes is too much";
}

TEST(Quota, OfEachPrefixOfAKeyCounts) {
    Driver driver;
    set(driver, "a", {.keys = 3});
    set(driver, "a/b/", {.keys = 2});
    set(driver, "a/b/c/d", {.keys = 9});
    set(driver, "a/c", {.keys = 0});

    EXPECT_TRUE(puts(driver, "a/b/c/d", "1"));
    EXPECT_TRUE(puts(driver, "a/b/e", "1"));
    EXPECT_EQ(driver.outcome(PutKey{.key = "a/b/f"}),
              (Outcome{QuotaExceeded{What::keys, "a/b/", 2, 2, 1}}));
    EXPECT_TRUE(puts(driver, "ab", "1"));
    EXPECT_EQ(driver.outcome(PutKey{.key = "az"}),
              (Outcome{QuotaExceeded{What::keys, "a", 3, 3, 1}}));
    EXPECT_EQ(driver.outcome(PutKey{.key = "a/c"}),
              (Outcome{QuotaExceeded{What::keys, "a/c", 0, 0, 1}}))
        << "the longest prefix is named first";
}

TEST(Quota, LooksAtATransactionAsAWhole) {
    Driver driver;
    driver.put("app/a", "12345");
    driver.put("app/b", "12345");
    set(driver, "app/", {.bytes = 20, .keys = 2});
    const auto transact = [&](std::vector<Operation> operations) {
        return driver.outcome(Transact{.then = std::move(operations)});
    };

    EXPECT_EQ(transact({PutOperation{.key = "app/c", .value = "1"},
                        PutOperation{.key = "app/d", .value = "1"}}),
              (Outcome{QuotaExceeded{What::keys, "app/", 2, 2, 2}}));
    EXPECT_EQ(transact({PutOperation{.key = "app/a", .value = "123456"}}),
              (Outcome{QuotaExceeded{What::bytes, "app/", 20, 20, 1}}));
    EXPECT_EQ(driver.machine().key("app/c"), nullptr);
    EXPECT_TRUE(std::holds_alternative<Transacted>(
        transact({PutOperation{.key = "app/c", .value = "1234567"}, DeleteOperation{.key = "app/a"},
                  PutOperation{.key = "app/b", .value = "123"}})))
        << "no more than there was";
    EXPECT_EQ(driver.outcome(DeletePrefix{.key = "app"}), Outcome{PrefixDeleted{2}});
    EXPECT_EQ(driver.machine().quotas()[1].keys, 0U);
    EXPECT_EQ(driver.machine().quotas()[1].bytes, 0U);
}

TEST(Quota, CountsWhatWasThereBeforeIt) {
    Driver driver;
    for (int i = 0; i < 3'000; ++i)
        driver.machine().apply(driver.next_slot(), put_entry("app/" + std::to_string(i), "v"));
    driver.put("other", "v");

    set(driver, "app/1", {.keys = 5'000});

    const auto quotas = driver.machine().quotas();
    ASSERT_THAT(quotas, SizeIs(2));
    EXPECT_EQ(quotas[0].quota, nullptr) << "none was set of everything";
    EXPECT_EQ(quotas[0].keys, 3'001U);
    EXPECT_EQ(quotas[1].keys, 1'111U);
    driver.machine().check_invariants();
}

TEST(Quota, GoesWhenNoBoundIsLeft) {
    Driver driver;
    set(driver, "app/", {.keys = 0});
    ASSERT_FALSE(puts(driver, "app/a", "1"));

    set(driver, "app/", {});

    EXPECT_TRUE(puts(driver, "app/a", "1"));
    EXPECT_EQ(driver.outcome(SetQuota{.prefix = "app/"}), Outcome{RuleNotFound{}});
}

TEST(Quota, AreBoundedInNumber) {
    Driver driver({.quotas = 2});
    set(driver, "a", {.keys = 1});
    set(driver, "b", {.keys = 1});

    EXPECT_EQ(driver.outcome(SetQuota{"c", {.keys = 1}}),
              Outcome{LimitReached{LimitReached::What::quotas}});
    EXPECT_EQ(driver.outcome(SetQuota{"b", {.keys = 2}}), Outcome{Done{}}) << "in its place";
}

// The client may try again with the same Idempotency-Key once there is room.
TEST(Quota, IsNotRememberedAsAnOutcome) {
    Driver driver;
    set(driver, "", {.keys = 0});
    Entry entry = put_entry("a", "1");
    entry.idempotency = IdempotencyKey{.key = "once", .fingerprint = 1};
    ASSERT_TRUE(std::holds_alternative<QuotaExceeded>(driver.run(entry).outcome));
    set(driver, "", {});

    entry.request.number = 2;

    EXPECT_EQ(driver.run(entry).outcome, (Outcome{KeyPut{.version = 1, .created = true}}));
}

TEST(SparedRoom, IsLeftToWhatAddsNothing) {
    Driver driver;
    const SessionId session = driver.open();
    driver.lock("held", session);
    driver.put("a", "12");
    const auto spared = [&](Command command) {
        return driver
            .run(Entry{.stamp = driver.now(), .command = std::move(command), .spares_room = true})
            .outcome;
    };
    const Outcome full{StorageFull{}};

    EXPECT_EQ(spared(PutKey{.key = "b"}), full);
    EXPECT_EQ(spared(PutKey{.key = "a", .value = "123"}), full);
    EXPECT_EQ(spared(OpenSession{.ttl = 1}), full);
    EXPECT_EQ(spared(AcquireLock{.name = "free", .session = session}), full);
    EXPECT_EQ(spared(SetQuota{"a", {.keys = 1}}), full);

    EXPECT_EQ(spared(Transact{.then = {PutOperation{.key = "a", .value = "123"}}}), full);

    EXPECT_EQ(spared(PutKey{.key = "a", .value = "1"}), (Outcome{KeyPut{.version = 2}}));
    EXPECT_TRUE(std::holds_alternative<LockGranted>(
        spared(AcquireLock{.name = "held", .session = session})))
        << "it is held already";
    EXPECT_TRUE(std::holds_alternative<LockReleased>(
        spared(ReleaseLock{.name = "held", .session = session})));
    EXPECT_TRUE(std::holds_alternative<MembersChanged>(
        spared(ChangeMembers{.changes = {AddMember{.name = "n3", .peer_address = "x:1"}}})));
    EXPECT_EQ(spared(DeleteKey{.key = "a"}), Outcome{KeyDeleted{}});
    EXPECT_EQ(spared(EndSession{session}), Outcome{SessionEnded{}});
}

TEST(SparedRoom, IsMadeByForgettingWhatKeysWere) {
    Driver driver;
    for (int i = 0; i < 100; ++i) driver.put("a", std::to_string(i));
    ASSERT_GT(driver.machine().version_count(), 90U);
    const auto spared = [&] {
        Entry entry = put_entry("b", "1");
        entry.spares_room = true;
        return driver.run(entry).outcome;
    };

    EXPECT_EQ(spared(), Outcome{StorageFull{}});
    const auto left = driver.machine().version_count();
    EXPECT_LT(left, 40U) << "also by a command that is refused";
    EXPECT_GT(left, 0U) << "but no command does without end";
    EXPECT_EQ(spared(), Outcome{StorageFull{}});

    EXPECT_EQ(driver.machine().version_count(), 0U);
    EXPECT_EQ(driver.machine().version_bytes(), 0U);
    driver.restart();
    EXPECT_EQ(driver.machine().key("a")->value, Bytes("99"));
}

TEST(SparedRoom, IsNotRememberedAsAnOutcome) {
    Driver driver;
    Entry entry = put_entry("a", "1");
    entry.idempotency = IdempotencyKey{.key = "once", .fingerprint = 1};
    entry.spares_room = true;
    ASSERT_EQ(driver.run(entry).outcome, Outcome{StorageFull{}});

    entry.spares_room = false;
    entry.request.number = 2;

    EXPECT_EQ(driver.run(entry).outcome, (Outcome{KeyPut{.version = 1, .created = true}}));
}

}  // namespace
}  // namespace gavel::statemachine
