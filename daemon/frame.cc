#include "daemon/frame.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "base/invariant.h"

namespace gavel::daemon {
namespace {

constexpr std::size_t room_min = 16 << 10;
constexpr std::size_t idle_buffer_max = 1 << 20;
constexpr std::size_t crc_at = 5;  // Length and kind stand before it.

void put32(char* to, std::uint32_t number) {
    for (int i = 0; i < 4; ++i) to[i] = static_cast<char>(number >> (8 * i));
}

std::uint32_t get32(const char* from) {
    std::uint32_t number = 0;
    for (int i = 0; i < 4; ++i) {
        number |= static_cast<std::uint32_t>(static_cast<unsigned char>(from[i])) << (8 * i);
    }
    return number;
}

bool is_kind(std::uint8_t kind) {
    return kind >= static_cast<std::uint8_t>(FrameKind::hello) &&
           kind <= static_cast<std::uint8_t>(FrameKind::farewell);
}

}  // namespace

std::string encode_frame_header(FrameKind kind, std::span<const std::string> pieces) {
    std::size_t length = 0;
    for (const auto& piece : pieces) length += piece.size();
    invariant(length <= frame_payload_max, "a frame is no larger than its receiver allows");

    std::string header(frame_header_bytes, '\0');
    put32(header.data(), static_cast<std::uint32_t>(length));
    header[4] = static_cast<char>(kind);
    std::uint32_t crc = crc32c({header.data(), crc_at});
    for (const auto& piece : pieces) crc = crc32c(piece, crc);
    put32(header.data() + crc_at, crc);
    return header;
}

std::string encode_frame(FrameKind kind, std::string_view payload) {
    const std::string piece(payload);
    return encode_frame_header(kind, {&piece, 1}) + piece;
}

void append_message(std::string& batch, std::string_view message) {
    char length[4];
    put32(length, static_cast<std::uint32_t>(message.size()));
    batch.append(length, sizeof(length));
    batch.append(message);
}

std::string batch_head(std::uint64_t writes) {
    std::string head(batch_head_bytes, '\0');
    put32(head.data(), static_cast<std::uint32_t>(writes));
    put32(head.data() + 4, static_cast<std::uint32_t>(writes >> 32));
    return head;
}

Result<Batch, FrameError> read_batch(std::string_view payload) {
    if (payload.size() < batch_head_bytes) return FrameError{"a batch without its head"};
    Batch batch{.writes = get32(payload.data()) | std::uint64_t{get32(payload.data() + 4)} << 32};
    payload.remove_prefix(batch_head_bytes);
    if (payload.empty()) return FrameError{"a batch without messages"};
    while (!payload.empty()) {
        if (payload.size() < 4) return FrameError{"a batch that ends within a message's length"};
        const std::size_t length = get32(payload.data());
        payload.remove_prefix(4);
        if (length == 0) return FrameError{"an empty message in a batch"};
        if (length > payload.size()) return FrameError{"a message that is longer than its batch"};
        batch.messages.push_back(payload.substr(0, length));
        payload.remove_prefix(length);
    }
    return batch;
}

FrameDecoder::FrameDecoder(std::size_t payload_max) : payload_max_(payload_max) {}

std::span<char> FrameDecoder::room() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
        if (buffer_.size() > idle_buffer_max) buffer_ = {};
    }
    if (buffer_.size() - end_ < room_min && begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (buffer_.size() - end_ < room_min) {
        buffer_.resize(std::max(2 * buffer_.size(), 4 * room_min));
    }
    return {buffer_.data() + end_, buffer_.size() - end_};
}

void FrameDecoder::arrived(std::size_t bytes) {
    invariant(bytes <= buffer_.size() - end_, "no more bytes arrive than there was room for");
    end_ += bytes;
}

Result<std::optional<Frame>, FrameError> FrameDecoder::next() {
    const std::size_t there = end_ - begin_;
    if (there < frame_header_bytes) return std::optional<Frame>{};
    const char* header = buffer_.data() + begin_;
    const std::size_t length = get32(header);
    const auto kind = static_cast<std::uint8_t>(header[4]);
    if (!is_kind(kind)) return FrameError{"a frame of unknown kind " + std::to_string(kind)};
    if (length > payload_max_) {
        return FrameError{"a frame of " + std::to_string(length) + " bytes where at most " +
                          std::to_string(payload_max_) + " are allowed"};
    }
    if (there < frame_header_bytes + length) return std::optional<Frame>{};

    const std::string_view payload(header + frame_header_bytes, length);
    if (get32(header + crc_at) != crc32c(payload, crc32c({header, crc_at}))) {
        return FrameError{"a frame whose checksum is wrong"};
    }
    begin_ += frame_header_bytes + length;
    return std::optional<Frame>{Frame{static_cast<FrameKind>(kind), payload}};
}

}  // namespace gavel::daemon
