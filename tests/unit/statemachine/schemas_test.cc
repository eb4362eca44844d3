#include "statemachine/schemas.h"

#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

Revision set(Driver& driver, const std::string& prefix, const std::string& text = "{}") {
    const Applied applied = driver.run(SetSchema{.prefix = prefix, .text = text, .author = "ann"});
    EXPECT_EQ(applied.outcome, Outcome{Done{}});
    EXPECT_THAT(applied.events, IsEmpty());
    return applied.revision;
}

Outcome put(Driver& driver, const std::string& key, Revision schema) {
    return driver.outcome(PutKey{.key = key, .value = "1", .schema = schema});
}

TEST(Schema, IsKeptWithWhoSetItAndWhen) {
    Driver driver;

    const Revision revision = set(driver, "app/", R"({"type":"object"})");

    ASSERT_THAT(driver.machine().schemas(), SizeIs(1));
    EXPECT_EQ(*driver.machine().schemas()[0], (Schema{.prefix = "app/",
                                                      .text = R"({"type":"object"})",
                                                      .author = "ann",
                                                      .revision = revision,
                                                      .set_at = driver.now()}));
}

TEST(Schema, RefusesAValueThatWasJudgedByAnother) {
    Driver driver;
    const Revision first = set(driver, "app/");

    EXPECT_EQ(put(driver, "app/a", 0), Outcome{SchemaChanged{first}});
    EXPECT_EQ(put(driver, "app/a", first), (Outcome{KeyPut{.version = 1, .created = true}}));
    EXPECT_EQ(driver.machine().key("app/a")->schema, first);

    const Revision second = set(driver, "app/", "true");
    EXPECT_EQ(put(driver, "app/a", first), Outcome{SchemaChanged{second}});
    EXPECT_EQ(put(driver, "app/a", second), (Outcome{KeyPut{.version = 2}}));

    EXPECT_EQ(driver.outcome(SetSchema{.prefix = "app/"}), Outcome{Done{}});
    EXPECT_EQ(put(driver, "app/a", second), Outcome{SchemaChanged{0}});
    EXPECT_EQ(put(driver, "app/a", 0), (Outcome{KeyPut{.version = 3}}));
    EXPECT_EQ(driver.machine().key("app/a")->schema, 0U);
}

TEST(Schema, OfTheLongestPrefixGoverns) {
    Driver driver;
    const Revision all = set(driver, "a");
    const Revision app = set(driver, "app/");
    const Revision web = set(driver, "app/web");
    set(driver, "app/x/y");

    for (const auto& [key, schema] : {std::pair{"a", all},
                                      {"apq", all},
                                      {"app/x", app},
                                      {"app/web", web},
                                      {"app/web/1", web},
                                      {"app/wea", app},
                                      {"b", Revision{0}}}) {
        EXPECT_EQ(put(driver, key, schema), (Outcome{KeyPut{.version = 1, .created = true}}))
            << key;
    }
}

TEST(Schema, CountsForEveryPutOfATransaction) {
    Driver driver;
    const Revision schema = set(driver, "app/");
    const auto transact = [&](Revision judged_by) {
        return driver.outcome(
            Transact{.then = {PutOperation{.key = "other"},
                              PutOperation{.key = "app/a", .schema = judged_by}}});
    };

    EXPECT_EQ(transact(0), Outcome{SchemaChanged{schema}});
    EXPECT_EQ(driver.machine().key("other"), nullptr) << "nothing of it is done";
    EXPECT_TRUE(std::holds_alternative<Transacted>(transact(schema)));
    EXPECT_EQ(driver.machine().key("app/a")->schema, schema);
}

TEST(Schema, CountsForWhatARollbackBringsBack) {
    Driver driver;
    const Revision then = driver.put("app/a", "1");
    driver.put("app/a", "2");
    driver.put("b", "2");
    RollBack back{.target = "app/a", .to = then};
    const Revision schema = set(driver, "app/");
    EXPECT_EQ(driver.outcome(back), Outcome{SchemaChanged{schema}}) << "nobody has judged it";

    const auto governing = [&](std::string_view) { return schema; };
    back.judged = digest_of_restored(driver.machine().plan(back), governing);
    ASSERT_NE(back.judged, 0U);
    EXPECT_EQ(driver.outcome(back), Outcome{RolledBack{.restored = 1}});
    EXPECT_EQ(driver.machine().key("app/a")->schema, schema);

    // What would come back is not what was judged.
    EXPECT_EQ(driver.outcome(PutKey{.key = "app/a", .value = "3", .schema = schema}),
              (Outcome{KeyPut{.version = 4}}));
    set(driver, "app/", "true");
    EXPECT_TRUE(std::holds_alternative<SchemaChanged>(driver.outcome(back)));
}

TEST(Schema, IsAskedForOnlyOnceThePreconditionHolds) {
    Driver driver;
    set(driver, "app/");

    EXPECT_EQ(
        driver.outcome(PutKey{.key = "app/a", .precondition = {Precondition::Kind::present, {}}}),
        Outcome{PreconditionFailed{0}});
}

TEST(Schema, DoesNotKeepKeysFromBeingDeleted) {
    Driver driver;
    driver.put("app/a", "1");
    set(driver, "app/", "false");

    EXPECT_EQ(driver.outcome(DeleteKey{.key = "app/a"}), Outcome{KeyDeleted{}});
}

TEST(Schema, AreBoundedInNumberAndRemovedOnce) {
    Driver driver({.schemas = 1});
    set(driver, "a");

    EXPECT_EQ(driver.outcome(SetSchema{.prefix = "b", .text = "{}"}),
              Outcome{LimitReached{LimitReached::What::schemas}});
    set(driver, "a", "true");
    EXPECT_EQ(driver.outcome(SetSchema{.prefix = "a"}), Outcome{Done{}});
    EXPECT_EQ(driver.outcome(SetSchema{.prefix = "a"}), Outcome{RuleNotFound{}});
}

// Whoever judged it by an older one judges again and proposes again, with the same key.
TEST(Schema, ThatChangedIsNoOutcomeToRemember) {
    Driver driver;
    const Revision schema = set(driver, "app/");
    Entry entry{.stamp = driver.now(),
                .idempotency = IdempotencyKey{.key = "once", .fingerprint = 1},
                .command = PutKey{.key = "app/a"}};
    ASSERT_EQ(driver.run(entry).outcome, Outcome{SchemaChanged{schema}});

    std::get<PutKey>(entry.command).schema = schema;
    entry.request.number = 2;

    EXPECT_EQ(driver.run(entry).outcome, (Outcome{KeyPut{.version = 1, .created = true}}));
}

}  // namespace
}  // namespace gavel::statemachine
