#include "statemachine/requests.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace gavel::statemachine {

namespace {

// Member 0 stands for nobody: what it sends is executed each time.
bool tracked(const RequestId& request) { return request.member != 0; }

}  // namespace

Requests::Requests(const Limits& limits) : size_(limits.request_window) {
    invariant(size_ > 0, "at least one request is remembered");
}

bool Requests::too_old(const RequestId& request) const {
    const auto at = windows_.find(request.member);
    if (at == windows_.end()) return false;
    const Window& window = at->second;
    if (request.boot != window.boot) return request.boot < window.boot;
    return window.highest >= size_ && request.number <= window.highest - size_;
}

Ptr<RequestRecord> Requests::find(const RequestId& request) const {
    const auto at = windows_.find(request.member);
    if (at == windows_.end()) return nullptr;
    const auto& record = at->second.places[request.number % size_].record;
    return record && record->request == request ? record : nullptr;
}

void Requests::record(Step& step, const RequestId& request, Revision revision, Outcome outcome) {
    if (!tracked(request)) return;
    Window& window = window_of(request.member);
    note_newest(window, request);
    Place& place = window.places[request.number % size_];
    place.record =
        std::make_shared<const RequestRecord>(RequestRecord{request, revision, std::move(outcome)});
    place.hash = step.rows.put(request_row(request, size_), place.record, place.hash);
}

Requests::Windows::iterator Requests::forget(Step& step, Windows::iterator gone) {
    for (const Place& place : gone->second.places) {
        if (place.record) step.rows.erase(request_row(place.record->request, size_), place.hash);
    }
    return windows_.erase(gone);
}

void Requests::load(Ptr<RequestRecord> record, std::uint64_t hash) {
    Window& window = window_of(record->request.member);
    note_newest(window, record->request);
    Place& place = window.places[record->request.number % size_];
    place = {std::move(record), hash};
}

Requests::Window& Requests::window_of(MemberNumber member) {
    Window& window = windows_[member];
    if (window.places.empty()) window.places.resize(size_);
    return window;
}

void Requests::note_newest(Window& window, const RequestId& request) const {
    if (request.boot > window.boot) {
        window.boot = request.boot;
        window.highest = request.number;
    } else if (request.boot == window.boot) {
        window.highest = std::max(window.highest, request.number);
    }
}

void Requests::append_rows(std::vector<Row>& rows) const {
    for (const auto& [member, window] : windows_) {
        for (const Place& place : window.places) {
            if (!place.record) continue;
            rows.push_back({request_row(place.record->request, size_), place.record});
        }
    }
}

void Requests::check_invariants() const {
    for (const auto& [member, window] : windows_) {
        invariant(window.places.size() == size_, "a window has W places");
        const auto& newest = window.places[window.highest % size_].record;
        invariant(newest && newest->request == RequestId{member, window.boot, window.highest},
                  "the newest request of a member is remembered");
    }
}

}  // namespace gavel::statemachine
