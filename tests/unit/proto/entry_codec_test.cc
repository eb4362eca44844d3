#include <gtest/gtest.h>

#include "tests/unit/proto/samples.h"

namespace gavel::proto {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

TEST(EntryCodec, GivesBackEveryCommandWithEveryField) {
    for (const auto& command : command_samples()) {
        const Entry entry = entry_sample(command);

        const auto decoded = decode_entry(encode(entry));

        ASSERT_TRUE(decoded.has_value()) << command.index();
        EXPECT_EQ(*decoded, entry) << command.index();
    }
}

TEST(EntryCodec, HasASampleOfEveryCommand) {
    std::vector<bool> seen(std::variant_size_v<Command>);
    for (const auto& command : command_samples()) seen[command.index()] = true;

    EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
}

TEST(EntryCodec, GivesBackRandomEntries) {
    Prng prng(1);
    for (int i = 0; i < 3'000; ++i) {
        const Entry entry = random_entry(prng);

        const auto decoded = decode_entry(encode(entry));

        ASSERT_TRUE(decoded.has_value()) << i;
        ASSERT_EQ(*decoded, entry) << i;
    }
}

// What is on disks and wires already has these bytes: they change with the format level only.
TEST(EntryCodec, KeepsItsBytes) {
    const Entry entry{.request = {1, 2, 3}, .stamp = 4, .command = EndSession{5}};

    EXPECT_EQ(encode(entry), std::string("\x08\x01\x10\x02\x18\x03\x3A\x02\x08\x05\xF9\x7F\x04"
                                         "\0\0\0\0\0\0\0",
                                         20));
}

TEST(EntryCodec, StampsAnEncodedEntryAsOftenAsALeaderWants) {
    for (const auto& command : command_samples()) {
        Entry entry = entry_sample(command);
        const std::string once = with_stamp(encode(entry), -7);

        const auto decoded = decode_entry(with_stamp(once, 99));

        entry.stamp = 99;
        ASSERT_TRUE(decoded.has_value());
        EXPECT_EQ(*decoded, entry);
        EXPECT_EQ(encode(entry).size(), once.size());
    }
}

TEST(EntryCodec, TakesFromTheLeaderThatRoomIsSpared) {
    for (const auto& command : command_samples()) {
        Entry entry = entry_sample(command);

        const auto decoded = decode_entry(with_stamp(encode(entry), 7, true));

        entry.stamp = 7;
        entry.spares_room = true;
        ASSERT_TRUE(decoded.has_value());
        EXPECT_EQ(*decoded, entry);
        EXPECT_EQ(encode(*decoded), with_stamp(encode(entry_sample(command)), 7, true));
    }
}

TEST(EntryCodec, StampsWhatIsNoEntryWithoutHalting) {
    Prng prng(2);
    for (int i = 0; i < 100; ++i) {
        const auto stamped = with_stamp(damaged(encode(random_entry(prng)), prng), 1);
        EXPECT_GE(stamped.size(), 8U);
    }
    EXPECT_EQ(with_stamp("", 1).size(), 10U);
}

TEST(EntryCodec, RefusesTextBeyondItsLimit) {
    const auto refused = [](Command command) {
        return decode_entry(encode(entry_sample(std::move(command)))).has_error();
    };
    const std::string label(label_bytes_max + 1, 'l');
    const std::string name(name_bytes_max + 1, 'n');
    const std::string metadata(metadata_bytes_max + 1, 'm');

    EXPECT_TRUE(refused(OpenSession{.name = label}));
    EXPECT_TRUE(refused(OpenSession{.name = "s", .metadata = metadata}));
    EXPECT_TRUE(refused(AcquireLock{.name = name}));
    EXPECT_TRUE(refused(AcquireLock{.name = "l", .metadata = metadata}));
    EXPECT_TRUE(refused(AcquireLocks{.session = 1, .locks = {{.name = name}}}));
    EXPECT_TRUE(
        refused(AcquireLocks{.session = 1, .locks = {{.name = "l"}}, .metadata = metadata}));
    EXPECT_TRUE(refused(ReleaseLock{.name = name}));
    EXPECT_TRUE(refused(ReleaseLock{.name = "l", .reason = label}));
    EXPECT_TRUE(refused(ReleaseLock{.name = "l", .author = label}));
    EXPECT_TRUE(refused(LeaveQueue{.name = name}));
    EXPECT_TRUE(refused(EndLockDelay{.name = name}));
    EXPECT_TRUE(refused(PutKey{.key = name}));
    EXPECT_TRUE(refused(PutKey{.key = "k", .value = std::string(value_bytes_max + 1, 'v')}));
    EXPECT_TRUE(refused(PutKey{.key = "k", .content_type = label}));
    EXPECT_TRUE(refused(PutKey{.key = "k", .author = label}));
    EXPECT_TRUE(refused(DeleteKey{.key = name}));
    EXPECT_TRUE(refused(DeleteKey{.key = "k", .author = label}));
    EXPECT_TRUE(refused(DeleteKey{.key = "k", .guard = Guard{.lock = name}}));
    EXPECT_TRUE(refused(DeletePrefix{.key = name}));
    EXPECT_TRUE(refused(DeletePrefix{.key = "k", .author = label}));
    const std::string value(value_bytes_max + 1, 'v');
    EXPECT_TRUE(refused(Transact{.compares = {{.name = name}}}));
    EXPECT_TRUE(refused(Transact{.compares = {{.name = "k", .value = value}}}));
    EXPECT_TRUE(refused(Transact{.then = {PutOperation{.key = name}}}));
    EXPECT_TRUE(refused(Transact{.then = {PutOperation{.key = "k", .value = value}}}));
    EXPECT_TRUE(refused(Transact{.then = {PutOperation{.key = "k", .content_type = label}}}));
    EXPECT_TRUE(refused(Transact{.otherwise = {DeleteOperation{.key = name}}}));
    EXPECT_TRUE(refused(Transact{.otherwise = {GetOperation{name}}}));
    EXPECT_TRUE(refused(Transact{.author = label}));

    Entry entry = entry_sample(EndSession{1});
    entry.idempotency->key = std::string(idempotency_key_bytes_max + 1, 'i');
    EXPECT_TRUE(decode_entry(encode(entry)).has_error());
}

TEST(EntryCodec, RefusesATransactionOfTooManyParts) {
    Transact transact;
    for (std::size_t i = 0; i < transaction_parts_max; ++i) {
        if (i % 3 == 0) transact.compares.emplace_back();
        if (i % 3 == 1) transact.then.emplace_back(GetOperation{"k"});
        if (i % 3 == 2) transact.otherwise.emplace_back(GetOperation{"k"});
    }
    EXPECT_TRUE(decode_entry(encode(entry_sample(transact))).has_value());

    transact.then.emplace_back(GetOperation{"k"});
    EXPECT_TRUE(decode_entry(encode(entry_sample(transact))).has_error());
}

TEST(EntryCodec, TakesTextUpToItsLimit) {
    const Entry entry =
        entry_sample(PutKey{.key = std::string(name_bytes_max, 'k'),
                            .value = std::string(value_bytes_max, 'v'),
                            .content_type = std::string(label_bytes_max, 'c'),
                            .author = std::string(label_bytes_max, 'a'),
                            .guard = Guard{std::string(name_bytes_max, 'l'), ~0ULL}});

    const auto decoded = decode_entry(encode(entry));

    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*decoded, entry);
    EXPECT_LE(encode(entry).size(), command_bytes_max);
}

TEST(EntryCodec, RefusesLocksThatCannotBeAskedForTogether) {
    const auto refused = [](SessionId session, std::vector<AcquireLocks::Wanted> locks) {
        const AcquireLocks command{.session = session, .locks = std::move(locks)};
        return decode_entry(encode(entry_sample(command))).has_error();
    };
    std::vector<AcquireLocks::Wanted> many;
    for (std::size_t i = 0; i < locks_per_command_max; ++i) many.push_back({std::to_string(i)});

    EXPECT_FALSE(refused(1, many));
    many.push_back({"one more"});
    EXPECT_TRUE(refused(1, many));
    EXPECT_TRUE(refused(1, {}));
    EXPECT_FALSE(refused(0, {{"a"}}));
    EXPECT_TRUE(refused(1, {{"a"}, {"b"}, {"a"}}));
    EXPECT_TRUE(refused(1, {{"a", LockMode::exclusive, 2}}));
    EXPECT_TRUE(refused(1, {{"a", static_cast<LockMode>(2), 0}}));
    EXPECT_TRUE(
        decode_entry(encode(entry_sample(AcquireLock{.name = "a", .limit = 2}))).has_error());
}

TEST(EntryCodec, RefusesNumbersOutOfTheirRange) {
    EXPECT_TRUE(decode_entry(encode(entry_sample(OpenSession{.ttl = -1}))).has_error());
    EXPECT_TRUE(decode_entry(encode(entry_sample(OpenSession{.lock_delay = -1}))).has_error());
    EXPECT_TRUE(decode_entry(encode(entry_sample(AcquireLock{.wait = -1}))).has_error());
    EXPECT_TRUE(decode_entry(encode(entry_sample(AcquireLock{.ttl = -1}))).has_error());
    const auto kind = static_cast<Precondition::Kind>(5);
    EXPECT_TRUE(decode_entry(encode(entry_sample(PutKey{.precondition = {kind, {}}}))).has_error());

    const std::string stamp("\xF9\x7F\0\0\0\0\0\0\0\0", 10);
    EXPECT_TRUE(decode_entry("\x08\xFF\xFF\x03\x3A\x02\x08\x05" + stamp).has_value());
    EXPECT_TRUE(decode_entry("\x08\x80\x80\x04\x3A\x02\x08\x05" + stamp).has_error())
        << "member 65536";
}

TEST(EntryCodec, RefusesMoreSessionsThanLapseTogether) {
    ExpireSessions lapse{.sessions = std::vector<SessionId>(expired_sessions_max, 7)};
    EXPECT_TRUE(decode_entry(encode(entry_sample(lapse))).has_value());
    lapse.sessions.push_back(7);
    EXPECT_TRUE(decode_entry(encode(entry_sample(lapse))).has_error());
}

TEST(EntryCodec, RefusesWhatItWouldNotHaveEncoded) {
    const std::string stamp("\xF9\x7F\0\0\0\0\0\0\0\0", 10);
    const std::string command("\x3A\x02\x08\x05");
    ASSERT_TRUE(decode_entry(command + stamp).has_value());

    EXPECT_TRUE(decode_entry("").has_error());
    EXPECT_TRUE(decode_entry(stamp).has_error()) << "no command";
    EXPECT_TRUE(decode_entry(command).has_error()) << "no stamp";
    EXPECT_TRUE(decode_entry(command + command + stamp).has_error()) << "two commands";
    EXPECT_TRUE(decode_entry(command + stamp + stamp).has_error()) << "two stamps";
    EXPECT_TRUE(decode_entry(command + stamp + "x").has_error()) << "something after the end";
    EXPECT_TRUE(decode_entry("\x08\x01\x08\x01" + command + stamp).has_error()) << "twice";
    EXPECT_TRUE(decode_entry(std::string("\x08\0", 2) + command + stamp).has_error())
        << "a default spelled out";
    EXPECT_TRUE(decode_entry(std::string("\x08\x81\0", 3) + command + stamp).has_error())
        << "a padded number";
    EXPECT_TRUE(decode_entry("\x3A\x04\x08\x05\x10\x01" + stamp).has_error())
        << "an unknown field of a command";
    EXPECT_TRUE(decode_entry("\xA2\x01\x02\x08\x05" + command + stamp).has_error())
        << "an unknown command";
}

TEST(EntryCodec, NeitherHaltsOnDamagedBytesNorTakesThemAsTheyAreNot) {
    Prng prng(3);
    for (int i = 0; i < 20'000; ++i) {
        const std::string bytes = damaged(encode(random_entry(prng)), prng);

        const auto decoded = decode_entry(bytes);

        if (decoded) {
            const std::string again = encode(*decoded);
            ASSERT_EQ(again.size(), bytes.size()) << i << ": something was lost in silence";
            ASSERT_EQ(*decode_entry(again), *decoded) << i;
        }
    }
}

}  // namespace
}  // namespace gavel::proto
