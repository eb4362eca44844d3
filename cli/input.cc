#include "cli/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace gavel::cli {

namespace {

constexpr std::size_t input_bytes_max = 16 << 20;  // Far more than any cluster takes.

std::optional<std::string> read_all(int descriptor) {
    std::string all;
    for (std::array<char, 65'536> piece{};;) {
        const auto count = ::read(descriptor, piece.data(), piece.size());
        if (count == 0) return all;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return std::nullopt;
        all.append(piece.data(), static_cast<std::size_t>(count));
        if (all.size() > input_bytes_max) {
            errno = EFBIG;
            return std::nullopt;
        }
    }
}

}  // namespace

std::optional<std::string> read_input(const std::string& file, Complaint& complaint) {
    const bool from_input = file.empty() || file == "-";
    const int descriptor = from_input ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const auto input = descriptor < 0 ? std::nullopt : read_all(descriptor);
    const int error = errno;
    if (!from_input && descriptor >= 0) ::close(descriptor);
    if (!input) {
        complaint.text =
            "cannot read " + (from_input ? "standard input" : file) + ": " + ::strerror(error);
    }
    return input;
}

}  // namespace gavel::cli
