#include "persistence/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "base/invariant.h"

namespace gavel::persistence {
namespace {

namespace fs = std::filesystem;

constexpr const char* file_name = "journal";
// Number, length of the payload, sum.
constexpr std::size_t header_bytes = 2 * number_bytes + Seal::bytes;
constexpr std::size_t halves = 2;

std::size_t in_blocks(std::size_t payload_bytes) {
    const std::size_t bytes = header_bytes + payload_bytes;
    return (bytes + Journal::block_bytes - 1) / Journal::block_bytes * Journal::block_bytes;
}

[[noreturn]] void fail(const char* operation, int code) { throw DiskError{operation, code}; }

// What is not closed yet when something is thrown.
class File {
public:
    File(const fs::path& path, int flags) : file_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    ~File() {
        if (file_ >= 0) ::close(file_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int get() const { return file_; }
    int release() { return std::exchange(file_, -1); }

private:
    int file_ = -1;
};

}  // namespace

std::string read_around_damage(std::size_t bytes, const ReadAt& read_at) {
    std::string content(bytes, '\0');
    for (std::size_t at = 0; at < bytes;) {
        const std::size_t end = std::min(
            bytes, at / Journal::block_bytes * Journal::block_bytes + Journal::block_bytes);
        const std::ptrdiff_t got = read_at({content.data() + at, end - at}, at);
        if (got == -EIO) {
            std::fill(content.data() + at, content.data() + end, '\0');
            at = end;
        } else if (got <= 0) {
            fail("read the journal", got < 0 ? static_cast<int>(-got) : EIO);
        } else {
            at += static_cast<std::size_t>(got);
        }
    }
    return content;
}

void Journal::make(const fs::path& folder) {
    const File file(folder / file_name, O_RDWR | O_CREAT | O_TRUNC);
    if (file.get() < 0) fail("make the journal", errno);
    // Written, not only reserved: a block written for the first time costs a change of the file
    // system's own records with its sync.
    const std::string zeros(1U << 20, '\0');
    for (std::size_t at = 0; at < halves * half_bytes; at += zeros.size()) {
        const ssize_t written =
            ::pwrite(file.get(), zeros.data(), zeros.size(), static_cast<off_t>(at));
        if (written < 0) fail("make the journal", errno);
        if (static_cast<std::size_t>(written) != zeros.size()) fail("make the journal", ENOSPC);
    }
    if (::fsync(file.get()) != 0) fail("sync the new journal", errno);
}

Result<Journal, StorageError> Journal::open(const fs::path& folder, std::string_view owner,
                                            std::uint64_t secret, Access access) {
    const std::string path = (folder / file_name).string();
    File file(path, access == Access::append ? O_RDWR : O_RDONLY);
    if (file.get() < 0) {
        if (errno != ENOENT) {
            return StorageError{path +
                                ": cannot be opened: " + std::generic_category().message(errno)};
        }
        return StorageError{path +
                            ": missing: a member without its memory must not vote; remove "
                            "it and let it join anew, empty"};
    }
    struct stat found {};
    if (::fstat(file.get(), &found) != 0) fail("ask for the journal's size", errno);
    if (static_cast<std::size_t>(found.st_size) != halves * half_bytes) {
        return StorageError{path +
                            ": has another size than a journal: it was cut off or copied in "
                            "part; remove this member and let it join anew, empty"};
    }
    return Journal(file.release(), Seal(std::string(owner) + packed(secret), file_name), access);
}

Journal::~Journal() {
    if (file_ >= 0) ::close(file_);
}

Journal::Journal(Journal&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      seal_(other.seal_),
      access_(other.access_),
      half_(other.half_),
      used_(other.used_),
      buffer_(std::move(other.buffer_)) {}

Journal& Journal::operator=(Journal&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(seal_, other.seal_);
    std::swap(access_, other.access_);
    std::swap(half_, other.half_);
    std::swap(used_, other.used_);
    std::swap(buffer_, other.buffer_);
    return *this;
}

bool Journal::can_hold(std::size_t payload_bytes) {
    return 2 * in_blocks(payload_bytes) <= half_bytes;
}

bool Journal::has_room(std::size_t payload_bytes) const {
    return used_ + 2 * in_blocks(payload_bytes) <= half_bytes;
}

void Journal::append(std::uint64_t number, std::string_view payload) {
    invariant(has_room(payload.size()), "a batch is written where there is room for it");
    const std::string key = packed(number) + packed(payload.size());
    buffer_.clear();
    buffer_ += key;
    append_number(buffer_, seal_.sum(key, payload), Seal::bytes);
    buffer_ += payload;
    buffer_.resize(in_blocks(payload.size()));

    const iovec once{buffer_.data(), buffer_.size()};
    const std::array<iovec, 2> twice{once, once};
    const std::size_t bytes = 2 * buffer_.size();
    const auto at = static_cast<off_t>(half_ * half_bytes + used_);
    const ssize_t written = ::pwritev(file_, twice.data(), twice.size(), at);
    if (written < 0) fail("write to the journal", errno);
    if (static_cast<std::size_t>(written) != bytes) fail("write to the journal", EIO);
    if (::fdatasync(file_) != 0) fail("sync the journal", errno);
    used_ += bytes;
}

void Journal::turn() {
    half_ = (half_ + 1) % halves;
    used_ = 0;
}

// The batch that begins there; none: nothing readable does.
std::optional<Journal::Found> Journal::batch_at(std::string_view half) const {
    if (half.size() < header_bytes) return std::nullopt;
    const std::string_view key = half.substr(0, 2 * number_bytes);
    const auto number = unpacked_number(key.substr(0, number_bytes));
    const auto length = unpacked_number(key.substr(number_bytes));
    if (!number || !length || *number == 0 || *length > half.size() - header_bytes) {
        return std::nullopt;
    }
    const std::uint64_t sum = number_at_front(half.substr(key.size()), Seal::bytes);
    const std::string_view payload = half.substr(header_bytes, *length);
    if (sum != seal_.sum(key, payload)) return std::nullopt;
    return Found{{*number, std::string(payload)}, in_blocks(*length)};
}

Result<std::vector<Journal::Batch>, StorageError> Journal::read(std::uint64_t after) {
    // What a killed process wrote and did not sync can be read, and yet be lost when the machine
    // stops: it must be durable before the tables say that it has settled.
    if (access_ == Access::append && ::fdatasync(file_) != 0) fail("sync the journal", errno);
    const std::string file =
        read_around_damage(halves * half_bytes, [this](std::span<char> into, std::size_t at) {
            const ssize_t got = ::pread(file_, into.data(), into.size(), static_cast<off_t>(at));
            return got < 0 ? -std::ptrdiff_t{errno} : std::ptrdiff_t{got};
        });

    // Where nothing readable begins, the next block is looked at: it may be the second copy of what
    // is damaged here, or a batch behind a damaged one.
    std::map<std::uint64_t, Batch> found;
    std::uint64_t latest = 0;
    std::size_t half_of_latest = halves - 1;
    for (std::size_t half = 0; half < halves; ++half) {
        std::string_view rest = std::string_view(file).substr(half * half_bytes, half_bytes);
        while (!rest.empty()) {
            auto batch = batch_at(rest);
            rest.remove_prefix(batch ? batch->bytes : block_bytes);
            if (!batch) continue;
            const std::uint64_t number = batch->batch.number;
            if (number > latest) half_of_latest = half;
            latest = std::max(latest, number);
            if (number > after) found.emplace(number, std::move(batch->batch));
        }
    }
    if (latest < after) {
        return StorageError{
            "the log's journal is blank, was set back or is another member's: batch " +
            std::to_string(after) +
            " is not in it: this member can no longer keep its word; remove it and let it join "
            "anew, empty"};
    }
    half_ = half_of_latest;
    turn();

    std::vector<Batch> batches;
    for (auto& [number, batch] : found) {
        if (number != after + batches.size() + 1) {
            return StorageError{
                "the log's journal is damaged: batch " +
                std::to_string(after + batches.size() + 1) +
                " cannot be read, and later ones can: this member can no longer keep its word; "
                "remove it and let it join anew, empty"};
        }
        batches.push_back(std::move(batch));
    }
    return batches;
}

}  // namespace gavel::persistence
