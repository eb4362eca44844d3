#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "persistence/log_store.h"

namespace gavel::persistence {

// A folder of its own, gone with the test.
class ScratchFolder {
public:
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

Identity sample_identity();

// From now on standard error is a pipe that is full, and that nobody reads.
void block_stderr();

// Flips a bit of the last byte of each place in the file where `bytes` stand (LMDB leaves old pages
// behind, so there may be several), if `which` says so of the four bytes before. How many it was.
std::size_t flip(const std::filesystem::path& file, std::string_view bytes,
                 const std::function<bool(std::string_view before)>& which = {});

std::string file_bytes(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, std::string_view bytes);

}  // namespace gavel::persistence
