#include "daemon/frame.h"

#include <gmock/gmock.h>

#include <cstring>

#include "base/prng.h"

namespace gavel::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void feed(FrameDecoder& decoder, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto room = decoder.room();
        const std::size_t count = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), count);
        decoder.arrived(count);
        bytes.remove_prefix(count);
    }
}

// What a decoder makes of bytes that arrive at once: the frames' payloads, then an error if any.
std::vector<std::string> decode(std::string_view bytes, std::size_t payload_max = 1'024) {
    FrameDecoder decoder(payload_max);
    feed(decoder, bytes);
    std::vector<std::string> found;
    for (;;) {
        const auto next = decoder.next();
        if (next.has_error()) {
            found.push_back("error: " + next.error().what);
            return found;
        }
        if (!next->has_value()) return found;
        found.emplace_back((*next)->payload);
    }
}

constexpr std::uint64_t many_writes = 0x1'0203'0405;

std::string batch_of(std::initializer_list<std::string_view> messages) {
    std::string batch = batch_head(many_writes);
    for (const auto message : messages) append_message(batch, message);
    return batch;
}

TEST(FrameDecoder, GivesFramesInTheOrderInWhichTheyWereSent) {
    const std::string bytes =
        encode_frame(FrameKind::hello, "first") + encode_frame(FrameKind::batch, "second");

    EXPECT_THAT(decode(bytes), ElementsAre("first", "second"));
}

TEST(FrameDecoder, WaitsForTheRestOfAFrame) {
    const std::string bytes = encode_frame(FrameKind::hello, "payload");
    FrameDecoder decoder;

    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
        feed(decoder, bytes.substr(i, 1));
        ASSERT_FALSE(decoder.next()->has_value()) << "after " << i + 1 << " bytes";
    }
    feed(decoder, bytes.substr(bytes.size() - 1));

    const auto frame = decoder.next();
    ASSERT_TRUE(frame->has_value());
    EXPECT_EQ((*frame)->kind, FrameKind::hello);
    EXPECT_EQ((*frame)->payload, "payload");
}

TEST(FrameDecoder, KeepsItsPlaceOverManyFramesOfAllSizes) {
    FrameDecoder decoder;
    Prng prng(7);
    for (int i = 0; i < 300; ++i) {
        const std::string payload(prng.below(100'000), static_cast<char>('a' + i % 26));
        feed(decoder, encode_frame(FrameKind::batch, payload));

        const auto frame = decoder.next();

        ASSERT_TRUE(frame.has_value() && frame->has_value());
        ASSERT_EQ((*frame)->payload, payload);
    }
}

TEST(FrameDecoder, RefusesALengthAboveTheLimitBeforeThePayloadArrives) {
    const std::string bytes = encode_frame(FrameKind::batch, std::string(2'000, 'x'));

    const auto found = decode(bytes.substr(0, frame_header_bytes));

    EXPECT_THAT(found, ElementsAre(HasSubstr("2000 bytes where at most 1024 are allowed")));
}

TEST(FrameDecoder, DoesNotTakeRoomForALengthThatIsOnlyClaimed) {
    std::string header = encode_frame(FrameKind::batch, "");
    header[2] = 0x7F;  // Just below 8 MiB.
    FrameDecoder decoder;
    feed(decoder, header);

    ASSERT_FALSE(decoder.next()->has_value());

    EXPECT_LT(decoder.room().size(), 256U << 10);
}

TEST(FrameDecoder, RefusesAnUnknownKind) {
    std::string bytes = encode_frame(FrameKind::batch, "payload");
    bytes[4] = 9;

    EXPECT_THAT(decode(bytes), ElementsAre("error: a frame of unknown kind 9"));
}

TEST(FrameDecoder, RefusesEveryFlippedBit) {
    const std::string intact = encode_frame(FrameKind::batch, "payload");
    for (std::size_t bit = 0; bit < intact.size() * 8; ++bit) {
        std::string bytes = intact;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));

        // Either an error, or a longer frame that is still waited for.
        for (const auto& found : decode(bytes)) EXPECT_THAT(found, HasSubstr("error: ")) << bit;
    }
}

TEST(FrameDecoder, SurvivesGarbage) {
    for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
        Prng prng(seed);
        std::string bytes = encode_frame(FrameKind::hello, "hello") +
                            encode_frame(FrameKind::batch, batch_of({"one", "two"}));
        for (std::uint64_t flips = prng.between(1, 8); flips > 0; --flips) {
            bytes[prng.below(bytes.size())] = static_cast<char>(prng.next());
        }
        bytes.resize(prng.below(bytes.size() + 1));

        for (const auto& payload : decode(bytes)) {
            const auto batch = read_batch(payload);
            EXPECT_TRUE(batch.has_value() || !batch.error().what.empty());
        }
    }
}

TEST(Batch, GivesBackItsMessagesAndWhatTheyRestOn) {
    const std::string payload = batch_of({"one", "three"});

    EXPECT_THAT(read_batch(payload)->messages, ElementsAre("one", "three"));
    EXPECT_EQ(read_batch(payload)->writes, many_writes);
}

TEST(Batch, IsRefusedWhenItIsNotWhole) {
    const std::string batch = batch_of({"one", "three"});

    EXPECT_EQ(read_batch("").error().what, "a batch without its head");
    EXPECT_EQ(read_batch(batch.substr(0, 7)).error().what, "a batch without its head");
    EXPECT_EQ(read_batch(batch.substr(0, 8)).error().what, "a batch without messages");
    EXPECT_EQ(read_batch(batch.substr(0, 17)).error().what,
              "a batch that ends within a message's length");
    EXPECT_EQ(read_batch(batch.substr(0, batch.size() - 1)).error().what,
              "a message that is longer than its batch");
    EXPECT_EQ(read_batch(std::string(12, '\0')).error().what, "an empty message in a batch");
}

TEST(FrameDeathTest, IsNeverMadeLargerThanAReceiverAllows) {
    const std::string payload(frame_payload_max + 1, 'x');

    EXPECT_DEATH(encode_frame(FrameKind::batch, payload), "no larger than its receiver allows");
}

}  // namespace
}  // namespace gavel::daemon
