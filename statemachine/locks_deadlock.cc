// Locks: whether an acquire, if it waited, would wait for itself.

#include <algorithm>
#include <set>
#include <utility>

#include "statemachine/locks.h"
#include "statemachine/wait_graph.h"

namespace gavel::statemachine {

namespace {

using Node = WaitGraph::Node;

Node session_node(SessionId session) { return {Node::Kind::session, session}; }
Node wait_node(Revision place) { return {Node::Kind::wait, place}; }

// The acquire that asks, which has no place yet.
constexpr Node asking{Node::Kind::wait, 0};

}  // namespace

// Draws the graph of who needs whom, from one acquire on.
class Locks::Search {
public:
    Search(const Locks& locks, const Asked& asked)
        : locks_(locks), asked_(asked), graph_(locks.limits_.deadlock_steps) {}

    // The way from the acquire back to its own session; empty: there is none, or too much to see.
    std::vector<WaitGraph::Step> run() {
        for (const Wanted& wanted : asked_.locks) {
            const auto at = locks_.locks_.find(wanted.name);
            if (at == locks_.locks_.end()) continue;
            look_ahead(asking, *at, wanted.mode, wanted.limit, at->second.queue.end());
        }
        Node node;
        while (!graph_.gave_up() && graph_.next(node)) {
            if (node.kind == Node::Kind::session) {
                look_at_session(node.id);
            } else if (node != asking) {
                look_at_wait(node.id);
            }
        }
        if (graph_.gave_up()) return {};
        return graph_.stuck_path(asking, session_node(asked_.session));
    }

    SessionId session_of(Node wait) const {
        return wait == asking ? asked_.session : waits_.at(wait.id).session;
    }

private:
    struct Wait {
        SessionId session{};
        std::string_view lock{};  // One of those that it waits for.
    };

    // A session is taken to let go of nothing while it waits for anything.
    void look_at_session(SessionId session) {
        std::set<Revision> places;
        for (const auto& [name, place] : locks_.claims_.of(session).places) {
            if (!places.insert(place).second) continue;
            waits_[place] = {session, name};
            graph_.need(session_node(session), {}, wait_node(place));
        }
        if (session == asked_.session) graph_.need(session_node(session), {}, asking);
    }

    void look_at_wait(Revision place) {
        const auto several = locks_.several_.find(place);
        if (several == locks_.several_.end()) return look_at_place(place, waits_.at(place).lock);
        for (const std::string& name : several->second) look_at_place(place, name);
    }

    void look_at_place(Revision place, std::string_view lock) {
        const auto at = locks_.locks_.find(lock);
        const auto position = at->second.queue.find(place);
        const Waiter& waiter = *position->second;
        look_ahead(wait_node(place), *at, waiter.mode, waiter.limit, position);
    }

    // Whom a wait needs on one lock: those ahead in the queue, back to the first that has to let go
    // before anything else can happen, or else those that hold it.
    void look_ahead(Node node, const Table::value_type& lock, LockMode mode, std::uint64_t limit,
                    Queue::const_iterator position) {
        if (mode == LockMode::shared) return look_ahead_shared(node, lock, limit, position);
        const auto& [name, entry] = lock;
        while (position != entry.queue.begin() && !graph_.gave_up()) {
            const Waiter& ahead = *(--position)->second;
            graph_.need(node, name, session_node(ahead.session));
            if (ahead.mode == LockMode::exclusive) return;
        }
        for (const auto& [key, held] : entry.holders) {
            graph_.need(node, name, session_node(key.second));
        }
    }

    // Whoever shares it must be granted it before; but to let go, some of those have only where
    // they are as many as the limit.
    void look_ahead_shared(Node node, const Table::value_type& lock, std::uint64_t limit,
                           Queue::const_iterator position) {
        const auto& [name, entry] = lock;
        if (position == entry.queue.begin()) {
            const bool alone = !entry.holders.empty() && is_exclusive(entry);
            if (alone) graph_.need(node, name, session_node(entry.holders.begin()->first.second));
        } else {
            const Waiter& ahead = *std::prev(position)->second;
            if (ahead.mode == LockMode::exclusive) {
                return graph_.need(node, name, session_node(ahead.session));
            }
            waits_[ahead.place] = {ahead.session, name};
            graph_.need(node, name, wait_node(ahead.place));
        }
        const std::size_t capacity = locks_.capacity(limit);
        if (entry.holders.size() + entry.queue.size() < capacity) return;
        std::vector<Node> sharing;
        bool behind_a_writer = !entry.holders.empty() && is_exclusive(entry);
        while (position != entry.queue.begin() && !graph_.gave_up()) {
            const Waiter& ahead = *(--position)->second;
            behind_a_writer = behind_a_writer || ahead.mode == LockMode::exclusive;
            if (ahead.mode == LockMode::exclusive) break;
            sharing.push_back(session_node(ahead.session));
            graph_.spend_step();
        }
        if (!behind_a_writer) {
            for (const auto& [key, held] : entry.holders) {
                sharing.push_back(session_node(key.second));
            }
        }
        if (sharing.size() < capacity) return;
        graph_.need(node, name, sharing, sharing.size() - capacity + 1);
    }

    static bool is_exclusive(const Entry& entry) {
        return entry.holders.begin()->second.holder->mode == LockMode::exclusive;
    }

    const Locks& locks_;
    const Asked& asked_;
    WaitGraph graph_;
    std::map<Revision, Wait> waits_;
};

// Not queued if it could never be granted without somebody giving up. Found for certain: who cannot
// be reached by the search, or might yet let go, is taken to let go.
std::optional<Deadlock> Locks::cycle_closed_by(const Asked& asked) const {
    if (asked.session == 0 || !is_waited_for(asked.session)) return std::nullopt;
    Search search(*this, asked);
    Deadlock deadlock;
    for (const auto& [node, lock] : search.run()) {
        if (node.kind != Node::Kind::wait) continue;
        ++deadlock.length;
        if (deadlock.cycle.size() == deadlock_cycle_max) continue;
        deadlock.cycle.push_back({search.session_of(node), std::string(lock)});
    }
    if (deadlock.cycle.empty()) return std::nullopt;
    return deadlock;
}

// Whether anybody stands behind what it has: most sessions have a lock or two that nobody wants,
// and then nothing needs to be searched.
bool Locks::is_waited_for(SessionId session) const {
    const Claim& claim = claims_.of(session);
    const auto wanted = [this](const auto& held) {
        return !locks_.find(held.first)->second.queue.empty();
    };
    const auto followed = [this](const auto& waiting) {
        return locks_.find(waiting.first)->second.queue.rbegin()->first != waiting.second;
    };
    return std::ranges::any_of(claim.held, wanted) || std::ranges::any_of(claim.places, followed);
}

}  // namespace gavel::statemachine
