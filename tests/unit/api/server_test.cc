#include "api/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <thread>

#include "tests/unit/api/fake_gateway.h"
#include "tests/unit/api/raw_client.h"

namespace gavel::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using testing::FakeGateway;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using ::testing::StartsWith;

struct Running {
    explicit Running(ServerOptions options = {}) : server(gateway, std::move(options)) {
        const auto bound = server.listen("127.0.0.1", 0);
        EXPECT_TRUE(bound);
        port = bound ? *bound : std::uint16_t{0};
        server.start();
    }
    RawClient client() { return RawClient(port); }

    FakeGateway gateway{};
    Server server;
    std::uint16_t port{};
};

bool eventually(const std::function<bool()>& holds) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(20);
    while (!holds()) {
        if (steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(milliseconds(2));  // poll
    }
    return true;
}

std::string get(const std::string& target, const std::string& fields = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}
std::string put(const std::string& target, const std::string& body,
                const std::string& fields = "") {
    return "PUT " + target +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + fields + "\r\n" + body;
}

std::string metric(Running& running, const std::string& name) {
    const auto page = running.client().ask(get("/metrics"));
    const auto at = page.find("\n" + name + " ");
    if (at == std::string::npos) return "";
    const auto start = at + name.size() + 2;
    return page.substr(start, page.find('\n', start) - start);
}

TEST(Server, AnswersManyRequestsOnOneConnection) {
    Running running;
    auto client = running.client();

    for (int i = 1; i <= 100; ++i) {
        const auto answer = client.ask(put("/v1/config/a", "value" + std::to_string(i)));
        EXPECT_THAT(answer, StartsWith(i == 1 ? "HTTP/1.1 201" : "HTTP/1.1 200"));
        EXPECT_THAT(answer, HasSubstr("Gavel-Revision: " + std::to_string(i) + "\r\n"));
        EXPECT_THAT(client.ask(get("/v1/config/a")), HasSubstr("value" + std::to_string(i)));
    }
}

TEST(Server, AnswersWhatWasSentAheadInItsOrder) {
    Running running;
    auto client = running.client();
    std::string all;
    for (int i = 1; i <= 50; ++i) all += put("/v1/config/k", std::to_string(i));
    all += get("/v1/config/k");

    client.send(all);

    for (std::uint64_t i = 1; i <= 50; ++i) {
        EXPECT_THAT(client.read_response(), HasSubstr("\"revision\":" + std::to_string(i) + ","));
    }
    EXPECT_THAT(client.read_response(), HasSubstr("\r\n\r\n50"));
}

// Whoever is cut off leaves its place in the lock's queue to its session, but takes no room here.
TEST(Server, GivesTheRoomOfAWaitThatIsCutToOthers) {
    Running running(ServerOptions{.waits_max = 1});
    auto client = running.client();
    const auto session = [&client] {
        const auto opened = client.ask("POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n");
        return opened.substr(opened.find("\"s"),
                             opened.find("\",", opened.find("\"s")) + 1 - opened.find("\"s"));
    };
    const auto holder = session(), waiting = session(), another = session();
    client.ask(put("/v1/locks/a", "{\"session\":" + holder + "}"));
    const std::string target = "/v1/locks/a?wait=10m";

    {
        RawClient gone(running.port);
        gone.send(put(target, "{\"session\":" + waiting + "}"));
        EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_waiting") == "1"; }));
        EXPECT_THAT(client.ask(put(target, "{\"session\":" + another + "}")),
                    HasSubstr("overloaded"));
    }

    EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_waiting") == "0"; }));
    EXPECT_THAT(client.ask(get("/v1/locks/a")), HasSubstr("\"queue_length\":1"));
}

TEST(Server, IsOpenToThePagesOfListedOriginsOnly) {
    const std::string from_page = "Origin: https://ui.example\r\n";
    const std::string preflight =
        "OPTIONS /v1/config/a HTTP/1.1\r\nHost: localhost\r\n" + from_page +
        "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: if-match\r\n\r\n";
    const std::string allowed = "Access-Control-Allow-Origin: https://ui.example\r\n";
    const auto stream_of = get("/v1/watch?prefix=a", from_page + "Accept: text/event-stream\r\n");

    Running open(ServerOptions{.origins = {"https://ui.example"}});
    auto client = open.client();
    EXPECT_THAT(
        client.ask(preflight),
        AllOf(StartsWith("HTTP/1.1 204"), HasSubstr(allowed), HasSubstr("Vary: Origin"),
              HasSubstr("Access-Control-Allow-Methods: GET, HEAD, PUT, DELETE, OPTIONS"),
              HasSubstr("Access-Control-Allow-Headers: *"), HasSubstr("Access-Control-Max-Age: ")));
    EXPECT_THAT(client.ask(put("/v1/config/a", "1", from_page)),
                AllOf(StartsWith("HTTP/1.1 201"), HasSubstr(allowed)));
    EXPECT_THAT(client.ask(get("/v1/config/b", from_page)),
                AllOf(StartsWith("HTTP/1.1 404"), HasSubstr(allowed)));
    EXPECT_THAT(client.ask(get("/v1/config/a", "Origin: https://evil.example\r\n")),
                AllOf(StartsWith("HTTP/1.1 200"), Not(HasSubstr("Access-Control"))));
    EXPECT_THAT(client.ask(put("/v1/config/a", "2", "Origin: https://evil.example\r\n")),
                HasSubstr("origin-not-allowed"));
    auto watcher = open.client();
    watcher.send(stream_of);
    EXPECT_THAT(watcher.read_until("\r\n\r\n"), HasSubstr(allowed));

    Running closed;
    auto other = closed.client();
    EXPECT_THAT(other.ask(preflight),
                AllOf(StartsWith("HTTP/1.1 204"), Not(HasSubstr("Access-Control")),
                      Not(HasSubstr("Vary"))));
    EXPECT_THAT(other.ask(put("/v1/config/a", "1", from_page)), HasSubstr("origin-not-allowed"));
}

TEST(Server, CarriesValuesUpToTheLimit) {
    Running running;
    auto client = running.client();
    const std::string value(1 << 20, 'v');
    EXPECT_THAT(client.ask(put("/v1/config/big", value)), StartsWith("HTTP/1.1 201"));
    EXPECT_TRUE(client.ask(get("/v1/config/big")).ends_with("\r\n\r\n" + value));
    EXPECT_THAT(client.ask(put("/v1/config/big", value + 'x')), HasSubstr("body-too-large"));
    EXPECT_THAT(client.ask(get("/livez")), HasSubstr("ok"));
}

TEST(Server, EndsAConnectionWhoseBodyIsFarTooLarge) {
    Running running;
    auto client = running.client();
    client.send("PUT /v1/config/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n" +
                std::string(300'000, 'x'));
    const auto answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 413"));
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
}

TEST(Server, TakesAChunkedBody) {
    Running running;
    auto client = running.client();
    const auto answer = client.ask(
        "PUT /v1/config/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 201"));
    EXPECT_THAT(client.ask(get("/v1/config/a")), HasSubstr("\r\n\r\nhello world"));
}

TEST(Server, StoresNoBodyThatIsEncoded) {
    Running running;
    auto client = running.client();
    EXPECT_THAT(client.ask(put("/v1/config/a", "zipped", "Content-Encoding: gzip\r\n")),
                AllOf(StartsWith("HTTP/1.1 415 Unsupported Media Type\r\n"),
                      HasSubstr("\r\nAccept-Encoding: identity\r\n")));
    EXPECT_THAT(client.ask(get("/v1/config/a")), StartsWith("HTTP/1.1 404"));
}

TEST(Server, InvitesABodyThatIsAnnounced) {
    Running running;
    auto client = running.client();
    client.send(
        "PUT /v1/config/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        "Content-Length: 5\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_THAT(client.ask("hello"), StartsWith("HTTP/1.1 201"));
}

TEST(Server, AnswersHeadWithoutABody) {
    Running running;
    auto client = running.client();
    client.ask(put("/v1/config/a", "hello"));
    client.head_only = true;
    const auto head = client.ask("HEAD /v1/config/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(head, HasSubstr("Content-Length: 5\r\n"));
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    const auto none = client.ask("HEAD /v1/config/b HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(none, StartsWith("HTTP/1.1 404"));
    client.head_only = false;
    EXPECT_THAT(client.ask(get("/v1/config/a")), HasSubstr("\r\n\r\nhello"));
}

TEST(Server, RefusesWhatIsMalformedAndEndsTheConnection) {
    Running running;
    for (const auto* text :
         {"\x16\x03\x01\x02\x05\x01\x01\x01\r\n\r\n", "GET\r\n\r\n", "GARBAGE\r\n\r\n",
          "GET /v1/status HTTP/1.1\r\nBad Field: x\r\n\r\n",
          "PUT /v1/config/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
          "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "PUT /v1/config/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
          "GET http://localhost/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"}) {
        auto client = running.client();
        client.send(text);
        const auto answer = client.read_to_end();
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << text;
        EXPECT_THAT(answer, HasSubstr("\"code\":\"malformed-request\"")) << text;
        EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << text;
    }
    auto client = running.client();
    client.send("GET /v1/status HTTP/3.0\r\n\r\n");
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 505"));
    EXPECT_TRUE(running.gateway.submissions.empty());
}

TEST(Server, SaysThatARequestEndsBeforeItIsComplete) {
    Running running;
    const std::string whole = put("/v1/config/a", "hello");
    for (std::size_t length = 1; length < whole.size(); ++length) {
        auto client = running.client();
        client.send(whole.substr(0, length));
        client.send_no_more();
        const auto answer = client.read_to_end();
        ASSERT_THAT(answer, StartsWith("HTTP/1.1 400")) << length;
        EXPECT_THAT(answer, HasSubstr("\"code\":\"malformed-request\"")) << length;
        EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << length;
    }
    EXPECT_TRUE(running.gateway.submissions.empty());

    auto client = running.client();
    client.send(get("/livez") + "GET /v1/sta");
    client.send_no_more();
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 400")) << "that of the second";
    auto silent = running.client();
    silent.send_no_more();
    EXPECT_EQ(silent.read_to_end(), "") << "nothing was asked";
}

TEST(Server, RefusesAHeaderThatIsTooLong) {
    Running running;
    auto client = running.client();
    client.send(get("/v1/status", "X-Long: " + std::string(20'000, 'x') + "\r\n"));
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 431"));
}

TEST(Server, RefusesStrangeHostsOnLoopback) {
    Running running;
    EXPECT_THAT(running.client().ask("GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
                StartsWith("HTTP/1.1 421"));
    EXPECT_THAT(running.client().ask("GET /v1/status HTTP/1.1\r\n\r\n"),
                StartsWith("HTTP/1.1 400"));
}

TEST(Server, TakesARequestIdOverOrMakesOne) {
    Running running;
    auto client = running.client();
    EXPECT_THAT(client.ask(get("/livez", "X-Request-Id: my-id\r\n")),
                HasSubstr("X-Request-Id: my-id\r\n"));
    const auto made = client.ask(get("/livez", "X-Request-Id: not sane\r\n"));
    EXPECT_THAT(made, Not(HasSubstr("not sane")));
    EXPECT_NE(made, client.ask(get("/livez")));
}

TEST(Server, EndsAConnectionThatSendsItsHeaderTooSlowly) {
    Running running({.header_time = milliseconds(100)});
    auto client = running.client();
    client.send("GET /v1/status HTTP/1.1\r\nHost: ");
    const auto answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 408"));
    EXPECT_THAT(answer, HasSubstr("request-timeout"));
}

TEST(Server, EndsAConnectionThatSendsItsBodyTooSlowly) {
    Running running({.body_time = milliseconds(100)});
    auto client = running.client();
    client.send("PUT /v1/config/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx");
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 408"));
    EXPECT_TRUE(running.gateway.submissions.empty());
}

TEST(Server, ClosesAnIdleConnectionWithoutAWord) {
    Running running({.idle_time = milliseconds(100)});
    auto client = running.client();
    client.ask(get("/livez"));
    EXPECT_EQ(client.read_to_end(), "");
}

TEST(Server, TurnsAwayWhoComesAfterTheLastPlaceIsTaken) {
    Running running({.connections_max = 2});
    auto one = running.client();
    {
        auto two = running.client();
        one.ask(get("/livez"));
        two.ask(get("/livez"));
        const auto answer = running.client().read_to_end();
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
        EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
    }
    EXPECT_TRUE(eventually(
        [&] { return running.client().ask(get("/livez")).starts_with("HTTP/1.1 200"); }));
}

TEST(Server, ServesHttp10AndEndsWithIt) {
    Running running;
    auto client = running.client();
    client.send("GET /livez HTTP/1.0\r\n\r\n");
    const auto answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(answer, HasSubstr("ok\n"));
}

TEST(Server, TellsEachAnswerToTheAccessLog) {
    std::vector<std::string> lines;
    {
        Running running({.access_log = [&](const AccessRecord& record) {
            lines.push_back(std::string(record.method) + ' ' + std::string(record.target) + ' ' +
                            std::to_string(record.status) + ' ' + std::string(record.request_id) +
                            ' ' + std::string(record.traceparent));
        }});
        running.client().ask(get("/v1/config/a", "X-Request-Id: r7\r\ntraceparent: 00-a-b-01\r\n"));
        running.server.stop(milliseconds(1'000));
    }
    EXPECT_THAT(lines, ::testing::ElementsAre("GET /v1/config/a 404 r7 00-a-b-01"));
}

TEST(Server, StreamsEventsAndResumesThem) {
    Running running({.threads = 2});
    running.gateway.put("a", "1");
    auto first = running.client();
    first.send(get("/v1/watch?prefix=&since=0"));
    EXPECT_THAT(first.read_until("\r\n\r\n"), HasSubstr("Content-Type: text/event-stream\r\n"));
    EXPECT_THAT(first.read_until("\n\n"), HasSubstr("id: 1.c1a2b3c4\n"));
    running.gateway.put("a", "2");
    EXPECT_THAT(first.read_until("\n\n"), HasSubstr("id: 2.c1a2b3c4\n"));
    first.hang_up();
    running.gateway.put("a", "3");

    auto second = running.client();
    second.send(get("/v1/watch?prefix=", "Last-Event-ID: 2\r\n"));
    second.read_until("\r\n\r\n");
    EXPECT_THAT(second.read_until("\n\n"), HasSubstr("id: 3.c1a2b3c4\n"));
    running.gateway.put("a", "4");
    EXPECT_THAT(second.read_until("\n\n"), HasSubstr("id: 4.c1a2b3c4\n"));
}

TEST(Server, NeitherLosesNorRepeatsForWatchersThatStartAmidChanges) {
    Running running({.threads = 2});
    constexpr std::uint64_t changes = 2'000;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < changes; ++i) running.gateway.put("a", "v");
    });
    std::deque<RawClient> clients;
    for (int i = 0; i < 40; ++i) {
        clients.emplace_back(running.port).send(get("/v1/watch?prefix=&since=0"));
    }
    writer.join();

    for (auto& client : clients) {
        const auto text = client.read_until("\nid: " + std::to_string(changes) + ".c1a2b3c4\n");
        std::uint64_t expected = 0;
        for (auto at = text.find("\nid: "); at != std::string::npos;
             at = text.find("\nid: ", at + 1)) {
            ASSERT_EQ(std::stoul(text.substr(at + 5)), ++expected);
        }
        EXPECT_EQ(expected, changes);
    }
}

TEST(Server, NeitherLosesNorRepeatsForPollsThatComeAndGoAmidChanges) {
    Running running({.threads = 2});
    constexpr std::uint64_t changes = 2'000;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < changes; ++i) running.gateway.put("a", "v");
    });
    auto client = running.client();  // The only one: each time it is answered, nobody watches.
    std::uint64_t seen = 0;
    for (bool fits = true; fits && seen < changes;) {
        const auto answer =
            client.ask(get("/v1/watch?prefix=&wait=20s&since=" + std::to_string(seen)));
        fits = answer.starts_with("HTTP/1.1 200");
        for (auto at = answer.find("\"revision\":"); fits && at != std::string::npos;
             at = answer.find("\"revision\":", at + 1)) {
            fits = std::stoul(answer.substr(at + 11)) == ++seen;
        }
        EXPECT_TRUE(fits) << answer;
    }
    writer.join();
}

TEST(Server, ForgetsAWatcherThatHasGone) {
    Running running;
    auto client = running.client();
    client.send(get("/v1/watch?prefix="));
    client.read_until("id: 0.c1a2b3c4\n");
    EXPECT_EQ(metric(running, "gavel_http_watches"), "1");
    client.hang_up();
    EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_watches") == "0"; }));
}

TEST(Server, CutsAWatcherThatDoesNotReadWhileOthersGoOn) {
    Running running({.stream_bytes_max = 100'000});
    auto slow = running.client();
    auto other = running.client();
    for (auto* client : {&slow, &other}) {
        client->send(get("/v1/watch?prefix="));
        client->read_until("id: 0.c1a2b3c4\n\n");
    }
    const std::string cut = "gavel_http_watches_cut_total{reason=\"client\"}";
    EXPECT_EQ(metric(running, cut), "0");
    const std::string value(50'000, 'x');
    std::uint64_t written = 0;
    const auto ids_of = [](const std::string& text) {
        std::vector<std::uint64_t> ids;
        for (auto at = text.find("\nid: "); at != std::string::npos;
             at = text.find("\nid: ", at + 1)) {
            ids.push_back(std::stoul(text.substr(at + 5)));
        }
        return ids;
    };
    EXPECT_TRUE(eventually([&] {
        running.gateway.put("a", value);
        const auto text = other.read_until("id: " + std::to_string(++written) + ".c1a2b3c4\n\n");
        EXPECT_EQ(ids_of(text), std::vector{written}) << "whoever reads gets each at once";
        return metric(running, "gavel_http_watches") == "1";
    }));
    EXPECT_EQ(metric(running, cut), "1");

    // What it got is whole up to its last id: no revision is missing in between.
    const auto text = slow.read_to_end();
    const auto ids = ids_of(text);
    for (std::uint64_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], i + 1);
    EXPECT_FALSE(ids.empty());
    EXPECT_LT(ids.size(), written);
    EXPECT_TRUE(text.ends_with("\n\n"));

    auto resumed = running.client();
    resumed.send(
        get("/v1/watch?prefix=", "Last-Event-ID: " + std::to_string(ids.back()) + ".c1a2b3c4\r\n"));
    const auto rest =
        ids_of(resumed.read_until("id: " + std::to_string(written) + ".c1a2b3c4\n\n"));
    for (std::uint64_t i = 0; i < rest.size(); ++i) EXPECT_EQ(rest[i], ids.back() + 1 + i);
    EXPECT_EQ(rest.size(), written - ids.size());
}

TEST(Server, StreamsASnapshotOfManyKeysAsFastAsItIsTakenAndNoFaster) {
    Running running({.bookmark_interval = std::chrono::minutes(10)});
    constexpr int keys = 100'000;
    const std::string value(200, 'v');
    for (int i = 0; i < keys; ++i) running.gateway.put("k" + std::to_string(i), value);
    const auto sent = [&] { return std::stoul(metric(running, "gavel_http_sent_bytes_total")); };
    auto client = running.client();
    client.send(get("/v1/watch?prefix=&snapshot=true"));
    client.read_until("\r\n\r\n");

    // Until its client goes on it stops where the buffers of the connection are full.
    std::uint64_t before = 0;
    EXPECT_TRUE(eventually([&] {
        const auto now = sent();
        const bool stands = now - std::exchange(before, now) < 20'000;  // The metrics themselves.
        return stands && now > 100'000;
    }));
    EXPECT_LT(before, 15'000'000U) << "of some 28 MB";
    EXPECT_EQ(metric(running, "gavel_http_watches_cut_total{reason=\"client\"}"), "0");
    running.gateway.put("k0", "changed meanwhile");
    const auto last = running.gateway.put("later", "v");

    int puts = 0;
    std::string event;
    for (event = client.read_until("\n\n"); event.starts_with("event: put");
         event = client.read_until("\n\n")) {
        ++puts;
        ASSERT_EQ(event.find("\nid: "), std::string::npos);
    }
    EXPECT_EQ(puts, keys + 2) << "k0 twice: it had been sent";
    EXPECT_THAT(event, AllOf(StartsWith("event: bookmark"),
                             HasSubstr("id: " + std::to_string(last) + ".")));
    running.gateway.put("k1", "after");
    EXPECT_THAT(client.read_until("\n\n"), HasSubstr("id: " + std::to_string(last + 1) + "."));
}

// Holds its HTTP thread up at the next answer to the target "/livez", until it is let go.
class Brake {
public:
    void operator()(const AccessRecord& record) {
        if (record.target != "/livez") return;
        stopped_.set_value();
        released_.get_future().wait();
    }
    void wait_until_it_holds() { stopped_.get_future().wait(); }
    void release() { released_.set_value(); }

private:
    std::promise<void> stopped_{};
    std::promise<void> released_{};
};

TEST(Server, CutsWatchersWithTheirPositionWhenItsThreadFallsBehind) {
    Brake brake;
    Running running({.change_bytes_max = 10'000,
                     .access_log = [&](const AccessRecord& record) { brake(record); }});
    auto watcher = running.client();
    watcher.send(get("/v1/watch?prefix="));
    watcher.read_until("id: 0.c1a2b3c4\n\n");
    auto poll = running.client();
    poll.send(get("/v1/watch?key=other&since=0&wait=60s"));
    EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_waiting") == "1"; }));
    auto last = running.client();
    last.send(get("/livez"));
    brake.wait_until_it_holds();
    auto late = running.client();
    late.send(get("/v1/watch?prefix=&since=0"));

    constexpr std::uint64_t changes = 100;  // Each takes more than a hundredth of the room.
    for (std::uint64_t i = 0; i < changes; ++i) running.gateway.put("a", "v");
    brake.release();

    const auto text = watcher.read_to_end();
    const auto position = std::stoul(text.substr(text.rfind("\nid: ") + 5));
    EXPECT_THAT(text,
                HasSubstr("event: bookmark\ndata: {\"revision\":" + std::to_string(position)));
    EXPECT_GT(position, 1U);
    EXPECT_LT(position, changes) << "what waited for the thread was bounded";
    EXPECT_THAT(
        poll.read_response(),
        HasSubstr("{\"events\":[],\"since\":" + std::to_string(position) + ",\"position\""));
    auto resumed = running.client();
    resumed.send(get("/v1/watch?prefix=", "Last-Event-ID: " + std::to_string(position) + "\r\n"));
    resumed.read_until("\r\n\r\n");
    for (auto id = position + 1; id <= changes; ++id) {
        EXPECT_THAT(resumed.read_until("\n\n"),
                    HasSubstr("\nid: " + std::to_string(id) + ".c1a2b3c4\n"));
    }
    running.gateway.put("a", "v");
    for (auto* client : {&resumed, &late}) {
        EXPECT_THAT(client->read_until("\nid: " + std::to_string(changes + 1) + ".c1a2b3c4\n"),
                    HasSubstr("event: put"))
            << "who starts later is not concerned";
    }
}

TEST(Server, AnswersAWaitWhenTheLockIsFree) {
    Running running({.threads = 2});
    const auto one = running.gateway.open_session(), two = running.gateway.open_session();
    running.gateway.run(statemachine::AcquireLock{"l", one, "", 0});
    auto client = running.client();
    client.send(put("/v1/locks/l?wait=60s", "{\"session\":\"s" + std::to_string(two) + "\"}"));
    EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_waiting") == "1"; }));
    running.gateway.run(statemachine::ReleaseLock{"l", one, {}});
    EXPECT_THAT(client.read_response(), HasSubstr("\"held\":true"));
}

TEST(Server, NoticesThatAWaitingClientHasGone) {
    Running running({.idle_time = milliseconds(400)});
    running.gateway.hold_submits = true;
    auto client = running.client();
    client.send(put("/v1/config/a", "x"));
    EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_connections") == "2"; }));
    client.hang_up();
    EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_connections") == "1"; }));
}

TEST(Server, SaysWhyItCannotListen) {
    Running running;
    Server other(running.gateway, {});
    const auto bound = other.listen("127.0.0.1", running.port);
    ASSERT_FALSE(bound);
    EXPECT_EQ(bound.error().what, "cannot listen on 127.0.0.1:" + std::to_string(running.port) +
                                      ": Address already in use");
    EXPECT_FALSE(other.listen("192.0.2.1", 0));
}

TEST(Server, FinishesWhatIsUnderWayWhenItStops) {
    Running running;
    const auto one = running.gateway.open_session(), two = running.gateway.open_session();
    running.gateway.run(statemachine::AcquireLock{"l", one, "", 0});
    auto idle = running.client();
    idle.ask(get("/livez"));
    auto watcher = running.client();
    watcher.send(get("/v1/watch?prefix="));
    watcher.read_until("id: ");
    auto waiter = running.client();
    waiter.send(put("/v1/locks/l?wait=60s", "{\"session\":\"s" + std::to_string(two) + "\"}"));
    EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_waiting") == "1"; }));

    const auto started = steady_clock::now();
    running.server.stop(milliseconds(10'000));

    EXPECT_LT(steady_clock::now() - started, milliseconds(9'000));
    EXPECT_EQ(idle.read_to_end(), "");
    EXPECT_THAT(watcher.read_to_end(), HasSubstr("event: bookmark"));
    EXPECT_THAT(waiter.read_to_end(), HasSubstr("shutting-down"));
    EXPECT_FALSE(running.client().connected());
}

// A server that hangs cannot be taken down, so the test must not go on with it.
void stop_or_die(Server& server, milliseconds bound, milliseconds patience) {
    std::promise<void> stopped;
    std::thread stopping([&] {
        server.stop(bound);
        stopped.set_value();
    });
    if (stopped.get_future().wait_for(patience) != std::future_status::ready) {
        ADD_FAILURE() << "stop() hangs";
        std::abort();
    }
    stopping.join();
}

TEST(Server, StopsInTimeWhileClientsComeInBursts) {
    for (int round = 0; round < 20; ++round) {
        Running running({.threads = 1U + static_cast<unsigned>(round) % 2});
        std::atomic<int> connected{0};
        std::vector<std::thread> crowd;
        for (int i = 0; i < 4; ++i) {
            crowd.emplace_back([&] {
                for (bool listens = true; listens;) {
                    std::deque<RawClient> burst;
                    while (listens && burst.size() < 64) {
                        listens = burst.emplace_back(running.port).connected();
                        if (listens) ++connected;
                    }
                }
            });
        }
        EXPECT_TRUE(eventually([&] { return connected > 200; }));

        stop_or_die(running.server, milliseconds(200), std::chrono::seconds(20));

        for (auto& thread : crowd) thread.join();
    }
}

TEST(Server, TellsProbesThatItStopsWhileRequestsFinish) {
    Running running;
    running.gateway.hold_submits = true;
    auto writer = running.client();
    writer.send(put("/v1/config/a", "x"));
    EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_connections") == "2"; }));
    running.gateway.edit_status().ready = false;
    running.gateway.edit_status().not_ready_reason = "shutting down";

    auto idle = running.client();
    idle.ask(get("/livez"));
    std::thread stopping([&] { running.server.stop(milliseconds(20'000)); });
    EXPECT_EQ(idle.read_to_end(), "") << "the server drains";
    auto probe = running.client();
    const auto ready = probe.ask(get("/readyz"));
    const auto alive = running.client().ask(get("/livez"));
    auto silent = running.client();
    running.gateway.answer_held(Failure{Failure::Kind::outcome_unknown});
    stopping.join();

    EXPECT_THAT(ready, StartsWith("HTTP/1.1 503"));
    EXPECT_THAT(ready, HasSubstr("\"detail\":\"shutting down\""));
    EXPECT_THAT(ready, HasSubstr("Connection: close\r\n"));
    EXPECT_EQ(probe.read_to_end(), "");
    EXPECT_THAT(alive, StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(writer.read_to_end(), StartsWith("HTTP/1.1 504")) << "was under way, and finished";
    EXPECT_EQ(silent.read_to_end(), "");
}

TEST(Server, StopsInTimeThoughAnAnswerNeverComes) {
    Running running;
    running.gateway.hold_submits = true;
    auto client = running.client();
    client.send(put("/v1/config/a", "x"));
    EXPECT_TRUE(eventually([&] { return metric(running, "gavel_http_connections") == "2"; }));
    running.server.stop(milliseconds(50));
    EXPECT_EQ(client.read_to_end(), "");
}

TEST(Server, HoldsTenThousandIdleWaitingConnections) {
    // Two descriptors for each, as client and server are one process here.
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 24'000);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const auto count = std::min<std::size_t>(10'000, (limit.rlim_cur - 200) / 2);
    Running running({.threads = 2});
    running.gateway.put("a", "1");

    std::deque<RawClient> clients;
    for (std::size_t i = 0; i < count; ++i) {
        auto& client = clients.emplace_back(running.port);
        ASSERT_TRUE(client.connected()) << i;
        ASSERT_TRUE(client.send(get("/v1/config/a?wait=10m", "If-None-Match: \"1\"\r\n")));
    }
    ASSERT_TRUE(
        eventually([&] { return metric(running, "gavel_http_waiting") == std::to_string(count); }));
    running.gateway.put("a", "2");

    for (auto& client : clients) {
        EXPECT_THAT(client.read_response(), HasSubstr("ETag: \"2\"\r\n"));
    }
}

}  // namespace
}  // namespace gavel::api
