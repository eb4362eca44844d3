#include "daemon/peers.h"

#include <gmock/gmock.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "daemon/frame.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

using boost::asio::ip::tcp;
using paxos::MemberId;
using proto::Hello;
using proto::PeerMessage;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr MemberId m1{1}, m2{2}, m3{3};

Hello hello_of(MemberId member) {
    return {.format_level = proto::format_level,
            .cluster_id = "c0ffee",
            .member = member.number,
            .incarnation = 100U + member.number,
            .boot = 1,
            .alpha = 64,
            .version = "0.1.0",
            .runs = {{.id = 7U + member.number}}};
}

PeerMessage heartbeat(std::uint64_t round) {
    return paxos::Message{paxos::Heartbeat{.ballot = {1, m1}, .round = round}};
}
PeerMessage accept(std::uint64_t slot, std::string value = "value") {
    return paxos::Message{
        paxos::Accept{.ballot = {1, m1}, .slot = {slot}, .value = {Bytes(std::move(value))}}};
}

// A member that writes down what its transport tells it.
struct Member {
    Member(boost::asio::io_context& io, MemberId own, std::map<MemberId, Address> others,
           std::function<void(Peers::Options&)> adjust = {})
        : id(own) {
        Peers::Options options{.self = hello_of(own), .others = std::move(others)};
        options.stable_after = 0ms;
        options.handshake_timeout = 300ms;
        if (adjust) adjust(options);
        peers = std::make_unique<Peers>(
            io, options,
            Peers::Callbacks{
                .admit = [this](const Hello&) { return refusal; },
                .on_connected = [this](MemberId,
                                       const Hello& hello) { connected.push_back(hello); },
                .on_message =
                    [this](MemberId from, PeerMessage message) {
                        messages.emplace_back(from, std::move(message));
                    },
                .on_writes =
                    [this](const Hello& from, std::uint64_t count) {
                        writes.emplace_back(from.member, count, messages.size());
                    },
                .on_read = [this] { ++reads; },
                .on_down = [this](MemberId, bool refused) { downs.push_back(refused); },
                .on_farewell =
                    [this](const proto::Farewell& farewell) { farewells.push_back(farewell); }});
    }

    MemberId id;
    std::optional<Peers::Refusal> refusal{};
    std::vector<Hello> connected{};
    std::vector<std::pair<MemberId, PeerMessage>> messages{};
    std::vector<bool> downs{};
    std::vector<std::tuple<int, std::uint64_t, std::size_t>> writes{};  // After so many messages.
    std::vector<proto::Farewell> farewells{};
    int reads = 0;
    std::unique_ptr<Peers> peers{};
};

class PeersTest : public testing::Test {
protected:
    // A port that nobody listens on now, and that the kernel will not give to others soon.
    std::uint16_t free_port() {
        tcp::acceptor probe(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
        return probe.local_endpoint().port();
    }
    Address at(std::uint16_t port) { return {"127.0.0.1", port}; }

    template <class Condition>
    bool until(Condition condition, std::chrono::milliseconds limit = 5'000ms) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            io.restart();
            io.run_one_for(20ms);
        }
        return true;
    }

    // Two members that know each other; the second is made by `start_second`.
    void start_pair(std::function<void(Peers::Options&)> adjust_first = {},
                    std::function<void(Peers::Options&)> adjust_second = {}) {
        port1 = free_port();
        port2 = free_port();
        first = std::make_unique<Member>(io, m1, std::map<MemberId, Address>{{m2, at(port2)}},
                                         adjust_first);
        ASSERT_TRUE(first->peers->listen(at(port1)));
        first->peers->start();
        start_second(adjust_second);
    }
    void start_second(std::function<void(Peers::Options&)> adjust = {}) {
        second =
            std::make_unique<Member>(io, m2, std::map<MemberId, Address>{{m1, at(port1)}}, adjust);
        ASSERT_TRUE(second->peers->listen(at(port2)));
        second->peers->start();
    }
    bool until_connected() {
        return until([&] { return first->peers->connected(m2) && second->peers->connected(m1); });
    }

    boost::asio::io_context io{};
    std::uint16_t port1 = 0;
    std::uint16_t port2 = 0;
    std::unique_ptr<Member> first{};
    std::unique_ptr<Member> second{};
};

TEST_F(PeersTest, TellWhoIsThereOnBothSides) {
    start_pair();

    ASSERT_TRUE(until_connected());

    EXPECT_THAT(first->connected, ElementsAre(hello_of(m2)));
    EXPECT_THAT(second->connected, ElementsAre(hello_of(m1)));
}

// What a message rests on is known before it.
TEST_F(PeersTest, SayHowMuchTheyMadeDurable) {
    std::uint64_t durable = 5;
    start_pair([&](Peers::Options& options) { options.writes = [&] { return durable; }; });
    ASSERT_TRUE(until_connected());
    durable = 6;
    first->peers->send(m2, heartbeat(1));
    first->peers->flush();
    ASSERT_TRUE(until([&] { return second->messages.size() == 1; }));
    durable = 9;
    first->peers->send(m2, heartbeat(2));
    first->peers->flush();
    ASSERT_TRUE(until([&] { return second->messages.size() == 2; }));

    EXPECT_THAT(second->connected, ElementsAre(testing::Field(&Hello::writes, 5U)));
    EXPECT_THAT(second->writes, ElementsAre(std::tuple(1, 6U, 0U), std::tuple(1, 9U, 1U)));
}

TEST_F(PeersTest, DeliverMessagesInTheOrderOfTheirSending) {
    start_pair();
    ASSERT_TRUE(until_connected());

    for (std::uint64_t i = 1; i <= 1'000; ++i) {
        first->peers->send(m2, accept(i, std::string(i, 'v')));
        if (i % 7 == 0) first->peers->flush();
    }
    first->peers->flush();

    ASSERT_TRUE(until([&] { return second->messages.size() == 1'000; }));
    for (std::uint64_t i = 1; i <= 1'000; ++i) {
        ASSERT_EQ(second->messages[i - 1].first, m1);
        ASSERT_EQ(second->messages[i - 1].second, accept(i, std::string(i, 'v')));
    }
    EXPECT_GT(second->reads, 0);
}

TEST_F(PeersTest, SendNothingBeforeTheEndOfTheTurn) {
    start_pair();
    ASSERT_TRUE(until_connected());
    first->peers->send(m2, accept(1));
    first->peers->send(m2, heartbeat(9));

    first->peers->flush();

    ASSERT_TRUE(until([&] { return second->messages.size() == 2; }));
    EXPECT_EQ(second->messages[0].second, heartbeat(9)) << "the urgent one leaves first";
    EXPECT_EQ(second->messages[1].second, accept(1));
}

TEST_F(PeersTest, KeepSeveralMembersApart) {
    start_pair([&](Peers::Options& options) { options.others[m3] = at(free_port()); },
               [&](Peers::Options& options) { options.others[m3] = at(1); });
    Member third(io, m3, {{m1, at(port1)}, {m2, at(port2)}});
    third.peers->start();
    ASSERT_TRUE(until([&] { return third.connected.size() == 2 && first->peers->connected(m2); }));

    third.peers->send(m1, heartbeat(3));
    third.peers->send(m2, heartbeat(3));
    third.peers->flush();
    first->peers->send(m2, heartbeat(1));
    first->peers->flush();

    ASSERT_TRUE(until([&] { return first->messages.size() == 1 && second->messages.size() == 2; }));
    EXPECT_THAT(first->messages, ElementsAre(std::pair(m3, heartbeat(3))));
    EXPECT_THAT(second->messages, testing::UnorderedElementsAre(std::pair(m3, heartbeat(3)),
                                                                std::pair(m1, heartbeat(1))));
}

TEST_F(PeersTest, TakeARepeatedSlotWithAnotherValueForWhatItIs) {
    start_pair();
    ASSERT_TRUE(until_connected());

    first->peers->send(m2, accept(1, "one"));
    first->peers->send(m2, accept(1, "other"));
    first->peers->flush();

    ASSERT_TRUE(until([&] { return second->messages.size() == 2; }));
    EXPECT_EQ(second->messages[0].second, accept(1, "one"));
    EXPECT_EQ(second->messages[1].second, accept(1, "other"));
}

TEST_F(PeersTest, ReconnectWhenTheOtherComesBack) {
    start_pair();
    ASSERT_TRUE(until_connected());
    second.reset();
    ASSERT_TRUE(until([&] { return first->downs.size() == 2; }));

    start_second();

    ASSERT_TRUE(until_connected());
    first->peers->send(m2, heartbeat(5));
    first->peers->flush();
    EXPECT_TRUE(until([&] { return second->messages.size() == 1; }));
}

TEST_F(PeersTest, TellADeadProcessFromASlowOneAtOnce) {
    start_pair();
    ASSERT_TRUE(until_connected());

    second.reset();

    ASSERT_TRUE(until([&] { return first->downs.size() == 2; }, 500ms));
    EXPECT_THAT(first->downs, ElementsAre(false, true));
}

TEST_F(PeersTest, CallNobodyDeadWhoseConnectionOnlyBroke) {
    start_pair();
    ASSERT_TRUE(until_connected());
    second.reset();  // As if the process lived on, for its port still answers:
    tcp::acceptor still_there(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), port2));

    ASSERT_TRUE(until([&] { return !first->downs.empty(); }));

    EXPECT_FALSE(until([&] { return first->downs.size() > 1; }, 200ms));
    EXPECT_THAT(first->downs, ElementsAre(false));
}

struct BadHello {
    std::string name;
    std::function<void(Peers::Options&)> adjust;
};
class RefusedHello : public PeersTest, public testing::WithParamInterface<BadHello> {};

TEST_P(RefusedHello, IsAnsweredWithTheReasonAndConnectsNobody) {
    testing::internal::CaptureStderr();
    start_pair({}, GetParam().adjust);

    const bool connected =
        until([&] { return !first->connected.empty() || !second->connected.empty(); }, 300ms);
    const std::string log = testing::internal::GetCapturedStderr();

    EXPECT_FALSE(connected);
    EXPECT_THAT(log, HasSubstr(GetParam().name)) << "said on the side that refuses";
    EXPECT_THAT(log, HasSubstr("refused by a member")) << "told to the other side";
    std::size_t lines = 0;
    for (const char c : log) lines += c == '\n';
    EXPECT_LE(lines, 6U) << "said once, not at each retry:\n" << log;
}

INSTANTIATE_TEST_SUITE_P(
    Of, RefusedHello,
    testing::Values(
        BadHello{"its cluster is", [](Peers::Options& o) { o.self.cluster_id = "badcafe"; }},
        BadHello{"its alpha is", [](Peers::Options& o) { o.self.alpha = 8; }},
        BadHello{"its format level is", [](Peers::Options& o) { ++o.self.format_level; }},
        BadHello{"calls itself member 1", [](Peers::Options& o) { o.self.member = 1; }}),
    [](const auto& refusal) { return "Reason" + std::to_string(refusal.index); });

TEST_F(PeersTest, AskTheirOwnerWhomToAdmit) {
    testing::internal::CaptureStderr();
    start_pair();
    first->refusal = {"its incarnation is not the recorded one"};

    const bool connected = until([&] { return !second->connected.empty(); }, 300ms);
    const std::string log = testing::internal::GetCapturedStderr();

    EXPECT_FALSE(connected);
    EXPECT_THAT(first->connected, IsEmpty());
    EXPECT_THAT(log, HasSubstr("its incarnation is not the recorded one"));
}

TEST_F(PeersTest, TellAMemberThatMustNotGoOnThatItIsSo) {
    for (const auto why : {proto::Farewell::Why::removed, proto::Farewell::Why::set_back}) {
        start_pair();
        first->refusal = {.reason = "member 2 must not", .farewell = why};

        ASSERT_TRUE(until([&] { return !second->farewells.empty(); }));

        EXPECT_EQ(second->farewells.front(),
                  (proto::Farewell{hello_of(m1), why, "member 2 must not"}));
        EXPECT_THAT(first->farewells, IsEmpty());
    }
}

TEST_F(PeersTest, DialANewMember) {
    start_pair();
    Member third(io, m3, {});
    const std::uint16_t port3 = free_port();
    ASSERT_TRUE(third.peers->listen(at(port3)));
    third.peers->start();
    ASSERT_TRUE(until_connected());

    first->peers->set_others({{m1, at(port1)}, {m2, at(port2)}, {m3, at(port3)}});

    EXPECT_TRUE(until([&] { return first->peers->connected(m3); }));
    EXPECT_TRUE(first->peers->connected(m2));
}

TEST_F(PeersTest, DialWhomTheyDidNotKnowWhereItSaysThatItIs) {
    const std::uint16_t port3 = free_port();
    start_pair();
    Member third(io, m3, {{m1, at(port1)}}, [&](Peers::Options& options) {
        options.self.peer_address = to_string(at(port3));
    });
    ASSERT_TRUE(third.peers->listen(at(port3)));
    third.peers->start();

    EXPECT_TRUE(until([&] { return first->peers->connected(m3); }));
}

TEST_F(PeersTest, LeaveAMemberThatIsGoneAloneOnceItsConnectionBreaks) {
    start_pair();
    ASSERT_TRUE(until_connected());

    first->peers->set_others({{m1, at(port1)}});
    EXPECT_TRUE(first->peers->connected(m2)) << "it may have something to hand on";
    second.reset();
    ASSERT_TRUE(until([&] { return !first->peers->connected(m2); }));
    start_second();

    EXPECT_FALSE(until([&] { return first->peers->connected(m2); }, 300ms));
}

// Somebody on the other end who speaks bytes of the test's choosing.
class Stranger {
public:
    Stranger(boost::asio::io_context& io, std::uint16_t port) : socket_(io) {
        socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    }
    void say(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
    void hang_up() { socket_.shutdown(tcp::socket::shutdown_send); }
    void listen() {
        boost::asio::async_read(socket_, boost::asio::dynamic_buffer(heard_),
                                [this](boost::system::error_code, std::size_t) { ended_ = true; });
    }
    bool ended() const { return ended_; }
    const std::string& heard() const { return heard_; }

private:
    tcp::socket socket_;
    std::string heard_{};
    bool ended_ = false;
};

class PeersBegunAnew : public PeersTest {
protected:
    void begin_anew(std::uint16_t port_of_first) {
        Hello anew = hello_of(m2);
        anew.boot = 2;
        second->peers->begin_anew(anew, {{m1, at(port_of_first)}});
    }
};

TEST_F(PeersBegunAnew, ShakeHandsAgain) {
    start_pair();
    ASSERT_TRUE(until_connected());
    first->peers->send(m2, heartbeat(1));
    first->peers->flush();  // Under way when the connection ends.
    first->connected.clear();
    second->connected.clear();

    begin_anew(port1);

    ASSERT_TRUE(until([&] { return !first->connected.empty() && !second->connected.empty(); }));
    EXPECT_EQ(first->connected.back().boot, 2U);
    ASSERT_TRUE(until_connected());
    first->peers->send(m2, heartbeat(2));
    second->peers->send(m1, heartbeat(3));
    first->peers->flush();
    second->peers->flush();
    ASSERT_TRUE(until([&] { return !first->messages.empty() && !second->messages.empty(); }));
    EXPECT_THAT(first->messages, ElementsAre(std::pair(m2, heartbeat(3))));
    EXPECT_THAT(second->messages, ElementsAre(std::pair(m1, heartbeat(2))));
}

// Else somebody could take it meanwhile, and this member would have to end.
TEST_F(PeersBegunAnew, DoNotLetGoOfTheirPort) {
    start_pair();
    ASSERT_TRUE(until_connected());
    Stranger waiting(io, port2);  // In the kernel's queue: nobody has accepted it.

    begin_anew(port1);
    waiting.say(encode_frame(FrameKind::hello, proto::encode(hello_of(m3))));
    waiting.hang_up();
    waiting.listen();

    ASSERT_TRUE(until([&] { return waiting.ended(); }));
    EXPECT_THAT(waiting.heard(), HasSubstr("c0ffee")) << "a hello in return";
}

TEST_F(PeersBegunAnew, KeepCountOfWhatTheyDropped) {
    start_pair({}, [](Peers::Options& options) { options.budget.bulk_bytes = 1; });
    ASSERT_TRUE(until_connected());
    EXPECT_FALSE(second->peers->send(m1, accept(1)));

    begin_anew(port1);

    EXPECT_EQ(second->peers->dropped(), 1U);
}

class StrangersBytes : public PeersTest {
protected:
    // What the stranger hears before the connection ends.
    std::string answer_to(const std::string& bytes) {
        start_pair();
        EXPECT_TRUE(until_connected());
        Stranger stranger(io, port1);
        stranger.say(bytes);
        stranger.listen();
        EXPECT_TRUE(until([&] { return stranger.ended(); }));
        EXPECT_THAT(first->messages, IsEmpty());
        EXPECT_TRUE(first->peers->connected(m2)) << "others are not disturbed";
        return stranger.heard();
    }
};

TEST_F(StrangersBytes, AreRefusedWhenTheyAreGarbage) {
    answer_to("GET / HTTP/1.1\r\nHost: gavel\r\n\r\n");
}
TEST_F(StrangersBytes, AreRefusedWhenTheFrameIsTooLargeForAHello) {
    answer_to(encode_frame(FrameKind::hello, std::string(hello_payload_max + 1, 'x')));
}
TEST_F(StrangersBytes, AreRefusedWhenTheHelloIsMalformed) {
    EXPECT_THAT(answer_to(encode_frame(FrameKind::hello, "\xFF\xFF\xFF")),
                HasSubstr("a malformed hello"));
}
TEST_F(StrangersBytes, AreRefusedWhenABatchComesFirst) {
    std::string batch = batch_head(1);
    append_message(batch, proto::encode(heartbeat(1)));
    EXPECT_THAT(answer_to(encode_frame(FrameKind::batch, batch)),
                HasSubstr("a batch before the hello"));
}
TEST_F(StrangersBytes, AreRefusedWhenAMessageIsMalformed) {
    std::string batch = batch_head(1);
    append_message(batch, "\xFF\xFF\xFF");
    EXPECT_THAT(answer_to(encode_frame(FrameKind::hello, proto::encode(hello_of(m2))) +
                          encode_frame(FrameKind::batch, batch)),
                HasSubstr("a malformed message"));
}
TEST_F(StrangersBytes, AreNotWaitedForWithoutEnd) {
    EXPECT_THAT(answer_to("\x01"), HasSubstr("no hello in time"));
}

TEST_F(PeersTest, QueueNoMoreThanTheBudgetForAPeerThatDoesNotRead) {
    // A peer that shakes hands and then reads nothing more.
    tcp::acceptor acceptor(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    Member member(io, m1, {{m2, at(acceptor.local_endpoint().port())}},
                  [](Peers::Options& options) { options.budget.bulk_bytes = 1 << 20; });
    member.peers->start();
    tcp::socket peer(io);
    acceptor.async_accept(peer, [&](boost::system::error_code) {
        boost::asio::write(
            peer, boost::asio::buffer(encode_frame(FrameKind::hello, proto::encode(hello_of(m2)))));
    });
    ASSERT_TRUE(until([&] { return member.peers->connected(m2); }));

    const std::string value(64 << 10, 'x');
    for (std::uint64_t i = 1; i <= 1'000; ++i) {
        member.peers->send(m2, accept(i, value));
        member.peers->flush();
        io.poll();
    }

    EXPECT_GT(member.peers->dropped(), 0U);
    EXPECT_LT(member.peers->dropped(), 1'000U);
}

TEST_F(PeersTest, SayInOneLineThatAPortIsTaken) {
    tcp::acceptor taken(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    const std::uint16_t port = taken.local_endpoint().port();
    Member member(io, m1, {});

    const auto listening = member.peers->listen(at(port));

    ASSERT_TRUE(listening.has_error());
    EXPECT_EQ(listening.error().what,
              "cannot listen on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
}

TEST_F(PeersTest, FindOutBeforehandWhetherAPortIsTaken) {
    std::optional<tcp::acceptor> taken(std::in_place, io,
                                       tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    const Address address = at(taken->local_endpoint().port());

    EXPECT_THAT(can_listen(address).error().what, HasSubstr("Address already in use"));
    taken.reset();
    EXPECT_TRUE(can_listen(address).has_value());
    EXPECT_TRUE(can_listen(address).has_value()) << "and it is let go again";
}

TEST_F(PeersTest, AreSilentOnceStopped) {
    start_pair();
    ASSERT_TRUE(until_connected());

    first->peers->stop();
    first->peers->send(m2, heartbeat(1));
    first->peers->flush();

    ASSERT_TRUE(until([&] { return !second->downs.empty(); }));
    EXPECT_THAT(first->downs, IsEmpty());
    EXPECT_THAT(second->messages, IsEmpty());
}

// Who was away for long, and reaches this member, is not kept waiting for a pause that has grown.
TEST_F(PeersTest, DialsAtOnceWhoeverReachesIt) {
    start_pair([](Peers::Options& options) {
        options.backoff_min = options.backoff_max = std::chrono::hours(1);
        options.stable_after = std::chrono::hours(1);
    });
    ASSERT_TRUE(until_connected()) << "the second reached the first, which dialled too early";

    second.reset();
    ASSERT_TRUE(until([&] { return !first->peers->connected(m2); }));
    start_second();

    EXPECT_TRUE(until_connected());
}

}  // namespace
}  // namespace gavel::daemon
