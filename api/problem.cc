#include "api/problem.h"

#include <array>

#include "api/json.h"
#include "api/names.h"
#include "base/invariant.h"
#include "statemachine/limits.h"

namespace gavel::api {
namespace {

using Code = ProblemCode;

constexpr std::array kinds{
    ProblemKind{Code::malformed_request, 400, "malformed-request", "Not an HTTP request", false},
    ProblemKind{Code::malformed_body, 400, "malformed-body", "The body is not fit", false},
    ProblemKind{Code::bad_parameter, 400, "bad-parameter", "A parameter is not fit", false},
    ProblemKind{Code::unknown_parameter, 400, "unknown-parameter", "Unknown parameter", false},
    ProblemKind{Code::bad_name, 400, "bad-name", "The name is not allowed", false},
    ProblemKind{Code::bad_header, 400, "bad-header", "A header field is not fit", false},
    ProblemKind{Code::unsupported_mode, 400, "unsupported-mode", "Unsupported mode", false},
    ProblemKind{Code::value_not_json, 400, "value-not-json", "The value is not JSON", false},
    ProblemKind{Code::origin_not_allowed, 403, "origin-not-allowed", "Origin not allowed", false},
    ProblemKind{Code::not_found, 404, "not-found", "There is no such resource", false},
    ProblemKind{Code::session_not_found, 404, "session-not-found", "No such session", false},
    ProblemKind{Code::key_not_found, 404, "key-not-found", "No such key", false},
    ProblemKind{Code::member_not_found, 404, "member-not-found", "No such member", false},
    ProblemKind{Code::quota_not_found, 404, "quota-not-found", "No such quota", false},
    ProblemKind{Code::schema_not_found, 404, "schema-not-found", "No such schema", false},
    ProblemKind{Code::method_not_allowed, 405, "method-not-allowed", "Method not allowed", false},
    ProblemKind{Code::request_timeout, 408, "request-timeout", "The request came too slowly", true},
    ProblemKind{Code::lock_held, 409, "lock-held", "The lock is held", true},
    ProblemKind{Code::deadlock, 409, "deadlock", "The wait would never end", false},
    ProblemKind{Code::mode_mismatch, 409, "mode-mismatch", "Held in the other mode", false},
    ProblemKind{Code::limit_mismatch, 409, "limit-mismatch", "Shared under another limit", false},
    ProblemKind{Code::already_waiting, 409, "already-waiting", "Waited for by another request",
                false},
    ProblemKind{Code::already_held, 409, "already-held", "Some of the locks are held already",
                false},
    ProblemKind{Code::not_holder, 409, "not-holder", "Not the holder of the lock", false},
    ProblemKind{Code::stale_token, 409, "stale-token", "The token is not live", false},
    ProblemKind{Code::too_much_at_once, 409, "too-much-at-once", "More than one write may do",
                false},
    ProblemKind{Code::epoch_mismatch, 409, "epoch-mismatch", "The members changed meanwhile", true},
    ProblemKind{Code::members_refused, 409, "members-refused", "Not a possible set of members",
                false},
    ProblemKind{Code::unsafe_change, 409, "unsafe-change", "The change could stop the cluster",
                false},
    ProblemKind{Code::not_caught_up, 409, "not-caught-up", "The member has not caught up", true},
    ProblemKind{Code::cannot_lead, 409, "cannot-lead", "The member cannot lead", false},
    ProblemKind{Code::future_revision, 409, "future-revision", "The revision is yet to come", true},
    ProblemKind{Code::schema_conflict, 409, "schema-conflict",
                "Values that are there do not fit the schema", false},
    ProblemKind{Code::compacted, 410, "compacted", "That history is forgotten", false},
    ProblemKind{Code::other_cluster, 410, "other-cluster", "That history is another cluster's",
                false},
    ProblemKind{Code::precondition_failed, 412, "precondition-failed", "Precondition failed",
                false},
    ProblemKind{Code::body_too_large, 413, "body-too-large", "The body is too large", false},
    ProblemKind{Code::unsupported_encoding, 415, "unsupported-encoding", "Unsupported encoding",
                false},
    ProblemKind{Code::header_too_large, 431, "header-too-large", "The header is too large", false},
    ProblemKind{Code::expectation_failed, 417, "expectation-failed", "Unknown expectation", false},
    ProblemKind{Code::host_not_allowed, 421, "host-not-allowed", "Host not served here", false},
    ProblemKind{Code::idempotency_key_reused, 422, "idempotency-key-reused",
                "The Idempotency-Key was used for another request", false},
    ProblemKind{Code::rollback_too_large, 422, "rollback-too-large", "The rollback is too large",
                false},
    ProblemKind{Code::bad_schema, 422, "bad-schema", "Not a schema that values can be held to",
                false},
    ProblemKind{Code::schema_violation, 422, "schema-violation",
                "The value does not fit its schema", false},
    ProblemKind{Code::limit_reached, 429, "limit-reached", "A limit is reached", true},
    ProblemKind{Code::storage_limit_reached, 507, "storage-limit-reached",
                "The store of keys is full", false},
    ProblemKind{Code::quota_exceeded, 507, "quota-exceeded", "A quota would be exceeded", false},
    ProblemKind{Code::storage_full, 507, "storage-full", "A disk has no room for more", false},
    ProblemKind{Code::no_leader, 503, "no-leader", "There is no leader", true},
    ProblemKind{Code::schema_changed, 503, "schema-changed", "The schema keeps changing", true},
    ProblemKind{Code::overloaded, 503, "overloaded", "Too much at once", true},
    ProblemKind{Code::shutting_down, 503, "shutting-down", "The member is stopping", true},
    ProblemKind{Code::request_too_old, 503, "request-too-old", "The request came too late", true},
    ProblemKind{Code::not_ready, 503, "not-ready", "The member is not ready", true},
    ProblemKind{Code::timed_out, 504, "timed-out", "Not done in time", true},
    ProblemKind{Code::outcome_unknown, 504, "outcome-unknown", "The outcome is not known", false},
    ProblemKind{Code::http_version, 505, "http-version", "HTTP version not served", false},
};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (static_cast<std::size_t>(kinds[i].code) != i) return false;
    }
    return true;
}
static_assert(in_order(), "the table is looked up by position");
static_assert(kinds.size() == static_cast<std::size_t>(Code::http_version) + 1);

template <class... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;  // Clang does not deduce it before version 17.

// Further members of a problem: ,"name":value…
std::string members_of(JsonWriter& object) {
    std::string members = object.close('}').take();
    members.front() = ',';
    members.pop_back();
    return members;
}

Problem held(const statemachine::LockHeld& outcome) {
    const std::uint64_t count = outcome.holder != 0 ? outcome.others + 1 : 0;
    JsonWriter json;
    json.open('{').key("holders").open('[');
    if (outcome.holder != 0) {
        json.open('{').text("session", session_id(outcome.holder));
        json.number("token", outcome.token).close('}');
    }
    json.close(']').number("holder_count", count);
    // None is known of a wait that ended by leaving the queue.
    if (outcome.position != 0) json.number("position", outcome.position);
    if (!outcome.lock.empty()) json.text("lock", outcome.lock);

    std::string detail = outcome.lock.empty() ? "" : outcome.lock + " is ";
    if (outcome.holder != 0) {
        detail += "held by session " + session_id(outcome.holder);
        if (outcome.others > 0) detail += " and " + std::to_string(outcome.others) + " more";
    } else if (outcome.token != 0) {
        detail += "under the lock-delay of a lapsed session";
    } else {
        detail += "free again, or another one's turn";
    }
    return {Code::lock_held, std::move(detail), members_of(json)};
}

// "session s4, which waits for b behind s5, which waits for a behind s4".
Problem deadlocked(const statemachine::Deadlock& outcome) {
    JsonWriter json;
    json.open('{').key("cycle").open('[');
    std::string detail;
    for (const auto& wait : outcome.cycle) {
        json.open('{').text("session", session_id(wait.session)).text("lock", wait.lock);
        json.close('}');
        detail += (detail.empty() ? "session " : " behind ") + session_id(wait.session) +
                  ", which waits for " + wait.lock;
    }
    json.close(']').number("cycle_length", outcome.length);
    if (outcome.length > outcome.cycle.size()) detail += " and so on,";
    if (!outcome.cycle.empty()) detail += " behind " + session_id(outcome.cycle[0].session);
    return {Code::deadlock, std::move(detail), members_of(json)};
}

Problem refused(const statemachine::LockRefused& outcome) {
    using Reason = statemachine::LockRefused::Reason;
    JsonWriter json;
    json.open('{').text("lock", outcome.lock);
    const auto problem = [&](Code code, const std::string& why) {
        return Problem{code, why, members_of(json)};
    };
    switch (outcome.reason) {
        case Reason::mode:
            return problem(Code::mode_mismatch, "the session has " + outcome.lock +
                                                    " in the other mode: release it first");
        case Reason::limit:
            json.number("lock_limit", outcome.limit);
            return problem(Code::limit_mismatch,
                           outcome.limit == 0 ? outcome.lock + " is shared without a limit"
                                              : outcome.lock + " is shared under the limit " +
                                                    std::to_string(outcome.limit));
        case Reason::waiting:
            return problem(Code::already_waiting,
                           "the session waits for " + outcome.lock +
                               " by another request: leave that queue first");
        case Reason::held:
            break;
    }
    return problem(Code::already_held,
                   "the session holds " + outcome.lock + " already, but not all by one grant");
}

std::string why_not(const statemachine::NotHolder& outcome) {
    if (outcome.sharing > 0) {
        return std::to_string(outcome.sharing) + " sessions have that token: name one as well";
    }
    if (outcome.holder == 0) return "nobody holds the lock";
    return "session " + session_id(outcome.holder) + " holds the lock";
}

std::string why(const statemachine::MembersRefused& outcome) {
    using Reason = statemachine::MembersRefused::Reason;
    const std::string member = "member " + std::to_string(outcome.member);
    switch (outcome.reason) {
        case Reason::no_such_member:
            return "there is no " + member;
        case Reason::name_taken:
            return member + " has that name";
        case Reason::address_taken:
            return member + " has that peer address";
        case Reason::registered_otherwise:
            return "this directory was registered as " + member +
                   " under another name or peer address: start it with those, or remove " + member +
                   " and use an empty directory";
        case Reason::no_voter_left:
            return "no voter would be left";
        case Reason::too_many_voters:
            return "there would be more voters than a cluster may have";
        case Reason::too_many_members:
            return "there would be more members than a cluster may have";
        case Reason::too_many_pending:
            return "too many changes do not govern yet";
        case Reason::ids_used_up:
            break;
    }
    return "every member number was given out once";
}

Problem refused(const statemachine::MembersRefused& outcome) {
    if (outcome.reason == statemachine::MembersRefused::Reason::no_such_member) {
        return {Code::member_not_found, why(outcome)};
    }
    return {Code::members_refused, why(outcome),
            ",\"reason\":\"" + std::string(slug(outcome.reason)) + '"'};
}

Problem refused(const statemachine::RollBackRefused& outcome) {
    using Reason = statemachine::RollBackRefused::Reason;
    switch (outcome.reason) {
        case Reason::compacted:
            return compacted(outcome.key, outcome.oldest);
        case Reason::future:
            return {Code::future_revision, "to_revision is yet to come"};
        case Reason::too_many_keys:
            return {Code::rollback_too_large,
                    "it would change more than 10000 keys, or look at more than 100000"};
        case Reason::too_large:
            break;
    }
    return {Code::rollback_too_large, "it would put back more than 4 MiB"};
}

Problem limit(statemachine::LimitReached::What what) {
    using What = statemachine::LimitReached::What;
    const auto problem = [](Code code, std::string_view limit, std::string_view of) {
        return Problem{code, "the cluster holds as many " + std::string(of) + " as it may",
                       ",\"limit\":\"" + std::string(limit) + '"'};
    };
    switch (what) {
        case What::sessions:
            return problem(Code::limit_reached, "sessions", "sessions");
        case What::locks:
            return problem(Code::limit_reached, "locks", "held locks");
        case What::locks_per_session:
            return problem(Code::limit_reached, "locks_per_session", "locks of this session");
        case What::waiters:
            return problem(Code::limit_reached, "waiters", "waiting clients");
        case What::keys:
            return problem(Code::storage_limit_reached, "keys", "keys");
        case What::key_bytes:
            return problem(Code::storage_limit_reached, "key_bytes", "bytes of keys and values");
        case What::keys_per_session:
            return problem(Code::limit_reached, "keys_per_session",
                           "ephemeral keys of this session");
        case What::quotas:
            return problem(Code::limit_reached, "quotas", "quotas");
        case What::schemas:
            return problem(Code::limit_reached, "schemas", "schemas");
        case What::idempotency_keys:
            break;
    }
    return problem(Code::limit_reached, "idempotency_keys", "idempotency keys");
}

Problem too_much(statemachine::TooMuch::What what) {
    const statemachine::Limits limits;
    const auto problem = [](std::string detail, std::string_view limit, std::uint64_t most) {
        return Problem{
            Code::too_much_at_once, std::move(detail),
            ",\"limit\":\"" + std::string(limit) + "\",\"most\":" + std::to_string(most)};
    };
    if (what == statemachine::TooMuch::What::keys_deleted) {
        return problem(
            "there are more than " + std::to_string(limits.deleted_at_once) +
                " keys; delete some of them first, what is below longer names or one by one",
            "keys_deleted", limits.deleted_at_once);
    }
    if (what == statemachine::TooMuch::What::bytes_compared) {
        return problem(
            "the values to compare as JSON have more than 4 MiB; compare their revisions",
            "bytes_compared", limits.compared_at_once);
    }
    return problem("the values to get have more than 4 MiB; get fewer at once", "bytes_got",
                   limits.got_at_once);
}

Problem exceeded(const statemachine::QuotaExceeded& outcome) {
    constexpr std::string_view names[] = {"bytes", "keys", "sessions"};
    const auto name = names[static_cast<std::size_t>(outcome.what)];
    const auto number = [](std::uint64_t value) { return std::to_string(value); };
    const std::string whose =
        outcome.prefix.empty() ? "of everything" : "of the keys under '" + outcome.prefix + "'";
    JsonWriter quota;
    quota.open('{').text("prefix", outcome.prefix).text("what", name);
    quota.number("limit", outcome.limit).number("used", outcome.used);
    quota.number("asked", outcome.more).close('}');
    return {Code::quota_exceeded,
            "the quota " + whose + " is " + number(outcome.limit) + ' ' + std::string(name) + ", " +
                number(outcome.used) + " are in use, and this asks for " + number(outcome.more) +
                " more",
            ",\"quota\":" + quota.take()};
}

}  // namespace

std::span<const ProblemKind> problem_kinds() { return kinds; }

Problem compacted(std::string_view key, statemachine::Revision oldest) {
    JsonWriter json;
    json.open('{').number("oldest_revision", oldest);
    if (!key.empty()) json.text("key", key);
    const auto members = json.take();
    const std::string what =
        key.empty() ? "what the keys were" : "what '" + std::string(key) + "' was";
    return {Code::compacted,
            what + " is known from revision " + std::to_string(oldest) + " on only",
            ',' + members.substr(1)};
}

std::string_view slug(statemachine::MembersRefused::Reason reason) {
    using Reason = statemachine::MembersRefused::Reason;
    switch (reason) {
        case Reason::no_such_member:
            return "no-such-member";
        case Reason::name_taken:
            return "name-taken";
        case Reason::address_taken:
            return "address-taken";
        case Reason::registered_otherwise:
            return "registered-otherwise";
        case Reason::no_voter_left:
            return "no-voter-left";
        case Reason::too_many_voters:
            return "too-many-voters";
        case Reason::too_many_members:
            return "too-many-members";
        case Reason::too_many_pending:
            return "too-many-pending";
        case Reason::ids_used_up:
            break;
    }
    return "ids-used-up";
}

Response json_response(unsigned status, std::string body) {
    Response response;
    response.status = status;
    response.fields = "Content-Type: application/json\r\n";
    response.body = std::move(body);
    return response;
}

Response to_response(const Problem& problem, std::string_view request_id) {
    const auto& kind = kinds[static_cast<std::size_t>(problem.code)];
    const bool retryable = kind.retryable || problem.safe_to_repeat;
    JsonWriter json;
    json.open('{').text("type", "urn:gavel:problem:" + std::string(kind.slug));
    json.text("title", kind.title).number("status", kind.status).text("detail", problem.detail);
    json.text("code", kind.slug).flag("retryable", retryable).text("request_id", request_id);

    Response response;
    response.status = kind.status;
    response.fields = "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n";
    if (kind.status == 503 || kind.status == 429) response.add("Retry-After", "1");
    response.fields += problem.fields;
    response.body = json.take() + problem.members + '}';
    return response;
}

Problem to_problem(const Failure& failure, bool has_idempotency_key) {
    switch (failure.kind) {
        case Failure::Kind::no_leader:
            return {Code::no_leader, "no leader is known; nothing was done"};
        case Failure::Kind::overloaded:
            return {Code::overloaded, "a queue of the member is full; nothing was done"};
        case Failure::Kind::shutting_down:
            return {Code::shutting_down, "the member is stopping; nothing was done"};
        case Failure::Kind::timed_out:
            return {Code::timed_out, "could not be confirmed in time; nothing was changed"};
        case Failure::Kind::outcome_unknown:
            break;
    }
    Problem problem{Code::outcome_unknown,
                    "the write may or may not have been done, or may yet be"};
    problem.detail += has_idempotency_key ? "; send it again with the same Idempotency-Key"
                                          : "; look before you send it again";
    problem.safe_to_repeat = has_idempotency_key;
    return problem;
}

Problem to_problem(const statemachine::Outcome& outcome) {
    using namespace statemachine;
    const auto unexpected = [](const auto&) -> Problem {
        invariant_broken("an outcome fits its command", __FILE__, __LINE__);
    };
    return std::visit(
        Overloaded{[](const SessionNotFound& no) {
                       return Problem{Code::session_not_found, "session " + session_id(no.session) +
                                                                   " has ended or never was"};
                   },
                   [](const LockHeld& no) { return held(no); },
                   [](const LockQueued& no) { return held({.position = no.position}); },
                   [](const NotHolder& no) {
                       return Problem{Code::not_holder, why_not(no)};
                   },
                   [](const KeyNotFound&) {
                       return Problem{Code::key_not_found, "there is no such key"};
                   },
                   [](const PreconditionFailed& no) {
                       return Problem{Code::precondition_failed,
                                      no.present == 0
                                          ? "there is no such key"
                                          : "the key is at revision " + std::to_string(no.present),
                                      ",\"revision\":" + std::to_string(no.present)};
                   },
                   [](const LimitReached& no) { return limit(no.what); },
                   [](const TooMuch& no) { return too_much(no.what); },
                   [](const StaleToken& no) {
                       return Problem{Code::stale_token,
                                      no.live == 0 ? "nobody holds the lock"
                                                   : "the live token is " + std::to_string(no.live),
                                      ",\"token\":" + std::to_string(no.live)};
                   },
                   [](const QuotaExceeded& no) { return exceeded(no); },
                   [](const SchemaChanged&) {
                       return Problem{Code::schema_changed,
                                      "while the value was judged another schema was set, again "
                                      "and again; nothing was done"};
                   },
                   [](const StorageFull&) {
                       return Problem{Code::storage_full,
                                      "the state fills the room that a member's disk has for it; "
                                      "deletes and smaller values still work"};
                   },
                   [](const IdempotencyKeyReused&) {
                       return Problem{Code::idempotency_key_reused,
                                      "method, target or body differ from the first use"};
                   },
                   [](const EpochMismatch& no) {
                       return Problem{Code::epoch_mismatch,
                                      "the members changed meanwhile: the newest epoch is " +
                                          std::to_string(no.present),
                                      ",\"epoch\":" + std::to_string(no.present)};
                   },
                   [](const MembersRefused& no) { return refused(no); },
                   [](const RollBackRefused& no) { return refused(no); },
                   [](const Deadlock& no) { return deadlocked(no); },
                   [](const LockRefused& no) { return refused(no); },
                   [](const RequestTooOld&) {
                       return Problem{Code::request_too_old, "nothing was done; send it again"};
                   },
                   unexpected},
        outcome);
}

}  // namespace gavel::api
