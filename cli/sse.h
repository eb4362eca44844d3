#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gavel::cli {

struct SseEvent {
    std::string type = "message";
    std::string data{};
    std::optional<std::string> id{};  // Only where the event itself carried one.

    friend bool operator==(const SseEvent&, const SseEvent&) = default;
};

// Reads an event stream as WHATWG HTML, section 9.2.6 has it, in whatever pieces it comes.
class SseParser {
public:
    // The events that `piece` completes.
    std::vector<SseEvent> feed(std::string_view piece);

    // True when one event is larger than any server of ours would send.
    bool too_long() const { return line_.size() + event_.data.size() > event_max_bytes; }

private:
    static constexpr std::size_t event_max_bytes = 64U << 20;

    void end_line(std::vector<SseEvent>& events);
    void on_field(std::string_view name, std::string_view value);

    std::string line_{};
    SseEvent event_{};
    bool has_data_ = false;
    bool after_cr_ = false;
    bool at_start_ = true;
};

// The id of an event: a revision, and which cluster's it is. Only the servers read the latter.
struct EventId {
    std::uint64_t revision{};
    std::string text{};

    friend bool operator==(const EventId&, const EventId&) = default;
};
std::optional<EventId> parse_event_id(const std::string& text);

// What of a stream has been shown, so that nothing is shown twice however often the stream breaks.
// An id stands only on the last event of a revision; a stream that broke within a revision brings
// that revision again from its beginning.
class WatchPosition {
public:
    explicit WatchPosition(std::optional<EventId> since = {}) : complete_(std::move(since)) {}

    // A stream begins, after the last complete revision.
    void on_connect() { position_ = 0; }
    // Whether an event of `revision` is to be shown. `id`: it ends its revision.
    bool is_new(std::uint64_t revision, const std::optional<EventId>& id);
    // Nothing up to there is still to come.
    void advance(const EventId& id);
    // What comes next does not follow what was shown: its revisions may be smaller ones.
    void begin_anew(const EventId& id);
    // The same, and there is no place yet to go on from.
    void forget();

    const std::optional<EventId>& complete() const { return complete_; }

private:
    std::optional<EventId> complete_;
    std::uint64_t open_ = 0;      // The revision that has begun but not ended.
    std::uint64_t shown_ = 0;     // How many of its events have been shown.
    std::uint64_t position_ = 0;  // How many of them this stream has brought.
};

}  // namespace gavel::cli
