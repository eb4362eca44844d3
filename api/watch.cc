#include <utility>

#include "api/durations.h"
#include "api/event_text.h"
#include "api/key_response.h"
#include "api/names.h"
#include "api/resources.h"
#include "api/watch_stream.h"

namespace gavel::api {
namespace {

using statemachine::Change;
using statemachine::Event;
using statemachine::KeyValue;
using statemachine::Machine;
using statemachine::Ptr;
using statemachine::Revision;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t poll_events_max = 1'000;  // In one answer of a long poll, about.

struct WatchRequest {
    WatchFilter filter{};
    std::optional<Position> since{};  // None: from now on.
    bool resumed{};                   // By Last-Event-ID: an EventSource that lost its connection.
    std::optional<milliseconds> wait{};          // A long poll instead of a stream.
    std::shared_ptr<const Snapshot> snapshot{};  // What is there is to come first.
    WatchHub::Attention attention{};
    std::shared_ptr<void> place{};  // Of a stream, among the bounded number of them.

    Revision revision() const { return since ? since->revision : 0; }
};

// What a watch starts from, copied out of the state.
struct Start {
    Revision applied{};
    Revision floor{};
    bool foreign{};        // `since` counts in another history.
    HistoryPiece piece{};  // What came above `since`.
    std::optional<Snapshot::Piece> there{};

    bool is_broken() const { return piece.compacted || foreign; }
};

// On the core thread.
Start start_at(const Machine& state, const WatchRequest& asked, HistoryId history) {
    Start start{.applied = state.applied(), .floor = state.globals().history_floor};
    start.foreign = asked.since && asked.since->contradicts(history);
    start.piece =
        HistoryPiece::read(state, asked.since && !start.foreign ? asked.revision() : start.applied);
    if (asked.snapshot != nullptr && (!asked.since || start.is_broken())) {
        start.there = asked.snapshot->read(state, {});
    }
    return start;
}

std::optional<Problem> read_names(const Call& call, std::string_view parameter,
                                  std::vector<std::string>& into) {
    into = call.parameters.all(parameter);
    for (const auto& name : into) {
        const auto unfit = parameter == "key" ? check_name(name) : check_prefix(name);
        if (unfit) return bad_parameter(parameter, unfit->why);
    }
    return std::nullopt;
}

Result<WatchRequest, Problem> parse_watch(const Call& call) {
    WatchRequest asked;
    auto& filter = asked.filter;
    if (auto problem = read_names(call, "prefix", filter.prefixes)) return *std::move(problem);
    if (auto problem = read_names(call, "key", filter.keys)) return *std::move(problem);
    if (auto problem = read_names(call, "locks", filter.locks)) return *std::move(problem);
    const auto members = call.parameters.flag("members");
    if (!members) return members.error();
    filter.members = *members;
    if (filter == WatchFilter{}) {
        return bad_parameter("prefix",
                             "or key, locks or members is needed; prefix= watches every key");
    }
    if (const auto* since = call.parameters.find("since")) {
        asked.since = parse_position(*since);
        if (!asked.since) return bad_parameter("since", "is neither a revision nor an event's id");
    }
    const auto wait = call.parameters.duration("wait", call.services.options.wait_max);
    if (!wait) return wait.error();
    asked.wait = *wait;
    const auto* last = call.request.header("last-event-id");
    if (last != nullptr && !last->empty()) {
        asked.since = parse_position(*last);
        if (!asked.since) {
            return Problem{ProblemCode::bad_header, "Last-Event-ID is none that was given out"};
        }
        asked.resumed = true;
    }
    const auto snapshot = call.parameters.flag("snapshot");
    if (!snapshot) return snapshot.error();
    if (*snapshot && (asked.wait || call.parameters.find("since") != nullptr)) {
        return bad_parameter("snapshot", "goes with a stream, and without since or wait");
    }
    if (*snapshot) asked.snapshot = std::make_shared<const Snapshot>(filter);
    return asked;
}

Problem broken(const Start& start) {
    const auto oldest = std::to_string(start.floor);
    const std::string members =
        ",\"oldest_revision\":" + oldest + ",\"revision\":" + std::to_string(start.applied);
    if (start.foreign) {
        return {ProblemCode::other_cluster,
                "since counts the changes of another cluster, or of this one before it was made "
                "anew",
                members};
    }
    return {ProblemCode::compacted, "changes are kept since revision " + oldest + " only", members};
}

// Answers with the first batch that holds something for it, or when its time is up.
class OnceWatcher : public WatchHub::Watcher, public std::enable_shared_from_this<OnceWatcher> {
public:
    using Answer = std::function<Response(const Call& call, const Matched* matched)>;

    OnceWatcher(CallPtr call, Answer answer, std::shared_ptr<void> place)
        : call_(std::move(call)), answer_(std::move(answer)), place_(std::move(place)) {}

    void start(const WatchFilter& filter, milliseconds wait, WatchHub::Attention attention) {
        call_->services.hub.add(filter, shared_from_this(), std::move(attention));
        timer_ = call_->services.mailbox.after(wait, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->finish(nullptr);
        });
    }

    void on_changes(const Matched& matched) override { finish(&matched); }
    void on_tick(steady_clock::time_point) override {}
    void on_end() override { finish(nullptr); }

private:
    void finish(const Matched* matched) {
        const auto self = shared_from_this();  // The hub's may be the last one.
        if (std::exchange(done_, true)) return;
        call_->services.hub.remove(this);
        timer_.reset();
        place_.reset();
        call_->respond(answer_(*call_, matched));
    }

    CallPtr call_;
    Answer answer_;
    std::shared_ptr<void> place_;
    Timer timer_{};
    bool done_{};
};

// Whole revisions, so that `since` is a place to go on from; the rest is had by asking again.
Response poll_response(const std::vector<const Event*>& events, Position position) {
    JsonWriter json;
    json.open('{').key("events").open('[');
    std::size_t count = 0;
    for (const auto* event : events) {
        if (count >= poll_events_max && event->revision != events[count - 1]->revision) break;
        write_event(json, *event);
        ++count;
    }
    if (count < events.size()) position.revision = events[count - 1]->revision;
    json.close(']').number("since", position.revision).text("position", to_string(position));
    return json_response(200, json.close('}').take());
}

// A stream that ends is opened again by the EventSource, with the same Last-Event-ID; by any other
// code than 200 it is told to give up.
void come_again(const CallPtr& call) {
    call->start_stream(stream_head(), {});
    call->write_stream(std::make_shared<const std::string>("retry: 1000\n\n"));
    call->end_stream();
}

void stopping(const CallPtr& call, const WatchRequest& asked) {
    if (asked.resumed) return come_again(call);
    respond(call, {ProblemCode::shutting_down, "the member is stopping; ask another member"});
}

// The place among waiting requests, or none with the answer given.
std::shared_ptr<void> place_among(Places& places, const CallPtr& call) {
    if (call->services.hub.stopped()) {
        respond(call, {ProblemCode::shutting_down, "the member is stopping; ask another member"});
        return nullptr;
    }
    auto place = places.take();
    if (place == nullptr) {
        respond(call, {ProblemCode::overloaded, "as many requests wait here as may"});
    }
    return place;
}

void ask(const CallPtr& call, WatchRequest asked);

void start_poll(const CallPtr& call, const WatchRequest& asked, const Start& start) {
    if (start.is_broken()) return respond(call, broken(start));
    const auto events = select(asked.filter, start.piece.changes);
    const Position position{start.piece.through, call->services.gateway.history_id()};
    if (!events.empty()) return call->respond(poll_response(events, position));
    if (!start.piece.is_last) {
        WatchRequest rest = asked;
        rest.since = position;
        return ask(call, std::move(rest));
    }
    if (asked.wait->count() == 0) return call->respond(poll_response(events, position));
    auto place = place_among(call->services.waits, call);
    if (place == nullptr) return;
    const auto answer = [](const Call& back, const Matched* matched) {
        return poll_response(matched != nullptr ? matched->events() : std::vector<const Event*>(),
                             {back.services.hub.position(), back.services.gateway.history_id()});
    };
    std::make_shared<OnceWatcher>(call, answer, std::move(place))
        ->start(asked.filter, *asked.wait, asked.attention);
}

void start_stream(const CallPtr& call, const WatchRequest& asked, const Start& start) {
    std::string first;
    if (start.is_broken() && !asked.resumed) return respond(call, broken(start));
    if (call->request.method == Method::head) return call->respond(stream_head());
    const Position position{start.applied, call->services.gateway.history_id()};
    if (start.is_broken()) {
        // An EventSource gives up on other codes than 200, so it is told in the stream.
        JsonWriter json;
        json.open('{').number("revision", start.applied);
        json.number("oldest_revision", start.floor);
        json.text("reason", start.foreign ? "other-cluster" : "compacted").close('}');
        // What is there comes next, and only then is there a position to come back to.
        const auto id = start.there ? std::nullopt : std::optional(position);
        first = stream_event("reset", json.take(), id);
    } else if (!asked.since && !start.there) {
        first = stream_event("bookmark", position_data(start.applied), position);
    }
    if (call->services.hub.stopped()) return stopping(call, asked);
    NewStream stream{.call = call,
                     .filter = asked.filter,
                     .place = asked.place,
                     .attention = asked.attention,
                     .applied = start.applied,
                     .first = std::move(first)};
    if (start.there) return begin_stream(std::move(stream), asked.snapshot, *start.there);
    begin_stream(std::move(stream), start.piece);
}

// Most likely this member has not come as far as `since` in time.
void not_there_yet(const CallPtr& call, const WatchRequest& asked, Failure failure) {
    if (asked.resumed && !asked.wait) return come_again(call);
    if (!asked.wait || failure.kind != Failure::Kind::timed_out) {
        return respond(call, to_problem(failure, false));
    }
    call->respond(poll_response({}, asked.since.value_or(Position{})));
}

void ask(const CallPtr& call, WatchRequest asked) {
    auto& gateway = call->services.gateway;
    // What counts in another history is nothing to wait for.
    const bool counts = asked.since && !asked.since->contradicts(gateway.history_id());
    const ReadOptions options{
        // What is there is to be what is there now; who resumes has seen it.
        .stale = asked.snapshot == nullptr || counts,
        .min_revision = counts ? asked.revision() : 0,
        .timeout = asked.wait.value_or(call->services.options.request_timeout)};
    query(
        call, options,
        [asked, &gateway](const Machine& state) {
            return start_at(state, asked, gateway.history_id());
        },
        [asked](const CallPtr& back, const Start& start, Revision applied) {
            back->services.hub.advance(applied);
            if (asked.wait) return start_poll(back, asked, start);
            start_stream(back, asked, start);
        },
        [asked](const CallPtr& back, Failure failure) { not_there_yet(back, asked, failure); });
}

}  // namespace

void watch(const CallPtr& call) {
    auto parsed = parse_watch(*call);
    if (!parsed) return respond(call, parsed.error());
    WatchRequest& asked = *parsed;
    // Before it costs the core anything. A poll that finds something does not wait.
    if (!asked.wait && call->request.method != Method::head) {
        if (call->services.hub.stopped()) return stopping(call, asked);
        asked.place = place_among(call->services.watches, call);
        if (asked.place == nullptr) return;
    }
    asked.attention = call->services.hub.attend();
    ask(call, std::move(asked));
}

void wait_for_key(const CallPtr& call, ReadOptions options, milliseconds wait) {
    const auto conditions = key_conditions(*call);
    if (!conditions) return respond(call, conditions.error());
    query(
        call, options, [call](const Machine& state) { return state.key(call->name); },
        [conditions = *conditions, wait, attention = call->services.hub.attend()](
            const CallPtr& back, const Ptr<KeyValue>& value, Revision applied) {
            back->services.hub.advance(applied);
            Response now = key_response(*back, value, conditions);
            now.applied = applied;
            if (now.status != 304) return back->respond(std::move(now));
            auto place = place_among(back->services.waits, back);
            if (place == nullptr) return;
            const auto answer = [conditions, now](const Call& asker, const Matched* matched) {
                if (matched == nullptr) return now;
                const auto& latest = matched->events().back()->body;
                const auto* put = std::get_if<statemachine::KeyPutEvent>(&latest);
                return key_response(asker, put != nullptr ? put->value : nullptr, conditions);
            };
            std::make_shared<OnceWatcher>(back, answer, std::move(place))
                ->start(WatchFilter{.keys = {back->name}}, wait, attention);
        },
        [](const CallPtr& back, Failure failure) { respond(back, to_problem(failure, false)); });
}

}  // namespace gavel::api
