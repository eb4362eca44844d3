#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/complaint.h"

namespace gavel::cli {

// A file that gets its name only when all of it is on the disk: whatever was there under that name
// stays until then, and whatever happens. Only its owner may read it. It goes again when this goes
// before; whoever is to be ended by a signal has to see to that.
class AtomicFile {
public:
    // Behind a symbolic link, what that leads to is meant. What is no regular file is not replaced:
    // a device, a pipe.
    static Result<AtomicFile, Complaint> make(const std::filesystem::path& name);
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&&) = delete;
    ~AtomicFile();

    // Each gives what went wrong.
    std::optional<Complaint> write(std::string_view bytes);
    // Begins anew.
    std::optional<Complaint> clear();
    std::optional<Complaint> finish();

private:
    AtomicFile(std::filesystem::path name, std::string temporary, int descriptor);
    Complaint cannot(const std::string& what) const;

    std::filesystem::path name_;
    std::string temporary_;
    int descriptor_ = -1;
};

}  // namespace gavel::cli
