#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/gateway.h"
#include "api/http.h"

namespace gavel::api {

// Everything that can be answered instead of what was asked. The slugs and HTTP codes of these
// stand in problem.cc and nowhere else; docs/http-api.md has the table.
enum class ProblemCode : std::uint8_t {
    malformed_request,
    malformed_body,
    bad_parameter,
    unknown_parameter,
    bad_name,
    bad_header,
    unsupported_mode,
    value_not_json,
    origin_not_allowed,
    not_found,
    session_not_found,
    key_not_found,
    member_not_found,
    quota_not_found,
    schema_not_found,
    method_not_allowed,
    request_timeout,
    lock_held,
    deadlock,
    mode_mismatch,
    limit_mismatch,
    already_waiting,
    already_held,
    not_holder,
    stale_token,
    too_much_at_once,
    epoch_mismatch,
    members_refused,
    unsafe_change,
    not_caught_up,
    cannot_lead,
    future_revision,
    schema_conflict,
    compacted,
    other_cluster,
    precondition_failed,
    body_too_large,
    unsupported_encoding,
    header_too_large,
    expectation_failed,
    host_not_allowed,
    idempotency_key_reused,
    rollback_too_large,
    bad_schema,
    schema_violation,
    limit_reached,
    storage_limit_reached,
    quota_exceeded,
    storage_full,
    no_leader,
    schema_changed,
    overloaded,
    shutting_down,
    request_too_old,
    not_ready,
    timed_out,
    outcome_unknown,
    http_version,
};

// RFC 9457.
struct Problem {
    ProblemCode code{};
    std::string detail{};
    std::string members{};  // Further JSON members: ,"name":value…
    std::string fields{};   // Further header fields: "Allow: GET\r\n"
    // Whether sending the same request again may succeed; set for outcome_unknown by who knows
    // whether the request had an Idempotency-Key.
    bool safe_to_repeat{};
};

struct ProblemKind {
    ProblemCode code{};
    unsigned status{};
    std::string_view slug{};
    std::string_view title{};
    bool retryable{};
};
// In the order of ProblemCode.
std::span<const ProblemKind> problem_kinds();

// `request_id` must be fit for JSON text.
Response to_response(const Problem& problem, std::string_view request_id);

Problem to_problem(const Failure& failure, bool has_idempotency_key);
// Of an outcome that is not what the request hoped for. Never called with a success.
Problem to_problem(const statemachine::Outcome& outcome);

// What a key was, or any (empty), is not known before that revision any more.
Problem compacted(std::string_view key, statemachine::Revision oldest);

// "name-taken" and the like; stable.
std::string_view slug(statemachine::MembersRefused::Reason reason);

Response json_response(unsigned status, std::string body);

}  // namespace gavel::api
