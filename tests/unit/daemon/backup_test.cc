#include "daemon/backup.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "proto/codec.h"
#include "statemachine/row_hash.h"

namespace gavel::daemon {
namespace {

using statemachine::Machine;
using testing::HasSubstr;

// A state's rows, two in each piece.
class Rows final : public SnapshotReader {
public:
    explicit Rows(const Machine& state) : rows_(state.rows()), globals_(state.globals()) {}

    std::uint64_t applied() const override { return globals_.applied; }
    std::optional<proto::SnapshotChunk> read(const statemachine::RowKey& after) override {
        proto::SnapshotChunk chunk{.applied = applied(), .after = after, .globals = {}};
        auto at = rows_.begin();
        while (at != rows_.end() && !(after < at->key)) ++at;
        for (; at != rows_.end() && chunk.rows.size() < 2; ++at) {
            chunk.rows.push_back({at->key, proto::encode(at->value)});
        }
        if (at == rows_.end()) complete(chunk, globals_);
        return chunk;
    }

private:
    std::vector<statemachine::Row> rows_;
    statemachine::Globals globals_;
};

class BackupOfAMember : public testing::Test {
protected:
    BackupOfAMember() {
        for (std::uint64_t slot = 1; slot <= 7; ++slot) {
            state_.apply(slot, {{2, 1, slot},
                                1'700'000'000'000,
                                {},
                                statemachine::PutKey{
                                    "k" + std::to_string(slot), Bytes("v"), "text/plain", {}, {}}});
        }
        file_ = testing::TempDir() + "backup" + std::to_string(::getpid());
    }
    ~BackupOfAMember() override { ::unlink(file_.c_str()); }

    static BackupHeader header() {
        return {.format_level = proto::format_level,
                .cluster_id = "c1",
                .alpha = 64,
                .member = 2,
                .name = "n2",
                .applied = 7};
    }
    std::string write(const BackupHeader& header) {
        BackupWriter writer(std::make_unique<Rows>(state_), header);
        std::string bytes;
        for (pieces_ = 0;;) {
            const auto piece = writer.next();
            ++pieces_;
            if (!piece) return bytes;
            bytes += piece->bytes;
            if (piece->last) break;
        }
        EXPECT_FALSE(writer.next()) << "it has ended";
        return bytes;
    }
    Result<Backup, ConfigError> read(const std::string& bytes) {
        std::ofstream(file_, std::ios::binary) << bytes;
        return read_backup(file_);
    }
    std::string trouble(const std::string& bytes) {
        const auto backup = read(bytes);
        return backup ? "" : backup.error().what;
    }

    Machine state_{{}, 64, {{.id = 2, .name = "n2", .peer_address = "127.0.0.1:7500"}}};
    std::string file_;
    int pieces_ = 0;
};

TEST_F(BackupOfAMember, IsReadBackToTheSameState) {
    const auto backup = read(write(header()));

    ASSERT_TRUE(backup) << backup.error().what;
    EXPECT_GT(pieces_, 3);
    EXPECT_EQ(backup->header, header());
    EXPECT_EQ(backup->state.hash(), state_.hash());
    EXPECT_EQ(backup->state.applied(), 7U);
    EXPECT_EQ(backup->state.globals(), state_.globals());
    ASSERT_NE(backup->state.key("k3"), nullptr);
    EXPECT_EQ(backup->state.key("k3")->value.view(), "v");
}

TEST_F(BackupOfAMember, IsRefusedWhenItIsCutOrDamaged) {
    const std::string whole = write(header());

    for (std::size_t length = 0; length < whole.size(); length += 13) {
        EXPECT_NE(trouble(whole.substr(0, length)), "") << length;
    }
    for (std::size_t at = 0; at < whole.size(); at += 7) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        EXPECT_NE(trouble(damaged), "") << at;
    }
    EXPECT_THAT(trouble("{}"), HasSubstr("not a backup"));
    EXPECT_THAT(read_backup("/nowhere/file").error().what, HasSubstr("No such file"));
}

TEST_F(BackupOfAMember, IsRefusedWhenItIsNotWhatItsHashSays) {
    // Well framed, but one row short: only the hash of the state tells.
    class OneShort final : public SnapshotReader {
    public:
        explicit OneShort(const Machine& state) : rows_(state), applied_(state.applied()) {}
        std::uint64_t applied() const override { return applied_; }
        std::optional<proto::SnapshotChunk> read(const statemachine::RowKey& after) override {
            auto chunk = rows_.read(after);
            if (after == statemachine::RowKey{}) chunk->rows.erase(chunk->rows.begin());
            return chunk;
        }

    private:
        Rows rows_;
        std::uint64_t applied_;
    };
    BackupWriter writer(std::make_unique<OneShort>(state_), header());
    std::string bytes;
    for (auto piece = writer.next(); piece; piece = writer.next()) bytes += piece->bytes;
    EXPECT_THAT(trouble(bytes), HasSubstr("not the one that its hash says"));

    auto newer = header();
    newer.format_level = proto::format_level + 1;
    EXPECT_THAT(trouble(write(newer)), HasSubstr("format level"));
    auto elsewhere = header();
    elsewhere.applied = 8;
    EXPECT_THAT(trouble(write(elsewhere)), HasSubstr("hash"));
}

// What it says of itself is shown on terminals, and becomes the name of a member.
TEST_F(BackupOfAMember, IsRefusedWhenItsHeadIsNotOneOfAMember) {
    for (const char* name : {"", "a b", "n1=h:1,n2", "n\x1b]0;x"}) {
        auto changed = header();
        changed.name = name;
        EXPECT_NE(trouble(write(changed)), "") << name;
    }
    for (const char* id : {"", "c1; reboot", "\x1b]0;x", "C1"}) {
        auto changed = header();
        changed.cluster_id = id;
        EXPECT_NE(trouble(write(changed)), "") << id;
    }
}

TEST_F(BackupOfAMember, GivesNothingMoreOnceItIsClosed) {
    BackupWriter writer(std::make_unique<Rows>(state_), header());
    EXPECT_TRUE(writer.next());
    writer.close();
    EXPECT_FALSE(writer.next());
}

}  // namespace
}  // namespace gavel::daemon
