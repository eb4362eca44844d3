#include "persistence/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace gavel::persistence {
namespace {

namespace fs = std::filesystem;

constexpr mode_t owner_only_file = 0600;
constexpr mode_t owner_only_folder = 0700;

StorageError system_error(const fs::path& path, const char* what) {
    return {path.string() + ": " + what + ": " + std::generic_category().message(errno)};
}

std::string read_owner(int file) {
    std::array<char, 16> text{};
    const ssize_t size = ::pread(file, text.data(), text.size(), 0);
    std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    while (!pid.empty() && pid.back() == '\n') pid.pop_back();
    return pid;
}

// Only a help for whoever finds the directory locked; the lock itself is the kernel's.
void write_owner(int file) {
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file, 0) != 0 || ::pwrite(file, pid.data(), pid.size(), 0) < 0) return;
}

}  // namespace

Result<FolderLock, StorageError> FolderLock::take(const fs::path& folder) {
    const fs::path path = folder / "lock";
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, owner_only_file);
    if (file < 0) return system_error(path, "cannot be opened for writing");
    FolderLock lock(file);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return system_error(path, "cannot be locked");
        return StorageError{folder.string() + ": in use by another gaveld, process " +
                            read_owner(file)};
    }
    write_owner(file);
    return lock;
}

Result<FolderLock, StorageError> FolderLock::share(const fs::path& folder) {
    const fs::path path = folder / "lock";
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    // A member that uses the directory has made the file.
    if (file < 0 && errno == ENOENT) return FolderLock(-1);
    if (file < 0) return system_error(path, "cannot be opened");
    FolderLock lock(file);
    if (::flock(file, LOCK_SH | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return system_error(path, "cannot be locked");
        return StorageError{folder.string() + ": in use by a gaveld, process " + read_owner(file)};
    }
    return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
}

FolderLock::~FolderLock() {
    if (file_ >= 0) ::close(file_);
}

fs::path plain(const fs::path& folder) {
    const fs::path normal = folder.lexically_normal();
    return normal.has_filename() ? normal : normal.parent_path();
}

bool has_environment(const fs::path& folder, const char* name) {
    std::error_code ignored;
    return fs::exists(folder / name / "data.mdb", ignored);
}

std::optional<StorageError> unfit_for_new_member(const fs::path& folder, bool has_state) {
    std::error_code error;
    if (!fs::exists(folder, error)) {
        if (error) return StorageError{folder.string() + ": " + error.message()};
        return std::nullopt;
    }
    if (!has_state && has_environment(folder, "state")) {
        return StorageError{folder.string() +
                            ": holds a member's state but not its log: a member without its "
                            "memory must not vote; use an empty directory"};
    }
    for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
         it.increment(error)) {
        const std::string name = it->path().filename();
        // What an interrupted first start, a mount point or a shell may leave.
        if (name == "lock" || name == "log" || name == "state" || name == "lost+found" ||
            name.starts_with('.')) {
            continue;
        }
        return StorageError{folder.string() + ": not a Gavel data directory: it holds '" + name +
                            "'; use an empty directory"};
    }
    if (error) return StorageError{folder.string() + ": " + error.message()};
    return std::nullopt;
}

std::optional<StorageError> make_folder(const fs::path& folder) {
    const fs::path parent = folder.parent_path();
    std::error_code ignored;
    if (!parent.empty() && !fs::exists(parent, ignored)) {
        if (auto error = make_folder(parent)) return error;
    }
    if (::mkdir(folder.c_str(), owner_only_folder) == 0) {
        return sync_folder(parent.empty() ? "." : parent);
    }
    if (errno == EEXIST && fs::is_directory(folder, ignored)) return std::nullopt;
    errno = errno == EEXIST ? ENOTDIR : errno;
    return system_error(folder, "cannot be made");
}

std::optional<StorageError> sync_folder(const fs::path& folder) {
    const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return system_error(folder, "cannot be opened");
    const bool synced = ::fsync(file) == 0;
    const auto error = synced ? std::optional<StorageError>()
                              : std::optional(system_error(folder, "cannot be synced"));
    ::close(file);
    return error;
}

bool is_at_least(const fs::path& file, std::uint64_t bytes) {
    std::error_code error;
    const std::uint64_t size = fs::file_size(file, error);
    return !error && size >= bytes;
}

}  // namespace gavel::persistence
