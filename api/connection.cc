#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <optional>
#include <utility>

#include "api/door.h"
#include "api/request_parser.h"
#include "api/response_head.h"
#include "api/router.h"
#include "api/worker.h"

namespace gavel::api {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr std::size_t input_bytes_idle = 1'024;    // Of a connection that waits for a request.
constexpr std::size_t input_bytes_streaming = 15;  // That the client has gone is all to be read.
constexpr std::size_t input_bytes_body = 16'384;   // While a body comes in.
constexpr std::size_t output_bytes_kept = 4'096;
constexpr std::size_t pieces_at_once = 32;  // Of a stream, in one write.
constexpr std::size_t linger_bytes_max = 4 << 20;

// What a stream needs of the transport below it. A TLS stream adds its own overloads.
void configure(Worker::Socket& socket) {
    error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}
void shut_down_sending(Worker::Socket& socket) {
    error_code ignored;
    socket.shutdown(asio::socket_base::shutdown_send, ignored);
}
void close_now(Worker::Socket& socket) {
    error_code ignored;
    socket.close(ignored);
}

// One client's connection: reads a request, has it answered, writes the answer, and so on; requests
// that are sent ahead wait their turn. It is also the Call of the request that it is at.
//
// On its worker's thread. Kept alive by the worker, by the operation under way, and by whoever owes
// the answer.
template <class Stream>
class StreamConnection final : public Call, public Connection {
public:
    StreamConnection(std::shared_ptr<Worker> worker, Stream stream, bool loopback,
                     std::shared_ptr<void> place)
        : Call(worker->services()),
          worker_(std::move(worker)),
          stream_(std::move(stream)),
          loopback_(loopback),
          place_(std::move(place)) {}

    // Connection.
    void start() override {
        configure(stream_);
        if (place_ == nullptr) return turn_away();
        // A first request is read even when the server stops: a probe is to learn just that.
        set_deadline(services.options.idle_time);
        read();
    }

    void sweep(steady_clock::time_point now) override {
        if (now >= deadline_) return on_deadline();
        // A wait that goes on: find out if the client has gone. Short ones need not ask.
        if (phase_ == Phase::handling && filled_ == 0) read();
    }

    void drain() override {
        if (phase_ == Phase::reading && parser_ == nullptr && filled_ == 0) return close();
        if (phase_ == Phase::handling && waiting != nullptr) {
            fail({ProblemCode::shutting_down,
                  "the wait is over here; ask another member, the place in the queue is kept"});
        }
    }

    void close() override {
        if (std::exchange(phase_, Phase::closed) == Phase::closed) return;
        close_now(stream_);
        if (streaming_ != nullptr) {
            auto gone = std::move(streaming_->events.on_gone);
            streaming_->events = {};
            if (gone) worker_->post(std::move(gone));
        }
        place_.reset();
        waiting.reset();
        worker_->remove(this);
    }

    // Call.
    void respond(Response response) override {
        if (phase_ != Phase::handling) return;
        phase_ = Phase::writing;
        waiting.reset();
        note(response.status);
        closing_ = closing_ || response.close || !request.keep_alive || worker_->draining();
        output_.clear();
        append_head(output_, response, common(response, false));
        shared_output_ = {};
        const bool has_body = request.method != Method::head && !response.content().empty() &&
                              response.status != 304 && response.status != 204;
        if (has_body && response.shared_body.size() > output_bytes_kept) {
            shared_output_ = response.shared_body;
        } else if (has_body) {
            output_ += response.content();
        }
        write();
    }

    void start_stream(Response head, StreamEvents events) override {
        if (phase_ != Phase::handling) {
            if (events.on_gone) worker_->post(std::move(events.on_gone));
            return;
        }
        phase_ = Phase::streaming;
        deadline_ = steady_clock::time_point::max();
        note(head.status);
        closing_ = true;
        streaming_ = std::make_unique<Streaming>();
        streaming_->events = std::move(events);
        auto text = std::make_shared<std::string>();
        append_head(*text, head, common(head, true));
        streaming_->bytes += text->size();
        streaming_->queue.push_back(std::move(text));
        flush();
        let_go_of_request();
        if (filled_ == 0) read();
    }

    bool write_stream(std::shared_ptr<const std::string> piece) override {
        if (phase_ != Phase::streaming || streaming_->ending) return false;
        if (streaming_->bytes > services.options.stream_bytes_max) return false;
        streaming_->bytes += piece->size();
        streaming_->queue.push_back(std::move(piece));
        flush();
        return true;
    }

    void end_stream() override {
        if (phase_ != Phase::streaming) return;
        streaming_->ending = true;
        flush();
    }

private:
    enum class Phase : std::uint8_t { reading, handling, writing, streaming, lingering, closed };

    struct Streaming {
        StreamEvents events{};
        std::vector<std::shared_ptr<const std::string>> queue{};
        std::vector<std::shared_ptr<const std::string>> leaving{};  // In the write under way.
        std::size_t bytes{};                                        // Of both.
        bool ending{};
    };

    std::shared_ptr<StreamConnection> self() {
        return std::static_pointer_cast<StreamConnection>(shared_from_this());
    }

    void set_deadline(std::chrono::milliseconds time) { deadline_ = steady_clock::now() + time; }

    // --- Reading ---

    void next_request() {
        phase_ = Phase::reading;
        parser_.reset();
        continued_ = false;
        if (filled_ == 0) {
            if (worker_->draining()) return close();
            give_back_room();
            set_deadline(services.options.idle_time);
            return read();
        }
        parse();
    }

    // An idle connection holds little.
    void give_back_room() {
        if (output_.capacity() > output_bytes_kept) output_ = {};
        if (!reading_ && input_.size() > input_bytes_idle) input_ = {};
    }

    // Streams are many and long, and nothing more is asked on this connection.
    void let_go_of_request() {
        request.target = {};
        request.headers = {};
        request.body = {};
        parameters = {};
        output_ = {};
        if (reading_ || filled_ != 0) return;
        input_ = {};
        input_.resize(input_bytes_streaming);
        input_.shrink_to_fit();
    }

    void read() {
        if (reading_) return;
        if (filled_ == input_.size()) {
            const auto least = parser_ != nullptr && parser_->header_complete() ? input_bytes_body
                                                                                : input_bytes_idle;
            input_.resize(std::max(least, 2 * input_.size()));
        }
        reading_ = true;
        stream_.async_read_some(
            asio::buffer(input_.data() + filled_, input_.size() - filled_),
            [me = self()](error_code error, std::size_t count) { me->on_read(error, count); });
    }

    void on_read(error_code error, std::size_t count) {
        reading_ = false;
        if (phase_ == Phase::closed) return;
        // No more is sent, but an answer may yet be read.
        if (error == asio::error::eof && phase_ == Phase::reading && parser_ != nullptr) {
            return refuse_part({ProblemCode::malformed_request, "the request ends too early"});
        }
        // Whoever closes while an answer is owed has gone: nobody is left to be told.
        if (error) return close();
        services.metrics.bytes_in.fetch_add(count, std::memory_order_relaxed);
        if (phase_ == Phase::lingering) {
            lingered_ += count;
            return lingered_ > linger_bytes_max ? close() : read();
        }
        if (phase_ == Phase::streaming) return read();  // Nothing more is asked on this connection.
        filled_ += count;
        if (phase_ == Phase::reading) parse();
    }

    void parse() {
        const auto& options = services.options;
        if (parser_ == nullptr) {
            parser_ =
                std::make_unique<RequestParser>(options.header_bytes_max, options.body_bytes_max);
            set_deadline(options.header_time);
        }
        const bool in_header = !parser_->header_complete();
        const auto taken = parser_->feed({input_.data(), filled_});
        filled_ -= taken;
        if (taken > 0 && filled_ > 0) std::memmove(input_.data(), input_.data() + taken, filled_);
        if (parser_->state() == RequestParser::State::failed)
            return refuse_part(parser_->problem());
        if (parser_->state() == RequestParser::State::complete) return handle();
        if (in_header && parser_->header_complete()) set_deadline(options.body_time);
        if (parser_->wants_continue() && !std::exchange(continued_, true)) return say_continue();
        read();
    }

    void say_continue() {
        static constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
        asio::async_write(stream_, asio::buffer(text),
                          [me = self()](error_code error, std::size_t) {
                              if (me->phase_ == Phase::closed) return;
                              if (error) return me->close();
                              me->read();
                          });
    }

    // --- Handling ---

    void begin() {
        started_ = steady_clock::now();
        phase_ = Phase::handling;
        deadline_ = steady_clock::time_point::max();
        name.clear();
        waiting.reset();
        route = routes().size();
        const auto given = given_request_id(request);
        request_id = given.empty() ? worker_->make_request_id() : std::string(given);
    }

    void handle() {
        request = parser_->take();
        parser_.reset();
        begin();
        if (const auto problem = refuse(request, door_rules())) {
            return respond(to_response(*problem, request_id));
        }
        dispatch(shared_from_this());
    }

    DoorRules door_rules() const {
        return {loopback_, services.options.hosts, services.options.origins};
    }

    void fail(const Problem& problem) {
        auto response = to_response(problem, request_id);
        response.close = true;
        respond(std::move(response));
    }

    // What was sent cannot be understood, or is too much, or not all: where the next request starts
    // is not known, so the connection ends with the answer.
    void refuse_part(const Problem& problem) {
        request = parser_->take();
        parser_.reset();
        begin();
        fail(problem);
    }

    void turn_away() {
        services.metrics.refused.fetch_add(1, std::memory_order_relaxed);
        begin();
        fail({ProblemCode::overloaded, "too many connections"});
    }

    void on_deadline() {
        if (phase_ == Phase::reading && parser_ != nullptr) {
            return refuse_part({ProblemCode::request_timeout, "the request did not come in time"});
        }
        close();
    }

    CommonFields common(const Response& response, bool streamed) {
        const auto applied = services.gateway.applied();
        const auto& origins = services.options.origins;
        return {.date = worker_->date(),
                .request_id = request_id,
                .applied = std::max(applied, response.applied),
                .leader = services.gateway.leader(),
                .http_1_0 = request.http_1_0,
                .keep_alive = !closing_,
                .streamed = streamed,
                .origin = listed_origin(request, origins),
                .depends_on_origin = !origins.empty()};
    }

    void note(unsigned status) {
        const auto took = steady_clock::now() - started_;
        services.metrics.count(route, status, took);
        const auto& log = services.options.access_log;
        if (!log) return;
        const auto* trace = request.header("traceparent");
        log({.method = to_string(request.method),
             .target = request.target,
             .status = status,
             .took = std::chrono::duration_cast<std::chrono::microseconds>(took),
             .request_id = request_id,
             .traceparent = trace != nullptr ? std::string_view(*trace) : std::string_view()});
    }

    // --- Writing ---

    void write() {
        set_deadline(services.options.write_time);
        const std::array<asio::const_buffer, 2> pieces{asio::buffer(output_),
                                                       asio::buffer(shared_output_.view())};
        asio::async_write(stream_, pieces, [me = self()](error_code error, std::size_t count) {
            me->on_written(error, count);
        });
    }

    void on_written(error_code error, std::size_t count) {
        if (phase_ == Phase::closed) return;
        if (error) return close();
        services.metrics.bytes_out.fetch_add(count, std::memory_order_relaxed);
        shared_output_ = {};
        if (closing_) return linger();
        next_request();
    }

    void flush() {
        auto& out = *streaming_;
        if (!out.leaving.empty()) return;
        if (out.queue.empty()) {
            if (out.ending) linger();
            return;
        }
        const auto count = std::min(out.queue.size(), pieces_at_once);
        const auto end = out.queue.begin() + static_cast<std::ptrdiff_t>(count);
        std::vector<asio::const_buffer> buffers;
        buffers.reserve(count);
        for (auto at = out.queue.begin(); at != end; ++at) {
            buffers.push_back(asio::buffer(**at));
            out.leaving.push_back(std::move(*at));
        }
        out.queue.erase(out.queue.begin(), end);
        set_deadline(services.options.write_time);
        asio::async_write(stream_, buffers, [me = self()](error_code error, std::size_t written) {
            me->on_flushed(error, written);
        });
    }

    void on_flushed(error_code error, std::size_t count) {
        if (phase_ == Phase::closed) return;
        if (error) return close();
        services.metrics.bytes_out.fetch_add(count, std::memory_order_relaxed);
        streaming_->leaving.clear();
        streaming_->bytes -= count;
        deadline_ = steady_clock::time_point::max();
        if (!streaming_->queue.empty() || streaming_->ending) return flush();
        // Taken out while it runs, for it may end the stream or close the connection.
        auto drained = std::exchange(streaming_->events.on_drained, {});
        if (!drained) return;
        drained();
        if (phase_ == Phase::streaming) streaming_->events.on_drained = std::move(drained);
    }

    // Closing while the client still sends would reset the connection and could take the answer
    // with it; so what comes is read and dropped for a while.
    void linger() {
        if (streaming_ != nullptr) {
            auto gone = std::move(streaming_->events.on_gone);
            streaming_->events = {};
            if (gone) worker_->post(std::move(gone));
        }
        phase_ = Phase::lingering;
        set_deadline(services.options.linger_time);
        shut_down_sending(stream_);
        filled_ = 0;
        read();
    }

    std::shared_ptr<Worker> worker_;  // Before the stream, which needs its loop to the end.
    Stream stream_;
    bool loopback_;
    bool reading_{};    // A read is under way; it may be ahead of its time.
    bool closing_{};    // The connection ends with the present answer.
    bool continued_{};  // 100 was sent for the present request.
    Phase phase_{Phase::reading};
    std::shared_ptr<void> place_;  // Among the bounded number of connections.
    std::unique_ptr<RequestParser> parser_{};
    std::string input_{};  // Its first `filled_` bytes are not parsed yet.
    std::size_t filled_{};
    std::size_t lingered_{};
    std::string output_{};
    Bytes shared_output_{};
    std::unique_ptr<Streaming> streaming_{};
    steady_clock::time_point deadline_ = steady_clock::time_point::max();
    steady_clock::time_point started_{};
};

}  // namespace

std::shared_ptr<Connection> make_connection(std::shared_ptr<Worker> worker, Worker::Socket socket,
                                            bool loopback, std::shared_ptr<void> place) {
    return std::make_shared<StreamConnection<Worker::Socket>>(std::move(worker), std::move(socket),
                                                              loopback, std::move(place));
}

}  // namespace gavel::api
