#include "bench/http.h"

#include <gmock/gmock.h>

#include <boost/asio/write.hpp>
#include <chrono>

namespace gavel::bench {
namespace {

using boost::asio::ip::tcp;
using testing::ElementsAre;
using testing::IsEmpty;

// A server that sends what it is told, whatever it is asked, on a free port of this machine.
class HttpAnswers : public testing::Test {
protected:
    HttpAnswers() : acceptor_(io_, {boost::asio::ip::make_address("127.0.0.1"), 0}), peer_(io_) {
        acceptor_.async_accept(peer_, [this](auto) { accepted_ = true; });
        client_.open(acceptor_.local_endpoint(), [this](bool open) { opened_ = open; });
        run_until([this] { return accepted_ && opened_; });
    }

    template <class Condition>
    void run_until(Condition condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!condition() && std::chrono::steady_clock::now() < end) {
            io_.run_one_for(std::chrono::milliseconds(100));
            io_.restart();
        }
        ASSERT_TRUE(condition());
    }

    void request() {
        client_.request(HttpRequest("GET", "/", "here").bytes(), [this](int status, auto body) {
            answers_.emplace_back(std::to_string(status) + " " + std::string{body});
        });
    }

    // Piece by piece; what loopback has carried by then is read before the next is sent.
    void serve(std::string_view bytes, std::size_t piece) {
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            boost::asio::write(peer_, boost::asio::buffer(bytes.substr(at, piece)));
            io_.poll();
            io_.restart();
        }
    }

    boost::asio::io_context io_;
    tcp::acceptor acceptor_;
    tcp::socket peer_;
    HttpConnection client_{io_};
    bool accepted_{}, opened_{};
    std::vector<std::string> answers_;
};

constexpr std::string_view counted =
    "HTTP/1.1 201 Created\r\ncontent-LENGTH:  5\r\nGavel-Revision: 7\r\n\r\nhello";
constexpr std::string_view chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nhel\r\n2;extension=1\r\nlo\r\n0\r\nTrailer: x\r\n\r\n";

TEST_F(HttpAnswers, AreReadByTheirLength) {
    request();
    serve(counted, counted.size());
    run_until([this] { return !answers_.empty(); });

    EXPECT_THAT(answers_, ElementsAre("201 hello"));
}

TEST_F(HttpAnswers, AreReadInChunks) {
    request();
    serve(chunked, chunked.size());
    run_until([this] { return !answers_.empty(); });

    EXPECT_THAT(answers_, ElementsAre("200 hello"));
}

TEST_F(HttpAnswers, MayArriveInAnyPieces) {
    for (const std::size_t piece : {1U, 7U, 40U}) {
        for (const std::string_view answer : {counted, chunked}) {
            answers_.clear();
            request();
            serve(answer, piece);
            run_until([this] { return !answers_.empty(); });
            EXPECT_EQ(answers_.front().substr(4), "hello") << piece;
        }
    }
}

TEST_F(HttpAnswers, FollowOneAnotherOnAConnection) {
    request();
    serve("HTTP/1.1 204 No Content\r\n\r\n", 100);
    run_until([this] { return answers_.size() == 1; });
    request();
    serve("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 100);
    run_until([this] { return answers_.size() == 2; });

    EXPECT_THAT(answers_, ElementsAre("204 ", "503 "));
}

TEST_F(HttpAnswers, AreZeroWhenTheConnectionIsLost) {
    request();
    peer_.close();
    run_until([this] { return answers_.size() == 1; });
    request();
    run_until([this] { return answers_.size() == 2; });

    EXPECT_THAT(answers_, ElementsAre("0 ", "0 "));
}

TEST_F(HttpAnswers, ThatNeverEndGiveLineByLine) {
    std::vector<int> statuses;
    std::vector<std::string> lines;
    client_.stream(
        HttpRequest("GET", "/watch", "here").bytes(),
        [&](int status, auto) { statuses.push_back(status); },
        [&](std::string_view line) { lines.emplace_back(line); });

    serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none\nt\r\n3\r\nwo\n\r\n", 13);
    run_until([&] { return lines.size() == 2; });
    EXPECT_THAT(statuses, ElementsAre(200));
    EXPECT_THAT(lines, ElementsAre("one", "two"));

    peer_.close();
    run_until([&] { return statuses.size() == 2; });
    EXPECT_THAT(statuses, ElementsAre(200, 0));
}

TEST(HttpRequest, SetsItsDigitsInPlace) {
    HttpRequest request("PUT", "/k/####", "here:1", "v0000");
    const std::size_t place = request.place_of("####");

    request.set_digits(place, 4, 42);

    EXPECT_EQ(request.bytes(),
              "PUT /k/0042 HTTP/1.1\r\nHost: here:1\r\nContent-Type: application/json\r\n"
              "Content-Length: 5\r\n\r\nv0000");
}

TEST(HttpRequest, SaysThatItHasNoBodyWhereOneIsExpected) {
    EXPECT_EQ(HttpRequest("GET", "/", "here").bytes(), "GET / HTTP/1.1\r\nHost: here\r\n\r\n");
    EXPECT_EQ(HttpRequest("POST", "/", "here").bytes(),
              "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n");
}

TEST(JsonField, IsFoundByItsWholeName) {
    constexpr std::string_view json =
        R"({"xrevision":1,"id" : "s12","key":"revision","revision": 77,"last":true})";

    EXPECT_EQ(json_field(json, "id"), "s12");
    EXPECT_EQ(json_number(json, "revision"), 77U);
    EXPECT_EQ(json_field(json, "last"), "true");
    EXPECT_THAT(json_field(json, "absent"), IsEmpty());
}

}  // namespace
}  // namespace gavel::bench
