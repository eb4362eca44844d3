#include "tests/unit/persistence/scratch.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace gavel::persistence {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "gavel-persistence-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no scratch folder");
    path_ = name;
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

Identity sample_identity() {
    return {.cluster_id = "00c0ffee",
            .name = "n2",
            .member = 2,
            .incarnation = 0xFEDC'BA98'7654'3210,
            .alpha = 512,
            .format_level = 1,
            .initial_cluster = "n1=h1:7500,n2=h2:7500,n3=h3:7500",
            .peer_address = "h2:7500",
            .contacts = "1=h1:7500,3=h3:7500"};
}

void block_stderr() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_NONBLOCK) != 0) throw std::runtime_error("no pipe");
    while (::write(ends[1], "x", 1) == 1) {
    }
    ::fcntl(ends[1], F_SETFL, 0);
    ::dup2(ends[1], STDERR_FILENO);
}

std::string file_bytes(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const fs::path& file, std::string_view bytes) {
    std::ofstream(file, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::size_t flip(const fs::path& file, std::string_view bytes,
                 const std::function<bool(std::string_view before)>& which) {
    std::string content = file_bytes(file);
    std::size_t flipped = 0;
    for (std::size_t at = content.find(bytes); at != std::string::npos;
         at = content.find(bytes, at + bytes.size())) {
        if (at < 4 || (which && !which(std::string_view(content).substr(at - 4, 4)))) continue;
        content[at + bytes.size() - 1] ^= 1;
        ++flipped;
    }
    write_file(file, content);
    return flipped;
}

}  // namespace gavel::persistence
