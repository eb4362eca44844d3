#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/framed_file.h"
#include "base/result.h"
#include "daemon/address.h"
#include "daemon/snapshot_source.h"
#include "persistence/log_store.h"
#include "statemachine/machine.h"

// A backup: the state as of one slot, as GET /v1/backup streams it and `gaveld recover` reads it
// (base/framed_file.h has the form).
namespace gavel::daemon {

// What a backup says of itself before the state comes.
struct BackupHeader {
    std::uint64_t format_level{};
    std::string cluster_id{};
    std::uint64_t alpha{};
    std::uint16_t member{};  // Who made it.
    std::string name{};
    std::uint64_t applied{};

    bool operator==(const BackupHeader&) const = default;
};

// Writes one, a piece at a time, from a snapshot of the state. Pieces are read by one thread at a
// time; closed by another one, it gives no more of them.
class BackupWriter {
public:
    BackupWriter(std::unique_ptr<SnapshotReader> snapshot, BackupHeader header);

    std::uint64_t applied() const { return header_.applied; }
    struct Piece {
        std::string bytes{};
        bool last{};
    };
    // Nothing: it cannot be read, or is closed.
    std::optional<Piece> next();
    // Lets go of the snapshot; waits for a piece that is being read.
    void close();

private:
    std::mutex mutex_;  // Guards what follows.
    std::unique_ptr<SnapshotReader> snapshot_;
    BackupHeader header_;
    FrameWriter frames_{};
    bool begun_ = false;
    statemachine::RowKey last_{};
};

// What a file holds, verified: every sum, the digest, and that the state is the one whose hash the
// member that made it knew.
struct Backup {
    BackupHeader header{};
    statemachine::Machine state;
    std::uint64_t hash{};    // Of the state.
    std::uint64_t digest{};  // Of the file.
};
Result<Backup, ConfigError> read_backup(const std::filesystem::path& file);

}  // namespace gavel::daemon
