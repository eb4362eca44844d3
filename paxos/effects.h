#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "paxos/messages.h"
#include "paxos/records.h"
#include "paxos/types.h"

namespace gavel::paxos {

struct Chosen {
    Slot slot{};
    Value value{};
    bool operator==(const Chosen&) const = default;
};

// A read may be served from a state that has executed `index`.
struct ReadConfirmed {
    std::uint64_t read{};
    Slot index{};
    bool operator==(const ReadConfirmed&) const = default;
};

// `to` wants chosen values from `from` on, which memory no longer holds: read them from the log and
// send them as a LearnAnswer.
struct LogRead {
    MemberId to{};
    Slot from{};
    Slot chosen_prefix{};
    bool operator==(const LogRead&) const = default;
};

enum class Role : std::uint8_t { follower, candidate, leader };

// Told whenever one of these changes. A new leader's first command must be its LeaderStart.
struct RoleReport {
    Role role{};
    Ballot ballot{};    // The believed leader's, or the candidate's own.
    MemberId leader{};  // Zero: none known.
    bool operator==(const RoleReport&) const = default;
};

// Everything one step asks of the world. Losing any message is harmless; sending one early is not.
// An envelope addressed to the member itself is to be stepped back in: that is how its own promise
// and its own vote come to count only once they are durable.
struct Effects {
    std::vector<Record> records{};         // To be made durable, together and in order.
    std::vector<Envelope> once_durable{};  // To leave when these and all earlier records are.
    std::vector<Envelope> at_once{};       // Free to leave now.
    std::vector<Chosen> chosen{};          // For the state machine, in slot order.
    std::vector<ReadConfirmed> reads{};
    std::vector<LogRead> log_reads{};
    std::optional<RoleReport> role{};
    // The values this member lacks were cut from that member's log: only a snapshot can help.
    std::optional<MemberId> snapshot_wanted{};

    bool operator==(const Effects&) const = default;
};

// Adds what `more` asks after what `to` asks already.
void append(Effects& to, Effects more);

}  // namespace gavel::paxos
