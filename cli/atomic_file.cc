#include "cli/atomic_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace gavel::cli {

namespace fs = std::filesystem;

namespace {

constexpr int links_max = 40;  // As the kernel has it.

Complaint cannot_write(const fs::path& name, const std::string& why) {
    return {"cannot write " + name.string() + ": " + why};
}

// What is to get the name: the regular file that is there, or where nothing is, be it that a link
// leads there.
Result<fs::path, Complaint> find_place(const fs::path& name) {
    using boost::system::in_place_value;
    std::error_code error;
    const auto there = fs::status(name, error);
    if (fs::exists(there)) {
        if (!fs::is_regular_file(there)) return cannot_write(name, "it is no regular file");
        const auto place = fs::canonical(name, error);
        if (error) return cannot_write(name, error.message());
        return Result<fs::path, Complaint>(in_place_value, place);
    }
    fs::path place = name;
    for (int links = 0; fs::is_symlink(fs::symlink_status(place, error)); ++links) {
        if (links == links_max) return cannot_write(name, ::strerror(ELOOP));
        const auto target = fs::read_symlink(place, error);
        if (error) return cannot_write(name, error.message());
        place = place.parent_path() / target;
    }
    return Result<fs::path, Complaint>(in_place_value, place);
}

}  // namespace

AtomicFile::AtomicFile(fs::path name, std::string temporary, int descriptor)
    : name_(std::move(name)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : name_(std::move(other.name_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Complaint AtomicFile::cannot(const std::string& what) const {
    return {"cannot " + what + ' ' + name_.string() + ": " + ::strerror(errno)};
}

Result<AtomicFile, Complaint> AtomicFile::make(const fs::path& name) {
    const auto place = find_place(name);
    if (!place) return place.error();
    // Beside it, so that it can take its place.
    std::string temporary = place->string() + ".XXXXXX";
    const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);  // 0600.
    if (descriptor < 0) return cannot_write(name, ::strerror(errno));
    return Result<AtomicFile, Complaint>(boost::system::in_place_value,
                                         AtomicFile(*place, std::move(temporary), descriptor));
}

std::optional<Complaint> AtomicFile::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(descriptor_, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return cannot("write");
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return std::nullopt;
}

std::optional<Complaint> AtomicFile::clear() {
    if (::ftruncate(descriptor_, 0) == 0 && ::lseek(descriptor_, 0, SEEK_SET) == 0) return {};
    return cannot("write");
}

std::optional<Complaint> AtomicFile::finish() {
    if (::fsync(descriptor_) != 0) return cannot("write");
    if (::close(std::exchange(descriptor_, -1)) != 0) return cannot("write");
    if (::rename(temporary_.c_str(), name_.c_str()) != 0) return cannot("make");
    temporary_.clear();
    const fs::path folder = name_.has_parent_path() ? name_.parent_path() : fs::path(".");
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return cannot("make sure of");
    const bool synced = ::fsync(descriptor) == 0;
    const auto complaint = synced ? std::nullopt : std::optional(cannot("make sure of"));
    ::close(descriptor);
    return complaint;
}

}  // namespace gavel::cli
