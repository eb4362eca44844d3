#include "api/resources.h"

#include <chrono>

#include "api/durations.h"
#include "api/json.h"
#include "api/judged.h"
#include "api/names.h"
#include "base/hash.h"
#include "statemachine/limits.h"

namespace gavel::api {
namespace {

constexpr std::uint64_t page_default = 100;
constexpr std::uint64_t page_max = 1'000;

// The same key may come again only with the same request: method, target, body, and those fields
// of the head that say what is to be done and on which condition. A write that was done under one
// fencing token must not be taken for one under another.
std::uint64_t fingerprint(const Request& request, std::string_view body) {
    const auto method = static_cast<std::uint64_t>(request.method) + 1;
    std::uint64_t hash = hash64(body, hash64(request.target, method));
    for (const char* name : {"content-type", "gavel-lock", "if-match", "if-none-match"}) {
        const auto* value = request.header(name);
        if (value != nullptr) hash = hash64(*value, hash64(name, hash));
    }
    return hash;
}

bool is_visible_ascii(std::string_view text) {
    for (const char c : text) {
        if (c < '!' || c > '~') return false;
    }
    return true;
}

// Of a put, the body has become the command's value.
std::string_view body_of(const Request& request, const statemachine::Command& command) {
    const auto* put = std::get_if<statemachine::PutKey>(&command);
    return put != nullptr ? put->value.view() : std::string_view(request.body);
}

// What may stand in a query but would end a Link's <…> is encoded.
std::string& append_uri(std::string& link, std::string_view text) {
    for (const char c : text) {
        if (c == '<' || c == '>' || c == '"' || static_cast<unsigned char>(c) > 0x7E) {
            link += percent_encode_path(std::string_view(&c, 1));
        } else {
            link += c;
        }
    }
    return link;
}

Problem foreign_cursor() { return bad_parameter("cursor", "is none that was given out"); }

Result<std::size_t, Problem> limit_of(const Call& call) {
    const auto limit = call.parameters.number("limit");
    if (!limit) return limit.error();
    const auto count = limit->value_or(page_default);
    if (count == 0 || count > page_max) {
        return bad_parameter("limit", "is 1 to " + std::to_string(page_max));
    }
    return static_cast<std::size_t>(count);
}

void submit(const CallPtr& call, Submission submission, Finish finish) {
    submission.timeout = call->services.options.request_timeout;
    if (call->waiting != nullptr) submission.asker = call->waiting;
    const bool has_key = submission.idempotency.has_value();
    auto& gateway = call->services.gateway;
    gateway.submit(std::move(submission),
                   [call, finish = std::move(finish), has_key](SubmitResult result) mutable {
                       auto& mailbox = call->services.mailbox;
                       mailbox.post([call = std::move(call), finish = std::move(finish), has_key,
                                     result = std::move(result)] {
                           if (const auto* failure = std::get_if<Failure>(&result)) {
                               return respond(call, to_problem(*failure, has_key));
                           }
                           finish(call, std::get<Executed>(result));
                       });
                   });
}

}  // namespace

Response problem_response(const Call& call, const Problem& problem) {
    return to_response(problem, call.request_id);
}

void respond(const CallPtr& call, const Problem& problem) {
    call->respond(problem_response(*call, problem));
}

std::optional<Problem> bad_idempotency_key(const Call& call) {
    const auto* key = call.request.header("idempotency-key");
    if (key == nullptr ||
        (!key->empty() && key->size() <= statemachine::idempotency_key_bytes_max &&
         is_visible_ascii(*key))) {
        return std::nullopt;
    }
    return Problem{ProblemCode::bad_header, "Idempotency-Key is 1 to 255 visible ASCII characters"};
}

namespace {

constexpr unsigned judged_again_max = 8;

void submit(const CallPtr& call, statemachine::Command command, Finish finish) {
    Submission submission;
    const auto* key = call->request.header("idempotency-key");
    if (key != nullptr) {
        submission.idempotency = {*key,
                                  fingerprint(call->request, body_of(call->request, command))};
    }
    submission.command = std::move(command);

    submit(call, std::move(submission), std::move(finish));
}

// A command that puts something, to be judged and proposed again while schemas change.
struct Judged {
    statemachine::Command command{};
    Finish finish{};
    Deadline deadline{};
    unsigned tries = judged_again_max;
};

bool is_roll_back(const statemachine::Command& command) {
    return std::holds_alternative<statemachine::RollBack>(command);
}

void submit_judged(const CallPtr& call, const std::shared_ptr<Judged>& judged);

// It may have been done before, under the same Idempotency-Key, when another schema governed: then
// that is the answer. It is not done now, for by no schema was it found to fit.
void refuse_judged(const CallPtr& call, const std::shared_ptr<Judged>& judged, Problem problem) {
    if (call->request.header("idempotency-key") == nullptr) return respond(call, problem);
    make_unfit(judged->command);
    submit(call, judged->command,
           [judged, problem = std::move(problem)](const CallPtr& back, const Executed& executed) {
               if (std::holds_alternative<statemachine::SchemaChanged>(executed.outcome)) {
                   return respond(back, problem);
               }
               judged->finish(back, executed);
           });
}

// What a rollback brings back is found out first.
void judge_roll_back(const CallPtr& call, const std::shared_ptr<Judged>& judged) {
    auto& command = std::get<statemachine::RollBack>(judged->command);
    query(
        call, ReadOptions{.timeout = call->services.options.request_timeout},
        [command](const statemachine::Machine& state) { return state.plan(command); },
        [judged](const CallPtr& back, const statemachine::RollBackPlan& plan, std::uint64_t) {
            judge(back, plan, judged->deadline,
                  [judged](const CallPtr& after, const RestoredVerdict& verdict) {
                      if (verdict.problem) return refuse_judged(after, judged, *verdict.problem);
                      std::get<statemachine::RollBack>(judged->command).judged = verdict.judged;
                      submit_judged(after, judged);
                  });
        },
        [](const CallPtr& back, Failure failure) { respond(back, to_problem(failure, false)); });
}

// Said to be unfit by a state that others may be ahead of: that is no answer yet.
void look_again(const CallPtr& call, const std::shared_ptr<Judged>& judged) {
    query(
        call, ReadOptions{.timeout = call->services.options.request_timeout},
        [](const statemachine::Machine&) { return 0; },
        [judged](const CallPtr& back, int, std::uint64_t) {
            if (auto problem = judge(*back, judged->command)) {
                return refuse_judged(back, judged, *std::move(problem));
            }
            submit_judged(back, judged);
        },
        [](const CallPtr& back, Failure failure) { respond(back, to_problem(failure, false)); });
}

void submit_judged(const CallPtr& call, const std::shared_ptr<Judged>& judged) {
    submit(call, judged->command, [judged](const CallPtr& back, const Executed& executed) {
        if (!std::holds_alternative<statemachine::SchemaChanged>(executed.outcome)) {
            return judged->finish(back, executed);
        }
        const bool is_late = std::chrono::steady_clock::now() >= judged->deadline;
        if (is_late || judged->tries-- == 0) return respond(back, to_problem(executed.outcome));
        if (is_roll_back(judged->command)) return judge_roll_back(back, judged);
        // What changed is known here by now: the command was executed here.
        if (judge(*back, judged->command)) return look_again(back, judged);
        submit_judged(back, judged);
    });
}

}  // namespace

void execute(const CallPtr& call, statemachine::Command command, Finish finish) {
    if (const auto problem = bad_idempotency_key(*call)) return respond(call, *problem);
    const bool rolls_back = is_roll_back(command);
    if (!rolls_back && puts_of(command).empty()) {
        return submit(call, std::move(command), std::move(finish));
    }
    const auto deadline = std::chrono::steady_clock::now() + call->services.options.request_timeout;
    const auto judged =
        std::make_shared<Judged>(Judged{std::move(command), std::move(finish), deadline});
    if (rolls_back && call->services.gateway.schemas()) return judge_roll_back(call, judged);
    if (judge(*call, judged->command)) return look_again(call, judged);
    submit_judged(call, judged);
}

void execute_again(const CallPtr& call, statemachine::Command command, Finish finish) {
    submit(call, {.command = std::move(command), .idempotency = {}, .timeout = {}},
           std::move(finish));
}

void execute(const CallPtr& call, statemachine::Command command, Render render) {
    execute(call, std::move(command), [render](const CallPtr& back, const Executed& executed) {
        Response response = render(*back, executed);
        response.applied = executed.applied;
        back->respond(std::move(response));
    });
}

void with_leases(const CallPtr& call, std::vector<statemachine::SessionId> sessions,
                 std::function<void(const Leases& leases)> then) {
    if (sessions.empty()) return then({});
    auto done = [call, then = std::move(then)](Leases leases) {
        call->services.mailbox.post([then, leases = std::move(leases)] { then(leases); });
    };
    call->services.gateway.leases(std::move(sessions), call->services.options.lease_patience,
                                  std::move(done));
}

void write_expires_in(JsonWriter& json, const Leases& leases, statemachine::SessionId session) {
    const auto lease = leases.find(session);
    if (lease != leases.end()) json.text("expires_in", format_duration(lease->second));
}

Problem bad_field(std::string_view name, std::string_view why) {
    return {ProblemCode::malformed_body, std::string(name) + ": " + std::string(why)};
}

Result<std::string, Problem> metadata_field(const JsonField& field) {
    if (field.kind != JsonField::Kind::object) return bad_field("metadata", "is not an object");
    if (field.raw.size() > statemachine::metadata_bytes_max) {
        return bad_field("metadata", "is longer than 4096 bytes");
    }
    return std::string(field.raw);
}

Result<std::chrono::milliseconds, Problem> duration_field(const JsonField& field,
                                                          std::chrono::milliseconds least,
                                                          std::chrono::milliseconds most) {
    if (field.kind != JsonField::Kind::text) return bad_field(field.name, "is not a text");
    const auto duration = parse_duration(field.text);
    if (!duration) return bad_field(field.name, "is not a duration such as 15s");
    if (*duration < least || *duration > most) {
        return bad_field(field.name, "is not between " + format_duration(least) + " and " +
                                         format_duration(most));
    }
    return *duration;
}

Result<ReadOptions, Problem> read_options(const Call& call) {
    ReadOptions options;
    options.timeout = call.services.options.request_timeout;
    if (call.parameters.empty()) return options;
    if (const auto* consistency = call.parameters.find("consistency")) {
        if (*consistency != "stale" && *consistency != "linearizable") {
            return bad_parameter("consistency", "is linearizable or stale");
        }
        options.stale = *consistency == "stale";
    }
    const auto revision = call.parameters.number("min_revision");
    if (!revision) return revision.error();
    options.min_revision = revision->value_or(0);
    return options;
}

Result<Note, Problem> note_of(const Call& call) {
    Note note;
    const auto read = [&](std::string_view field, std::string& into) -> std::optional<Problem> {
        const auto* text = call.request.header(lower(field));
        if (text == nullptr) return std::nullopt;
        if (const auto unfit = check_label(*text)) {
            return Problem{ProblemCode::bad_header, std::string(field) + ": " + unfit->why};
        }
        into = *text;
        return std::nullopt;
    };
    if (auto problem = read("Gavel-Author", note.author)) return *std::move(problem);
    if (auto problem = read("Gavel-Reason", note.reason)) return *std::move(problem);
    return note;
}

Result<Page, Problem> page(const Call& call) {
    const auto limit = limit_of(call);
    if (!limit) return limit.error();
    Page page{*limit, {}};
    if (const auto* cursor = call.parameters.find("cursor")) {
        auto after = decode_cursor(*cursor);
        if (!after || check_prefix(*after)) return foreign_cursor();
        page.after = *std::move(after);
    }
    return page;
}

Result<PageAt, Problem> page_at(const Call& call) {
    const auto limit = limit_of(call);
    if (!limit) return limit.error();
    PageAt page{.limit = *limit};
    const auto* cursor = call.parameters.find("cursor");
    if (cursor == nullptr) return page;
    const auto place = decode_cursor(*cursor);
    const auto blank = place ? std::min(place->find(' '), place->size()) : 0;
    if (blank == 0 || blank == place->size()) return foreign_cursor();
    page.revision = parse_number(std::string_view(*place).substr(0, blank));
    page.after = place->substr(blank + 1);
    if (!page.revision || check_prefix(page.after)) return foreign_cursor();
    return page;
}

std::string place_at(statemachine::Revision revision, std::string_view after) {
    return std::to_string(revision).append(" ").append(after);
}

Result<std::string, Problem> prefix_of(const Call& call) {
    const auto* prefix = call.parameters.find("prefix");
    if (prefix == nullptr) return std::string();
    if (const auto unfit = check_prefix(*prefix)) return bad_parameter("prefix", unfit->why);
    return *prefix;
}

Response end_page(JsonWriter& json, const Call& call, std::string_view last) {
    json.close(']');
    if (last.empty()) return json_response(200, json.close('}').take());
    const auto cursor = encode_cursor(last);
    json.text("next_cursor", cursor);
    auto response = json_response(200, json.close('}').take());
    std::string link = "<";
    append_uri(link, call.request.path()) += '?';
    std::string_view rest = call.request.query();
    while (!rest.empty()) {
        const auto part = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
        if (!part.starts_with("cursor=")) append_uri(link, part).append("&");
    }
    link.append("cursor=").append(cursor).append(">; rel=\"next\"");
    response.add("Link", link);
    return response;
}

}  // namespace gavel::api
