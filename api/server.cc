#include "api/server.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <future>
#include <random>
#include <thread>

#include "api/worker.h"

namespace gavel::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// After accept() failed for want of descriptors or memory.
constexpr milliseconds accept_pause{100};

std::string without_newlines(std::string text) {
    for (char& c : text) {
        if (c == '\n' || c == '\r') c = ' ';
    }
    return text;
}

}  // namespace

class Server::Impl {
public:
    Impl(Gateway& gateway, ServerOptions options)
        : shared_(std::make_shared<ServerShared>(gateway, std::move(options))) {
        std::random_device entropy;
        for (unsigned i = 0; i < std::max(shared_->options.threads, 1U); ++i) {
            const std::uint64_t seed = std::uint64_t{entropy()} << 32U | entropy();
            workers_.push_back(std::make_shared<Worker>(shared_, seed));
        }
    }
    ~Impl() { stop(milliseconds(0)); }

    Result<std::uint16_t, ListenError> listen(const std::string& host, std::uint16_t port) {
        const auto text = host + ':' + std::to_string(port);
        const auto failed = [&](const error_code& error) {
            return ListenError{
                without_newlines("cannot listen on " + text + ": " + error.message())};
        };
        error_code error;
        tcp::resolver resolver(first().context());
        const auto found =
            resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
        if (error) return failed(error);
        const tcp::endpoint endpoint = found.begin()->endpoint();

        auto listener = std::make_unique<Listener>(first().context());
        auto& acceptor = listener->acceptor;
        acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error) return failed(error);
        listener->loopback = endpoint.address().is_loopback();
        const auto bound = acceptor.local_endpoint(error);
        if (error) return failed(error);
        listeners_.push_back(std::move(listener));
        return bound.port();
    }

    void start() {
        for (auto& listener : listeners_) accept(*listener);
        for (auto& worker : workers_) {
            threads_.emplace_back([worker] { worker->run(); });
        }
    }

    void stop(milliseconds bound) {
        if (std::exchange(stopped_, true)) return;
        if (threads_.empty()) return;
        const auto deadline = steady_clock::now() + bound;
        drain(deadline, &Worker::connections_under_way);
        close_listeners();
        drain(deadline, &Worker::open_connections);
        for (auto& worker : workers_) worker->close_all();
        for (auto& worker : workers_) worker->finish();
        for (auto& thread : threads_) thread.join();
    }

private:
    struct Listener {
        explicit Listener(asio::io_context& context) : acceptor(context), pause(context) {}
        asio::basic_socket_acceptor<tcp, asio::io_context::executor_type> acceptor;
        asio::steady_timer pause;
        bool loopback{};
    };

    Worker& first() { return *workers_.front(); }

    // Takes turns: connections are many and alike.
    void accept(Listener& listener) {
        // A connection taken just before the listener closed may be worked off only after.
        if (!listener.acceptor.is_open()) return;
        auto& worker = *workers_[next_++ % workers_.size()];
        listener.acceptor.async_accept(
            worker.context(), [this, &listener, &worker](error_code error, Worker::Socket socket) {
                if (error == asio::error::operation_aborted) return;
                if (error) return accept_later(listener);
                shared_->metrics.accepted.fetch_add(1, std::memory_order_relaxed);
                worker.adopt(std::move(socket), listener.loopback);
                accept(listener);
            });
    }

    void accept_later(Listener& listener) {
        listener.pause.expires_after(accept_pause);
        listener.pause.async_wait([this, &listener](error_code error) {
            if (!error) accept(listener);
        });
    }

    // On their own thread, and done when this returns.
    void close_listeners() {
        std::promise<void> closed;
        asio::post(first().context(), [&] {
            for (auto& listener : listeners_) {
                error_code ignored;
                listener->acceptor.close(ignored);
                listener->pause.cancel();
            }
            closed.set_value();
        });
        closed.get_future().wait();
    }

    // Until none is left of those that `counted` counts.
    void drain(steady_clock::time_point deadline, std::size_t (Worker::*counted)() const) {
        for (auto& worker : workers_) worker->drain();
        const auto any_left = [&] {
            return std::any_of(workers_.begin(), workers_.end(),
                               [&](const auto& worker) { return ((*worker).*counted)() != 0; });
        };
        while (steady_clock::now() < deadline && any_left()) {
            std::this_thread::sleep_for(milliseconds(2));
        }
    }

    std::shared_ptr<ServerShared> shared_;
    std::vector<std::shared_ptr<Worker>> workers_{};
    std::vector<std::unique_ptr<Listener>> listeners_{};
    std::vector<std::thread> threads_{};
    std::size_t next_{};
    bool stopped_{};
};

Server::Server(Gateway& gateway, ServerOptions options)
    : impl_(std::make_unique<Impl>(gateway, std::move(options))) {}
Server::~Server() = default;

Result<std::uint16_t, Server::ListenError> Server::listen(const std::string& host,
                                                          std::uint16_t port) {
    return impl_->listen(host, port);
}

void Server::start() { impl_->start(); }
void Server::stop(std::chrono::milliseconds bound) { impl_->stop(bound); }

}  // namespace gavel::api
