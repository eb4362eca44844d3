#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "daemon/core.h"
#include "daemon/snapshot_source.h"
#include "paxos/records.h"
#include "persistence/log_store.h"
#include "statemachine/machine.h"
#include "tests/simulation/reached.h"
#include "tests/simulation/schedule.h"
#include "tests/simulation/settings.h"

namespace gavel::simulation {

// What stands in a member's directory: all that is durable.
struct Directory {
    using Rows = std::map<statemachine::RowKey, std::string>;

    std::uint64_t incarnation{};
    std::uint64_t boot{};
    std::vector<proto::Run> runs{};  // All of them.
    std::uint64_t writes{};
    std::map<std::uint16_t, persistence::Acquaintance> others{};
    paxos::Durable log{};
    Rows rows{};
    std::optional<std::string> globals{};
    statemachine::Revision applied{};  // That of the rows.
    paxos::Slot replaced{};            // By a snapshot of that slot.
};

// A member's two environments, as daemon/disk.h drives the real ones: while one transaction of the
// log is being synced the next collects; the state follows separately, once the log records before
// it are durable. A crash loses what is not durable; the transaction under way survives whole or
// not at all. What is kept is kept as bytes of the production codec.
class Disk {
public:
    enum class Transaction : std::uint8_t { log, cut, state, install };
    struct Callbacks {
        // Records, durable now, in order; then what waited for them.
        std::function<void(const std::vector<paxos::Record>&)> durable{};
        std::function<void(std::vector<daemon::Outgoing>)> released{};
        std::function<void(paxos::Slot)> cut{};
        // A transaction begins that will take so long.
        std::function<void(Transaction, Time)> begins{};
    };

    Disk(const Settings& settings, Schedule& schedule, Reached& reached, std::uint64_t seed,
         Callbacks callbacks);

    // What a member that starts finds. The machine is fresh.
    std::uint64_t next_boot();
    void restore(statemachine::Machine& machine) const;
    paxos::Durable recover(paxos::Slot applied);
    const paxos::Durable& log() const { return kept_.log; }
    // What `gaveld recover` would find above the state.
    paxos::Durable survey() const;

    const Directory& directory() const { return kept_; }
    // Only while nothing uses it.
    void replace(Directory directory) { kept_ = std::move(directory); }
    void remember(std::uint16_t member, const persistence::Acquaintance& acquaintance) {
        kept_.others[member] = acquaintance;
    }

    void append(std::vector<paxos::Record> records, std::vector<daemon::Outgoing> once_durable);
    bool state_is_idle() const { return !state_busy_ && !held_state_; }
    void commit_state(daemon::StateBatch batch);
    statemachine::Revision durable_applied() const { return kept_.applied; }
    void cut(paxos::Slot through);
    paxos::LearnAnswer read(const paxos::LogRead& wanted) const;

    // The state as it is now, for another member; null: there is none yet.
    std::unique_ptr<daemon::SnapshotReader> snapshot() const;
    bool idle() const;
    // The state is replaced by this one; the log is cut up to there by a second transaction.
    void install(const statemachine::Machine& snapshot, std::function<void()> done);

    void crash();
    // An entry above the durable state becomes unreadable; false: there is none.
    bool spoil_an_entry();
    void stall_until(Time until) { stalled_until_ = until; }
    void heal() { healed_ = true; }
    bool is_healed() const { return healed_; }
    // Everything is lost but the boot counter.
    void forget_log();

private:
    struct Batch {
        std::vector<paxos::Record> records{};
        std::vector<daemon::Outgoing> once_durable{};
    };

    Time sync_time();
    // `done` follows once the transaction is durable, unless there is a crash first.
    void begin(Transaction transaction, Time lasts, std::function<void()> done);
    void start_log();
    void start_cut();
    void start_state();
    void on_log_durable();
    void on_state_durable();
    void write(const std::vector<paxos::Record>& records);
    void write(const daemon::StateBatch& batch);
    void take_over(const daemon::StateBatch& snapshot);
    void cut_now(paxos::Slot through);
    // Counts what becomes of the transaction under way when the member crashes.
    bool survives(const char* transaction);

    const Settings& settings_;
    Schedule& schedule_;
    Reached& reached_;
    Prng prng_;
    Callbacks callbacks_;

    Directory kept_;
    Prng run_ids_;

    // Under way.
    std::uint64_t run_ = 0;  // Changed by a crash: what was scheduled before is void.
    Batch collecting_;
    std::optional<Batch> syncing_;
    std::optional<paxos::Slot> cutting_;
    std::uint64_t handed_ = 0;
    std::uint64_t done_ = 0;
    bool state_busy_ = false;
    std::optional<daemon::StateBatch> held_state_;
    std::optional<daemon::StateBatch> syncing_state_;
    std::optional<daemon::StateBatch> installing_;
    std::uint64_t held_until_ = 0;
    paxos::Slot cut_target_{};
    Time stalled_until_ = 0;
    bool healed_ = false;
};

}  // namespace gavel::simulation
