#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/gateway.h"
#include "api/places.h"
#include "api/watch_filter.h"
#include "statemachine/state.h"

namespace gavel::api {

// The events that one batch of changes holds for one filter. Rendered at most once, however many
// watch it; valid only during the call that hands it over.
class Matched {
public:
    Matched(std::vector<const statemachine::Event*> events, HistoryId history)
        : events_(std::move(events)), history_(history) {}

    const std::vector<const statemachine::Event*>& events() const { return events_; }
    // As they go over an event stream; whole revisions.
    const std::shared_ptr<const std::string>& text() const;

private:
    std::vector<const statemachine::Event*> events_;
    HistoryId history_;
    mutable std::shared_ptr<const std::string> text_{};
};

// Those events of `changes`, oldest first, that `filter` wants.
std::vector<const statemachine::Event*> select(
    const WatchFilter& filter, const std::vector<statemachine::Ptr<statemachine::Change>>& changes);

// Hands each change, once and in order, to those on its HTTP thread who watch for it.
//
// One hub per HTTP thread, touched by that thread only. Why there is no gap and no repeat: a
// watcher starts with a query that runs on the core thread at an applied slot A and copies the
// history up to A; its answer and the changes come through the same mailbox, which lets no change
// overtake it (Mailbox::post_fenced). A watcher added when that answer is taken out therefore sees
// exactly the changes above A, for those up to A were posted before it and have passed the hub.
//
// While nobody pays attention no changes are posted at all, for each would wake the thread. A watch
// does so from before it asks for its start until it is removed. So the core thread, which learns
// of the query through a lock, knows of the attention when the query runs, and posts every change
// above A. A change up to A may be left out: the query has seen it, and position() is never asked
// for before advance(A) has made up for it.
class WatchHub {
public:
    class Watcher {
    public:
        virtual ~Watcher() = default;
        // May call remove(), also for itself.
        virtual void on_changes(const Matched& matched) = 0;
        // Called now and then (about each second).
        virtual void on_tick(std::chrono::steady_clock::time_point now) = 0;
        // Nothing more is handed out, from the hub's position on: a last word, no more.
        virtual void on_end() = 0;
    };

    WatchHub();
    ~WatchHub();

    // For who is about to watch: to be had before the query that the watch starts with.
    using Attention = std::shared_ptr<void>;
    Attention attend() { return attention_.take(); }
    // From any thread.
    bool attended() const { return attention_.taken() != 0; }

    void add(WatchFilter filter, std::shared_ptr<Watcher> watcher, Attention attention);
    // Does nothing when it is not there (any more).
    void remove(const Watcher* watcher);

    // Oldest first; each revision whole.
    void on_changes(const std::vector<statemachine::Ptr<statemachine::Change>>& changes,
                    HistoryId history);
    void tick(std::chrono::steady_clock::time_point now);
    // Ends all watchers there are, with their position: changes that come next are not to be had.
    void end_all();
    // The same, for the server stops: nobody may be added any more.
    void stop();
    bool stopped() const { return stopped_; }

    // Every change up to this revision has been handed out, or seen by the query of a watch.
    statemachine::Revision position() const { return position_; }
    // A query ran at `applied`: what it saw has passed.
    void advance(statemachine::Revision applied);
    std::size_t size() const { return where_.size(); }

private:
    struct Group;
    struct Place {
        Group* group{};
        Attention attention{};
    };
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>()(text);
        }
    };
    using Index = std::unordered_map<std::string, std::vector<Group*>, TextHash, std::equal_to<>>;
    // Groups by prefix, with the lengths that occur, so that an event costs one look-up for each
    // length and not one comparison for each prefix.
    struct PrefixIndex {
        Index groups{};
        std::map<std::size_t, std::size_t> lengths{};

        void add(const std::string& prefix, Group* group);
        void remove(const std::string& prefix, Group* group);
    };

    Group& group_of(WatchFilter filter);
    std::vector<std::shared_ptr<Watcher>> everyone() const;
    void erase(Group& group);
    void match(const statemachine::Event& event);
    void note(const std::vector<Group*>& groups, const statemachine::Event& event);
    void note(const PrefixIndex& index, std::string_view name, const statemachine::Event& event);

    std::map<WatchFilter, std::unique_ptr<Group>> groups_;
    std::unordered_map<const Watcher*, Place> where_{};
    Places attention_{std::numeric_limits<std::size_t>::max()};
    Index by_key_{};
    PrefixIndex by_prefix_{};
    PrefixIndex by_lock_{};
    std::vector<Group*> of_members_{};
    std::vector<Group*> touched_{};  // Groups with events of the present batch.
    std::set<Group*> emptied_{};     // To be erased when the batch is handed out.
    statemachine::Revision position_{};
    bool stopped_{};
};

}  // namespace gavel::api
