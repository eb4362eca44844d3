#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/gateway.h"
#include "base/result.h"
#include "daemon/address.h"
#include "daemon/core.h"
#include "persistence/log_store.h"
#include "persistence/state_store.h"

namespace gavel::daemon {

// A running member: the core on a thread of its own, driven by clock, disk and peers, and the door
// to it for HTTP. docs/architecture.md has the threads and the order in which a turn is spent.
//
// A fresh member of a cluster of several does not vote, and answers no one, before it has shaken
// hands with every initial member and pinned their incarnations: a directory that was wiped and
// made anew cannot come back as an acceptor that forgot its promises.
class Node final : public api::Gateway {
public:
    struct Options {
        std::vector<statemachine::Member> initial_members{};
        Address peer_listen{};
        std::string client_address{};  // As told to the other members and to clients.
        std::string version{};
        std::uint64_t heartbeat_ms = 100;
        std::uint64_t election_timeout_ms = 500;
        paxos::LearnerMode learner_mode{};
        std::uint64_t log_retain = 100'000;         // Entries kept for members that are behind.
        std::uint64_t peer_queue_bytes = 32 << 20;  // Bulk that waits for one member.
        std::uint64_t state_commit_ms = 2'000;
        // A transaction of LMDB holds the pages it changes in memory, and keeps them for the next.
        std::size_t state_commit_rows = 32 * 1024;
        Core::Limits limits{};
        statemachine::Limits state_limits{};
        // Called once, on the core thread: this member was removed from the cluster and has to end.
        std::function<void()> on_removed{};
        // Called on the core thread, a few times per second for as long as the loop turns.
        std::function<void(const api::Status&)> alive{};
    };

    // Recovers, verifying what it reads; listens for peers. The error is one line for an operator.
    static Result<std::unique_ptr<Node>, persistence::StorageError> open(
        Options options, persistence::LogStore log, persistence::StateStore state);
    ~Node() override;

    void start();
    std::uint16_t peer_port() const;
    // Takes no new commands; hands leadership over if it can within the time. From any thread.
    void hand_over(std::chrono::milliseconds patience);
    // Makes the state durable, then stops all threads. Callbacks still waiting get shutting_down.
    void stop();

    void submit(api::Submission submission, std::function<void(api::SubmitResult)> done) override;
    void read(api::ReadOptions options, api::Query query) override;
    void keep_alive(statemachine::SessionId session, std::chrono::milliseconds timeout,
                    std::function<void(api::KeepAliveResult)> done) override;
    void leases(std::vector<statemachine::SessionId> sessions, std::chrono::milliseconds patience,
                std::function<void(api::Leases)> done) override;
    void hand_over(api::HandOverWish wish, std::chrono::milliseconds timeout,
                   std::function<void(api::HandOverResult)> done) override;
    void status(std::function<void(api::Status)> done) override;
    void backup(statemachine::Revision least, std::chrono::milliseconds timeout,
                std::function<void(api::BackupResult)> done) override;
    std::shared_ptr<void> subscribe(std::function<void(Changes)> sink) override;
    Schemas schemas() const override;
    std::uint64_t applied() const override;
    std::uint16_t leader() const override;
    api::HistoryId history_id() const override;

private:
    class Impl;
    explicit Node(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gavel::daemon
