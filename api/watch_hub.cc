#include "api/watch_hub.h"

#include <algorithm>
#include <utility>

#include "api/event_text.h"

namespace gavel::api {

using statemachine::Event;
using statemachine::Revision;

struct WatchHub::Group {
    WatchFilter filter{};
    std::vector<std::shared_ptr<Watcher>> watchers{};
    std::vector<const Event*> events{};  // Of the present batch.
};

const std::shared_ptr<const std::string>& Matched::text() const {
    if (text_ != nullptr) return text_;
    std::string text;
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const bool last =
            i + 1 == events_.size() || events_[i + 1]->revision != events_[i]->revision;
        text += stream_event(*events_[i], history_, last);
    }
    text_ = std::make_shared<const std::string>(std::move(text));
    return text_;
}

std::vector<const Event*> select(
    const WatchFilter& filter,
    const std::vector<statemachine::Ptr<statemachine::Change>>& changes) {
    std::vector<const Event*> events;
    for (const auto& change : changes) {
        for (const auto& event : change->events) {
            if (filter.matches(event.body)) events.push_back(&event);
        }
    }
    return events;
}

WatchHub::WatchHub() = default;
WatchHub::~WatchHub() = default;

void WatchHub::PrefixIndex::add(const std::string& prefix, Group* group) {
    groups[prefix].push_back(group);
    ++lengths[prefix.size()];
}

void WatchHub::PrefixIndex::remove(const std::string& prefix, Group* group) {
    const auto at = groups.find(prefix);
    std::erase(at->second, group);
    if (at->second.empty()) groups.erase(at);
    const auto length = lengths.find(prefix.size());
    if (--length->second == 0) lengths.erase(length);
}

WatchHub::Group& WatchHub::group_of(WatchFilter filter) {
    // Equal wishes make one group, however they were written.
    for (auto* names : {&filter.prefixes, &filter.keys, &filter.locks}) {
        std::sort(names->begin(), names->end());
        names->erase(std::unique(names->begin(), names->end()), names->end());
    }
    auto& group = groups_[filter];
    if (group == nullptr) {
        group = std::make_unique<Group>();
        for (const auto& key : filter.keys) by_key_[key].push_back(group.get());
        for (const auto& prefix : filter.prefixes) by_prefix_.add(prefix, group.get());
        for (const auto& prefix : filter.locks) by_lock_.add(prefix, group.get());
        if (filter.members) of_members_.push_back(group.get());
        group->filter = std::move(filter);
    }
    return *group;
}

void WatchHub::erase(Group& group) {
    const WatchFilter filter = group.filter;
    for (const auto& key : filter.keys) {
        const auto at = by_key_.find(key);
        std::erase(at->second, &group);
        if (at->second.empty()) by_key_.erase(at);
    }
    for (const auto& prefix : filter.prefixes) by_prefix_.remove(prefix, &group);
    for (const auto& prefix : filter.locks) by_lock_.remove(prefix, &group);
    std::erase(of_members_, &group);
    groups_.erase(filter);
}

void WatchHub::add(WatchFilter filter, std::shared_ptr<Watcher> watcher, Attention attention) {
    Group& group = group_of(std::move(filter));
    where_[watcher.get()] = {&group, std::move(attention)};
    group.watchers.push_back(std::move(watcher));
}

void WatchHub::remove(const Watcher* watcher) {
    const auto at = where_.find(watcher);
    if (at == where_.end()) return;
    Group& group = *at->second.group;
    where_.erase(at);
    std::erase_if(group.watchers, [&](const auto& each) { return each.get() == watcher; });
    if (!group.watchers.empty()) return;
    // While a batch is handed out, on_changes() still looks at the group.
    if (touched_.empty()) return erase(group);
    emptied_.insert(&group);
}

void WatchHub::note(const std::vector<Group*>& groups, const Event& event) {
    for (Group* group : groups) {
        // Several entries of one filter may match the same event.
        if (!group->events.empty() && group->events.back() == &event) continue;
        if (group->events.empty()) touched_.push_back(group);
        group->events.push_back(&event);
    }
}

void WatchHub::note(const PrefixIndex& index, std::string_view name, const Event& event) {
    for (const auto& [length, count] : index.lengths) {
        if (length > name.size()) return;
        const auto at = index.groups.find(name.substr(0, length));
        if (at != index.groups.end()) note(at->second, event);
    }
}

void WatchHub::match(const Event& event) {
    const auto [kind, name] = subject_of(event.body);
    if (kind == Subject::Kind::member) return note(of_members_, event);
    if (kind == Subject::Kind::lock) return note(by_lock_, name, event);
    const auto at = by_key_.find(name);
    if (at != by_key_.end()) note(at->second, event);
    note(by_prefix_, name, event);
}

void WatchHub::on_changes(const std::vector<statemachine::Ptr<statemachine::Change>>& changes,
                          HistoryId history) {
    for (const auto& change : changes) {
        for (const auto& event : change->events) match(event);
        position_ = std::max(position_, change->revision);
    }
    for (std::size_t i = 0; i < touched_.size(); ++i) {
        const Matched matched(std::exchange(touched_[i]->events, {}), history);
        // A copy: watchers leave while they are told.
        const auto watchers = touched_[i]->watchers;
        for (const auto& watcher : watchers) watcher->on_changes(matched);
    }
    touched_.clear();
    for (Group* group : std::exchange(emptied_, {})) {
        if (group->watchers.empty()) erase(*group);
    }
}

std::vector<std::shared_ptr<WatchHub::Watcher>> WatchHub::everyone() const {
    std::vector<std::shared_ptr<Watcher>> all;
    all.reserve(where_.size());
    for (const auto& [filter, group] : groups_) {
        all.insert(all.end(), group->watchers.begin(), group->watchers.end());
    }
    return all;
}

void WatchHub::tick(std::chrono::steady_clock::time_point now) {
    for (const auto& watcher : everyone()) watcher->on_tick(now);
}

void WatchHub::end_all() {
    for (const auto& watcher : everyone()) watcher->on_end();
}

void WatchHub::stop() {
    stopped_ = true;
    end_all();
}

void WatchHub::advance(Revision applied) { position_ = std::max(position_, applied); }

}  // namespace gavel::api
