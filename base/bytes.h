#pragma once

#include <compare>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace gavel {

// An immutable run of bytes, shared by whoever holds a copy: a command travels from the socket to
// the log, the peers and the state machine without being copied. Safe to read from any thread.
//
// The bytes and their count of owners are one allocation: a large state is mostly these.
class Bytes {
public:
    Bytes() = default;
    explicit Bytes(std::string_view bytes) : size_(bytes.size()) {
        if (bytes.empty()) return;
        const auto copy = std::make_shared_for_overwrite<char[]>(bytes.size());
        std::memcpy(copy.get(), bytes.data(), bytes.size());
        bytes_ = copy;
    }
    // Implicit, so that a literal can stand where bytes are asked for.
    Bytes(const std::string& bytes)  // NOLINT(google-explicit-constructor)
        : Bytes(std::string_view(bytes)) {}
    Bytes(const char* bytes)  // NOLINT(google-explicit-constructor)
        : Bytes(std::string_view(bytes)) {}

    std::string_view view() const { return {bytes_.get(), size_}; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    friend bool operator==(const Bytes& a, const Bytes& b) {
        return (a.bytes_ == b.bytes_ && a.size_ == b.size_) || a.view() == b.view();
    }
    friend std::strong_ordering operator<=>(const Bytes& a, const Bytes& b) {
        return a.view().compare(b.view()) <=> 0;
    }

private:
    std::shared_ptr<const char[]> bytes_{};
    std::size_t size_ = 0;
};

}  // namespace gavel
