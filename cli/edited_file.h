#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/complaint.h"

namespace gavel::cli {

// A value in a file of its own while somebody edits it, in a folder that only its owner may enter.
// It goes when this goes, unless it is kept.
class EditedFile {
public:
    // `name` is ours, never a key: keys are anybody's bytes.
    static Result<EditedFile, Complaint> make(const std::string& name, const std::string& text);
    EditedFile(EditedFile&& other) noexcept;
    EditedFile& operator=(EditedFile&&) = delete;
    ~EditedFile();

    const std::filesystem::path& path() const { return path_; }
    // What is there now. An editor may have put another file in its place.
    Result<std::string, Complaint> read() const;
    // Whether there is anything, readable or not.
    bool is_there() const;
    void keep() { kept_ = true; }

private:
    EditedFile(std::filesystem::path folder, std::filesystem::path path);

    std::filesystem::path folder_;
    std::filesystem::path path_;
    bool kept_ = false;
};

}  // namespace gavel::cli
