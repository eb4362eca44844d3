#include "cli/client.h"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/cli/fake_server.h"

namespace gavel::cli {
namespace {

using std::chrono::milliseconds;
using test::closed_endpoint;
using test::FakeRequest;
using test::FakeServer;
using test::problem;
using testing::HasSubstr;

TEST(Client, KeepsItsConnectionBetweenCalls) {
    FakeServer server([](const FakeRequest&) { return test::FakeReply{.body = "{\"a\":1}"}; });
    Client client({server.endpoint()});

    EXPECT_EQ(client.call({.target = "/v1/status"})->body, "{\"a\":1}");
    EXPECT_EQ(client.call({.target = "/v1/status"})->body, "{\"a\":1}");

    EXPECT_EQ(server.connections(), 1);
    EXPECT_EQ(server.requests()[0].headers.at("host"), server.endpoint().authority());
}

TEST(Client, GoesToTheNextEndpointWhenNobodyListens) {
    FakeServer server([](const FakeRequest&) { return test::FakeReply{}; });
    Client client({closed_endpoint(), server.endpoint()});

    EXPECT_TRUE(client.call({.target = "/v1/status"}));
    EXPECT_TRUE(client.call({.target = "/v1/status"}));

    EXPECT_EQ(server.requests().size(), 2u);
}

TEST(Client, GoesToTheNextEndpointWhenAMemberHangsUpOrIsSilentOrHasNoLeader) {
    FakeServer hangs_up([](const FakeRequest&) { return test::FakeReply{.hang_up = true}; });
    FakeServer silent([](const FakeRequest&) { return test::FakeReply{.silent = true}; });
    FakeServer no_leader([](const FakeRequest&) { return problem(503, "no-leader", "", true); });
    FakeServer good([](const FakeRequest&) { return test::FakeReply{.body = "{\"good\":1}"}; });
    Client client({hangs_up.endpoint(), silent.endpoint(), no_leader.endpoint(), good.endpoint()});

    const auto answer = client.call({.target = "/", .attempt_limit = milliseconds{200}});

    EXPECT_EQ(answer->body, "{\"good\":1}");
}

TEST(Client, KeepsTheIdempotencyKeyOverTheRetriesOfOneCallOnly) {
    FakeServer hangs_up([](const FakeRequest&) { return test::FakeReply{.hang_up = true}; });
    FakeServer good([](const FakeRequest&) { return test::FakeReply{}; });
    Client client({hangs_up.endpoint(), good.endpoint()});
    const Call put{.method = "PUT", .target = "/v1/config/a", .body = "1", .needs_key = true};

    ASSERT_TRUE(client.call(put));
    ASSERT_TRUE(client.call(put));

    const auto first = hangs_up.requests()[0].headers.at("idempotency-key");
    EXPECT_EQ(good.requests()[0].headers.at("idempotency-key"), first);
    EXPECT_NE(good.requests()[1].headers.at("idempotency-key"), first);
}

TEST(Client, RepeatsAWriteWhoseOutcomeIsUnknownWithItsKey) {
    int calls = 0;
    FakeServer server([&calls](const FakeRequest&) {
        return ++calls == 1 ? problem(504, "outcome-unknown", "", true) : test::FakeReply{};
    });
    Client client({server.endpoint()});

    ASSERT_TRUE(client.call({.method = "PUT", .target = "/v1/config/a", .needs_key = true}));

    EXPECT_EQ(server.requests()[0].headers.at("idempotency-key"),
              server.requests()[1].headers.at("idempotency-key"));
}

TEST(Client, DoesNotRepeatWhatOnlyTimeWillChange) {
    FakeServer server([](const FakeRequest&) { return problem(409, "lock-held", "", true); });
    Client client({server.endpoint()});

    EXPECT_EQ(client.call({.method = "PUT", .target = "/v1/locks/a"}).error().code, "lock-held");

    EXPECT_EQ(server.requests().size(), 1u);
}

TEST(Client, RepeatsACallOfUnknownOutcomeEvenIfTheServerCannotKnowThatItMay) {
    int calls = 0;
    FakeServer server([&calls](const FakeRequest&) {
        return ++calls == 1 ? problem(504, "outcome-unknown") : test::FakeReply{};
    });
    Client client({server.endpoint()});

    EXPECT_TRUE(client.call({.method = "PUT", .target = "/v1/locks/a"}));
}

TEST(Client, GivesUpAtOnceWhenNobodyListensAnywhere) {
    Client client({closed_endpoint(), closed_endpoint()});

    const auto answer = client.call({.target = "/", .patience = std::chrono::hours{1}});

    EXPECT_EQ(answer.error().code, "unreachable");
}

TEST(Client, GivesUpWhenItsPatienceIsUsedUp) {
    FakeServer server([](const FakeRequest&) { return problem(503, "no-leader", "", true); });
    Client client({server.endpoint()});

    const auto answer = client.call({.target = "/", .patience = milliseconds{300}});

    EXPECT_EQ(answer.error().code, "no-leader");
    EXPECT_GT(server.requests().size(), 1u);
}

TEST(Client, GivesUpInTimeHoweverManyEndpointsAreSilent) {
    const auto silence = [](const FakeRequest&) { return test::FakeReply{.silent = true}; };
    FakeServer one(silence);
    FakeServer two(silence);
    FakeServer three(silence);
    Client client({one.endpoint(), two.endpoint(), three.endpoint()});

    const auto answer = client.call(
        {.target = "/", .attempt_limit = milliseconds{200}, .patience = milliseconds{300}});

    EXPECT_EQ(answer.error().code, "timed-out");
    EXPECT_EQ(two.requests().size(), 1u);
    EXPECT_EQ(three.requests().size(), 0u);
}

TEST(Client, DoesNotRepeatWhatTheServerDecided) {
    FakeServer server([](const FakeRequest&) { return problem(412, "precondition-failed"); });
    Client client({server.endpoint(), closed_endpoint()});

    const auto answer = client.call({.method = "PUT", .target = "/v1/config/a"});

    EXPECT_EQ(answer.error().status, 412);
    EXPECT_EQ(describe(answer.error()), "precondition-failed: it is so (request r-1)");
    EXPECT_EQ(server.requests().size(), 1u);
}

TEST(Client, IsInterruptedInTheMiddleOfACall) {
    const int interrupt = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    {
        FakeServer server([interrupt](const FakeRequest&) {
            ::eventfd_write(interrupt, 1);
            return test::FakeReply{.silent = true};
        });
        Client client({server.endpoint()}, interrupt);

        const auto answer = client.call({.target = "/", .attempt_limit = std::chrono::minutes{5}});

        EXPECT_EQ(answer.error().code, "interrupted");
        EXPECT_FALSE(client.pause(std::chrono::minutes{5}));
    }
    ::close(interrupt);  // The server has let go of it.
}

TEST(Client, StreamsABodyAndStopsWhenToldTo) {
    FakeServer server([](const FakeRequest&) {
        return test::FakeReply{
            .body = "piece", .content_type = "text/event-stream", .stream = true};
    });
    Client client({server.endpoint()});
    std::string received;

    const auto answer = client.stream({.target = "/v1/watch"}, [&](std::string_view piece) {
        received += piece;
        return received.size() < 5;
    });

    EXPECT_TRUE(answer);
    EXPECT_EQ(received, "piece");
}

TEST(Client, ReadsTheProblemWhenAStreamIsRefused) {
    FakeServer server([](const FakeRequest&) { return problem(410, "compacted"); });
    Client client({server.endpoint()});

    const auto answer = client.stream({.target = "/v1/watch"}, [](std::string_view) {
        ADD_FAILURE() << "a problem is no part of the stream";
        return true;
    });

    EXPECT_EQ(answer.error().code, "compacted");
}

TEST(Failure, IsOneLineWithWhatEverSentIt) {
    const auto failure = failure_of(
        {.status = 502, .headers = {{"x-request-id", "r-9"}}, .body = "<html>\nBad Gateway"});

    EXPECT_EQ(describe(failure), "http-502 (request r-9)");
    EXPECT_TRUE(failure.retryable);
    EXPECT_THAT(describe({.code = "a", .detail = "b\nc"}), HasSubstr("b\\nc"));
}

}  // namespace
}  // namespace gavel::cli
