#include "api/router.h"

#include <algorithm>
#include <array>
#include <optional>

#include "api/door.h"
#include "api/names.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using Capture = Route::Capture;

constexpr std::string_view reads[] = {"consistency", "min_revision"};
constexpr std::string_view pages[] = {"consistency", "min_revision", "limit", "cursor"};
constexpr std::string_view locks_list[] = {"consistency", "min_revision", "limit", "cursor",
                                           "prefix"};
constexpr std::string_view keys_list[] = {"consistency", "min_revision", "limit",   "cursor",
                                          "prefix",      "keys_only",    "revision"};
constexpr std::string_view key_history[] = {"consistency", "min_revision", "limit", "cursor",
                                            "key",         "from",         "to"};
constexpr std::string_view trials[] = {"dry_run"};
constexpr std::string_view acquire[] = {"wait", "ttl"};
constexpr std::string_view release[] = {"session", "token", "force", "reason", "author"};
constexpr std::string_view explain[] = {"consistency", "min_revision", "token", "session"};
constexpr std::string_view key_read[] = {"consistency", "min_revision", "meta", "wait", "revision"};
constexpr std::string_view key_put[] = {"session"};
constexpr std::string_view key_remove[] = {"recursive"};
constexpr std::string_view watches[] = {"prefix", "key",      "locks", "members",
                                        "since",  "snapshot", "wait"};
constexpr std::string_view watches_many[] = {"prefix", "key", "locks"};
constexpr std::string_view changes[] = {"dry_run", "force", "epoch"};
constexpr std::string_view forced[] = {"force"};
constexpr std::string_view schema_set[] = {"check", "force"};
constexpr std::string_view probes[] = {"verbose"};

constexpr Method get = Method::get, put = Method::put, post = Method::post, remove = Method::remove;

// The most frequent first.
constexpr std::array table{
    Route{get, "/v1/config/", Capture::rest, "", "key", key_read, {}, false, get_key},
    Route{put, "/v1/config/", Capture::rest, "", "key", key_put, {}, true, put_key},
    Route{put, "/v1/locks/", Capture::rest, "", "name", acquire, {}, true, acquire_lock},
    Route{remove, "/v1/locks/", Capture::rest, "", "name", release, {}, false, release_lock},
    Route{get, "/v1/locks/", Capture::rest, "", "name", explain, {}, false, explain_lock},
    Route{remove, "/v1/config/", Capture::rest, "", "key", key_remove, {}, false, delete_key},
    Route{post, "/v1/transactions", Capture::none, "", "", {}, {}, true, transact},
    Route{post,
          "/v1/sessions/",
          Capture::segment,
          "/keepalive",
          "id",
          {},
          {},
          false,
          keep_session_alive},
    Route{post, "/v1/sessions", Capture::none, "", "", {}, {}, true, open_session},
    Route{get, "/v1/sessions", Capture::none, "", "", pages, {}, false, list_sessions},
    Route{get, "/v1/sessions/", Capture::segment, "", "id", reads, {}, false, get_session},
    Route{remove, "/v1/sessions/", Capture::segment, "", "id", {}, {}, false, end_session},
    Route{get, "/v1/locks", Capture::none, "", "", locks_list, {}, false, list_locks},
    Route{post, "/v1/locks", Capture::none, "", "", {}, {}, true, acquire_locks},
    Route{get, "/v1/config", Capture::none, "", "", keys_list, {}, false, list_keys},
    Route{get, "/v1/history", Capture::none, "", "", key_history, {}, false, get_history},
    Route{post, "/v1/rollback", Capture::none, "", "", trials, {}, true, roll_back},
    Route{get, "/v1/watch", Capture::none, "", "", watches, watches_many, false, watch},
    Route{get, "/v1/members", Capture::none, "", "", {}, {}, false, list_members},
    Route{post, "/v1/members", Capture::none, "", "", changes, {}, true, add_member},
    Route{put, "/v1/members", Capture::none, "", "", changes, {}, true, replace_voters},
    Route{get, "/v1/members/", Capture::segment, "", "id", {}, {}, false, get_member},
    Route{remove, "/v1/members/", Capture::segment, "", "id", changes, {}, false, remove_member},
    Route{post,
          "/v1/members/",
          Capture::segment,
          "/promote",
          "id",
          changes,
          {},
          false,
          promote_member},
    Route{
        post, "/v1/members/", Capture::segment, "/demote", "id", changes, {}, false, demote_member},
    Route{post, "/v1/leader", Capture::none, "", "", forced, {}, true, hand_leadership_over},
    Route{get, "/v1/backup", Capture::none, "", "", reads, {}, false, get_backup},
    Route{get, "/v1/schemas", Capture::none, "", "", reads, {}, false, list_schemas},
    Route{get, "/v1/schemas/", Capture::prefix, "", "prefix", reads, {}, false, get_schema},
    Route{put, "/v1/schemas/", Capture::prefix, "", "prefix", schema_set, {}, true, set_schema},
    Route{remove, "/v1/schemas/", Capture::prefix, "", "prefix", {}, {}, false, remove_schema},
    Route{get, "/v1/quotas", Capture::none, "", "", reads, {}, false, list_quotas},
    Route{put, "/v1/quotas", Capture::none, "", "", {}, {}, true, set_quota},
    Route{remove, "/v1/quotas", Capture::none, "", "", {}, {}, false, remove_quota},
    Route{put, "/v1/quotas/", Capture::prefix, "", "prefix", {}, {}, true, set_quota},
    Route{remove, "/v1/quotas/", Capture::prefix, "", "prefix", {}, {}, false, remove_quota},
    Route{get, "/v1/status", Capture::none, "", "", {}, {}, false, get_status},
    Route{get, "/livez", Capture::none, "", "", probes, {}, false, get_livez},
    Route{get, "/readyz", Capture::none, "", "", probes, {}, false, get_readyz},
    Route{get, "/metrics", Capture::none, "", "", {}, {}, false, get_metrics},
    Route{get, "/openapi.yaml", Capture::none, "", "", {}, {}, false, get_openapi_yaml},
    Route{get, "/openapi.json", Capture::none, "", "", {}, {}, false, get_openapi_json},
};

// The captured part of `path`, still encoded; empty for a route without one. None: no match.
std::optional<std::string_view> match(const Route& route, std::string_view path) {
    if (route.capture == Capture::none) {
        return path == route.path ? std::optional(std::string_view()) : std::nullopt;
    }
    if (!path.starts_with(route.path)) return std::nullopt;
    path.remove_prefix(route.path.size());
    if (route.capture == Capture::rest || route.capture == Capture::prefix) return path;
    if (!path.ends_with(route.tail)) return std::nullopt;
    path.remove_suffix(route.tail.size());
    if (path.empty() || path.find('/') != std::string_view::npos) return std::nullopt;
    return path;
}

// "GET, HEAD, PUT, OPTIONS": what the table has for this path, or for any when it is "*" (RFC 9110,
// section 9.3.7); empty: nothing.
std::string allowed(std::string_view path) {
    std::string methods;
    for (const auto& route : table) {
        if (path != "*" && !match(route, path)) continue;
        const auto method = to_string(route.method);
        if (methods.find(method) != std::string::npos) continue;
        methods.append(method).append(", ");
        if (route.method == get) methods += "HEAD, ";
    }
    if (!methods.empty()) methods += "OPTIONS";
    return methods;
}

void refuse_path(const CallPtr& call) {
    const auto methods = allowed(call->request.path());
    if (methods.empty()) {
        return respond(call, {ProblemCode::not_found, "GET /openapi.json tells what there is"});
    }
    if (call->request.method == Method::options) {
        Response response;
        response.status = 204;
        response.add("Allow", methods);
        if (!listed_origin(call->request, call->services.options.origins).empty()) {
            answer_preflight(methods, response);
        }
        return call->respond(std::move(response));
    }
    respond(call, {.code = ProblemCode::method_not_allowed,
                   .detail = "allowed here: " + methods,
                   .fields = "Allow: " + methods + "\r\n"});
}

// Whether a list of codings (RFC 9110, section 8.4) leaves the body as it is.
bool is_identity(std::string_view codings) {
    constexpr std::string_view blanks = " \t";
    while (!codings.empty()) {
        const auto end = std::min(codings.find(','), codings.size());
        auto coding = codings.substr(0, end);
        codings.remove_prefix(std::min(end + 1, codings.size()));
        coding.remove_prefix(std::min(coding.find_first_not_of(blanks), coding.size()));
        coding = coding.substr(0, coding.find_last_not_of(blanks) + 1);
        if (!coding.empty() && lower(coding) != "identity") return false;
    }
    return true;
}

// What every route demands. A problem, or the call is ready for its resource.
std::optional<Problem> prepare(Call& call, const Route& route, std::string_view captured) {
    if (route.capture == Capture::rest || route.capture == Capture::prefix) {
        auto name =
            route.capture == Capture::rest ? decode_name(captured) : decode_prefix(captured);
        if (!name) {
            return Problem{ProblemCode::bad_name,
                           std::string(route.called) + ": " + name.error().why};
        }
        call.name = *std::move(name);
    } else if (route.capture == Capture::segment) {
        call.name = captured;
    }
    auto parameters = Parameters::parse(call.request.query(), route.parameters, route.repeatable);
    if (!parameters) return parameters.error();
    call.parameters = *std::move(parameters);
    if (!route.takes_body && !call.request.body.empty()) {
        return Problem{ProblemCode::malformed_body, "this request takes no body"};
    }
    // Stored, it would come back without its Content-Encoding.
    const auto* codings = call.request.header("content-encoding");
    if (route.takes_body && codings != nullptr && !is_identity(*codings)) {
        return Problem{.code = ProblemCode::unsupported_encoding,
                       .detail = "a body is taken as it is, without a Content-Encoding",
                       .fields = "Accept-Encoding: identity\r\n"};
    }
    return std::nullopt;
}

}  // namespace

std::string Route::template_text() const {
    if (capture == Capture::none) return std::string(path);
    return std::string(path) + '{' + std::string(called) + '}' + std::string(tail);
}

std::span<const Route> routes() { return table; }

void dispatch(const CallPtr& call) {
    const auto method = call->request.method == Method::head ? Method::get : call->request.method;
    const auto path = call->request.path();
    call->route = table.size();
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table[i].method != method) continue;
        const auto captured = match(table[i], path);
        if (!captured) continue;
        call->route = i;
        if (const auto problem = prepare(*call, table[i], *captured)) {
            return respond(call, *problem);
        }
        return table[i].handle(call);
    }
    refuse_path(call);
}

}  // namespace gavel::api
