#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/gateway.h"
#include "base/hash.h"
#include "daemon/hash_book.h"
#include "daemon/lease_book.h"
#include "daemon/snapshot_sink.h"
#include "paxos/replica.h"
#include "proto/peer_message.h"
#include "statemachine/machine.h"

namespace gavel::daemon {

struct Outgoing {
    paxos::MemberId to{};
    proto::PeerMessage message{};
};

// What one turn of the core asks of the world. Whoever drives the core (the node, the simulator)
// spends it: messages and, in whichever order, records and what waits for them to the log's writer;
// then changes to those who watch; then the answers.
struct Turn {
    struct Submitted {
        std::uint64_t ticket{};
        api::SubmitResult result{};
    };
    struct ReadReady {  // To be served from the state as it is now.
        std::uint64_t ticket{};
        std::optional<api::Failure> failure{};
    };
    struct KeptAlive {
        std::uint64_t ticket{};
        api::KeepAliveResult result{};
    };
    struct Leases {
        std::uint64_t ticket{};
        api::Leases leases{};
    };
    struct HandedOver {
        std::uint64_t ticket{};
        api::HandOverResult result{};
    };
    using Answer = std::variant<Submitted, ReadReady, KeptAlive, Leases, HandedOver>;

    std::vector<paxos::Record> records{};
    std::vector<Outgoing> once_durable{};  // Those to the member itself go to Core::receive.
    std::vector<Outgoing> at_once{};
    std::vector<statemachine::Ptr<statemachine::Change>> changes{};
    bool schemas_changed{};
    // What operators did to locks by force while this member led, for the diary.
    std::vector<statemachine::Event> forced{};
    std::vector<Answer> answers{};
    std::vector<paxos::LogRead> log_reads{};
    std::map<paxos::MemberId, proto::SnapshotAsk> snapshot_asks{};
    // The verified state of another member, ahead of this one's. Once the rest of the turn is
    // spent this core has ended: the member begins anew from that state, durably, with a new boot.
    std::unique_ptr<statemachine::Machine> snapshot{};
    // This member was removed, and nobody needs it any more: it may end.
    bool retired{};
    std::vector<paxos::RoleReport> roles{};  // For the diary.
    // A majority agrees on another state at that slot: nothing of this turn may be spent, and the
    // member must end.
    std::optional<paxos::Slot> diverged{};
};

// Rows changed since the last hand-over and the globals they belong to: one commit of the state.
struct StateBatch {
    std::vector<statemachine::Row> rows{};  // Each key once; not sorted.
    statemachine::Globals globals{};
    std::uint64_t bytes{};  // Of pages that it writes anew, about.
};

// A whole member without its threads, clocks, disks and sockets: the replica, the state machine and
// what lies between them and the clients. Deterministic; the simulator runs this very object.
//
// It numbers the commands of its clients and proposes them again until they are executed (exactly
// once, by the state's request window), hands them to the leader, stamps what it proposes when it
// leads, keeps sessions alive and lets them lapse (leader only), and remembers who waits for what.
// Owned by one thread. Every queue is bounded by Limits; what does not fit is answered at once.
class Core {
public:
    struct Limits {
        std::size_t submissions = 4'000;  // Of own clients, not yet executed; below the window.
        std::size_t waits = 20'000;       // Own clients that wait for a lock.
        std::size_t reads = 20'000;
        std::size_t keep_alives = 20'000;
        std::size_t lease_questions = 1'000;   // Own ones; and those that this leader confirms.
        std::size_t hand_overs = 64;           // Asked of a leader by own clients.
        std::size_t queued_commands = 16'384;  // At the leader, waiting for the window.
        std::size_t queued_bytes = 64 << 20;
        // Slots that a member without any state executes, one by one, rather than to fetch the
        // state of another: which is much faster, the state being smaller than what led to it.
        std::uint64_t replayed = 10'000;
        LeaseBook::Pace pace{};  // At each tick: what is due for many at once is spread out.
    };
    struct Config {
        paxos::MemberId self{};
        std::uint64_t boot{};
        std::uint64_t incarnation{};  // Of the data directory.
        std::uint64_t seed{};
        std::uint64_t heartbeat_ms = 100;
        std::uint64_t election_timeout_ms = 500;
        paxos::LearnerMode learner_mode{};
        std::string client_address{};
        std::string version{};
        Limits limits{};
        paxos::Limits paxos_limits{};
    };

    Core(Config config, statemachine::Machine machine, const paxos::Durable& durable,
         paxos::Tick now, statemachine::TimeMs wall);

    // `now` never goes back; `wall` may jump. At least a few times per heartbeat.
    void tick(paxos::Tick now, statemachine::TimeMs wall);
    void receive(paxos::MemberId from, proto::PeerMessage message);
    void peer_died(paxos::MemberId peer);
    // It can be reached.
    void connected(paxos::MemberId peer) { step(paxos::PeerMet{peer}); }
    // The handshake with a member told which data directory it has.
    void met(paxos::MemberId peer, std::uint64_t incarnation);

    // `ticket` names the request in the answer; the caller never uses one twice.
    void submit(std::uint64_t ticket, api::Submission submission);
    void read(std::uint64_t ticket, const api::ReadOptions& options);
    void keep_alive(std::uint64_t ticket, statemachine::SessionId session,
                    std::uint64_t timeout_ms);
    void leases(std::uint64_t ticket, std::vector<statemachine::SessionId> sessions,
                std::uint64_t timeout_ms);

    // Gets whoever leads to let that voter lead.
    void hand_over(std::uint64_t ticket, api::HandOverWish wish, std::uint64_t timeout_ms);

    // Hands leadership to the best informed voter that is in touch, if this member leads, and
    // refuses new commands from now on.
    void begin_shutdown();

    // No other input is waiting: everything the inputs since the last turn led to.
    Turn end_turn();

    // What the state's writer is to make durable next; only when every record of earlier turns is.
    StateBatch take_state_batch();
    std::size_t dirty_rows() const { return dirty_.size(); }
    std::uint64_t dirty_bytes() const { return dirty_bytes_; }  // As StateBatch::bytes.

    // What clients want is not proposed while the log has no room for it. When that goes on for too
    // long another member leads, if there is one that could.
    void hold_back(bool held);
    static constexpr std::uint64_t held_back_ms_max = 2'000;
    // More waits for the disk than it should. As a leader this member would rather that another one
    // led, but not so often that leadership goes around: all disks take the same.
    void on_overload(bool overloaded);

    // This member's disk has no room for a larger state: while it leads, or the leader hears of it,
    // what would add to the state is refused.
    void spare_room(bool spared) { spares_room_ = spared; }

    // The state as of that slot is on the disk now.
    void on_state_durable(statemachine::Revision applied) { durable_applied_ = applied; }

    // The log may be cut up to here, when so many entries are to be kept behind the durable state:
    // more of them for members that were heard from lately, and for those who `fetched` a snapshot
    // of that slot and have not said that they have it on the disk, but not without end. Whoever
    // needs what was cut fetches a snapshot.
    paxos::Slot cut_point(std::uint64_t keep,
                          const std::map<paxos::MemberId, paxos::Slot>& fetched) const;

    // That member was removed, and nobody needs it any more: a majority of those who follow have on
    // their disks what the set that it was in held.
    bool is_dismissed(statemachine::MemberNumber member) const;

    const statemachine::Machine& machine() const { return machine_; }
    const paxos::Replica& replica() const { return replica_; }
    const SnapshotSink& snapshot_sink() const { return sink_; }
    bool fetched_rather_than_learned() const { return bool(learns_later_until_); }
    bool serves() const { return leader_started_ || bool(replica_.leader()); }
    api::Status status() const;
    void check_invariants() const;

private:
    struct Pending {             // A command of an own client, not yet executed.
        std::uint64_t ticket{};  // 0: the client was answered already.
        Bytes entry{};
        paxos::Tick deadline{};
        paxos::Tick last_sent{};
        bool sent{};
        statemachine::DurationMs wait{};
        std::optional<std::weak_ptr<void>> asker{};
    };
    struct Wait {
        std::uint64_t ticket{};
        paxos::Tick deadline{};
        statemachine::Revision attempt{};  // Of the acquire that it came with.
        bool opened_session{};  // By the acquire itself: the client is told of it by the grant.
        std::optional<std::weak_ptr<void>> asker{};

        bool is_over(paxos::Tick now) const {
            return deadline <= now || (asker && asker->expired());
        }
    };
    // Own clients of one place in a queue: more than one only where one request was repeated. Of
    // several locks the first that was asked for is named, since they come together.
    struct Waits {
        statemachine::SessionId session{};
        std::string lock{};
        std::vector<Wait> waiting{};
    };
    struct Read {
        std::uint64_t ticket{};
        statemachine::Revision min_revision{};
        paxos::Tick deadline{};
        bool confirmed{};  // By a leader, whose index it waits for.
    };
    struct OwnKeepAlive {
        std::uint64_t ticket{};
        statemachine::SessionId session{};
        paxos::Tick deadline{};
        paxos::Tick last_sent{};
    };
    // A keep-alive that this leader confirms like a read.
    struct Confirming {
        paxos::MemberId from{};
        std::uint64_t number{};
        statemachine::SessionId session{};
    };
    struct OwnLeasesAsk {
        std::uint64_t ticket{};
        paxos::Tick deadline{};
    };
    // A question about leases that this leader confirms like a read.
    struct LeasesAsked {
        paxos::MemberId from{};
        proto::LeasesAsk ask{};
    };
    struct OwnHandOver {
        std::uint64_t ticket{};
        api::HandOverWish wish{};  // To 0: any but `from`.
        paxos::MemberId from{};    // Who led when it was first asked; 0: not asked yet.
        paxos::Tick deadline{};
        paxos::Tick last_sent{};
    };
    struct Report {
        proto::MemberReport report{};
        paxos::Tick at{};
        // Behind this member when it said so: by now both are further.
        std::uint64_t lag{};
    };
    // What is common to the commands that may wait for locks.
    struct Acquire {
        statemachine::SessionId session{};
        const std::string* lock{};
        statemachine::DurationMs wait{};
    };

    void step(const paxos::Input& input);
    void spend(paxos::Effects effects);
    void take_messages(std::vector<paxos::Envelope>& from, std::vector<Outgoing>& into);
    void execute(const paxos::Chosen& chosen);
    static std::optional<Acquire> acquire_of(const statemachine::Command& command);
    void settle(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void time_what_began(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void answer_own(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void tell_who_waits(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void supersede(Waits& waits, const statemachine::Waiter& by,
                   const statemachine::Outcome& outcome);
    statemachine::Outcome end_of_wait(statemachine::SessionId session, const std::string& lock,
                                      const statemachine::LockHeld* left) const;
    statemachine::LockHeld held_by_others(const std::string& lock) const;
    void tell(const Wait& wait, statemachine::SessionId session, statemachine::Outcome outcome);
    void end_leases(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void answer(std::uint64_t ticket, api::SubmitResult result);
    void mark_dirty(statemachine::Row row);
    void on_role(const paxos::RoleReport& role);
    void on_read_confirmed(const paxos::ReadConfirmed& confirmed);
    void on_question_confirmed(std::uint64_t read);

    void on(paxos::MemberId from, paxos::Message message);
    void on(paxos::MemberId from, proto::Forward forward);
    void on(paxos::MemberId from, const proto::KeepAlive& keep_alive);
    void on(paxos::MemberId from, const proto::KeepAliveAnswer& answer);
    void on(paxos::MemberId from, proto::LeasesAsk ask);
    void on(paxos::MemberId from, const proto::LeasesAnswer& answer);
    void on(paxos::MemberId from, const proto::HandOverAsk& ask);
    void on(paxos::MemberId from, proto::MemberReport report);
    void on(paxos::MemberId from, proto::SnapshotAsk ask);
    void on(paxos::MemberId from, proto::SnapshotChunk chunk);

    void send(paxos::MemberId to, proto::PeerMessage message);
    void dispatch(Pending& pending);
    void dispatch_keep_alive(std::uint64_t number);
    void dispatch(OwnHandOver& own);
    void answer_hand_overs();
    void leave_leading();
    bool is_near(paxos::MemberId member) const;
    enum class Fitness : std::uint8_t { any, near, near_with_room };
    std::optional<paxos::MemberId> successor(Fitness fitness) const;
    bool in_touch(paxos::MemberId member) const;
    bool room_is_spared() const;
    void ask_reads_again();
    bool enqueue(Bytes entry);
    std::size_t room_for_own() const;
    void propose_own(statemachine::Command command);
    void pump();
    void start_leading();
    void confirm_keep_alive(Confirming confirming);
    void answer_keep_alive(const Confirming& confirming, proto::KeepAliveAnswer answer);
    void answer_leases(const LeasesAsked& asked, bool confirmed);
    void run_leader_timers();
    void tend_members();
    void pin_directories();
    void promote_who_caught_up();
    void expire_requests();
    void resend();
    void serve_ready_reads();
    void report_to_others();
    proto::MemberReport own_report() const;
    void ask_for_snapshot(std::optional<SnapshotSink::Question> question);
    void fetch_rather_than_learn();
    bool learns_later() const;
    void go_on_fetching();
    void drop_a_snapshot_of_no_use();
    statemachine::Revision durable_at(paxos::MemberId member) const;
    void check_for_divergence();
    std::vector<std::string> alarms() const;
    std::vector<std::string> alarms_of_bounds() const;
    std::vector<std::string> alarms_of_silence() const;
    std::uint64_t next_read_id() { return ++last_read_; }

    Config config_;
    statemachine::Machine machine_;
    paxos::Replica replica_;
    paxos::Tick now_;
    const paxos::Tick started_at_;
    statemachine::TimeMs wall_;
    Turn turn_;
    bool shutting_down_ = false;

    // Own clients.
    std::uint64_t last_number_ = 0;
    std::map<std::uint64_t, Pending> pending_;
    std::map<statemachine::Revision, Waits> waits_;  // By place.
    std::size_t wait_count_ = 0;
    std::uint64_t last_read_ = 0;
    std::map<std::uint64_t, Read> reads_;                   // Awaiting their index, by read id.
    std::multimap<statemachine::Revision, Read> ready_at_;  // Awaiting this applied slot.
    std::uint64_t last_question_;
    std::map<std::uint64_t, OwnKeepAlive> keep_alives_;
    std::map<std::uint64_t, OwnLeasesAsk> leases_asks_;
    std::vector<OwnHandOver> hand_overs_;
    paxos::Tick expired_requests_at_{};

    // Leading.
    std::deque<Bytes> queue_;
    std::size_t queue_bytes_ = 0;
    bool spares_room_ = false;
    std::optional<paxos::Tick> held_back_since_;
    bool overloaded_ = false;
    paxos::Tick led_since_{};
    paxos::Tick left_leading_at_{};
    std::optional<statemachine::RequestId> leader_start_;  // Proposed at this ballot.
    bool leader_started_ = false;                          // ... and executed.
    LeaseBook leases_;
    std::map<std::uint64_t, Confirming> confirming_;     // By read id.
    std::map<std::uint64_t, LeasesAsked> leases_asked_;  // By read id.
    // Both, once confirmed, until what others may have executed already is executed here.
    std::multimap<statemachine::Revision, std::uint64_t> confirmed_at_;
    std::optional<paxos::Tick> pinned_at_;
    std::optional<paxos::Tick> promoted_at_;
    std::uint64_t promoted_from_epoch_ = 0;

    // State on its way to the disk.
    statemachine::Revision durable_applied_;
    struct RowKeyHash {
        std::size_t operator()(const statemachine::RowKey& key) const {
            return hash64(key.key, static_cast<std::uint64_t>(key.table));
        }
    };
    boost::unordered_flat_map<statemachine::RowKey, statemachine::RowValue, RowKeyHash> dirty_;
    std::uint64_t dirty_bytes_ = 0;

    // Others.
    std::map<paxos::MemberId, Report> reports_;
    std::map<paxos::MemberId, paxos::Tick> contact_;
    std::map<paxos::MemberId, paxos::Tick> expected_since_;  // To be heard from.
    std::map<paxos::MemberId, std::uint64_t> incarnations_;
    paxos::Tick reported_at_{};
    HashBook hashes_;
    SnapshotSink sink_;
    std::optional<paxos::Tick> learns_later_until_;                  // A fetch makes headway.
    std::array<std::uint64_t, paxos::message_names.size()> sent_{};  // To others, by kind.
    std::uint64_t proposals_ = 0;
    std::uint64_t reads_served_ = 0;
};

}  // namespace gavel::daemon
