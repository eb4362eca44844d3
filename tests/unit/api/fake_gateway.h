#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/gateway.h"
#include "statemachine/machine.h"

namespace gavel::api::testing {

// n1 listens on 127.0.0.1:7500, n2 on port 7501, and so on.
statemachine::Member a_member(std::uint16_t id,
                              statemachine::Role role = statemachine::Role::voter);

// A member of one: a real state machine behind the door that executes at once. Callbacks run under
// its mutex, so that answers and changes reach a mailbox in one order, as from a core thread.
class FakeGateway : public Gateway {
public:
    using Entry = statemachine::Entry;

    explicit FakeGateway(statemachine::Limits limits = {},
                         std::vector<statemachine::Member> members = {a_member(1), a_member(2)});

    ~FakeGateway() override;
    FakeGateway(const FakeGateway&) = delete;
    FakeGateway& operator=(const FakeGateway&) = delete;

    void submit(Submission submission, std::function<void(SubmitResult)> done) override;
    void read(ReadOptions options, Query query) override;
    void keep_alive(statemachine::SessionId session, std::chrono::milliseconds,
                    std::function<void(KeepAliveResult)> done) override;
    void leases(std::vector<statemachine::SessionId> sessions, std::chrono::milliseconds,
                std::function<void(Leases)> done) override;
    void hand_over(HandOverWish wish, std::chrono::milliseconds,
                   std::function<void(HandOverResult)> done) override;
    void status(std::function<void(Status)> done) override;
    void backup(statemachine::Revision least, std::chrono::milliseconds,
                std::function<void(BackupResult)> done) override;
    std::shared_ptr<void> subscribe(std::function<void(Changes)> sink) override;
    std::uint64_t applied() const override;
    std::uint16_t leader() const override { return status_.leader_id; }
    HistoryId history_id() const override { return history; }
    Schemas schemas() const override;

    // What other clients do.
    statemachine::Applied run(statemachine::Command command);
    statemachine::Revision put(const std::string& key, const std::string& value,
                               const std::string& type = "text/plain");
    void skip_slots(std::size_t count);
    // As when this member goes on from the state of another.
    void skip();
    statemachine::SessionId open_session(const std::string& name = "");
    // Answers what was held.
    void answer_held(const SubmitResult& result);
    // The waits of everybody here end without the lock.
    void end_waits(const statemachine::LockHeld& held = {.holder = 1, .token = 1, .position = 1});
    Status& edit_status() { return status_; }

    HistoryId history = 0xc1a2b3c4;
    bool lags{};                       // In what it knows of schemas, until a read is confirmed.
    Schemas behind{};                  // Those that it knows then.
    bool spares_room{};                // As if a member had no room for a larger state.
    std::optional<Failure> failure{};  // Of everything that follows.
    bool hold_submits{};               // Take them and never answer.
    bool fills = true;                 // A leader makes new sets govern, with no-ops.
    std::map<statemachine::MemberNumber, MemberView> views{};  // What is known of the members.
    std::vector<Submission> submissions{};
    std::vector<ReadOptions> reads{};
    std::optional<std::chrono::milliseconds> lease{};  // Of every session; none: no leader answers.
    std::vector<std::vector<statemachine::SessionId>> leases_asked{};
    std::vector<HandOverWish> hand_overs{};
    statemachine::TimeMs now = 1'700'000'000'123;

    // What a backup consists of; an empty piece cannot be read.
    std::vector<std::string> backup_pieces{"one", "two", "three"};
    std::vector<statemachine::Revision> backups_asked{};
    int backups_open{};
    int pieces_read{};

private:
    class FakeBackup;

    statemachine::Applied execute(const Entry& entry);
    void grant(const std::vector<statemachine::Event>& events);

    mutable std::mutex mutex_{};
    statemachine::Machine machine_;
    std::uint64_t number_{};
    struct Waiter {
        std::function<void(SubmitResult)> done{};
        bool opened_session{};
    };
    std::map<std::pair<std::string, statemachine::SessionId>, Waiter> waiting_{};
    std::vector<std::function<void(SubmitResult)>> held_{};
    std::map<int, std::function<void(Changes)>> sinks_{};
    int sinks_made_{};
    Status status_{};
};

}  // namespace gavel::api::testing
