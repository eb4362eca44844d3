#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/core.h"
#include "daemon/snapshot_source.h"
#include "daemon/writer.h"
#include "persistence/log_store.h"
#include "persistence/state_store.h"

namespace gavel::daemon {

// The two environments and their writers, as the core thread sees them. While one batch of the log
// is being synced the next one collects (group commit); messages that rest on a batch come back
// when it is durable. Meanwhile a third thread keeps the log: moves what stands in its journal to
// the tables, and cuts what is no longer needed. The state follows in the background: a batch of it
// is started only once every record handed over before it is durable, and the log is cut only
// behind the durable state. A fourth reads the state for members that fetch a snapshot.
//
// Every call and callback is on the core thread, but for the writers' own jobs.
class Disk {
public:
    using Post = std::function<void(std::function<void()>)>;  // To the core thread.

    Disk(persistence::LogStore log, persistence::StateStore state,
         statemachine::Revision durable_applied, Post post);

    // The log: `released` gets each message, in order, once all records handed over before it and
    // with it are durable. Without records, and with nothing under way, that is at once.
    void append(std::vector<paxos::Record> records, std::vector<Outgoing> once_durable);
    std::function<void(std::vector<Outgoing>)> released{};
    // More waits to become durable than should: the disk stalls or is too slow. What comes is still
    // taken, as it must be; the caller sees to it that less comes.
    bool is_overloaded() const { return waiting_bytes_ > waiting_bytes_max; }
    static constexpr std::size_t waiting_bytes_max = 64U << 20;
    // The log lacks room for much more, and some of it can go once it is in the durable state.
    bool log_is_nearly_full() const { return log_.is_nearly_full(waiting_bytes_); }

    // Pages that the state has, and those that the batch on its way writes anew, about.
    std::uint64_t state_bytes() const { return state_bytes_; }
    std::uint64_t state_bytes_coming() const { return state_bytes_coming_; }

    // The state: only when state_is_idle().
    bool state_is_idle() const { return !state_busy_ && !held_state_; }
    void commit_state(StateBatch batch);
    statemachine::Revision durable_applied() const { return durable_applied_; }

    // Entries up to `through` are no longer needed; removed some at a time. When the log is crowded
    // more of them go, the oldest first, but none that the durable state lacks.
    void cut(paxos::Slot through);
    // What was noted of other members reaches the disk soon.
    void keep_notes();
    // Starts no more keeping of the log, which may have much left to cut: it can be done later.
    void stop_keeping() { may_keep_ = false; }

    // Chosen values for a peer that asks; bounded, on the core thread, from memory-mapped pages.
    // There may be none yet; of what the durable state holds there are some soon.
    paxos::LearnAnswer read(const paxos::LogRead& wanted);

    // The state as it is on the disk now, for another member. Null: it cannot be had.
    std::unique_ptr<SnapshotReader> snapshot() const;
    // Runs `job` on a thread of its own, then `done` on the core's: one job after the other.
    // Whoever waits for the end of its last one before it has the next keeps the queue short.
    void run_aside(std::function<void()> job, std::function<void()> done);

    // The state is replaced by one that another member handed on, the log cut up to its slot and
    // the boot counter raised: then `done` gets what a member finds that starts from there. A
    // crash leaves the old state or the new one. Only when idle(), and until then nothing else is
    // to be started; `snapshot` stays as it is.
    struct Fresh {
        std::uint64_t boot{};
        Result<paxos::Durable, persistence::StorageError> durable{paxos::Durable()};
    };
    void install(const statemachine::Machine& snapshot, std::function<void(Fresh)> done);

    bool idle() const { return !log_busy_ && !keeping_ && collecting_.empty() && state_is_idle(); }
    std::uint64_t commits() const { return commits_; }
    persistence::LogStore& log() { return log_; }
    const persistence::LogStore& log() const { return log_; }
    const persistence::StateStore& state() const { return state_; }

private:
    struct Batch {
        std::vector<paxos::Record> records{};
        std::vector<Outgoing> once_durable{};
        std::size_t bytes = 0;
        bool empty() const { return records.empty() && once_durable.empty(); }
    };

    void start_log();
    void start_keeping();
    void start_state();
    void start_aside();
    void on_log_durable(Batch batch);

    persistence::LogStore log_;
    persistence::StateStore state_;
    Post post_;
    Batch collecting_;
    std::size_t waiting_bytes_ = 0;  // Of what collects and what is being synced.
    bool log_busy_ = false;
    bool may_keep_ = true;
    bool keeping_ = false;
    bool asked_in_vain_ = false;  // For what the tables have once the log is kept.
    bool notes_wait_ = false;
    bool state_busy_ = false;
    std::uint64_t handed_ = 0;   // Batches given to the log's writer.
    std::uint64_t durable_ = 0;  // ... and known durable.
    std::uint64_t commits_ = 0;
    std::optional<StateBatch> held_state_;
    std::uint64_t state_bytes_;
    std::uint64_t state_bytes_coming_ = 0;
    std::uint64_t held_until_ = 0;  // The batch that must be durable first.
    struct Aside {
        std::function<void()> job{};
        std::function<void()> done{};
    };
    std::deque<Aside> asides_;
    bool aside_busy_ = false;
    statemachine::Revision durable_applied_;
    paxos::Slot cut_target_{};
    // Last, so that they end before what their jobs touch.
    Writer log_writer_;
    Writer log_keeper_;
    Writer state_writer_;
    Writer aside_;
};

}  // namespace gavel::daemon
