#pragma once

#include <string>

#include "cli/http_client.h"

namespace gavel::cli {

// Why a call to the cluster did not do what was asked, in the server's words where it gave any
// (RFC 9457 problem+json), else in ours.
struct Failure {
    int status = 0;  // Of HTTP; 0 when no server answered.
    std::string
        code{};  // The server's slug, or "refused", "unreachable", "timed-out", "interrupted".
    std::string detail{};
    std::string request_id{};
    bool retryable = false;  // Another attempt, perhaps at another endpoint, may do better at once.
    bool out_of_patience = false;  // A later attempt might have succeeded, but time was up.
    std::string body{};            // The whole problem, for the members that only some codes have.
};

Failure failure_of(const HttpResponse& response);

// "lock-held: the lock is held by s12 (request 4f1c…)": one line, without control characters.
std::string describe(const Failure& failure);

}  // namespace gavel::cli
