#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace gavel {

// A backup as a file and as it travels: a line that says what it is, then frames, each with its
// length and its CRC-32C, the last of which holds their number and a digest of all before it. So
// whoever has only a part of it, or another order of its parts, knows.
//
//     "gavel-backup 1\n" { length:u32 crc:u32 payload }    numbers least significant byte first
//
// The first byte of a payload tells its kind.
struct Frame {
    static constexpr char header = 'H';   // Text: "name=value\n" each.
    static constexpr char rows = 'R';     // Of the state, any number of frames.
    static constexpr char globals = 'G';  // Those the rows belong to.
    static constexpr char end = 'E';      // Written by FrameWriter::end().
    static constexpr std::size_t bytes_max = 16U << 20;
};

class FrameWriter {
public:
    // Each gives the bytes that come next.
    std::string begin() const;
    std::string frame(char kind, std::string_view content);
    std::string end();

    std::uint64_t digest() const { return digest_; }

private:
    std::uint64_t frames_ = 0;
    std::uint64_t digest_ = 0;
};

// Reads one in whatever pieces it comes.
class FrameReader {
public:
    using OnFrame = std::function<bool(char kind, std::string_view content)>;

    // Hands on each frame that is complete but the last one. False: it is no backup, or a damaged
    // one, or `on_frame` did not want it; complaint() says why.
    bool feed(std::string_view piece, const OnFrame& on_frame);
    // Whether everything has come.
    bool complete() const { return complete_; }
    const std::string& complaint() const { return complaint_; }
    std::uint64_t digest() const { return digest_; }

private:
    bool fail(std::string complaint);
    bool take_frame(std::string_view payload, const OnFrame& on_frame);

    std::string buffer_{};
    bool begun_ = false;
    bool complete_ = false;
    std::uint64_t frames_ = 0;
    std::uint64_t digest_ = 0;
    std::string complaint_{};
};

// Numbers as they stand in frames.
void append_u32(std::string& onto, std::uint32_t number);
void append_u64(std::string& onto, std::uint64_t number);
// Takes one off the front; false when there are not enough bytes.
bool take_u32(std::string_view& from, std::uint32_t& number);
bool take_u64(std::string_view& from, std::uint64_t& number);

// "9f86d081884c7d65", as people compare it.
std::string digest_text(std::uint64_t digest);

}  // namespace gavel
