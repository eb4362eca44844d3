#include <gtest/gtest.h>

#include "tests/unit/proto/samples.h"

namespace gavel::proto {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

// Rows are compared by what they hold; where a type has no equality, its bytes stand for it.
std::string shown(const RowValue& value) { return encode(value); }

TEST(LogCodec, GivesBackEntries) {
    const paxos::Ballot ballot{9, {1}};
    for (const paxos::LogEntry& entry :
         {paxos::LogEntry{{ballot, {"command"}}, false}, paxos::LogEntry{{ballot, {}}, true},
          paxos::LogEntry{{{}, {"learned"}}, true}}) {
        const auto decoded = decode_log_entry(encode(entry));

        ASSERT_TRUE(decoded.has_value());
        EXPECT_EQ(*decoded, entry);
    }
}

TEST(LogCodec, RefusesAnEntryThatIsNeitherAcceptedNorChosen) {
    EXPECT_TRUE(decode_log_entry(encode(paxos::LogEntry{{{}, {"command"}}, false})).has_error());
    EXPECT_TRUE(decode_log_entry("").has_error());
}

TEST(LogCodec, NeverHaltsOnDamagedBytes) {
    Prng prng(6);
    for (int i = 0; i < 10'000; ++i) {
        const paxos::LogEntry entry{{{prng.below(1'000) + 1, {1}}, {"some command"}}, true};
        const std::string bytes = damaged(encode(entry), prng);

        const auto decoded = decode_log_entry(bytes);

        if (decoded) {
            ASSERT_EQ(encode(*decoded).size(), bytes.size()) << i;
        }
    }
}

TEST(RowCodec, GivesBackEveryKindOfRow) {
    for (const auto& [table, value] : row_samples()) {
        const auto decoded = decode_row(table, encode(value));

        ASSERT_TRUE(decoded.has_value()) << static_cast<int>(table);
        EXPECT_EQ(decoded->index(), value.index());
        EXPECT_EQ(shown(*decoded), shown(value)) << static_cast<int>(table);
    }
}

TEST(RowCodec, GivesBackEveryField) {
    std::size_t compared = 0;
    const auto equal = [&compared]<class T>(const Ptr<T>& before, const RowValue& after) {
        ++compared;
        return *before == *std::get<Ptr<T>>(after);
    };
    for (const auto& [table, value] : row_samples()) {
        const auto decoded = decode_row(table, encode(value));
        ASSERT_TRUE(decoded.has_value());
        if (const auto* session = std::get_if<Ptr<Session>>(&value)) {
            EXPECT_TRUE(equal(*session, *decoded));
        } else if (const auto* lock = std::get_if<Ptr<Lock>>(&value)) {
            EXPECT_TRUE(equal(*lock, *decoded));
        } else if (const auto* waiter = std::get_if<Ptr<Waiter>>(&value)) {
            EXPECT_TRUE(equal(*waiter, *decoded));
        } else if (const auto* holder = std::get_if<Ptr<Holder>>(&value)) {
            EXPECT_TRUE(equal(*holder, *decoded));
        } else if (const auto* key = std::get_if<Ptr<KeyValue>>(&value)) {
            EXPECT_TRUE(equal(*key, *decoded));
        } else if (const auto* change = std::get_if<Ptr<Change>>(&value)) {
            const Change& after = *std::get<Ptr<Change>>(*decoded);
            ASSERT_EQ(after.events.size(), (*change)->events.size());
            EXPECT_EQ(after.revision, (*change)->revision);
            EXPECT_EQ(after.at, (*change)->at);
            EXPECT_EQ(*std::get<KeyPutEvent>(after.events[0].body).value,
                      *std::get<KeyPutEvent>((*change)->events[0].body).value);
            EXPECT_EQ(after.events[1].index, 1U);
            EXPECT_EQ(std::get<KeyDeletedEvent>(after.events[1].body).version, 4U);
            EXPECT_EQ(std::get<LockEvent>(after.events[4].body),
                      std::get<LockEvent>((*change)->events[4].body));
            for (std::size_t i = 5; i < 8; ++i) {
                EXPECT_EQ(std::get<MemberEvent>(after.events[i].body),
                          std::get<MemberEvent>((*change)->events[i].body));
            }
            EXPECT_EQ(std::get<LockEvent>(after.events[8].body),
                      std::get<LockEvent>((*change)->events[8].body));
            EXPECT_FALSE(after.events[7].last);
            EXPECT_TRUE(after.events[8].last);
        } else if (const auto* version = std::get_if<Ptr<PastVersion>>(&value)) {
            const auto& after = *std::get<Ptr<PastVersion>>(*decoded);
            EXPECT_EQ(after.over, (*version)->over);
            EXPECT_EQ(after.over_at, (*version)->over_at);
            const auto* put = std::get_if<Ptr<KeyValue>>(&(*version)->change);
            if (put != nullptr) {
                EXPECT_EQ(*std::get<Ptr<KeyValue>>(after.change), **put);
            } else {
                EXPECT_EQ(*std::get<Ptr<KeyDeletion>>(after.change),
                          *std::get<Ptr<KeyDeletion>>((*version)->change));
            }
        } else if (const auto* request = std::get_if<Ptr<RequestRecord>>(&value)) {
            const auto& after = *std::get<Ptr<RequestRecord>>(*decoded);
            EXPECT_EQ(after.request, (*request)->request);
            EXPECT_EQ(after.revision, (*request)->revision);
            EXPECT_EQ(after.outcome, (*request)->outcome);
        } else if (const auto* schema = std::get_if<Ptr<Schema>>(&value)) {
            EXPECT_TRUE(equal(*schema, *decoded));
        } else if (const auto* quota = std::get_if<Ptr<Quota>>(&value)) {
            EXPECT_TRUE(equal(*quota, *decoded));
        } else {
            const auto& before = *std::get<Ptr<IdempotencyRecord>>(value);
            const auto& after = *std::get<Ptr<IdempotencyRecord>>(*decoded);
            EXPECT_EQ(after.key, before.key);
            EXPECT_EQ(after.fingerprint, before.fingerprint);
            EXPECT_EQ(after.revision, before.revision);
            EXPECT_EQ(after.expires_at, before.expires_at);
            EXPECT_EQ(after.outcome, before.outcome);
        }
    }
    EXPECT_EQ(compared, 16U);
}

TEST(RowCodec, RefusesAnUnknownTableAndARecordWithoutItsOutcome) {
    EXPECT_TRUE(decode_row(static_cast<Table>(0), "").has_error());
    EXPECT_TRUE(decode_row(static_cast<Table>(12), "").has_error());
    EXPECT_TRUE(decode_row(Table::requests, "\x08\x01").has_error());
    EXPECT_TRUE(decode_row(Table::requests, std::string("\x08\x01\x2A\0", 4)).has_error());
    EXPECT_TRUE(decode_row(Table::idempotency, "").has_error());
    EXPECT_TRUE(decode_row(Table::history, std::string("\x1A\0", 2)).has_error());
    EXPECT_TRUE(decode_row(Table::versions, "").has_error()) << "neither a value nor a deletion";
    EXPECT_TRUE(decode_row(Table::quotas, "").has_error()) << "a quota without a bound";
    EXPECT_TRUE(decode_row(Table::schemas, "").has_error()) << "a schema without its text";
}

TEST(RowCodec, NeverHaltsOnDamagedBytes) {
    Prng prng(7);
    const auto samples = row_samples();
    for (int i = 0; i < 20'000; ++i) {
        const auto& [table, value] = samples[prng.below(samples.size())];
        const std::string bytes = damaged(encode(value), prng);

        const auto decoded = decode_row(table, bytes);

        if (decoded) {
            ASSERT_EQ(encode(*decoded).size(), bytes.size()) << i;
        }
    }
}

TEST(GlobalsCodec, GivesBackEveryField) {
    const auto decoded = decode_globals(encode(globals_sample()));

    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*decoded, globals_sample());
}

TEST(GlobalsCodec, RefusesMembersOutOfOrderAndUnknownRoles) {
    Globals globals = globals_sample();
    std::swap(globals.epochs[0].members[0], globals.epochs[0].members[1]);
    EXPECT_TRUE(decode_globals(encode(globals)).has_error());

    globals = globals_sample();
    globals.epochs[0].members[0].role = static_cast<Role>(2);
    EXPECT_TRUE(decode_globals(encode(globals)).has_error());
}

TEST(GlobalsCodec, NeverHaltsOnDamagedBytes) {
    Prng prng(8);
    for (int i = 0; i < 10'000; ++i) {
        const std::string bytes = damaged(encode(globals_sample()), prng);

        const auto decoded = decode_globals(bytes);

        if (decoded) {
            ASSERT_EQ(encode(*decoded).size(), bytes.size()) << i;
        }
    }
}

}  // namespace
}  // namespace gavel::proto
