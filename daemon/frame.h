#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// How bytes between members are cut into frames. A frame is, little-endian:
//
//     length of the payload (4)   kind (1)   CRC-32C over length, kind and payload (4)   payload
//
// The payload of a batch is how many batches of its log the sender has made durable (8), then a run
// of messages, each after its own length (4). Pure: no socket.
namespace gavel::daemon {

enum class FrameKind : std::uint8_t {
    hello = 1,    // An encoded proto::Hello; the first frame in each direction.
    refusal = 2,  // Text: why the sender closes the connection.
    batch = 3,    // Messages.
    farewell = 4  // An encoded proto::Farewell: the receiver must not go on.
};

inline constexpr std::size_t frame_header_bytes = 9;
inline constexpr std::size_t frame_payload_max = 8 << 20;
inline constexpr std::size_t batch_head_bytes = 8;
inline constexpr std::size_t message_bytes_max = frame_payload_max - batch_head_bytes - 4;
// Nothing larger is read from somebody who has not said hello yet.
inline constexpr std::size_t hello_payload_max = 4'096;

struct Frame {
    FrameKind kind{};
    std::string_view payload{};
};

// What is wrong with the bytes that arrived.
struct FrameError {
    std::string what{};
};

std::string encode_frame(FrameKind kind, std::string_view payload);
// The header alone, for a payload that stands in several pieces.
std::string encode_frame_header(FrameKind kind, std::span<const std::string> pieces);

// What the payload of a batch begins with.
std::string batch_head(std::uint64_t writes);
// Adds a message to the payload of a batch.
void append_message(std::string& batch, std::string_view message);

struct Batch {
    std::uint64_t writes{};
    std::vector<std::string_view> messages{};  // One at least, none of them empty.
};
Result<Batch, FrameError> read_batch(std::string_view payload);

// Finds the frames in a stream of bytes. Grows with the bytes that did arrive, not with the length
// that somebody claims. Owned by one connection.
class FrameDecoder {
public:
    explicit FrameDecoder(std::size_t payload_max = frame_payload_max);

    void set_payload_max(std::size_t bytes) { payload_max_ = bytes; }

    // Where to put the bytes that arrive next, and how many of them did.
    std::span<char> room();
    void arrived(std::size_t bytes);

    // The next whole frame, or none until more bytes arrive. Its payload stays readable until
    // room() is called. After an error nothing in the stream can be trusted.
    Result<std::optional<Frame>, FrameError> next();

private:
    std::size_t payload_max_;
    std::vector<char> buffer_{};
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace gavel::daemon
