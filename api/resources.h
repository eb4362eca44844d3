#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/call.h"
#include "api/json.h"
#include "api/problem.h"
#include "api/query.h"
#include "base/result.h"

// The resources' side of the table of routes, and what they share. Each handler answers its call,
// at once or later, exactly once.
namespace gavel::api {

// sessions.cc
void open_session(const CallPtr& call);
void list_sessions(const CallPtr& call);
void get_session(const CallPtr& call);
void keep_session_alive(const CallPtr& call);
void end_session(const CallPtr& call);

// locks.cc, lock_changes.cc
void acquire_lock(const CallPtr& call);
void acquire_locks(const CallPtr& call);
void release_lock(const CallPtr& call);
void explain_lock(const CallPtr& call);
void list_locks(const CallPtr& call);

// config.cc
void get_key(const CallPtr& call);
void put_key(const CallPtr& call);
void delete_key(const CallPtr& call);

// key_list.cc
void list_keys(const CallPtr& call);

// transactions.cc
void transact(const CallPtr& call);
// history.cc
void get_history(const CallPtr& call);

// rollback.cc
void roll_back(const CallPtr& call);

// schemas.cc
void list_schemas(const CallPtr& call);
void get_schema(const CallPtr& call);
void set_schema(const CallPtr& call);
void remove_schema(const CallPtr& call);

// quotas.cc: of everything, or of the prefix in the path.
void list_quotas(const CallPtr& call);
void set_quota(const CallPtr& call);
void remove_quota(const CallPtr& call);

// watch.cc
void watch(const CallPtr& call);
void wait_for_key(const CallPtr& call, ReadOptions options, std::chrono::milliseconds wait);

// members.cc
void list_members(const CallPtr& call);
void get_member(const CallPtr& call);
std::string_view to_string(statemachine::Role role);
// The number in the path. What is no number at all names no member, and is answered so.
std::optional<statemachine::MemberNumber> member_of(const CallPtr& call);

// member_changes.cc
void add_member(const CallPtr& call);
void replace_voters(const CallPtr& call);
void promote_member(const CallPtr& call);
void demote_member(const CallPtr& call);
void remove_member(const CallPtr& call);

// leader.cc
void hand_leadership_over(const CallPtr& call);

// backup.cc
void get_backup(const CallPtr& call);

// status.cc, metrics.cc, documents.cc
void get_status(const CallPtr& call);
void get_livez(const CallPtr& call);
void get_readyz(const CallPtr& call);
void get_metrics(const CallPtr& call);
void get_openapi_yaml(const CallPtr& call);
void get_openapi_json(const CallPtr& call);

// Shared by the resources (resources.cc).

void respond(const CallPtr& call, const Problem& problem);

// What is wrong with the call's Idempotency-Key. Who answers without `execute` in some cases looks
// at it first, so that it does not depend on the state whether a request is well-formed.
std::optional<Problem> bad_idempotency_key(const Call& call);

// Executes the command, with the call's Idempotency-Key; failures are answered here, and so are
// values that do not fit their schema. `finish` answers for every other outcome, on the HTTP
// thread.
using Finish = std::function<void(const CallPtr& call, const Executed& executed)>;
void execute(const CallPtr& call, statemachine::Command command, Finish finish);
// A further command of a call whose first one was executed: without its Idempotency-Key, which is
// that one's.
void execute_again(const CallPtr& call, statemachine::Command command, Finish finish);
// The same with an answer that is at hand once the outcome is.
using Render = Response (*)(const Call& call, const Executed& executed);
void execute(const CallPtr& call, statemachine::Command command, Render render);

// `expires_in`, when it is known of this session.
void write_expires_in(JsonWriter& json, const Leases& leases, statemachine::SessionId session);

// Who changes something and why, as the header fields Gavel-Author and Gavel-Reason say: nobody
// has checked it.
struct Note {
    std::string author{};
    std::string reason{};
};
Result<Note, Problem> note_of(const Call& call);

Problem bad_field(std::string_view name, std::string_view why);
// The field "metadata" of a body: a JSON object, kept as it was written.
Result<std::string, Problem> metadata_field(const JsonField& field);

// A field of a body that is a duration from `least` to `most`.
Result<std::chrono::milliseconds, Problem> duration_field(const JsonField& field,
                                                          std::chrono::milliseconds least,
                                                          std::chrono::milliseconds most);

// The consistency, min_revision and timeout that the call's parameters ask for.
Result<ReadOptions, Problem> read_options(const Call& call);

// Reads the state: `take` copies out, on the core thread, what `then` needs, on the HTTP thread.
// `refused` is called instead, also there, when the state could not be read. `then` may start a
// watch: exactly the changes above the slot that the query ran at come after it.
template <class Take, class Then, class Refused>
void query(const CallPtr& call, ReadOptions options, Take take, Then then, Refused refused) {
    call->services.gateway.read(
        options, [call, take, then, refused](const statemachine::Machine* state,
                                             std::optional<Failure> failure) {
            auto& mailbox = call->services.mailbox;
            if (state == nullptr) {
                mailbox.post(
                    [call, refused, why = failure.value_or(Failure{})] { refused(call, why); });
                return;
            }
            mailbox.post_fenced([call, then, taken = take(*state), applied = state->applied()] {
                then(call, taken, applied);
            });
        });
}

// Reads, and answers with what `render` makes of it.
template <class Take, class Render>
void read(const CallPtr& call, ReadOptions options, Take take, Render render) {
    call->services.gateway.read(options, [call, take, render](const statemachine::Machine* state,
                                                              std::optional<Failure> failure) {
        auto& mailbox = call->services.mailbox;
        if (state == nullptr) {
            mailbox.post([call, why = failure.value_or(Failure{})] {
                respond(call, to_problem(why, false));
            });
            return;
        }
        mailbox.post([call, render, taken = take(*state), applied = state->applied()] {
            Response response = render(*call, taken);
            response.applied = applied;
            call->respond(std::move(response));
        });
    });
}
template <class Take, class Render>
void read(const CallPtr& call, Take take, Render render) {
    const auto options = read_options(*call);
    if (!options) return respond(call, options.error());
    read(call, *options, std::move(take), std::move(render));
}

// The same, and `render` is also told the leases of the sessions that `sessions_of` finds in what
// was read: by the leader, after the read. A stale read asks nobody, and is told none.
void with_leases(const CallPtr& call, std::vector<statemachine::SessionId> sessions,
                 std::function<void(const Leases& leases)> then);
template <class Take, class SessionsOf, class Render>
void read_with_leases(const CallPtr& call, Take take, SessionsOf sessions_of, Render render) {
    const auto options = read_options(*call);
    if (!options) return respond(call, options.error());
    query(
        call, *options, std::move(take),
        [sessions_of, render, stale = options->stale](const CallPtr& back, const auto& taken,
                                                      std::uint64_t applied) {
            auto sessions = stale ? std::vector<statemachine::SessionId>() : sessions_of(taken);
            with_leases(back, std::move(sessions),
                        [back, render, taken, applied](const Leases& leases) {
                            Response response = render(*back, taken, leases);
                            response.applied = applied;
                            back->respond(std::move(response));
                        });
        },
        [](const CallPtr& back, Failure failure) { respond(back, to_problem(failure, false)); });
}

// Answers with what `render` makes of the member's status.
void with_status(const CallPtr& call, std::function<Response(const Call&, const Status&)> render);

// Lists: at most this many, after that name; read one more than `limit` to know if there are more.
struct Page {
    std::size_t limit{};
    std::string after{};
};
Result<Page, Problem> page(const Call& call);
// The same for a list whose pages are all read as of one revision: its cursors begin with that.
struct PageAt {
    std::size_t limit{};
    std::string after{};
    std::optional<statemachine::Revision> revision{};  // None: a first page, as of now.
};
Result<PageAt, Problem> page_at(const Call& call);
std::string place_at(statemachine::Revision revision, std::string_view after);
// The prefix that names in the list are to have; empty when none is asked for.
Result<std::string, Problem> prefix_of(const Call& call);
// Ends the list and the document that it stands in. What follows `last` is on the next page; empty:
// there is none.
Response end_page(JsonWriter& json, const Call& call, std::string_view last);

Response problem_response(const Call& call, const Problem& problem);

}  // namespace gavel::api
