#include "cli/failure.h"

#include <nlohmann/json.hpp>

#include "cli/text.h"

namespace gavel::cli {

namespace {

std::string text_member(const nlohmann::json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
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
        const auto retryable = problem.find("retryable");
        failure.retryable =
            retryable != problem.end() && retryable->is_boolean() && retryable->get<bool>();
    } else {
        // A proxy in between, or a server that is not Gavel's.
        failure.retryable = response.status == 502 || response.status == 503;
    }
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
