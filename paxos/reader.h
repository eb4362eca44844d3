#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "paxos/effects.h"
#include "paxos/limits.h"
#include "paxos/membership.h"
#include "paxos/quorum.h"

namespace gavel::paxos {

// Linearizable reads without a lease: the leader notes its chosen prefix e and confirms, with one
// heartbeat round begun after the request arrived, that a majority of C(e+1) still follows its
// ballot. All reads that wait share a round. A follower asks the leader for e.
class Reader {
public:
    // Numbers of different runs (`boot`) differ, so that an old answer confirms nothing new.
    Reader(MemberId self, std::uint64_t boot, Limits limits, const Membership& membership);

    // A read of this member's own clients, or a question of a follower.
    void on_read(std::uint64_t read);  // Larger each time.
    void give_up(std::uint64_t read);
    void on_ask(MemberId from, const ReadIndexAsk& ask);

    // As leader: begins a round for what waits, when one may begin. The caller sends the heartbeat
    // of `round()` when this says so.
    struct Round {
        bool begin{};
        Effects effects{};  // Confirmed already: a cluster of one.
    };
    Round begin_round(Slot index);
    // Something waits that is in no round yet.
    bool is_asked() const;
    Effects on_ack(MemberId from, std::uint64_t round);
    std::uint64_t round() const { return round_; }

    // As follower: the question to the leader, when there is something new to ask, or `again`.
    std::optional<ReadIndexAsk> ask(bool again);
    Effects on_answer(const ReadIndexAnswer& answer);

    // Leadership changed: what was under way is to be asked anew.
    void reset();
    std::size_t waiting() const { return own_.size(); }

private:
    struct Own {
        std::uint64_t number{};
        std::uint64_t read{};
    };
    struct Pending {
        std::uint64_t round{};
        Slot index{};
        Epoch governing{};            // C(index + 1), whose majority confirms.
        std::uint64_t own_through{};  // Own reads numbered up to here are confirmed with it.
        std::map<MemberId, std::uint64_t> asked{};
    };

    void take_back_rounds();
    bool is_confirmed(const Pending& pending) const;
    void confirm_own(std::uint64_t through, Slot index, Effects& effects);
    void finish_rounds(Effects& effects);

    MemberId self_;
    Limits limits_;
    const Membership& membership_;
    std::uint64_t last_number_;
    std::deque<Own> own_;                      // Not yet confirmed, in order.
    std::map<MemberId, std::uint64_t> asks_;   // Followers' questions not yet in a round.
    std::deque<Pending> rounds_;               // Under way, in order.
    std::map<MemberId, std::uint64_t> acked_;  // The latest round each member echoed.
    std::uint64_t round_ = 1;                  // Of what heartbeats carry before the first read.
    std::uint64_t own_in_round_;               // Own reads numbered up to here are in a round.
    std::uint64_t asked_through_;
};

}  // namespace gavel::paxos
