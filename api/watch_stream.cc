#include "api/watch_stream.h"

#include <utility>

#include "api/event_text.h"
#include "api/metrics.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using statemachine::Change;
using statemachine::Machine;
using statemachine::Ptr;
using statemachine::Revision;
using std::chrono::steady_clock;

constexpr std::size_t replay_bytes = 64 * 1024;  // Of history, rendered at a time.
constexpr std::size_t piece_changes = 1'024;     // Of history, read at a time.

// A stream of events that catches up first, in its own way, and then is sent each batch as it
// comes. Kept alive by the hub and its call.
class Stream : public WatchHub::Watcher, public std::enable_shared_from_this<Stream> {
public:
    explicit Stream(NewStream& given)
        : call_(std::move(given.call)),
          filter_(std::move(given.filter)),
          place_(std::move(given.place)) {}

    void start(NewStream given) {
        auto self = shared_from_this();
        Response head = stream_head();
        head.applied = given.applied;
        hub().add(filter_, self, std::move(given.attention));
        call_->start_stream(std::move(head), {.on_gone = [self] { self->leave(); },
                                              .on_drained = [self] { self->on_drained(); }});
        last_bookmark_ = steady_clock::now();
        if (!given.first.empty()) send(std::move(given.first));
        if (!gone_) begin();
    }

    void on_changes(const Matched& matched) override {
        if (gone_) return;
        if (!has_caught_up()) return meanwhile(matched);
        if (!call_->write_stream(matched.text())) cut();
    }

    void on_tick(steady_clock::time_point now) override {
        if (gone_ || !has_caught_up()) return;
        if (now - last_bookmark_ < call_->services.options.bookmark_interval) return;
        note_bookmark(now);
        bookmark();
    }

    void on_end() override {
        if (gone_) return;
        auto& metrics = call_->services.metrics;
        if (!hub().stopped()) metrics.watches_overrun.fetch_add(1, std::memory_order_relaxed);
        if (has_caught_up()) bookmark();
        if (!gone_) finish();
    }

protected:
    virtual bool has_caught_up() const = 0;
    virtual void begin() = 0;
    // Changes that come before it has caught up.
    virtual void meanwhile(const Matched& matched) = 0;
    // The client has taken all that it was sent.
    virtual void on_drained() = 0;

    const CallPtr& call() const { return call_; }
    const WatchFilter& filter() const { return filter_; }
    bool gone() const { return gone_; }
    HistoryId history_id() const { return call_->services.gateway.history_id(); }

    void note_bookmark(steady_clock::time_point at) { last_bookmark_ = at; }
    void send(std::string text) { send(std::make_shared<const std::string>(std::move(text))); }
    void send(std::shared_ptr<const std::string> text) {
        if (!call_->write_stream(std::move(text))) cut();
    }

    // Never skipped: what it got is whole up to its last id, where it may resume.
    void cut() {
        if (gone_) return;
        call_->services.metrics.watches_cut.fetch_add(1, std::memory_order_relaxed);
        finish();
    }

    void finish() {
        leave();
        call_->end_stream();
    }

private:
    WatchHub& hub() { return call_->services.hub; }

    void bookmark() {
        const Position position{hub().position(), history_id()};
        send(stream_event("bookmark", position_data(position.revision), position));
    }

    void leave() {
        if (std::exchange(gone_, true)) return;
        place_.reset();
        hub().remove(this);
    }

    CallPtr call_;
    WatchFilter filter_;
    std::shared_ptr<void> place_;
    steady_clock::time_point last_bookmark_{};
    bool gone_{};
};

// Catches up with the history: the next piece is read when the client has taken the last one.
class HistoryStream final : public Stream {
public:
    HistoryStream(NewStream& given, HistoryPiece piece) : Stream(given), piece_(std::move(piece)) {}

private:
    bool has_caught_up() const override { return piece_.is_last && next_ >= piece_.changes.size(); }
    void begin() override { go_on(); }
    void on_drained() override { go_on(); }

    // What comes before the last piece was read is in a piece; what comes behind it is kept until
    // that one has been sent.
    void meanwhile(const Matched& matched) override {
        if (!piece_.is_last) return;
        kept_bytes_ += matched.text()->size();
        if (kept_bytes_ > call()->services.options.stream_bytes_max) return cut();
        kept_.push_back(matched.text());
    }

    // Renders the next piece of the history: whole revisions, for a piece may be the last one sent.
    void go_on() {
        if (gone() || reading_ || has_caught_up()) return;
        std::string text;
        while (next_ < piece_.changes.size() && text.size() < replay_bytes) {
            text += *Matched(select(filter(), {piece_.changes[next_++]}), history_id()).text();
        }
        // Of a piece that shows nothing no drain follows.
        const bool shows = !text.empty();
        if (shows) send(std::move(text));
        if (gone() || next_ < piece_.changes.size()) return;
        piece_.changes = {};
        next_ = 0;
        if (!piece_.is_last) return shows ? void() : read_on();
        for (const auto& piece : std::exchange(kept_, {})) {
            if (!gone()) send(piece);
        }
        kept_bytes_ = 0;
    }

    void read_on() {
        reading_ = true;
        auto self = std::static_pointer_cast<HistoryStream>(shared_from_this());
        query(
            call(), {.stale = true, .timeout = call()->services.options.request_timeout},
            [after = piece_.through](const Machine& state) {
                return HistoryPiece::read(state, after);
            },
            [self](const CallPtr& back, HistoryPiece piece, Revision applied) {
                self->reading_ = false;
                // Positions that come next are not before the end of this piece.
                back->services.hub.advance(applied);
                if (piece.compacted) return self->cut();
                self->piece_ = std::move(piece);
                self->go_on();
            },
            [self](const CallPtr&, Failure) {
                if (!self->gone()) self->finish();
            });
    }

    HistoryPiece piece_;
    std::size_t next_{};  // In the changes of piece_.
    bool reading_{};
    std::vector<std::shared_ptr<const std::string>> kept_{};
    std::size_t kept_bytes_{};
};

// Catches up with what is there: the next piece is read when the client has taken the last one.
class SnapshotStream final : public Stream {
public:
    SnapshotStream(NewStream& given, std::shared_ptr<const Snapshot> snapshot,
                   const Snapshot::Piece& piece)
        : Stream(given),
          snapshot_(std::move(snapshot)),
          first_(piece),
          first_applied_(given.applied) {}

private:
    bool has_caught_up() const override { return snapshot_ == nullptr; }
    void begin() override { take(std::exchange(first_, {}), first_applied_); }

    void on_drained() override {
        if (gone() || has_caught_up() || std::exchange(reading_, true)) return;
        auto self = std::static_pointer_cast<SnapshotStream>(shared_from_this());
        query(
            call(), {.stale = true, .timeout = call()->services.options.request_timeout},
            [snapshot = snapshot_, from = at_](const Machine& state) {
                return snapshot->read(state, from);
            },
            [self](const CallPtr& back, const Snapshot::Piece& piece, Revision applied) {
                self->reading_ = false;
                // Positions that come next are not before the one that closes it.
                back->services.hub.advance(applied);
                self->take(piece, applied);
            },
            // Without a position: whoever comes back begins anew.
            [self](const CallPtr&, Failure) {
                if (!self->gone()) self->finish();
            });
    }

    void take(const Snapshot::Piece& piece, Revision applied) {
        if (gone()) return;
        std::string text;
        for (const auto& event : piece.events) text += snapshot_event(event);
        at_ = piece.next;
        if (piece.is_last()) {
            snapshot_ = nullptr;
            JsonWriter json;
            json.open('{').number("revision", applied).flag("snapshot", true).close('}');
            text += stream_event("bookmark", json.take(), Position{applied, history_id()});
            note_bookmark(steady_clock::now());
        }
        // A piece that shows nothing, of free locks only, goes unnoticed, and no drain follows it.
        if (text.empty()) return on_drained();
        send(std::move(text));
    }

    void meanwhile(const Matched& matched) override {
        std::string text;
        for (const auto* event : matched.events()) {
            if (snapshot_->has_passed(at_, event->body)) text += snapshot_event(*event);
        }
        if (!text.empty()) send(std::move(text));
    }

    std::shared_ptr<const Snapshot> snapshot_;  // Null: it has been sent.
    Snapshot::Piece first_;
    Revision first_applied_;
    Snapshot::Place at_{};
    bool reading_{};
};

}  // namespace

Response stream_head() {
    Response head;
    head.add("Content-Type", "text/event-stream").add("Cache-Control", "no-store");
    // Some proxies hold a response back to fill a buffer.
    head.add("X-Accel-Buffering", "no");
    return head;
}

std::string position_data(Revision revision) {
    JsonWriter json;
    return json.open('{').number("revision", revision).close('}').take();
}

HistoryPiece HistoryPiece::read(const Machine& state, Revision after) {
    HistoryPiece piece{.through = state.applied(), .is_last = true};
    piece.compacted = after < state.globals().history_floor;
    if (piece.compacted) return piece;
    piece.changes = state.history(after, piece_changes);
    if (piece.changes.size() == piece_changes) {
        piece.through = piece.changes.back()->revision;
        piece.is_last = false;
    }
    return piece;
}

void begin_stream(NewStream stream, HistoryPiece piece) {
    auto made = std::make_shared<HistoryStream>(stream, std::move(piece));
    made->start(std::move(stream));
}

void begin_stream(NewStream stream, std::shared_ptr<const Snapshot> snapshot,
                  const Snapshot::Piece& piece) {
    auto made = std::make_shared<SnapshotStream>(stream, std::move(snapshot), piece);
    made->start(std::move(stream));
}

}  // namespace gavel::api
