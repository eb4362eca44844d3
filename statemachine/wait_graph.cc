#include "statemachine/wait_graph.h"

#include <algorithm>
#include <deque>

#include "base/invariant.h"

namespace gavel::statemachine {

WaitGraph::Index WaitGraph::index_of(Node node) {
    const auto [at, added] = indices_.try_emplace(node, nodes_.size());
    if (added) {
        nodes_.push_back(node);
        unmet_.push_back(0);
        named_.emplace_back();
        needs_.emplace_back();
    }
    return at->second;
}

void WaitGraph::need(Node node, std::string_view lock, const std::vector<Node>& others,
                     std::size_t count) {
    invariant(count >= 1 && count <= others.size(), "a need can be met");
    steps_ += others.size();
    if (gave_up()) return;
    const std::size_t number = all_.size();
    Need need{.of = index_of(node), .lock = lock, .others = {}, .missing = count};
    for (const Node& one : others) {
        const Index index = index_of(one);
        need.others.push_back(index);
        named_[index].push_back(number);
    }
    needs_[need.of].push_back(number);
    ++unmet_[need.of];
    all_.push_back(std::move(need));
}

bool WaitGraph::next(Node& node) {
    if (asked_ == nodes_.size()) return false;
    node = nodes_[asked_++];
    return true;
}

void WaitGraph::let_go_on() {
    std::vector<Index> going;
    for (Index i = 0; i < nodes_.size(); ++i) {
        if (unmet_[i] == 0) going.push_back(i);
    }
    for (std::size_t i = 0; i < going.size(); ++i) {
        for (const std::size_t number : named_[going[i]]) {
            Need& need = all_[number];
            if (need.missing == 0 || --need.missing > 0) continue;
            if (--unmet_[need.of] == 0) going.push_back(need.of);
        }
    }
}

std::vector<WaitGraph::Step> WaitGraph::stuck_path(Node from, Node to) {
    invariant(!gave_up(), "what was not looked at wholly proves nothing");
    let_go_on();

    const Index start = index_of(from), end = index_of(to);
    struct Reached {
        bool yes{};
        Index by{};
        std::string_view lock{};
    };
    std::vector<Reached> reached(nodes_.size());
    std::deque<Index> open{start};
    reached[start].yes = true;
    while (!open.empty() && !reached[end].yes) {
        const Index here = open.front();
        open.pop_front();
        for (const std::size_t number : needs_[here]) {
            const Need& need = all_[number];
            if (need.missing == 0) continue;
            for (const Index next : need.others) {
                if (reached[next].yes || unmet_[next] == 0) continue;
                reached[next] = {true, here, need.lock};
                open.push_back(next);
            }
        }
    }
    std::vector<Step> path;
    if (!reached[end].yes) return path;
    std::string_view lock;
    for (Index at = end;; at = reached[at].by) {
        path.push_back({nodes_[at], lock});
        lock = reached[at].lock;
        if (at == start) break;
    }
    std::reverse(path.begin(), path.end());
    return path;
}

}  // namespace gavel::statemachine
