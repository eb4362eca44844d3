#include "cli/edited_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "cli/input.h"

namespace gavel::cli {

namespace fs = std::filesystem;

namespace {

Complaint cannot(const std::string& what, const fs::path& path) {
    return {"cannot " + what + ' ' + path.string() + ": " + ::strerror(errno)};
}

bool write_all(int descriptor, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const auto count = ::write(descriptor, text.data() + done, text.size() - done);
        if (count < 0 && errno != EINTR) return false;
        if (count > 0) done += static_cast<std::size_t>(count);
    }
    return true;
}

}  // namespace

EditedFile::EditedFile(fs::path folder, fs::path path)
    : folder_(std::move(folder)), path_(std::move(path)) {}

EditedFile::EditedFile(EditedFile&& other) noexcept
    : folder_(std::exchange(other.folder_, {})),
      path_(std::exchange(other.path_, {})),
      kept_(other.kept_) {}

EditedFile::~EditedFile() {
    std::error_code ignored;
    if (!folder_.empty() && !kept_) fs::remove_all(folder_, ignored);
}

Result<EditedFile, Complaint> EditedFile::make(const std::string& name, const std::string& text) {
    std::error_code error;
    const fs::path parent = fs::temp_directory_path(error);
    std::string folder = ((error ? fs::path("/tmp") : parent) / "gavel-edit-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return cannot("make", folder);  // For its owner only.
    EditedFile file(folder, fs::path(folder) / name);

    const int descriptor =
        ::open(file.path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) return cannot("make", file.path_);
    const bool written = write_all(descriptor, text);
    const bool closed = ::close(descriptor) == 0;
    if (!written || !closed) return cannot("write", file.path_);
    return Result<EditedFile, Complaint>(boost::system::in_place_value, std::move(file));
}

Result<std::string, Complaint> EditedFile::read() const {
    Complaint complaint;
    auto text = read_input(path_.string(), complaint);
    if (!text) return complaint;
    return Result<std::string, Complaint>(boost::system::in_place_value, *std::move(text));
}

bool EditedFile::is_there() const {
    std::error_code error;
    return fs::exists(fs::symlink_status(path_, error));
}

}  // namespace gavel::cli
