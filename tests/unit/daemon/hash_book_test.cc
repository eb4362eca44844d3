#include "daemon/hash_book.h"

#include <gmock/gmock.h>

namespace gavel::daemon {
namespace {

using paxos::MemberId;
using paxos::Slot;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr MemberId self{1}, second{2}, third{3};
const paxos::Epoch three{.number = 1, .voters = {self, second, third}};

TEST(HashBook, FindsNobodyOddAsLongAsAllAgree) {
    HashBook book(self);
    book.note(second, {{2'048, 5}, {1'024, 4}});
    book.note_own({1'024}, 4);
    book.note_own({2'048}, 5);

    EXPECT_THAT(book.differing(), IsEmpty());
    EXPECT_EQ(book.odd_one_out(three), std::nullopt);
}

TEST(HashBook, OnlyNotesADifferenceThatNoMajorityDecides) {
    HashBook book(self);
    book.note_own({1'024}, 4);
    book.note(second, {{1'024, 6}});
    EXPECT_THAT(book.differing(), ElementsAre(Pair(second, Slot{1'024})));
    EXPECT_EQ(book.odd_one_out(three), std::nullopt);

    book.note(third, {{1'024, 7}});
    EXPECT_EQ(book.odd_one_out(three), std::nullopt) << "all three differ";
}

TEST(HashBook, FindsThisMemberOddWhenAMajorityAgreesOnAnotherState) {
    HashBook book(self);
    book.note_own({1'024}, 4);
    book.note(second, {{1'024, 6}});

    book.note(third, {{1'024, 6}});

    EXPECT_EQ(book.odd_one_out(three), Slot{1'024});
}

TEST(HashBook, FindsItOddAsWellWhenItComesToTheSlotLast) {
    HashBook book(self);
    book.note(second, {{1'024, 6}});
    book.note(third, {{1'024, 6}});
    EXPECT_EQ(book.odd_one_out(three), std::nullopt);

    book.note_own({1'024}, 4);

    EXPECT_EQ(book.odd_one_out(three), Slot{1'024});
}

TEST(HashBook, FindsNobodyOddAtDifferentSlots) {
    HashBook book(self);
    book.note_own({1'024}, 4);
    book.note_own({2'048}, 5);
    book.note(second, {{1'024, 6}});
    book.note(third, {{2'048, 6}});

    EXPECT_EQ(book.odd_one_out(three), std::nullopt);
}

TEST(HashBook, CountsVotersOnly) {
    HashBook book(self);
    book.note_own({1'024}, 4);
    book.note(MemberId{8}, {{1'024, 6}});
    book.note(MemberId{9}, {{1'024, 6}});

    EXPECT_EQ(book.odd_one_out(three), std::nullopt);
}

TEST(HashBook, TellsTheLatestOfItsOwnAndKeepsABoundedNumber) {
    HashBook book(self);
    for (std::uint64_t slot = 1; slot <= 1'000; ++slot) {
        book.note_own({slot}, slot);
        book.note(second, {{slot + 5, 1}});
    }

    EXPECT_THAT(book.latest(), SizeIs(proto::state_hashes_max));
    EXPECT_EQ(book.latest().front(), (proto::StateHash{1'000, 1'000}));
    book.note(second, {{1, 7}});
    EXPECT_THAT(book.latest(), SizeIs(proto::state_hashes_max));
}

}  // namespace
}  // namespace gavel::daemon
