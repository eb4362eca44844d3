#include "tests/simulation/settings.h"

#include <array>

#include "base/prng.h"

namespace gavel::simulation {
namespace {

template <class T, std::size_t n>
T one_of(Prng& prng, const std::array<T, n>& choices) {
    return choices[prng.below(n)];
}

void set_cluster(Settings& settings, Prng& prng) {
    constexpr std::array<std::uint16_t, 16> members{1, 2, 3, 3, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 6, 7};
    constexpr std::array<std::uint64_t, 6> alphas{1, 2, 3, 8, 64, 512};
    constexpr std::array<std::uint64_t, 4> heartbeats{50, 100, 100, 200};
    settings.members = one_of(prng, members);
    settings.alpha = one_of(prng, alphas);
    // A snapshot has to be taken at each slot of a window, and at one of 3 that is rare.
    if (settings.seed % 8 == 5) settings.alpha = 3;
    settings.heartbeat_ms = one_of(prng, heartbeats);
    settings.election_timeout_ms = settings.heartbeat_ms * prng.between(3, 8);
    settings.tick_ms = settings.heartbeat_ms / prng.between(3, 5);
    using Kind = paxos::LearnerMode::Kind;
    if (settings.seed % 5 == 0) settings.learner_mode = {.kind = Kind::broadcast};
    if (settings.seed % 5 == 1) {
        settings.learner_mode = {.kind = Kind::set,
                                 .size = static_cast<std::uint16_t>(1 + settings.seed / 5 % 3)};
    }
}

void set_limits(Settings& settings, Prng& prng) {
    if (prng.chance(30)) {
        settings.paxos_limits.message_bytes = prng.between(64, 512);
        settings.paxos_limits.recent_slots = prng.between(1, 16);
        settings.paxos_limits.accept_ahead = prng.between(4, 64);
        settings.paxos_limits.retransmissions = prng.between(1, 8);
        settings.paxos_limits.read_rounds = prng.between(1, 2);
    }
    if (prng.chance(15)) {
        settings.core_limits.submissions = prng.between(1, 8);
        settings.core_limits.reads = prng.between(1, 4);
        settings.core_limits.keep_alives = prng.between(1, 4);
        settings.core_limits.waits = prng.between(1, 4);
        settings.core_limits.queued_commands = prng.between(1, 8);
    }
    if (settings.seed % 7 == 5) settings.core_limits.replayed = 20;
    if (prng.chance(30)) settings.state_limits.request_window = prng.between(8, 64);
    if (prng.chance(50)) settings.state_limits.history_changes = prng.between(4, 64);
}

void set_network(Settings& settings, Prng& prng) {
    constexpr std::array<std::uint64_t, 6> percents{0, 0, 1, 2, 5, 20};
    settings.delay = prng.between(50, 500);
    settings.jitter = prng.chance(20) ? prng.between(1, 20) * millisecond : prng.between(0, 2'000);
    settings.lost_percent = one_of(prng, percents);
    settings.repeated_percent = one_of(prng, percents);
    settings.late_percent = one_of(prng, percents);
    settings.late = prng.between(10, 2'000) * millisecond;
    if (prng.chance(60)) {
        settings.partition_every = prng.between(500, 6'000) * millisecond;
        settings.partition_lasts = prng.between(100, 4'000) * millisecond;
    }
}

void set_members(Settings& settings, Prng& prng) {
    if (prng.chance(70)) {
        settings.crash_every = prng.between(150, 4'000) * millisecond;
        settings.down_for = prng.between(5, 2'000) * millisecond;
    }
    if (prng.chance(60)) {
        settings.pause_every = prng.between(500, 5'000) * millisecond;
        settings.pause_lasts = prng.between(50, 5'000) * millisecond;
    }
    if (prng.chance(40)) settings.clock_jump_every = prng.between(500, 5'000) * millisecond;
    if (prng.chance(30)) settings.hand_over_every = prng.between(1'000, 6'000) * millisecond;
    settings.clocks_drift = prng.chance(50);
}

void set_disks(Settings& settings, Prng& prng) {
    constexpr std::array<std::uint64_t, 5> kept{0, 1, 10, 100, 100'000};
    settings.sync = prng.between(50, 3'000);
    settings.slow_percent = prng.chance(50) ? prng.between(1, 20) : 0;
    settings.slow = prng.between(5, 150) * millisecond;
    if (prng.chance(30)) {
        settings.stall_every = prng.between(2'000, 10'000) * millisecond;
        settings.stall_lasts = prng.between(200, 3'000) * millisecond;
    }
    settings.state_commit_every = prng.between(20, 3'000) * millisecond;
    settings.log_kept = one_of(prng, kept);
    settings.log_cut_at_least = prng.between(1, 20);
    settings.snapshot_bytes = 500ULL << (settings.seed % 8);
    if (prng.chance(40)) settings.flaky_members = (settings.members - 1U) / 2U;
}

void set_changes(Settings& settings, Prng& prng) {
    if (!prng.chance(50)) return;
    settings.reconfigure_every = prng.between(200, 5'000) * millisecond;
    settings.members_max = settings.members + prng.between(1, 4);
    // Any set may come, one of a single voter, too: no minority is one for good.
    settings.flaky_members = 0;
}

// Directories are set back and lost at any time, and whoever has such a one is replaced. Not in
// most seeds; by numbers of its own, so that the others are what they are.
void set_forgetting(Settings& settings) {
    const std::uint64_t last_digit = settings.seed % 10;
    if (last_digit > 1 && last_digit != 9) return;
    Prng prng(settings.seed ^ 0x666F'7267'6574ULL);
    settings.copy_every = prng.between(100, 1'500) * millisecond;
    settings.set_back_every = prng.between(500, 4'000) * millisecond;
    if (prng.chance(60)) settings.wipe_every = prng.between(2'000, 15'000) * millisecond;
    settings.founders_have_met = false;
    // With whoever forgot everything the minority is complete that may forget something.
    settings.flaky_members = 0;
}

// The past of keys, much of which is soon forgotten. By numbers of its own, too.
void set_past(Settings& settings) {
    if (settings.seed % 3 != 2) return;
    Prng prng(settings.seed ^ 0x7061'7374ULL);
    settings.looks_back_percent = prng.between(10, 40);
    auto& limits = settings.state_limits;
    if (prng.chance(60)) limits.versions_per_key = prng.between(1, 12);
    if (prng.chance(50)) limits.version_ms = static_cast<std::int64_t>(prng.between(500, 15'000));
    if (prng.chance(30)) limits.version_bytes = prng.between(1'000, 20'000);
    if (prng.chance(20)) limits.rolled_back_keys = 2;
}

// Sessions lapse by the dozen, and are ended in many small portions. By numbers of its own.
void set_crowd(Settings& settings) {
    Prng prng(settings.seed ^ 0x6372'6f77'6473ULL);
    if (!prng.chance(30)) return;
    settings.crowd_every = prng.between(3'000, 12'000) * millisecond;
    settings.state_limits.ended_per_command = prng.between(2, 12);
    settings.core_limits.pace = {.commands = prng.between(2, 64),
                                 .sessions = prng.between(2, 32),
                                 .batches = prng.between(1, 3),
                                 .looked_at = prng.between(2, 50)};
}

// Quotas leave hardly any room, that of everything included. By numbers of its own.
void set_squeeze(Settings& settings) {
    Prng prng(settings.seed ^ 0x7371'7565'657a'65ULL);
    if (prng.chance(35)) settings.squeeze_every = prng.between(30, 300) * millisecond;
}

// Early: the state may not have recorded yet who has which directory.
void set_loss(Settings& settings, Prng& prng) {
    if (settings.flaky_members == 0 || !prng.chance(40)) return;
    const bool early = prng.chance(50);
    settings.first_lost_after = prng.between(50, early ? 1'000 : 10'000) * millisecond;
}

void set_clients(Settings& settings, Prng& prng) {
    settings.clients = prng.between(2, 10);
    if (prng.chance(20)) settings.clients = prng.between(10, 30);
    settings.watchers = prng.below(3);
    settings.keys = prng.between(1, 4) + settings.clients / 6;
    settings.locks = prng.between(1, 2) + settings.clients / 6;
    settings.think = prng.between(2, 120) * millisecond;
    settings.request_timeout = prng.between(500, 4'000) * millisecond;
    settings.session_ttl_ms =
        prng.chance(40) ? prng.between(300, 1'500) : prng.between(1'500, 6'000);
    settings.lock_delay_ms = prng.chance(40) ? prng.between(10, 1'500) : 0;
    settings.stale_clients_percent = prng.below(30);
}

}  // namespace

Settings Settings::of_seed(std::uint64_t seed) {
    Settings settings;
    settings.seed = seed;
    Prng prng(seed);
    prng.next();  // Neighbouring seeds differ from here on.
    set_cluster(settings, prng);
    set_limits(settings, prng);
    set_network(settings, prng);
    set_members(settings, prng);
    set_disks(settings, prng);
    set_clients(settings, prng);
    set_changes(settings, prng);
    set_forgetting(settings);
    set_past(settings);
    set_crowd(settings);
    set_squeeze(settings);
    settings.chaos = prng.between(10, 40) * second;
    set_loss(settings, prng);
    return settings;
}

}  // namespace gavel::simulation
