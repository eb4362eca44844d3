#pragma once

#include <cstdint>
#include <vector>

#include "daemon/core.h"
#include "statemachine/limits.h"
#include "tests/simulation/trace.h"

namespace gavel::simulation {

inline constexpr Time millisecond = 1'000;
inline constexpr Time second = 1'000 * millisecond;

// Something broken on purpose: the simulator has to notice.
enum class Sabotage : std::uint8_t {
    none,
    answers_before_durable,   // Promises and votes leave before their records are on the disk.
    acceptor_forgets,         // A restarted member has lost what it promised and accepted.
    unreadable_is_none,       // An entry that cannot be read is reported as never accepted.
    reads_are_not_confirmed,  // Linearizable reads are served from local state at once.
    state_is_torn,            // A crash leaves a part of a batch of the state on the disk.
    forgetful_is_welcome,     // Nobody remembers what a member showed before.
};

// Everything about a run that its seed decides.
struct Settings {
    // Of a member's data directory, unless it was wiped or registered as another one.
    static std::uint64_t incarnation_of(std::uint16_t member) { return 5'000U + member; }

    std::uint64_t seed{};
    Sabotage sabotage{Sabotage::none};

    std::uint16_t members{};
    std::uint64_t alpha{};
    std::uint64_t heartbeat_ms{};
    std::uint64_t election_timeout_ms{};
    std::uint64_t tick_ms{};
    paxos::LearnerMode learner_mode{};
    daemon::Core::Limits core_limits{};
    paxos::Limits paxos_limits{};
    statemachine::Limits state_limits{};
    Time chaos{};  // How long faults are injected and clients work; then all is healed.

    // Network.
    Time delay{};
    Time jitter{};
    std::uint64_t lost_percent{};
    std::uint64_t repeated_percent{};
    std::uint64_t late_percent{};  // Of messages that take up to `late` longer.
    Time late{};
    Time partition_every{};  // On average; 0: never. So with the others.
    Time partition_lasts{};
    // Members.
    Time crash_every{};
    Time down_for{};
    Time pause_every{};
    Time pause_lasts{};
    Time clock_jump_every{};
    Time hand_over_every{};
    Time reconfigure_every{};
    std::uint64_t members_max{};  // Of one epoch.
    bool clocks_drift{};
    bool founders_have_met{true};  // Before the run; else they meet first.
    // Their directories.
    Time copy_every{};
    Time set_back_every{};  // To a copy.
    Time wipe_every{};
    // Disks.
    Time sync{};
    std::uint64_t slow_percent{};
    Time slow{};
    Time stall_every{};
    Time stall_lasts{};
    Time state_commit_every{};
    std::uint64_t log_kept{};
    std::uint64_t log_cut_at_least{};
    std::uint64_t snapshot_bytes{};  // In a piece.
    std::uint64_t flaky_members{};   // A minority, whose disks may lose an entry while down.
    Time first_lost_after{};         // The first of these loses its directory; 0: it does not.
    // Clients.
    std::uint64_t clients{};
    std::uint64_t watchers{};
    std::uint64_t looks_back_percent{};  // Of what clients do: reads in the past, roll backs.
    std::uint64_t keys{};
    std::uint64_t locks{};
    Time crowd_every{};    // Of clients that vanish at once.
    Time squeeze_every{};  // Of what a tenant does under quotas that are tight.
    Time think{};
    Time request_timeout{};
    std::uint64_t session_ttl_ms{};
    std::uint64_t lock_delay_ms{};
    std::uint64_t stale_clients_percent{};

    static Settings of_seed(std::uint64_t seed);
};

}  // namespace gavel::simulation
