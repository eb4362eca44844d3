#include "cli/sse.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace gavel::cli {

std::vector<SseEvent> SseParser::feed(std::string_view piece) {
    std::vector<SseEvent> events;
    for (const char c : piece) {
        // "\r\n" is one end of line, and may be split between two pieces.
        const bool second_half = std::exchange(after_cr_, false) && c == '\n';
        if (second_half) continue;
        if (c == '\r' || c == '\n') {
            after_cr_ = c == '\r';
            end_line(events);
        } else {
            line_ += c;
        }
    }
    return events;
}

void SseParser::end_line(std::vector<SseEvent>& events) {
    std::string line = std::exchange(line_, {});
    if (std::exchange(at_start_, false) && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (line.empty()) {
        SseEvent event = std::exchange(event_, {});
        if (std::exchange(has_data_, false) || event.id) events.push_back(std::move(event));
        return;
    }
    const auto colon = std::min(line.find(':'), line.size());
    std::string_view value = std::string_view(line).substr(std::min(colon + 1, line.size()));
    if (value.starts_with(' ')) value.remove_prefix(1);
    on_field(std::string_view(line).substr(0, colon), value);
}

void SseParser::on_field(std::string_view name, std::string_view value) {
    if (name == "event") {
        event_.type = value;
    } else if (name == "data") {
        if (std::exchange(has_data_, true)) event_.data += '\n';
        event_.data += value;
    } else if (name == "id" && value.find('\0') == std::string_view::npos) {
        event_.id = value;
    }
    // A comment has an empty name; "retry" is for clients without a policy of their own.
}

std::optional<EventId> parse_event_id(const std::string& text) {
    EventId id{0, text};
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, id.revision);
    if (error != std::errc{} || (rest != end && *rest != '.')) return std::nullopt;
    return id;
}

bool WatchPosition::is_new(std::uint64_t revision, const std::optional<EventId>& id) {
    if (complete_ && revision <= complete_->revision) return false;
    if (revision != open_) {
        open_ = revision;
        shown_ = 0;
        position_ = 0;
    }
    const bool fresh = ++position_ > shown_;
    shown_ = std::max(shown_, position_);
    if (id) advance(*id);
    return fresh;
}

void WatchPosition::advance(const EventId& id) {
    if (!complete_ || id.revision >= complete_->revision) complete_ = id;
}

void WatchPosition::begin_anew(const EventId& id) {
    forget();
    complete_ = id;
}

void WatchPosition::forget() {
    complete_.reset();
    open_ = shown_ = position_ = 0;
}

}  // namespace gavel::cli
