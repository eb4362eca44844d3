#include "cli/client.h"

#include <poll.h>

#include <algorithm>

#include "base/invariant.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds first_pause{50};
constexpr milliseconds longest_pause{1000};

HttpRequest request_of(const Call& call, const std::string& request_id) {
    HttpRequest request{.method = call.method,
                        .target = call.target,
                        .headers = call.headers,
                        .body = call.body,
                        .time_limit = call.attempt_limit};
    request.headers.emplace_back("X-Request-Id", request_id);
    if (!call.body.empty() || call.method == "PUT") {
        request.headers.emplace_back("Content-Type", call.content_type);
    }
    return request;
}

const char* code_of(HttpFailure::Kind kind) {
    switch (kind) {
        case HttpFailure::Kind::refused:
            return "refused";
        case HttpFailure::Kind::timed_out:
            return "timed-out";
        case HttpFailure::Kind::interrupted:
            return "interrupted";
        case HttpFailure::Kind::broken:
            break;
    }
    return "unreachable";
}

Call with_key(const Call& call) {
    Call keyed = call;
    const bool has_key =
        std::any_of(call.headers.begin(), call.headers.end(),
                    [](const auto& header) { return header.first == "Idempotency-Key"; });
    if (call.needs_key && !has_key) keyed.headers.emplace_back("Idempotency-Key", random_id());
    return keyed;
}

}  // namespace

Client::Client(std::vector<Endpoint> endpoints, int interrupt_fd)
    : endpoints_(std::move(endpoints)), interrupt_fd_(interrupt_fd), http_(interrupt_fd) {
    invariant(!endpoints_.empty(), "a client has at least one endpoint");
}

Result<HttpResponse, Failure> Client::call(const Call& call) {
    const auto deadline = Clock::now() + call.patience;
    Call keyed = with_key(call);
    std::size_t refused_in_a_row = 0;
    milliseconds pause_length = first_pause;
    for (std::size_t attempts = 1;; ++attempts) {
        auto answer = attempt(keyed);
        if (answer || !answer.error().retryable) return answer;

        refused_in_a_row = answer.error().code == "refused" ? refused_in_a_row + 1 : 0;
        if (refused_in_a_row == endpoints_.size()) {
            Failure failure = answer.error();
            failure.code = "unreachable";
            return failure;
        }
        // The other endpoints are asked at once; a pause comes after each round of all of them.
        const bool round_done = attempts % endpoints_.size() == 0;
        const auto next = Clock::now() + (round_done ? pause_length : milliseconds{0});
        if (next >= deadline) {
            Failure failure = answer.error();
            failure.out_of_patience = true;
            return failure;
        }
        if (round_done) {
            if (!pause(pause_length)) return Failure{.code = "interrupted"};
            pause_length = std::min(pause_length * 2, longest_pause);
        }
        const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        keyed.attempt_limit = std::clamp(left, milliseconds{1}, call.attempt_limit);
    }
}

Result<HttpResponse, Failure> Client::attempt(const Call& call) {
    const std::string request_id = random_id();
    return judge(http_.send(endpoints_[present_], request_of(with_key(call), request_id)),
                 request_id);
}

Result<HttpResponse, Failure> Client::stream(
    const Call& call, const std::function<bool(std::string_view)>& on_piece) {
    const std::string request_id = random_id();
    return judge(http_.stream(endpoints_[present_], request_of(call, request_id), on_piece),
                 request_id);
}

void Client::use_next_endpoint() { present_ = (present_ + 1) % endpoints_.size(); }

bool Client::pause(milliseconds duration) const {
    pollfd interrupt{.fd = interrupt_fd_, .events = POLLIN, .revents = 0};
    return ::poll(&interrupt, 1, static_cast<int>(duration.count())) <= 0;
}

Result<HttpResponse, Failure> Client::judge(Result<HttpResponse, HttpFailure> answer,
                                            const std::string& request_id) {
    if (answer && answer->status < 400) return *std::move(answer);
    if (answer) {
        Failure failure = failure_of(*answer);
        if (failure.request_id.empty()) failure.request_id = request_id;
        if (failure.retryable) use_next_endpoint();
        return failure;
    }

    const auto& [kind, message] = answer.error();
    const std::string url = endpoints_[present_].url();
    if (kind == HttpFailure::Kind::interrupted) return Failure{.code = code_of(kind)};
    use_next_endpoint();
    return Failure{.code = code_of(kind),
                   .detail = url + ": " + message,
                   .request_id = request_id,
                   .retryable = true};
}

}  // namespace gavel::cli
