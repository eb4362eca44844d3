#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "persistence/record.h"

namespace gavel::persistence {

// Reads some of a file into `into`, from byte `at` on: how many bytes, 0 at its end, or the
// system's reason as a negative number.
using ReadAt = std::function<std::ptrdiff_t(std::span<char> into, std::size_t at)>;
// The first `bytes` of a file. A block that the disk cannot give is left as zeros, which no sum
// takes for anything; any other failure is thrown.
std::string read_around_damage(std::size_t bytes, const ReadAt& read_at);

// Where a batch of the log becomes durable first: a file of fixed size, overwritten in place, so
// that a batch costs one write and one sync. A commit of LMDB costs two syncs and half a dozen
// pages. What stands here is moved to the log's tables some thousands of records at a time.
//
// The file has two halves: while one is being moved the other takes what comes. A batch begins at
// a block of its own, so that no later write touches it, and stands there twice, so that one
// damaged place does not lose it. docs/storage.md has the format.
//
// Not thread-safe. Failures of the disk are thrown as DiskError, for the store's doors to catch.
class Journal {
public:
    static constexpr std::size_t block_bytes = 4'096;
    static constexpr std::size_t half_bytes = 4U << 20;

    struct Batch {
        std::uint64_t number{};  // One more than that of the batch before.
        std::string payload{};
        bool operator==(const Batch&) const = default;
    };

    // An empty journal, durable but for its entry in the folder; replaces what was there.
    static void make(const std::filesystem::path& folder);
    enum class Access { append, read };
    // `secret` keeps what a client wrote from passing for a batch. With access to read, only read()
    // may be called, and nothing changes on the disk.
    static Result<Journal, StorageError> open(const std::filesystem::path& folder,
                                              std::string_view owner, std::uint64_t secret,
                                              Access access = Access::append);
    ~Journal();
    Journal(Journal&& other) noexcept;
    Journal& operator=(Journal&& other) noexcept;

    // What a start finds: the batches with numbers above `after`, in order. The last one may have
    // been torn by a crash, was never acknowledged then, and is not among them; one that is missing
    // before others is an error, and so is a journal that has neither batch `after` nor a later
    // one. Turns to the half that does not hold the latest, for which the batches in it must not be
    // needed any more when the next one is appended.
    Result<std::vector<Batch>, StorageError> read(std::uint64_t after);

    // Whether an empty half could take a batch of that size; whether this one still can.
    static bool can_hold(std::size_t payload_bytes);
    bool has_room(std::size_t payload_bytes) const;
    // Durable when it returns. Only with room.
    void append(std::uint64_t number, std::string_view payload);
    // How much of the half in use is taken.
    std::size_t used() const { return used_; }

    // Turns to the other half, whose batches are no longer needed.
    void turn();

private:
    Journal(int file, Seal seal, Access access) : file_(file), seal_(seal), access_(access) {}

    struct Found {
        Batch batch{};
        std::size_t bytes{};  // That it takes, once.
    };
    std::optional<Found> batch_at(std::string_view half) const;

    int file_ = -1;
    Seal seal_;
    Access access_;
    std::size_t half_ = 0;
    std::size_t used_ = 0;
    std::string buffer_{};  // Of append(), kept for its room.
};

}  // namespace gavel::persistence
