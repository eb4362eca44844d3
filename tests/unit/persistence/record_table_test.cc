#include "persistence/record_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/prng.h"
#include "tests/unit/persistence/scratch.h"

namespace gavel::persistence {
namespace {

using lmdb::Cursor;
using lmdb::Transaction;

class Records : public testing::Test {
protected:
    static constexpr std::uint64_t map_bytes = 16ULL << 20;

    Records()
        : environment_(folder_.path().string(), map_bytes, 2), table_([this] {
              Transaction transaction(environment_, Transaction::Kind::write);
              const MDB_dbi records = transaction.table("records", MDB_CREATE);
              pieces_ = RecordTable::open_pieces(transaction, MDB_CREATE);
              transaction.commit();
              return RecordTable(environment_, records, pieces_, "owner", "records");
          }()) {}

    void put(const std::string& key, const std::string& payload) {
        Transaction transaction(environment_, Transaction::Kind::write);
        table_.put(transaction, key, payload);
        transaction.commit();
    }
    void erase(const std::string& key) {
        Transaction transaction(environment_, Transaction::Kind::write);
        table_.erase(transaction, key);
        transaction.commit();
    }
    // Empty: damaged. Fails where there is none.
    std::string get(const std::string& key) {
        const Transaction transaction(environment_, Transaction::Kind::read);
        const auto stored = transaction.find(table_.handle(), key);
        if (!stored) throw std::runtime_error(key + " is not there");
        std::string room;
        return std::string(table_.open(transaction, {key, *stored}, room).value_or(""));
    }
    std::size_t pieces() {
        const Transaction transaction(environment_, Transaction::Kind::read);
        std::size_t count = 0;
        Cursor cursor(transaction, pieces_);
        for (auto item = cursor.first(); item; item = cursor.next()) ++count;
        return count;
    }

    static std::string text(std::size_t bytes, char first = 'a') {
        std::string made(bytes, first);
        for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<char>(first + i % 26);
        return made;
    }

    ScratchFolder folder_;
    lmdb::Environment environment_;
    MDB_dbi pieces_{};
    RecordTable table_;
};

TEST_F(Records, ComeBackWhateverTheirLength) {
    std::map<std::string, std::string> all;
    for (const std::size_t bytes : {0, 1, 16, 20, 24, 28, 2'000, 4'075, 4'076, 4'077, 4'080, 4'081,
                                    8'160, 8'161, 100'000, 1'100'000}) {
        all["k" + std::to_string(bytes)] = text(bytes);
    }
    for (const auto& [key, payload] : all) put(key, payload);

    for (const auto& [key, payload] : all) EXPECT_EQ(get(key), payload) << key;
}

TEST_F(Records, LeaveNothingBehindWhenTheyAreReplacedOrErased) {
    put("a", text(10'000));
    EXPECT_EQ(pieces(), 3U);
    put("b", text(5'000));
    EXPECT_EQ(pieces(), 5U);

    put("a", text(8'000, 'A'));
    EXPECT_EQ(pieces(), 4U);
    EXPECT_EQ(get("a"), text(8'000, 'A'));
    put("a", "short");
    EXPECT_EQ(pieces(), 2U);
    erase("b");
    EXPECT_EQ(pieces(), 0U);
    EXPECT_EQ(get("a"), "short");
    erase("no such key");
}

TEST_F(Records, AreErasedWholeByACursor) {
    put("a", text(10'000));
    put("b", text(10'000));

    Transaction transaction(environment_, Transaction::Kind::write);
    {
        Cursor cursor(transaction, table_.handle());
        table_.erase(transaction, cursor, *cursor.first());
    }
    transaction.commit();

    EXPECT_EQ(pieces(), 3U);
    EXPECT_EQ(get("b"), text(10'000));
    EXPECT_THROW(get("a"), std::runtime_error);
}

TEST_F(Records, AreDamagedWhenAPieceIs) {
    put("a", text(10'000));
    const auto change_piece = [&](std::uint64_t number, const std::string& bytes) {
        Transaction transaction(environment_, Transaction::Kind::write);
        const lmdb::IntegerKey key(number);
        if (bytes.empty()) {
            transaction.erase(pieces_, key.view());
        } else {
            char* room = transaction.put(pieces_, key.view(), bytes.size());
            std::copy(bytes.begin(), bytes.end(), room);
        }
        transaction.commit();
    };
    const std::string last = text(10'000).substr(8'160);

    change_piece(3, last.substr(0, last.size() - 1) + '!');
    EXPECT_EQ(get("a"), "");
    change_piece(3, last + '!');
    EXPECT_EQ(get("a"), "");
    change_piece(3, "");
    EXPECT_EQ(get("a"), "");
    change_piece(3, last);
    EXPECT_EQ(get("a"), text(10'000));
    change_piece(2, "");
    EXPECT_EQ(get("a"), "");
}

// With long values whole in LMDB the file was full at a third of this: there was room enough, but
// nowhere enough of it together.
TEST_F(Records, FillHalfAMapForEverWhateverTheirSizes) {
    Prng chance(7);
    std::vector<std::pair<std::string, std::size_t>> there;
    std::size_t bytes = 0;
    std::size_t highest = 0;
    for (int round = 0; round < 4'000; ++round) {
        static constexpr std::size_t sizes[] = {1'500, 3'000, 60'000, 200'000, 1'000'000};
        const std::size_t kinds = round / 400 % 3 == 0 ? 2 : 5;  // Small ones only, now and then.
        const std::size_t size = sizes[chance.below(kinds)] + chance.below(1'000);
        while (bytes + size > map_bytes / 2 - (map_bytes >> 4)) {
            const std::size_t at = chance.below(there.size());
            erase(there[at].first);
            bytes -= there[at].second;
            there[at] = there.back();
            there.pop_back();
        }
        const std::string key = "k" + std::to_string(round);
        ASSERT_NO_THROW(put(key, std::string(size, 'v'))) << round << ": " << bytes;
        there.emplace_back(key, size);
        bytes += size;
        highest = std::max<std::size_t>(highest, environment_.bytes_reached());
    }
    EXPECT_LT(highest, map_bytes / 8 * 7);
}

}  // namespace
}  // namespace gavel::persistence
