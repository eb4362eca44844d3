#pragma once

#include <compare>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace gavel {

// An immutable run of bytes, shared by whoever holds a copy: a command travels from the socket to
// the log, the peers and the state machine without being copied. Safe to read from any thread.
class Bytes {
public:
    Bytes() = default;
    // Implicit, so that a literal can stand where bytes are asked for.
    Bytes(std::string bytes)  // NOLINT(google-explicit-constructor)
        : bytes_(bytes.empty() ? nullptr : std::make_shared<const std::string>(std::move(bytes))) {}
    Bytes(const char* bytes) : Bytes(std::string(bytes)) {}  // NOLINT(google-explicit-constructor)
    explicit Bytes(std::string_view bytes) : Bytes(std::string(bytes)) {}

    std::string_view view() const {
        return bytes_ ? std::string_view(*bytes_) : std::string_view();
    }
    std::size_t size() const { return bytes_ ? bytes_->size() : 0; }
    bool empty() const { return bytes_ == nullptr; }

    friend bool operator==(const Bytes& a, const Bytes& b) {
        return a.bytes_ == b.bytes_ || a.view() == b.view();
    }
    friend std::strong_ordering operator<=>(const Bytes& a, const Bytes& b) {
        return a.view().compare(b.view()) <=> 0;
    }

private:
    std::shared_ptr<const std::string> bytes_;
};

}  // namespace gavel
