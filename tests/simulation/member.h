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
#include "tests/simulation/directory.h"
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
        std::function<Member*(paxos::MemberId)> find{};
    };
    using Ask = std::function<void(daemon::Core&, std::uint64_t ticket)>;
    // Null: the connection broke before there was an answer.
    using Answered = std::function<void(const daemon::Core*, const daemon::Turn::Answer*)>;
    using Changes = std::vector<statemachine::Ptr<statemachine::Change>>;
    // Null: the connection broke.
    using Sink = std::function<void(const Changes*)>;

    Member(Surroundings around, paxos::MemberId id, std::uint64_t incarnation);

    paxos::MemberId id() const { return id_; }
    bool is_up() const { return core_ != nullptr; }
    // It was removed and has ended for good.
    bool has_ended() const { return ended_; }
    // It lost its directory: it may start as often as it likes, nobody lets it in.
    bool is_lost() const { return directory_.is_lost(); }
    // It has a core, or will have one: a snapshot is being installed.
    bool runs() const { return core_ != nullptr || installing_; }
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
    void begin_shutdown();
    void spoil_disk();
    void lose_directory();
    void heal();

    void receive(Network::Packet packet);
    void peer_died(paxos::MemberId peer);
    void call(Ask ask, Answered answered);
    void subscribe(Sink sink);  // Only while it is up.

private:
    struct Input {
        std::function<void(daemon::Core&)> take{};
        bool of_client{};
    };

    void begin();
    void meet_founders();
    bool admits(const proto::Hello& hello);
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
    Disk disk_;
    Directory directory_;

    std::uint64_t run_ = 0;  // Changed by start and crash: what was scheduled before is void.
    std::unique_ptr<daemon::Core> core_;
    bool ended_ = false;
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
