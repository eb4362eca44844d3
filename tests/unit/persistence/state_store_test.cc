#include "persistence/state_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "base/prng.h"
#include "proto/codec.h"
#include "tests/unit/persistence/scratch.h"

namespace gavel::persistence {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t small_map = 256ULL << 20;

Row key_row(const std::string& key, const std::string& value, Revision modified = 1) {
    return {{Table::keys, key},
            std::make_shared<const KeyValue>(KeyValue{
                .key = key, .value = value, .created = 1, .modified = modified, .version = 1})};
}

Row gone(Table table, const std::string& key) { return {{table, key}, std::monostate()}; }

class State : public testing::Test {
protected:
    StateStore store(const Identity& owner = sample_identity()) {
        auto opened = StateStore::open({folder.path(), owner, small_map});
        if (!opened) throw std::runtime_error(opened.error().what);
        return std::move(*opened);
    }

    using Rows = std::map<RowKey, std::string>;
    static Rows rows_of(const StateStore& store) {
        Rows rows;
        std::optional<RowKey> last;
        const auto globals = store.load([&](Row row) {
            EXPECT_TRUE(!last || *last < row.key) << "rows come in order";
            last = row.key;
            rows[row.key] = proto::encode(row.value);
        });
        EXPECT_TRUE(globals.has_value()) << globals.error().what;
        return rows;
    }

    ScratchFolder folder;
};

TEST_F(State, ThatIsFreshHoldsNothing) {
    const auto globals = store().load([](const Row&) { FAIL(); });

    ASSERT_TRUE(globals.has_value());
    EXPECT_FALSE(globals->has_value());
}

TEST_F(State, GivesBackTheRowsAndTheGlobalsTheyBelongTo) {
    const Globals globals{.applied = 40, .time = 7, .alpha = 8, .rows_hash = 9};
    const Row session{{Table::sessions, std::string(8, '\1')},
                      std::make_shared<const Session>(Session{.id = 3, .name = "worker"})};
    const Row key = key_row("k", "v");
    store().commit(std::vector<Row>{session, key}, globals);

    const StateStore again = store();

    EXPECT_EQ(rows_of(again), (Rows{{session.key, proto::encode(session.value)},
                                    {key.key, proto::encode(key.value)}}));
    EXPECT_EQ(again.load([](const Row&) {}).value(), globals);
}

// Rows and applied slot change together: whoever looks meanwhile, as after a crash, finds the state
// of one slot.
TEST_F(State, IsAtAnyMomentThatOfOneSlot) {
    StateStore state = store();
    state.commit(std::vector<Row>{key_row("k", "v", 1)}, {.applied = 1});
    std::atomic<bool> done = false;
    std::thread writer([&] {
        for (Revision slot = 2; slot <= 60; ++slot) {
            state.commit(std::vector<Row>{key_row("k", "v", slot)}, {.applied = slot});
        }
        done = true;
    });

    std::set<Revision> seen;
    while (!done) {
        Revision modified = 0;
        const auto globals = state.load(
            [&](const Row& row) { modified = std::get<Ptr<KeyValue>>(row.value)->modified; });
        EXPECT_EQ(globals.value()->applied, modified);
        seen.insert(modified);
    }
    writer.join();

    EXPECT_GT(seen.size(), 1U);
}

TEST_F(State, MovesItsAppliedSlotWithoutAnyRow) {
    StateStore state = store();
    state.commit({}, {.applied = 4});
    state.commit({}, {.applied = 5});

    EXPECT_EQ(state.load([](const Row&) {}).value()->applied, 5U);
}

TEST_F(State, IsAlwaysWhatTheLastCommitLeft) {
    Prng prng(1);
    Rows model;
    std::optional<StateStore> state = store();
    for (Revision applied = 1; applied <= 60; ++applied) {
        std::map<RowKey, Row> changed;
        for (auto left = prng.below(40); left > 0; --left) {
            const std::string key = std::to_string(prng.below(60));
            const auto table = prng.chance(50) ? Table::keys : Table::locks;
            Row row = gone(table, key);
            if (prng.chance(60)) {
                const std::string text(prng.below(3'000), 'x');
                row = key_row(key, text, applied);
                if (table == Table::locks) {
                    row.value = std::make_shared<const Lock>(
                        Lock{.name = key, .delay = static_cast<DurationMs>(applied)});
                }
            }
            row.key.table = table;
            changed.insert_or_assign(row.key, std::move(row));
        }
        std::vector<Row> rows;
        for (const auto& [key, row] : changed) {
            rows.push_back(row);
            if (std::holds_alternative<std::monostate>(row.value)) {
                model.erase(key);
            } else {
                model[key] = proto::encode(row.value);
            }
        }
        state->commit(rows, {.applied = applied});
        if (prng.chance(20)) {
            state.reset();
            state = store();
        }
        ASSERT_EQ(rows_of(*state), model) << applied;
    }
}

TEST_F(State, TakesTheLongestKeysAndValues) {
    const std::string name(name_bytes_max, 'n');
    const Row waiter{{Table::waiters, std::string(8, '\0') + name},
                     std::make_shared<const Waiter>(Waiter{.lock = name})};
    const Row value = key_row(name, std::string(value_bytes_max, 'v'));
    StateStore state = store();

    state.commit(std::vector<Row>{waiter, value}, {.applied = 1});

    EXPECT_EQ(rows_of(state).size(), 2U);
}

// All pieces of a snapshot, one after the other.
std::map<RowKey, std::string> read_all(const StateReader& reader, std::size_t bytes) {
    std::map<RowKey, std::string> rows;
    RowKey after{};
    for (;;) {
        const auto piece = reader.read(after, bytes);
        EXPECT_TRUE(piece.has_value()) << piece.error().what;
        std::size_t held = 0;
        for (const auto& row : piece->rows) {
            EXPECT_LT(after, row.key) << "rows come in order";
            EXPECT_LT(held, bytes) << "a piece ends with the row that fills it";
            held += row.key.key.size() + row.value.size();
            after = row.key;
            rows[row.key] = row.value;
        }
        if (piece->last) return rows;
        EXPECT_FALSE(piece->rows.empty());
    }
}

std::vector<Row> many_rows(Prng& prng, Revision applied) {
    std::map<RowKey, Row> rows;
    for (int i = 0; i < 200; ++i) {
        const std::string key = std::to_string(prng.below(1'000));
        Row row = key_row(key, std::string(prng.below(3'000), 'x'), applied);
        if (prng.chance(30)) {
            row = {{Table::locks, key}, std::make_shared<const Lock>(Lock{.name = key})};
        }
        rows.insert_or_assign(row.key, std::move(row));
    }
    std::vector<Row> ordered;
    for (auto& [key, row] : rows) ordered.push_back(std::move(row));
    return ordered;
}

TEST_F(State, IsHandedOnInPiecesAsItWasAtOneSlot) {
    Prng prng(2);
    StateStore state = store();
    state.commit(many_rows(prng, 5), {.applied = 5});
    const Rows then = rows_of(state);
    const auto reader = state.snapshot().value();
    state.commit(many_rows(prng, 6), {.applied = 6});

    EXPECT_EQ(reader->globals().applied, 5U);
    EXPECT_EQ(read_all(*reader, 1), then) << "row by row";
    EXPECT_EQ(read_all(*reader, 10'000), then);
    EXPECT_EQ(read_all(*reader, 10 << 20), then) << "all at once";
    EXPECT_NE(rows_of(state), then);
}

TEST_F(State, IsHandedOnByOtherThreads) {
    Prng prng(3);
    StateStore state = store();
    state.commit(many_rows(prng, 5), {.applied = 5});
    const Rows then = rows_of(state);
    std::unique_ptr<StateReader> reader;
    Rows found;

    std::thread([&] { reader = state.snapshot().value(); }).join();
    std::thread([&] { found = read_all(*reader, 1'000); }).join();
    reader.reset();

    EXPECT_EQ(found, then);
}

TEST_F(State, ThatIsFreshOrEmptyIsHandedOnLikewise) {
    StateStore state = store();
    EXPECT_EQ(state.snapshot().value(), nullptr);

    state.commit({}, {.applied = 1});
    const auto piece = state.snapshot().value()->read({}, 1'000);

    EXPECT_TRUE(piece->last);
    EXPECT_THAT(piece->rows, IsEmpty());
}

TEST_F(State, WithADamagedRowIsNotHandedOn) {
    for (const std::size_t before : {0, 10'000}) {  // The second stands in pieces.
        StateStore state = store();
        const std::string value = std::string(before, 'v') + "marked value a";
        state.commit(std::vector<Row>{key_row("a", value)}, {.applied = 1});
        ASSERT_GT(flip(folder.path() / "state" / "data.mdb", "marked value a"), 0U);

        const auto piece = state.snapshot().value()->read({}, 1'000);

        ASSERT_FALSE(piece.has_value()) << before;
        EXPECT_THAT(piece.error().what, HasSubstr("table 'keys' is damaged"));
        EXPECT_FALSE(state.load([](const Row&) {}).has_value());
    }
}

TEST_F(State, ThatIsReplacedHoldsWhatReplacedItAndNothingElse) {
    Prng prng(4);
    StateStore state = store();
    state.commit(many_rows(prng, 5), {.applied = 5});
    EXPECT_EQ(state.replaced(), 0U);
    const Rows then = rows_of(state);
    const auto before = state.snapshot().value();
    const auto rows = many_rows(prng, 90);
    Rows expected;
    for (const auto& row : rows) expected[row.key] = proto::encode(row.value);

    state.replace(rows, {.applied = 90, .alpha = 8});

    EXPECT_EQ(rows_of(state), expected);
    EXPECT_EQ(state.load([](const Row&) {}).value()->applied, 90U);
    EXPECT_EQ(read_all(*before, 1'000), then) << "who reads the old one reads on";
    state.commit(std::vector<Row>{key_row("k", "v", 91)}, {.applied = 91});
    EXPECT_EQ(state.replaced(), 90U);
}

TEST_F(State, OfAnotherOwnerIsRefused) {
    store().commit({}, {.applied = 1});
    Identity stranger = sample_identity();
    stranger.incarnation = 1;

    const auto opened = StateStore::open({folder.path(), stranger, small_map});

    EXPECT_THAT(opened.error().what, HasSubstr("but the log beside it does not"));
}

TEST_F(State, WithADamagedRowSaysWhichAndGivesNoGlobals) {
    store().commit(std::vector<Row>{key_row("a", "marked value a"), key_row("b", "marked value b")},
                   {.applied = 1});
    ASSERT_GT(flip(folder.path() / "state" / "data.mdb", "marked value b"), 0U);

    const auto globals = store().load([](const Row&) {});

    EXPECT_THAT(globals.error().what, HasSubstr("row 2 of the state's table 'keys' is damaged"));
}

TEST_F(State, WithDamagedGlobalsSaysSo) {
    const std::string marker(40, 'm');
    store().commit({}, {.applied = 1, .epochs = {{1, 1, {{1, marker, marker, Role::voter}}}}});
    ASSERT_GT(flip(folder.path() / "state" / "data.mdb", marker), 0U);

    EXPECT_THAT(store().load([](const Row&) {}).error().what, HasSubstr("globals are damaged"));
}

}  // namespace
}  // namespace gavel::persistence
