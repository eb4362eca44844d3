#include "cli/lock_wait.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/api_call.h"
#include "cli/duration.h"
#include "cli/endpoint.h"
#include "cli/holders.h"
#include "cli/render.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Kind = LockWaitEnd::Kind;

// The longest wait that the API takes. It is never used up while we live, since the request is
// repeated before; if we die, the session ends first.
constexpr milliseconds longest_wait = std::chrono::minutes{10};
constexpr milliseconds answer_time{3000};
constexpr milliseconds account_time{1000};  // For what is good to know, and no more.
constexpr milliseconds first_pause{50};
constexpr milliseconds longest_pause{1000};

std::string held_sentence(const LockWait& wait, const Failure& failure) {
    const auto problem = nlohmann::json::parse(failure.body, nullptr, false);
    std::string sentence = "waiting for " + wait.lock;
    if (!problem.is_object()) return sentence;
    for (const auto& holder : problem.value("holders", nlohmann::json::array())) {
        const std::string name = text_of(holder, "session_name");
        sentence += ", held by " + text_of(holder, "session");
        if (!name.empty()) sentence += " (" + name + ")";
    }
    const std::uint64_t count = problem.value("holder_count", std::uint64_t{0});
    if (count > 1) sentence += " and " + std::to_string(count - 1) + " more";
    return sentence;
}

LockWaitEnd read_grant(const HttpResponse& answer) {
    const auto grant = nlohmann::json::parse(answer.body, nullptr, false);
    if (grant.is_object() && grant.contains("token") && grant["token"].is_number_unsigned()) {
        return {.kind = Kind::granted, .token = grant["token"].get<std::uint64_t>()};
    }
    return {.kind = Kind::failed,
            .failure = {.status = answer.status,
                        .code = "bad-answer",
                        .detail = "the answer has no token",
                        .request_id = std::string(answer.header("x-request-id"))}};
}

Call acquire_call(const LockWait& wait, milliseconds how_long) {
    nlohmann::json body{{"session", wait.session}};
    if (wait.shared) body["mode"] = "shared";
    if (wait.limit) body["limit"] = *wait.limit;
    return {.method = "PUT",
            .target = "/v1/locks/" + encode_path(wait.lock) + "?wait=" + format_duration(how_long),
            .body = body.dump(),
            .attempt_limit = std::min(wait.poll, how_long + answer_time)};
}

// What an attempt without a grant means; nothing: try again.
std::optional<LockWaitEnd> judge(const LockWait& wait, const Failure& failure) {
    if (failure.code == "interrupted") return LockWaitEnd{.kind = Kind::interrupted};
    if (failure.code == "session-not-found") return LockWaitEnd{.kind = Kind::session_ended};
    if (failure.code == "lock-held") {
        if (wait.no_wait) return LockWaitEnd{.kind = Kind::busy, .failure = failure};
        return std::nullopt;
    }
    if (failure.retryable && !wait.no_wait) return std::nullopt;
    return LockWaitEnd{.kind = Kind::failed, .failure = failure};
}

}  // namespace

LockWaitEnd wait_for_lock(Client& client, const LockWait& wait,
                          const std::function<void(const std::string&)>& on_held) {
    milliseconds how_long{0};  // The first attempt does not queue: it tells who holds the lock.
    milliseconds pause = first_pause;
    bool told = false;
    bool to_deadline = false;
    for (;;) {
        const Call call = acquire_call(wait, how_long);
        const auto answer = wait.no_wait ? client.call(call) : client.attempt(call);
        if (answer) return read_grant(*answer);
        const Failure& failure = answer.error();
        if (const auto end = judge(wait, failure)) return *end;

        const bool held = failure.code == "lock-held";
        if (held && !told) on_held(held_sentence(wait, failure));
        told = told || held;
        // The wait is over where the lock is kept, perhaps a moment before it is over by our clock.
        // The session that ends with its last wait is gone with it: there is nothing to ask again.
        if (held && to_deadline) return {.kind = Kind::timed_out, .failure = failure};
        how_long = longest_wait;
        if (wait.deadline) {
            const auto left = std::chrono::ceil<milliseconds>(*wait.deadline - Clock::now());
            if (left.count() <= 0) return {.kind = Kind::timed_out, .failure = failure};
            to_deadline = left <= how_long;
            how_long = std::min(how_long, left);
        }
        if (held || failure.code == "timed-out") {
            pause = first_pause;
        } else {
            if (!client.pause(std::min(pause, how_long))) return {.kind = Kind::interrupted};
            pause = std::min(pause * 2, longest_pause);
        }
    }
}

std::string account_of_holders(Client& client, const std::string& lock, const Failure& refusal) {
    const auto told = nlohmann::json::parse(refusal.body, nullptr, false);
    const std::string account = holders_account(told);
    if (account.empty()) return {};

    const auto shown = call_json(client, {.target = "/v1/locks/" + encode_path(lock),
                                          .attempt_limit = account_time,
                                          .patience = account_time});
    // Whoever has it by now is not the one that stood in the way.
    const auto first = [](const nlohmann::json& holders) {
        return text_of(holders.at("holders").at(0), "session");
    };
    const bool same = shown && !holders_account(*shown).empty() && first(*shown) == first(told);
    return same ? holders_account(*shown) : account;
}

}  // namespace gavel::cli
