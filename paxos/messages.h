#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "paxos/types.h"

namespace gavel::paxos {

// What members say to each other. Any of these may be lost, repeated, delayed or reordered, and
// none does harm when it is (S07).

// "Would you promise, if I asked?" Changes nothing at the receiver.
struct Canvass {
    std::uint64_t number{};  // Echoed, so that an old answer is not taken for a new one.
    Slot chosen_prefix{};
    bool operator==(const Canvass&) const = default;
};
struct CanvassAnswer {
    std::uint64_t number{};
    bool would{};
    Ballot promised{};     // So that the candidate's ballot is above it at once.
    Slot chosen_prefix{};  // A candidate that is behind learns first.
    bool operator==(const CanvassAnswer&) const = default;
};

// Phase 1a, for every slot from `from` on (S29).
struct Prepare {
    Ballot ballot{};
    Slot from{};
    bool operator==(const Prepare&) const = default;
};

// What a promise says of one slot. A slot that it covers and does not list was never accepted in.
struct KnownChosen {
    Value value{};
    bool operator==(const KnownChosen&) const = default;
};
struct Faulty {  // Unreadable: "I do not know", which is not "none".
    bool operator==(const Faulty&) const = default;
};
using Report = std::variant<Proposal, KnownChosen, Faulty>;

// Phase 1b, in parts of bounded size; each covers [first, last] and is true on its own. Of slots
// at or below `chosen_prefix` it says only that they are chosen.
struct Promise {
    Ballot ballot{};
    std::uint64_t boot{};  // The sender's run: reports of different runs are not put together.
    Slot first{};
    Slot last{};  // last_slot: open-ended.
    Slot chosen_prefix{};
    std::vector<std::pair<Slot, Report>> reports{};  // In slot order.
    bool operator==(const Promise&) const = default;
};

// "A larger ballot is promised": an ordinary answer to Prepare, Accept and Heartbeat (S14).
struct Reject {
    Ballot refused{};
    Ballot promised{};
    bool operator==(const Reject&) const = default;
};

// Whom acceptors tell of their votes (Paxos Made Simple, section 2.3): who proposed, who tells all
// others (S20); the proposer and some more voters, each of whom tells all others (S21); everyone
// (S19). The leader's choice, and it comes with what it proposes: others may know sooner than the
// leader what is chosen, so that it has to serve reads accordingly.
struct LearnerMode {
    enum class Kind : std::uint8_t { leader, set, broadcast };
    Kind kind{};
    std::uint16_t size{};  // Of the set, the proposer included. Only for Kind::set.
    bool operator==(const LearnerMode&) const = default;
};

// Phase 2a. `chosen_prefix` is the leader's commit notice.
struct Accept {
    Ballot ballot{};
    Slot slot{};
    Value value{};
    Slot chosen_prefix{};
    LearnerMode learner_mode{};
    bool operator==(const Accept&) const = default;
};

// Phase 2b.
struct Accepted {
    Ballot ballot{};
    Slot slot{};
    bool operator==(const Accepted&) const = default;
};

// The leader lives; `round` is echoed and confirms reads that were noted before it began.
struct Heartbeat {
    Ballot ballot{};
    std::uint64_t round{};
    Slot chosen_prefix{};
    bool operator==(const Heartbeat&) const = default;
};
struct HeartbeatAck {
    Ballot ballot{};
    std::uint64_t round{};
    Slot executed{};
    bool operator==(const HeartbeatAck&) const = default;
};

// A distinguished learner that is not the leader counted a quorum for each of these slots, at that
// ballot: believed like a commit notice (S21).
struct Notice {
    Ballot ballot{};
    Slot first{};
    Slot last{};
    bool operator==(const Notice&) const = default;
};

// "Which values were chosen from `from` on?" (S22)
struct Learn {
    Slot from{};
    bool operator==(const Learn&) const = default;
};
// Consecutive chosen values. When `from` is below `oldest`, the answerer has cut its log up there.
struct LearnAnswer {
    Slot from{};
    Slot oldest{};
    Slot chosen_prefix{};
    std::vector<Value> values{};
    bool operator==(const LearnAnswer&) const = default;
};

// A follower's reads numbered up to `number` want a read index; one answer serves them all.
struct ReadIndexAsk {
    std::uint64_t number{};
    bool operator==(const ReadIndexAsk&) const = default;
};
struct ReadIndexAnswer {
    std::uint64_t number{};
    Slot index{};
    bool operator==(const ReadIndexAnswer&) const = default;
};

// The leader at `ballot` asks the receiver to take over: it prepares at once, without a canvass.
struct HandOver {
    Ballot ballot{};
    bool operator==(const HandOver&) const = default;
};

using Message =
    std::variant<Canvass, CanvassAnswer, Prepare, Promise, Reject, Accept, Accepted, Heartbeat,
                 HeartbeatAck, Learn, LearnAnswer, ReadIndexAsk, ReadIndexAnswer, HandOver, Notice>;
// By the message's index in the variant; for those who count them.
inline constexpr std::array<std::string_view, std::variant_size_v<Message>> message_names{
    "canvass",      "canvass_answer", "prepare",           "promise",       "reject",
    "accept",       "accepted",       "heartbeat",         "heartbeat_ack", "learn",
    "learn_answer", "read_index_ask", "read_index_answer", "hand_over",     "notice"};

// A message and the other party: its receiver on the way out, its sender on the way in.
struct Envelope {
    MemberId peer{};
    Message message{};
    bool operator==(const Envelope&) const = default;
};

}  // namespace gavel::paxos
