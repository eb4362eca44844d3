#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"
#include "persistence/log_store.h"

// The data directory as a place in the file system.
namespace gavel::persistence {

// An exclusive lock on a data directory, held by an open file: it ends with the process, however
// that ends.
class FolderLock {
public:
    static Result<FolderLock, StorageError> take(const std::filesystem::path& folder);
    // Keeps members out of a directory that is only read, and changes nothing in it.
    static Result<FolderLock, StorageError> share(const std::filesystem::path& folder);

    FolderLock(FolderLock&& other) noexcept;
    FolderLock& operator=(FolderLock&& other) noexcept;
    ~FolderLock();

private:
    explicit FolderLock(int file) : file_(file) {}

    int file_;
};

// The same folder without detours or a slash at its end.
std::filesystem::path plain(const std::filesystem::path& folder);

// Whether an environment of that name was made in the data directory.
bool has_environment(const std::filesystem::path& folder, const char* name);

// Nothing is wrong with making a new member's directory here: it is missing, or as good as empty.
// With a state, and no log beside it, only where the caller has made that for the new member.
std::optional<StorageError> unfit_for_new_member(const std::filesystem::path& folder,
                                                 bool has_state = false);

// Makes a folder that only its owner may enter, unless it is there; its name is on the disk.
std::optional<StorageError> make_folder(const std::filesystem::path& folder);
// Makes the names of the files in it durable: LMDB syncs their bytes only.
std::optional<StorageError> sync_folder(const std::filesystem::path& folder);

// Whether a file is as long as the pages that LMDB expects in it: reading beyond its end would be a
// signal, not an error.
bool is_at_least(const std::filesystem::path& file, std::uint64_t bytes);

}  // namespace gavel::persistence
