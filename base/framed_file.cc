#include "base/framed_file.h"

#include <utility>

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/invariant.h"

namespace gavel {

namespace {

constexpr std::string_view first_line = "gavel-backup 1\n";
constexpr std::size_t head_bytes = 8;

template <class Number>
void append(std::string& onto, Number number) {
    for (std::size_t i = 0; i < sizeof number; ++i) {
        onto += static_cast<char>(number >> (8 * i) & 0xFFU);
    }
}

template <class Number>
bool take(std::string_view& from, Number& number) {
    if (from.size() < sizeof number) return false;
    number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i) {
        number |= static_cast<Number>(static_cast<unsigned char>(from[i])) << (8 * i);
    }
    from.remove_prefix(sizeof number);
    return true;
}

std::string framed(std::string_view payload) {
    std::string bytes;
    append(bytes, static_cast<std::uint32_t>(payload.size()));
    append(bytes, crc32c(payload));
    return bytes.append(payload);
}

}  // namespace

void append_u32(std::string& onto, std::uint32_t number) { append(onto, number); }
void append_u64(std::string& onto, std::uint64_t number) { append(onto, number); }
bool take_u32(std::string_view& from, std::uint32_t& number) { return take(from, number); }
bool take_u64(std::string_view& from, std::uint64_t& number) { return take(from, number); }

std::string digest_text(std::uint64_t digest) {
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[digest >> shift & 15U];
    return text;
}

std::string FrameWriter::begin() const { return std::string(first_line); }

std::string FrameWriter::frame(char kind, std::string_view content) {
    std::string payload(1, kind);
    payload += content;
    invariant(payload.size() <= Frame::bytes_max, "a frame is one that its reader takes");
    ++frames_;
    digest_ = hash64(payload, digest_);
    return framed(payload);
}

std::string FrameWriter::end() {
    std::string payload(1, Frame::end);
    append(payload, frames_);
    append(payload, digest_);
    return framed(payload);
}

bool FrameReader::fail(std::string complaint) {
    complaint_ = std::move(complaint);
    return false;
}

bool FrameReader::take_frame(std::string_view payload, const OnFrame& on_frame) {
    const char kind = payload[0];
    std::string_view content = payload.substr(1);
    if (kind != Frame::end) {
        ++frames_;
        digest_ = hash64(payload, digest_);
        if (on_frame(kind, content)) return true;
        return fail("what it holds is not understood; a newer gavel may have made it");
    }
    std::uint64_t frames = 0;
    std::uint64_t digest = 0;
    const bool good = take(content, frames) && take(content, digest) && content.empty();
    if (!good || frames != frames_ || digest != digest_) {
        return fail("it is damaged: its digest is not that of what it holds");
    }
    complete_ = true;
    return true;
}

bool FrameReader::feed(std::string_view piece, const OnFrame& on_frame) {
    if (!complaint_.empty()) return false;
    buffer_ += piece;
    std::string_view rest = buffer_;
    if (!begun_) {
        const auto seen = rest.substr(0, first_line.size());
        if (seen != first_line.substr(0, seen.size())) return fail("it is not a backup of Gavel's");
        if (seen.size() < first_line.size()) return true;
        begun_ = true;
        rest.remove_prefix(first_line.size());
    }
    while (!rest.empty()) {
        if (complete_) return fail("it is damaged: something follows its end");
        std::string_view after = rest;
        std::uint32_t length = 0;
        std::uint32_t sum = 0;
        if (after.size() < head_bytes) break;
        take(after, length);
        take(after, sum);
        if (length == 0 || length > Frame::bytes_max) {
            return fail("it is damaged: a frame of " + std::to_string(length) + " bytes");
        }
        if (after.size() < length) break;
        const auto payload = after.substr(0, length);
        if (crc32c(payload) != sum) return fail("it is damaged: a frame's sum is wrong");
        if (!take_frame(payload, on_frame)) return false;
        rest = after.substr(length);
    }
    buffer_.erase(0, buffer_.size() - rest.size());
    return true;
}

}  // namespace gavel
