#include "cli/failure.h"

#include <nlohmann/json.hpp>

#include "cli/text.h"

namespace gavel::cli {

namespace {

std::string text_member(const nlohmann::json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Whether it is trouble of one member or of a moment. That a lock is held or a limit reached may
// pass as well, but it is the cluster's answer, which no other member betters.
bool may_pass(const Failure& failure, const nlohmann::json& problem) {
    if (failure.status < 500 && failure.status != 408) return false;
    // No call of ours does harm when it is sent twice (see Call).
    if (failure.code == "outcome-unknown") return true;
    // A proxy in between, or a server that is not Gavel's.
    if (!problem.is_object()) return failure.status == 502 || failure.status == 503;
    const auto retryable = problem.find("retryable");
    return retryable != problem.end() && retryable->is_boolean() && retryable->get<bool>();
}

}  // namespace

Failure failure_of(const HttpResponse& response) {
    Failure failure{.status = response.status, .body = response.body};
    const auto problem = nlohmann::json::parse(response.body, nullptr, false);
    if (problem.is_object()) {
        failure.code = text_member(problem, "code");
        failure.detail = text_member(problem, "detail");
        if (failure.detail.empty()) failure.detail = text_member(problem, "title");
        failure.request_id = text_member(problem, "request_id");
    }
    failure.retryable = may_pass(failure, problem);
    if (failure.code.empty()) failure.code = "http-" + std::to_string(response.status);
    if (failure.request_id.empty()) failure.request_id = response.header("x-request-id");
    return failure;
}

std::string describe(const Failure& failure) {
    std::string line = failure.code;
    if (!failure.detail.empty()) line += ": " + failure.detail;
    if (!failure.request_id.empty()) line += " (request " + failure.request_id + ")";
    return printable(line);
}

}  // namespace gavel::cli
