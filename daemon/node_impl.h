#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/acquaintances.h"
#include "daemon/backup.h"
#include "daemon/clients.h"
#include "daemon/core.h"
#include "daemon/disk.h"
#include "daemon/node.h"
#include "daemon/peers.h"
#include "daemon/snapshot_source.h"

namespace gavel::daemon {

// What a node has and does on the core thread. Its doors and its loop are in node.cc, the other
// members in node_peers.cc, its beginning, the one anew and the end in node_life.cc.
class Node::Impl {
public:
    Impl(Options options, persistence::LogStore log, persistence::StateStore state,
         statemachine::Machine machine, paxos::Durable durable);

    Result<std::uint16_t, ConfigError> listen() { return peers_->listen(options_.peer_listen); }
    void start(std::uint16_t port);
    void hand_over(std::chrono::milliseconds patience);
    void stop();

    // From any thread: runs on the core thread, together with whatever else came meanwhile.
    void enter(std::function<void()> call) { clients_.enter(std::move(call)); }

    void submit(api::Submission submission, std::function<void(api::SubmitResult)> done);
    void read(const api::ReadOptions& options, api::Query query);
    void keep_alive(statemachine::SessionId session, std::chrono::milliseconds timeout,
                    std::function<void(api::KeepAliveResult)> done);
    void leases(std::vector<statemachine::SessionId> sessions, std::chrono::milliseconds patience,
                std::function<void(api::Leases)> done);
    void hand_over(api::HandOverWish wish, std::chrono::milliseconds timeout,
                   std::function<void(api::HandOverResult)> done);
    api::Status status() const;
    void backup(statemachine::Revision least, std::chrono::milliseconds timeout,
                std::function<void(api::BackupResult)> done);
    void subscribe(std::weak_ptr<Clients::Sink> sink) { clients_.subscribe(std::move(sink)); }

    // From any thread.
    api::Gateway::Schemas schemas() const { return schemas_.load(); }
    std::uint64_t applied() const { return applied_.load(std::memory_order_relaxed); }
    std::uint16_t leader() const { return leader_.load(std::memory_order_relaxed); }
    api::HistoryId history_id() const { return history_id_.load(std::memory_order_relaxed); }

    std::uint16_t peer_port = 0;

private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds tick_interval{10};

    const statemachine::Globals& globals() const {
        return core_ ? core_->machine().globals() : machine_->globals();
    }
    api::Failure::Kind unavailable() const;

    void note_history();
    void note_schemas(const statemachine::Machine& machine);

    // The loop.
    void tick();
    void schedule_turn();
    void turn();
    void release(std::vector<Outgoing> messages);
    void hand_state_over(bool now);
    bool lacks_room() const;
    std::uint64_t state_bytes_to_be() const;
    std::uint64_t state_bytes_allowed() const { return disk_.state().map_bytes() / 2; }

    // The other members.
    proto::Hello hello() const;
    void make_peers();
    std::map<paxos::MemberId, Address> addresses() const;
    std::optional<Peers::Refusal> admit(const proto::Hello& hello);
    void on_connected(const proto::Hello& hello);
    void on_down(paxos::MemberId member, bool refused);
    void on_farewell(const proto::Farewell& farewell);
    void receive(paxos::MemberId from, proto::PeerMessage message);
    bool may_vote() const;
    void follow_members();
    void note_others();

    // Backups.
    class OpenBackup;
    struct WaitingBackup {
        statemachine::Revision least{};  // The disk has to hold so much.
        Clock::time_point deadline{};
        std::function<void(api::BackupResult)> done{};
    };
    void serve_backups();
    void close_backups();
    void end_backups();
    bool state_is_crowded() const;

    // Beginning and end.
    void make_core();
    void begin_anew_from(statemachine::Machine snapshot);
    void begin_anew(Disk::Fresh fresh);
    void retire(const std::string& reason);
    [[noreturn]] void end_diverged(paxos::Slot slot);
    [[noreturn]] void end_set_back(const proto::Farewell& farewell);
    void wait_until_followed(const std::shared_ptr<std::promise<void>>& done,
                             Clock::time_point deadline);
    void finish();
    void once_disk_is_idle(std::function<void()> then);

    Options options_;
    std::uint64_t boot_;
    persistence::Identity identity_;
    std::optional<statemachine::Machine> machine_;  // Until the core has it.
    paxos::Durable durable_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    std::unique_ptr<Peers> peers_;
    std::optional<Core> core_;
    Clients clients_;
    Disk disk_;
    SnapshotSource source_;
    std::vector<WaitingBackup> waiting_backups_{};
    std::vector<std::weak_ptr<BackupWriter>> open_backups_{};
    Acquaintances others_;
    boost::asio::steady_timer timer_;

    std::pair<std::uint64_t, std::uint64_t> followed_epochs_{1, 1};
    bool retired_ = false;
    std::uint64_t messages_refused_ = 0;  // While the disk could not keep up.
    bool turn_scheduled_ = false;
    bool leaving_ = false;  // Takes no new commands, and makes no core that would.
    bool stopping_ = false;
    bool installing_ = false;  // The core has ended; `machine_` is on its way to the disk.
    std::uint64_t installed_ = 0;
    std::uint64_t received_bytes_ = 0;  // By cores that have ended.
    std::uint64_t refused_ = 0;         // By them, too.
    Clock::time_point alive_at_{};
    Clock::time_point state_handed_at_{};
    Clock::time_point noted_at_ = Clock::now();

    std::atomic<api::Gateway::Schemas> schemas_{};
    std::atomic<std::uint64_t> applied_{0};
    std::atomic<std::uint16_t> leader_{0};
    std::atomic<api::HistoryId> history_id_{0};
    std::thread thread_;
};

}  // namespace gavel::daemon
