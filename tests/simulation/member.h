#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "daemon/acquaintances.h"
#include "daemon/core.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/network.h"
#include "tests/simulation/observer.h"
#include "tests/simulation/reached.h"
#include "tests/simulation/schedule.h"
#include "tests/simulation/settings.h"

namespace gavel::simulation {

// One member: the production core, driven as daemon/node.cc does, on a simulated disk and network.
// Crashes at any point between two things that it does, and starts again from what is durable.
class Member {
public:
    // What all members share.
    struct Surroundings {
        const Settings& settings;
        Schedule& schedule;
        Network& network;
        Observer& observer;
        Reached& reached;
        Trace& trace;
    };
    using Ask = std::function<void(daemon::Core&, std::uint64_t ticket)>;
    // Null: the connection broke before there was an answer.
    using Answered = std::function<void(const daemon::Core*, const daemon::Turn::Answer*)>;
    using Changes = std::vector<statemachine::Ptr<statemachine::Change>>;
    // Null: the connection broke.
    using Sink = std::function<void(const Changes*)>;

    // Its directory is empty, and has that incarnation.
    Member(Surroundings around, paxos::MemberId id, std::uint64_t incarnation);

    paxos::MemberId id() const { return id_; }
    bool is_up() const { return core_ != nullptr; }
    // It was removed, or must not serve, and has ended for good.
    bool has_ended() const { return ended_; }
    // It has a core, or will have one: a snapshot is being installed, or it has to meet others.
    bool runs() const { return core_ != nullptr || installing_ || unmet_; }
    const daemon::Core& core() const { return *core_; }

    void start();
    void crash();
    // At the n-th point from now at which that may make a difference.
    void crash_soon(std::uint64_t points) { crash_in_ = points; }
    // In the middle of the next such transaction.
    void crash_during(Disk::Transaction transaction) { crash_during_ = transaction; }
    bool is_doomed() const { return crash_in_ || crash_during_; }
    void pause(Time lasts);
    void stall_disk(Time lasts);
    void jump_clock(std::int64_t by_ms);
    // In its state's environment.
    void lack_room(Time lasts) { lacks_room_until_ = around_.schedule.now() + lasts; }
    void begin_shutdown();
    void spoil_disk();
    const Disk& disk() const { return disk_; }
    void heal();

    // Only while nothing of it runs: from now on that stands in its directory.
    void forget(Directory directory);
    bool has_forgotten() const { return forgetful_; }
    // It votes whenever it runs: what it had to wait for is behind it.
    bool may_always_vote() const;
    const Directory& directory() const { return disk_.directory(); }
    // An operator sees to it that it does not serve again.
    void end();

    // As daemon/node_peers.cc does it. Only while it runs.
    proto::Hello hello() const;
    std::uint64_t run() const { return disk_.directory().runs.back().id; }
    const std::map<std::uint16_t, persistence::Acquaintance>& others() const {
        return others_->known();
    }
    std::optional<daemon::Peers::Refusal> admit(const proto::Hello& hello);
    void on_connected(const proto::Hello& hello);
    void on_farewell(const proto::Farewell& farewell);
    bool would_believe(paxos::MemberId other) const;
    void heard(paxos::MemberId from, Stamp stamp);

    void receive(paxos::MemberId from, std::string bytes);
    void peer_died(paxos::MemberId peer);
    void call(Ask ask, Answered answered);
    void subscribe(Sink sink);  // Only while it is up.

private:
    struct Input {
        std::function<void(daemon::Core&)> take{};
        bool of_client{};
    };

    void make_core(statemachine::Machine machine);
    void greet_founders();
    bool may_vote() const;
    void note_others();
    const statemachine::Globals& globals() const;
    void enter(std::function<void(daemon::Core&)> take, bool of_client = false);
    void resume();
    void schedule_turn();
    void turn();
    void spend(daemon::Turn turn);
    void tick();
    void begin_anew_from(std::unique_ptr<statemachine::Machine> snapshot);
    void install_once_idle();
    void crash_for_a_while();
    void drop_clients();
    void send(paxos::MemberId to, const proto::PeerMessage& message);
    void release(std::vector<daemon::Outgoing> messages);
    void answer(const daemon::Turn::Answer& answer);
    bool crash_point(const char* where);
    void on_transaction(Disk::Transaction transaction, Time lasts);
    bool is_paused() const { return around_.schedule.now() < paused_until_; }
    paxos::Tick monotonic() const;
    statemachine::TimeMs wall() const;

    Surroundings around_;
    paxos::MemberId id_;
    Prng prng_;
    Prng own_fate_;  // Of what it notes of others.
    Disk disk_;
    bool forgetful_ = false;

    std::uint64_t run_ = 0;  // Changed by start and crash: what was scheduled before is void.
    std::unique_ptr<daemon::Core> core_;
    bool ended_ = false;
    std::optional<daemon::Acquaintances> others_;
    std::unique_ptr<statemachine::Machine> unmet_;  // Until it has met every founder.
    std::unique_ptr<daemon::SnapshotSource> source_;
    std::unique_ptr<statemachine::Machine> installing_;
    bool crashes_once_installed_ = false;
    daemon::SnapshotSink::Reached fetched_{};
    bool fetched_rather_than_learned_ = false;
    std::vector<Input> inbox_;
    bool turn_scheduled_ = false;
    Time paused_until_ = 0;
    bool tick_missed_ = false;
    Time state_handed_at_ = 0;
    Time lacks_room_until_ = 0;
    std::int64_t clock_offset_ms_ = 0;
    std::int64_t clock_drift_percent_ = 0;
    std::optional<std::uint64_t> crash_in_;
    std::optional<Disk::Transaction> crash_during_;
    std::uint64_t turns_ = 0;
    std::uint64_t last_ticket_ = 0;
    std::map<std::uint64_t, Answered> waiting_;
    std::vector<Sink> sinks_;
};

}  // namespace gavel::simulation
