#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "statemachine/types.h"

namespace gavel::statemachine {

// Who needs whom before it can go on: the graph in which a deadlock is looked for.
//
// A node is a session, which goes on once all that it waits for is granted, or a wait, which is
// granted once each of its needs is met; a need names some, of whom as many have to go on as it
// says (of a semaphore's holders not all). A node without needs goes on by itself. What cannot go
// on, whatever the others do, is stuck: found by letting everybody go on who can, until nobody can
// (Holt, "Some deadlock properties of computer systems", 1972, graph reduction).
class WaitGraph {
public:
    struct Node {
        enum class Kind : std::uint8_t { session, wait };
        Kind kind{};
        std::uint64_t id{};  // Of the session; or the place.
        auto operator<=>(const Node&) const = default;
    };
    struct Step {
        Node node{};
        std::string_view lock{};  // On which it needs the next one; empty of a session.
    };

    explicit WaitGraph(std::size_t steps_max) : steps_max_(steps_max) {}

    // At least `count` of `others`, which are all different. The names of locks must outlive the
    // graph.
    void need(Node node, std::string_view lock, const std::vector<Node>& others, std::size_t count);
    void need(Node node, std::string_view lock, Node other) { need(node, lock, {other}, 1); }
    // Looked at something that is no need.
    void spend_step() { ++steps_; }
    // A node that was named by a need and not asked for yet.
    bool next(Node& node);
    // There was more to look at than steps: what was seen is not all.
    bool gave_up() const { return steps_ > steps_max_; }

    // The shortest way from one node to another along needs of nodes that are all stuck, both ends
    // included; empty: there is none.
    std::vector<Step> stuck_path(Node from, Node to);

private:
    using Index = std::size_t;
    struct Need {
        Index of{};
        std::string_view lock{};
        std::vector<Index> others{};
        std::size_t missing{};  // 0: met.
    };

    Index index_of(Node node);
    void let_go_on();

    std::size_t steps_max_;
    std::size_t steps_{};
    std::map<Node, Index> indices_;
    std::vector<Node> nodes_;
    std::vector<std::size_t> unmet_;               // Needs of each node that are not met yet.
    std::vector<std::vector<std::size_t>> named_;  // By which needs.
    std::vector<std::vector<std::size_t>> needs_;  // Of each node.
    std::vector<Need> all_;
    std::size_t asked_{};
};

}  // namespace gavel::statemachine
