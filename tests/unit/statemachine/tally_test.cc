#include "statemachine/tally.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/prng.h"

namespace gavel::statemachine {
namespace {

// A table of names and bytes with its tally, as whoever owns both keeps them.
class Counted {
public:
    void put(const std::string& name, std::uint64_t bytes) {
        const auto [at, fresh] = table_.try_emplace(name, bytes);
        if (fresh) return tally_.add(name, bytes);
        tally_.replace(name, at->second, bytes);
        at->second = bytes;
    }
    void erase(const std::string& name) {
        const auto at = table_.find(name);
        if (at == table_.end()) return;
        const std::uint64_t bytes = at->second;
        table_.erase(at);
        tally_.remove(name, bytes);
    }
    Use recount(const std::string& prefix) const {
        Use use;
        for (const auto& [name, bytes] : table_) {
            if (name.starts_with(prefix)) use = {use.keys + 1, use.bytes + bytes};
        }
        return use;
    }
    const Tally& tally() const { return tally_; }
    std::uint64_t visited() const { return visited_; }

private:
    std::map<std::string, std::uint64_t, std::less<>> table_;
    mutable std::uint64_t visited_{};
    Tally tally_{[this](std::string_view from, const Tally::Visit& visit) {
        for (auto at = table_.lower_bound(from); at != table_.end(); ++at) {
            ++visited_;
            if (!visit(at->first, at->second)) return;
        }
    }};
};

TEST(Tally, CountsWhatHasAPrefix) {
    Counted counted;
    counted.put("a", 1);
    counted.put("app", 2);
    counted.put("app/x", 4);
    counted.put("app/y", 8);
    counted.put("apq", 16);

    EXPECT_EQ(counted.tally().with_prefix("app/"), (Use{2, 12}));
    EXPECT_EQ(counted.tally().with_prefix("app"), (Use{3, 14}));
    EXPECT_EQ(counted.tally().with_prefix("b"), (Use{}));
    EXPECT_EQ(counted.tally().with_prefix(""), (Use{5, 31}));
}

TEST(Tally, KnowsPrefixesThatNoTextFollows) {
    Counted counted;
    counted.put("a\xFF\xFF", 1);
    counted.put("b", 2);
    counted.put("\xFF", 4);

    EXPECT_EQ(counted.tally().with_prefix("a\xFF"), (Use{1, 1}));
    EXPECT_EQ(counted.tally().with_prefix("\xFF"), (Use{1, 4}));
}

class RandomTally : public testing::TestWithParam<std::uint64_t> {};

// As names come in order, in reverse or at random, and go: what is counted along is what a look at
// each name gives, and the blocks stay few.
TEST_P(RandomTally, IsWhatALookAtEachNameGives) {
    Prng prng(GetParam());
    Counted counted;
    std::uint64_t next = 500'000;
    for (int i = 0; i < 12'000; ++i) {
        const std::string name =
            "key/" + std::to_string(prng.chance(50) ? next++ : prng.below(1'000'000));
        counted.put(name, prng.below(100));
        if (prng.chance(40)) counted.erase("key/" + std::to_string(500'000 + prng.below(6'000)));
        if (i % 1'000 == 0) {
            counted.tally().check_invariants();
            for (const std::string prefix : {"", "key/", "key/5", "key/50", "key/501234", "l"}) {
                ASSERT_EQ(counted.tally().with_prefix(prefix), counted.recount(prefix)) << prefix;
            }
        }
    }
    EXPECT_GT(counted.tally().blocks(), 3U);

    for (int i = 0; i < 1'000'000; ++i) counted.erase("key/" + std::to_string(i));

    counted.tally().check_invariants();
    EXPECT_EQ(counted.tally().blocks(), 1U);
    EXPECT_EQ(counted.tally().all(), Use{});
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTally, testing::Range<std::uint64_t>(1, 5));

TEST(Tally, LooksAtFewNames) {
    Counted counted;
    for (int i = 0; i < 100'000; ++i) counted.put("key/" + std::to_string(i), 1);
    const std::uint64_t before = counted.visited();

    counted.tally().with_prefix("key/5");

    EXPECT_LE(counted.visited() - before, 4 * Tally::block_keys + 2);
    EXPECT_LE(before, 200'000U) << "splitting looks at each name a bounded number of times";
}

}  // namespace
}  // namespace gavel::statemachine
