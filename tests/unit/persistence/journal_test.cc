#include "persistence/journal.h"

#include <gmock/gmock.h>

#include "tests/unit/persistence/scratch.h"

namespace gavel::persistence {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Batch = Journal::Batch;

constexpr std::uint64_t secret = 0xDEC0DE;

class JournalTest : public testing::Test {
protected:
    JournalTest() { Journal::make(folder.path()); }

    Journal open(std::uint64_t with = secret) {
        return Journal::open(folder.path(), "owner", with).value();
    }
    std::string refusal(std::uint64_t after = 0) {
        auto journal = Journal::open(folder.path(), "owner", secret);
        if (!journal) return journal.error().what;
        const auto batches = journal->read(after);
        return batches ? "" : batches.error().what;
    }
    void damage(std::size_t at) {
        std::string bytes = file_bytes(file);
        bytes[at] = static_cast<char>(bytes[at] ^ 1);
        write_file(file, bytes);
    }

    ScratchFolder folder;
    fs::path file = folder.path() / "journal";
};

TEST_F(JournalTest, HoldsNothingAtFirst) { EXPECT_THAT(open().read(0).value(), IsEmpty()); }

TEST_F(JournalTest, HoldsWhatWasAppendedInOrderOverBothHalves) {
    {
        Journal journal = open();
        journal.append(8, "eight");
        journal.append(9, std::string(10'000, '9'));
        journal.turn();
        journal.append(10, "");
    }

    EXPECT_THAT(open().read(7).value(),
                ElementsAre(Batch{8, "eight"}, Batch{9, std::string(10'000, '9')}, Batch{10, ""}));
    EXPECT_THAT(open().read(9).value(), ElementsAre(Batch{10, ""}));
}

TEST_F(JournalTest, OverwritesAHalfThatItTurnsBackTo) {
    Journal journal = open();
    journal.append(1, "first");
    journal.append(2, "second");
    journal.turn();
    journal.append(3, "third");
    journal.turn();
    journal.append(4, "fourth");

    EXPECT_THAT(journal.read(2).value(), ElementsAre(Batch{3, "third"}, Batch{4, "fourth"}));
}

TEST_F(JournalTest, KnowsWhenAHalfIsFull) {
    Journal journal = open();
    const std::string payload(100'000, 'v');
    std::uint64_t number = 0;
    while (journal.has_room(payload.size())) journal.append(++number, payload);

    EXPECT_GT(number, 15U);
    EXPECT_TRUE(Journal::can_hold(payload.size()));
    EXPECT_FALSE(Journal::can_hold(Journal::half_bytes / 2));
    EXPECT_THAT(journal.read(0).value(), SizeIs(number));
}

// A start whose first batch is torn must still find the one before.
TEST_F(JournalTest, GoesOnInTheHalfThatDoesNotHoldTheLatestBatch) {
    open().append(1, "batch");
    for (std::uint64_t number = 2; number <= 5; ++number) {
        Journal journal = open();
        ASSERT_THAT(journal.read(number - 1).value(), IsEmpty());

        journal.append(number, "batch");

        EXPECT_THAT(open().read(number - 2).value(), SizeIs(2));
    }
}

TEST_F(JournalTest, LosesNothingWhenOneCopyIsDamaged) {
    {
        Journal journal = open();
        journal.append(1, "first");
        journal.append(2, "second");
        journal.append(3, "third");
    }
    const std::string intact = file_bytes(file);
    const auto all = open().read(0).value();
    ASSERT_THAT(all, SizeIs(3));

    // Six blocks, of three batches: any byte of any one of them.
    for (std::size_t block = 0; block < 6; ++block) {
        for (const std::size_t offset : {0U, 8U, 16U, 20U, 24U}) {
            write_file(file, intact);
            damage(block * Journal::block_bytes + offset);
            EXPECT_EQ(open().read(0).value(), all) << block << " " << offset;
        }
    }
}

// What stands there twice is of use only if one unreadable place does not hide the other.
TEST_F(JournalTest, IsReadAroundBlocksThatTheDiskDoesNotGive) {
    {
        Journal journal = open();
        journal.append(1, "first");
        journal.append(2, "second");
    }
    const std::string bytes = file_bytes(file);
    constexpr std::size_t block = Journal::block_bytes;
    // Blocks 0 and 3, and with them a copy of either batch, are bad; a read ends where one begins,
    // and gives less than it might.
    const auto is_bad = [](std::size_t at) { return at / block == 0 || at / block == 3; };
    const ReadAt read_at = [&](std::span<char> into, std::size_t at) -> std::ptrdiff_t {
        if (is_bad(at)) {
            into.front() = '?';
            return -EIO;
        }
        std::size_t got = 0;
        for (; got < std::min<std::size_t>(into.size(), 1'000) && !is_bad(at + got); ++got) {
            into[got] = bytes[at + got];
        }
        return static_cast<std::ptrdiff_t>(got);
    };

    const std::string read = read_around_damage(bytes.size(), read_at);

    std::string expected = bytes;
    std::fill_n(expected.begin(), block, '\0');
    std::fill_n(expected.begin() + 3 * block, block, '\0');
    ASSERT_TRUE(read == expected);
    write_file(file, read);
    EXPECT_THAT(open().read(0).value(), ElementsAre(Batch{1, "first"}, Batch{2, "second"}));
}

TEST_F(JournalTest, IsNotReadAroundAnythingElse) {
    const auto code_thrown = [](std::ptrdiff_t answer) {
        try {
            read_around_damage(10'000, [&](std::span<char>, std::size_t) { return answer; });
        } catch (const DiskError& error) {
            return error.code;
        }
        return 0;
    };
    EXPECT_EQ(code_thrown(-EACCES), EACCES);
    EXPECT_EQ(code_thrown(0), EIO) << "it ended early";
}

TEST_F(JournalTest, TakesALastBatchThatWasTornForOneThatNeverWas) {
    {
        Journal journal = open();
        journal.append(1, "first");
        journal.append(2, "second");
    }
    damage(2 * Journal::block_bytes + 20);
    damage(3 * Journal::block_bytes + 20);

    EXPECT_THAT(open().read(0).value(), ElementsAre(Batch{1, "first"}));
}

TEST_F(JournalTest, RefusesWhenABatchBeforeOthersIsLost) {
    {
        Journal journal = open();
        journal.append(1, "first");
        journal.append(2, "second");
        journal.append(3, "third");
    }
    damage(2 * Journal::block_bytes + 20);
    damage(3 * Journal::block_bytes + 20);

    EXPECT_THAT(refusal(), HasSubstr("batch 2 cannot be read"));
    EXPECT_EQ(refusal(2), "") << "what has settled is not missed";
}

// A client that knows the format must not be able to write what a restart takes for a batch.
TEST_F(JournalTest, DoesNotTakeAValueForABatch) {
    {
        Journal journal = open(secret + 1);
        journal.append(2, "forged");
    }
    const std::string forged = file_bytes(file).substr(0, Journal::block_bytes);
    Journal::make(folder.path());
    {
        // So that it comes to stand at the beginning of a block.
        Journal journal = open();
        journal.append(1, std::string(Journal::block_bytes - 20, ' ') + forged);
    }
    damage(30);
    damage(2 * Journal::block_bytes + 30);

    EXPECT_THAT(open().read(0).value(), IsEmpty());
}

TEST_F(JournalTest, OfAnotherOwnerHoldsNothingReadable) {
    open().append(1, "first");

    EXPECT_THAT(Journal::open(folder.path(), "another", secret)->read(0).value(), IsEmpty());
}

TEST_F(JournalTest, WithoutTheBatchThatSettledLastIsRefused) {
    EXPECT_EQ(refusal(0), "");
    EXPECT_THAT(refusal(1), HasSubstr("batch 1 is not in it"));

    {
        Journal journal = open();
        journal.append(1, "first");
        journal.append(2, "second");
    }
    EXPECT_EQ(refusal(1), "");
    EXPECT_EQ(refusal(2), "");
    EXPECT_THAT(refusal(3), HasSubstr("batch 3 is not in it"));
}

TEST_F(JournalTest, ThatIsMissingOrCutOffIsRefused) {
    fs::resize_file(file, Journal::half_bytes);
    EXPECT_THAT(refusal(), HasSubstr("cut off"));

    fs::remove(file);
    EXPECT_THAT(refusal(), HasSubstr("must not vote"));
}

}  // namespace
}  // namespace gavel::persistence
