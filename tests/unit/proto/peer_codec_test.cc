#include <gtest/gtest.h>

#include "tests/unit/proto/samples.h"

namespace gavel::proto {
namespace {

constexpr paxos::Ballot ballot{.round = 7, .member = {2}};
constexpr paxos::Slot slot{40};

bool refused(const PeerMessage& message) {
    return decode_peer_message(encode(message)).has_error();
}

TEST(PeerCodec, GivesBackEveryMessageWithEveryField) {
    for (const auto& message : peer_samples()) {
        const auto decoded = decode_peer_message(encode(message));

        ASSERT_TRUE(decoded.has_value()) << message.index();
        EXPECT_EQ(*decoded, message) << message.index();
    }
}

TEST(PeerCodec, HasASampleOfEveryMessage) {
    std::vector<bool> own(std::variant_size_v<PeerMessage>);
    std::vector<bool> paxos(std::variant_size_v<paxos::Message>);
    for (const auto& message : peer_samples()) {
        own[message.index()] = true;
        if (const auto* inner = std::get_if<paxos::Message>(&message)) paxos[inner->index()] = true;
    }

    EXPECT_EQ(std::count(own.begin(), own.end(), false), 0);
    EXPECT_EQ(std::count(paxos.begin(), paxos.end(), false), 0);
}

TEST(PeerCodec, GivesBackRandomMessages) {
    Prng prng(4);
    for (int i = 0; i < 3'000; ++i) {
        const PeerMessage message = random_peer_message(prng);

        const auto decoded = decode_peer_message(encode(message));

        ASSERT_TRUE(decoded.has_value()) << i;
        ASSERT_EQ(*decoded, message) << i;
    }
}

TEST(PeerCodec, GivesBackAHello) {
    const auto decoded = decode_hello(encode(hello_sample()));

    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*decoded, hello_sample());
}

TEST(PeerCodec, KeepsItsBytes) {
    const PeerMessage accept =
        paxos::Message{paxos::Accept{{1, {2}}, {3}, {"command"}, paxos::Slot{2}, {}}};

    EXPECT_EQ(encode(accept),
              "\x0A\x11\x08\x82\x80\x04\x10\x03\x18\x02\x22\x07"
              "command");
}

TEST(PeerCodec, RefusesAMessageWithoutABallotWhereOneIsClaimed) {
    EXPECT_TRUE(refused(paxos::Message{paxos::Prepare{.from = slot}}));
    EXPECT_TRUE(refused(paxos::Message{paxos::Promise{.first = slot, .last = slot}}));
    EXPECT_TRUE(refused(paxos::Message{paxos::Accept{.slot = slot}}));
    EXPECT_TRUE(refused(paxos::Message{paxos::Accepted{.slot = slot}}));
    EXPECT_TRUE(refused(paxos::Message{paxos::Heartbeat{}}));
    EXPECT_TRUE(refused(paxos::Message{paxos::HeartbeatAck{}}));
    EXPECT_TRUE(refused(paxos::Message{paxos::HandOver{}}));
    EXPECT_FALSE(refused(paxos::Message{paxos::CanvassAnswer{}})) << "nothing promised yet";
}

TEST(PeerCodec, RefusesHalfABallot) {
    EXPECT_TRUE(refused(paxos::Message{paxos::HandOver{.ballot = {.round = 1, .member = {}}}}));
    EXPECT_TRUE(refused(paxos::Message{paxos::HandOver{.ballot = {.round = 0, .member = {1}}}}));
    EXPECT_TRUE(refused(paxos::Message{paxos::CanvassAnswer{.promised = {0, {1}}}}));
}

TEST(PeerCodec, RefusesReportsOutOfOrderOrOutsideTheirPart) {
    const auto promise = [](std::vector<std::pair<paxos::Slot, paxos::Report>> reports) {
        return paxos::Message{paxos::Promise{
            .ballot = ballot, .first = slot, .last = slot + 9, .reports = std::move(reports)}};
    };
    const paxos::Report report = paxos::Faulty{};

    EXPECT_FALSE(refused(promise({{slot, report}, {slot + 9, report}})));
    EXPECT_TRUE(refused(promise({{slot + 1, report}, {slot, report}})));
    EXPECT_TRUE(refused(promise({{slot, report}, {slot, report}})));
    EXPECT_TRUE(refused(promise({{paxos::Slot{39}, report}})));
    EXPECT_TRUE(refused(promise({{slot + 10, report}})));
}

TEST(PeerCodec, RefusesWhatIsTooLong) {
    const std::string command(command_bytes_max + 1, 'c');
    const std::string label(statemachine::label_bytes_max + 1, 'l');

    EXPECT_TRUE(refused(Forward{command}));
    EXPECT_TRUE(refused(paxos::Message{paxos::Accept{ballot, slot, {command}, {}}}));
    EXPECT_TRUE(refused(paxos::Message{paxos::LearnAnswer{slot, slot, slot, {{command}}}}));
    EXPECT_TRUE(refused(
        paxos::Message{paxos::Promise{.ballot = ballot,
                                      .first = slot,
                                      .last = slot,
                                      .reports = {{slot, paxos::KnownChosen{{command}}}}}}));
    EXPECT_TRUE(refused(MemberReport{.client_address = label}));
    EXPECT_TRUE(refused(MemberReport{.version = label}));
    EXPECT_TRUE(refused(LeasesAsk{.sessions = std::vector<std::uint64_t>(leases_max + 1, 7)}));
    EXPECT_TRUE(refused(LeasesAnswer{.leases = std::vector<Lease>(leases_max + 1, Lease{7, 8})}));
    Hello hello = hello_sample();
    hello.version = label;
    EXPECT_TRUE(decode_hello(encode(hello)).has_error());
    hello = hello_sample();
    hello.boot = runs_max;
    hello.runs.resize(runs_max, hello.runs.back());
    EXPECT_TRUE(decode_hello(encode(hello)).has_value());
    ++hello.boot;
    hello.runs.push_back(hello.runs.back());
    EXPECT_TRUE(decode_hello(encode(hello)).has_error());
}

TEST(PeerCodec, RefusesAHelloWhoseRunsCannotBe) {
    const auto refused_when = [](const std::function<void(Hello&)>& change) {
        Hello hello = hello_sample();
        change(hello);
        return decode_hello(encode(hello)).has_error();
    };

    EXPECT_TRUE(refused_when([](Hello& hello) { hello.runs.clear(); })) << "not even the present";
    EXPECT_TRUE(refused_when([](Hello& hello) { hello.boot = 2; })) << "more runs than starts";
    EXPECT_TRUE(refused_when([](Hello& hello) { hello.runs[1].began = 6; })) << "less was there";
    EXPECT_TRUE(refused_when([](Hello& hello) { hello.writes = 4; })) << "fewer than at its start";
}

TEST(PeerCodec, RefusesASnapshotThatNobodyWouldSend) {
    using statemachine::Table;
    const statemachine::RowKey key{Table::keys, "k"};
    const std::string long_key(statemachine::row_key_bytes_max + 1, 'k');
    const auto chunk = [](std::vector<EncodedRow> rows, std::string globals = {}) {
        return SnapshotChunk{.applied = 1,
                             .after = {Table::locks, "l"},
                             .rows = std::move(rows),
                             .globals = globals};
    };

    EXPECT_FALSE(refused(chunk({{key, "row"}})));
    EXPECT_FALSE(refused(chunk({}, "globals")));
    EXPECT_TRUE(refused(chunk({}))) << "nothing, and more to come";
    EXPECT_TRUE(refused(SnapshotChunk{.applied = 0, .rows = {{key, "row"}}})) << "of no slot";
    EXPECT_TRUE(refused(chunk({{key, "row"}, {key, "row"}}))) << "a row twice";
    EXPECT_TRUE(refused(chunk({{{Table::locks, "l"}, "row"}}))) << "a row that is there already";
    EXPECT_TRUE(refused(chunk({{{Table{12}, "k"}, "row"}}))) << "an unknown table";
    EXPECT_TRUE(refused(chunk({{{Table::keys, long_key}, "row"}})));
    EXPECT_TRUE(refused(chunk({{key, std::string(snapshot_row_bytes_max + 1, 'r')}})));
    EXPECT_TRUE(refused(chunk({}, std::string(snapshot_globals_bytes_max + 1, 'g'))));
    EXPECT_TRUE(refused(SnapshotChunk{.applied = 1, .rows = {{key, "row"}}, .hash = 9}))
        << "a hash of what is not whole yet";
    EXPECT_TRUE(refused(SnapshotAsk{.applied = 0, .after = key})) << "further rows of any snapshot";
    EXPECT_TRUE(refused(SnapshotAsk{.applied = 1, .after = {Table{}, "k"}})) << "of no table";
    EXPECT_TRUE(refused(SnapshotAsk{.applied = 1, .after = {Table::keys, long_key}}));
}

TEST(PeerCodec, RefusesAnUnknownVerdictAndANegativeDuration) {
    EXPECT_TRUE(refused(KeepAliveAnswer{.verdict = static_cast<KeepAliveAnswer::Verdict>(3)}));
    EXPECT_TRUE(refused(KeepAliveAnswer{.expires_in = -1}));
    EXPECT_TRUE(refused(LeasesAnswer{.leases = {{.session = 1, .expires_in = -1}}}));
}

TEST(PeerCodec, TakesAFarewellWithWhoSaysIt) {
    for (const auto why : {Farewell::Why::removed, Farewell::Why::set_back}) {
        const Farewell farewell{hello_sample(), why, "member 3 was removed"};
        EXPECT_EQ(decode_farewell(encode(farewell)).value(), farewell);
    }
    const auto refused = [](const Farewell& farewell) {
        return decode_farewell(encode(farewell)).has_error();
    };
    EXPECT_TRUE(refused({hello_sample(), {}, std::string(513, 'x')}));
    EXPECT_TRUE(refused({hello_sample(), static_cast<Farewell::Why>(2), "why"}));
    EXPECT_TRUE(decode_farewell("").has_error()) << "nobody says it";
}

TEST(PeerCodec, RefusesWhatItWouldNotHaveEncoded) {
    EXPECT_TRUE(decode_peer_message("").has_error()) << "no message";
    EXPECT_TRUE(decode_peer_message(std::string("\xA2\x06\0", 3)).has_error()) << "an unknown one";
    EXPECT_TRUE(decode_peer_message("\x7A\x02\x08\x01"
                                    "\x7A\x02\x08\x01")
                    .has_error())
        << "two";
    EXPECT_TRUE(decode_peer_message("\x7A\x04\x08\x01\x10\x01").has_error()) << "unknown field";
    EXPECT_TRUE(decode_hello("\x9A\x06\x01x").has_error()) << "unknown field";
}

TEST(PeerCodec, NeitherHaltsOnDamagedBytesNorTakesThemAsTheyAreNot) {
    Prng prng(5);
    for (int i = 0; i < 20'000; ++i) {
        const std::string bytes = damaged(encode(random_peer_message(prng)), prng);

        const auto decoded = decode_peer_message(bytes);

        if (decoded) {
            const std::string again = encode(*decoded);
            ASSERT_EQ(again.size(), bytes.size()) << i << ": something was lost in silence";
            ASSERT_EQ(*decode_peer_message(again), *decoded) << i;
        }
        (void)decode_hello(bytes);
    }
}

}  // namespace
}  // namespace gavel::proto
