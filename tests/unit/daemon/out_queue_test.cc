#include "daemon/out_queue.h"

#include <gmock/gmock.h>

#include "daemon/frame.h"

namespace gavel::daemon {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The messages of the next write.
std::vector<std::string> next_write(OutQueue& queue) {
    std::string batch = batch_head(0);
    for (const auto& piece : queue.take()) batch += piece;
    if (batch.size() == batch_head_bytes) return {};
    const auto read = read_batch(batch);
    return {read->messages.begin(), read->messages.end()};
}

TEST(OutQueue, HasRoomForTheLargestMessageInTheSmallestQueue) {
    OutQueue queue({.bulk_bytes = frame_payload_max});

    EXPECT_TRUE(queue.push(Urgency::bulk, std::string(message_bytes_max, 'm')));
    EXPECT_FALSE(queue.push(Urgency::bulk, std::string(batch_head_bytes, 'm')));
}

TEST(OutQueue, LetsUrgentMessagesLeaveFirstAndKeepsTheOrderOfEachClass) {
    OutQueue queue({});
    queue.push(Urgency::bulk, "accept 1");
    queue.push(Urgency::urgent, "heartbeat");
    queue.push(Urgency::bulk, "accept 2");
    queue.push(Urgency::urgent, "promise");

    EXPECT_THAT(next_write(queue), ElementsAre("heartbeat", "promise", "accept 1", "accept 2"));
    EXPECT_TRUE(queue.empty());
}

TEST(OutQueue, DropsAndCountsWhatIsOverItsBudget) {
    OutQueue queue({.urgent_bytes = 100, .bulk_bytes = 20});

    EXPECT_TRUE(queue.push(Urgency::bulk, "0123456789"));
    EXPECT_FALSE(queue.push(Urgency::bulk, "0123456789"));
    EXPECT_TRUE(queue.push(Urgency::urgent, "0123456789"));

    EXPECT_EQ(queue.dropped(), 1U);
    EXPECT_THAT(next_write(queue), ElementsAre("0123456789", "0123456789"));
    EXPECT_TRUE(queue.push(Urgency::bulk, "room again"));
}

TEST(OutQueue, DropsAMessageThatNoFrameCouldHold) {
    OutQueue queue({.urgent_bytes = 64 << 20, .bulk_bytes = 64 << 20});

    EXPECT_FALSE(queue.push(Urgency::bulk, std::string(message_bytes_max + 1, 'x')));
    EXPECT_TRUE(queue.push(Urgency::bulk, std::string(message_bytes_max, 'x')));
}

TEST(OutQueue, WritesLittleAtATimeSoThatUrgentMessagesNeverWaitLong) {
    OutQueue queue({});
    const std::string large(OutQueue::write_bytes_max / 2, 'x');
    for (int i = 0; i < 8; ++i) queue.push(Urgency::bulk, large);
    next_write(queue);

    queue.push(Urgency::urgent, "heartbeat");
    const auto written = next_write(queue);

    EXPECT_EQ(written.front(), "heartbeat");
    EXPECT_LE(written.size(), 2U);
}

TEST(OutQueue, IsEmptyAfterClear) {
    OutQueue queue({.urgent_bytes = 10, .bulk_bytes = 10});
    queue.push(Urgency::bulk, "bulk");

    queue.clear();

    EXPECT_THAT(next_write(queue), IsEmpty());
    EXPECT_EQ(queue.bytes(), 0U);
    EXPECT_TRUE(queue.push(Urgency::bulk, "bulk"));
}

TEST(Urgency, PutsClientsDataBehindTheProtocol) {
    EXPECT_EQ(urgency(paxos::Message{paxos::Heartbeat{}}), Urgency::urgent);
    EXPECT_EQ(urgency(paxos::Message{paxos::Prepare{}}), Urgency::urgent);
    EXPECT_EQ(urgency(paxos::Message{paxos::Promise{}}), Urgency::urgent);
    EXPECT_EQ(urgency(paxos::Message{paxos::Accepted{}}), Urgency::urgent);
    EXPECT_EQ(urgency(proto::KeepAlive{}), Urgency::urgent);
    EXPECT_EQ(urgency(paxos::Message{paxos::Accept{}}), Urgency::bulk);
    EXPECT_EQ(urgency(paxos::Message{paxos::LearnAnswer{}}), Urgency::bulk);
    EXPECT_EQ(urgency(proto::Forward{}), Urgency::bulk);
    EXPECT_EQ(urgency(proto::MemberReport{}), Urgency::bulk);
}

}  // namespace
}  // namespace gavel::daemon
