#include "daemon/reachability.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <utility>

namespace gavel::daemon {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

class Attempt {
public:
    Attempt(boost::asio::io_context& io, const Address& at) : resolver_(io), socket_(io) {
        knock_ = {.at = at, .answered = false, .said = "no answer in time"};
        resolver_.async_resolve(
            at.host, std::to_string(at.port),
            [this](error_code error, const tcp::resolver::results_type& found) {
                if (error) return end(error);
                boost::asio::async_connect(
                    socket_, found,
                    [this](error_code failed, const tcp::endpoint&) { end(failed); });
            });
    }

    Knock& knock() { return knock_; }

private:
    void end(error_code error) {
        knock_.answered = !error;
        knock_.said = error ? error.message() : "";
    }

    tcp::resolver resolver_;
    tcp::socket socket_;
    Knock knock_{};
};

}  // namespace

std::vector<Knock> knock_at(const std::vector<Address>& addresses,
                            std::chrono::milliseconds within) {
    boost::asio::io_context io(1);
    std::deque<Attempt> attempts;
    for (const Address& address : addresses) attempts.emplace_back(io, address);
    io.run_for(within);
    std::vector<Knock> knocks;
    for (auto& attempt : attempts) knocks.push_back(std::move(attempt.knock()));
    return knocks;
}

}  // namespace gavel::daemon
