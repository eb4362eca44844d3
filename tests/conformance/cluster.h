#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "paxos/replica.h"
#include "tests/conformance/observer.h"

namespace gavel::paxos {

inline constexpr MemberId m1{1}, m2{2}, m3{3}, m4{4}, m5{5}, m6{6};

// A message under way.
struct Flying {
    MemberId from{};
    MemberId to{};
    Message message{};
    Tick sent_at{};

    template <class T>
    const T* as() const {
        return std::get_if<T>(&message);
    }
};
using Pick = std::function<bool(const Flying&)>;

template <class T>
bool is(const Flying& flying) {
    return flying.as<T>() != nullptr;
}

// What commands do to the members' states, for a test that wants more than their order.
class Executor {
public:
    virtual ~Executor() = default;
    virtual void execute(MemberId member, Slot slot, const Value& value) = 0;
    // The member's state is durable as it is now.
    virtual void store(MemberId member) = 0;
    // The member starts from what was stored last.
    virtual void restore(MemberId member) = 0;
};

struct ClusterOptions {
    std::vector<MemberId> members{m1, m2, m3};
    std::vector<MemberId> voters{};  // Of the first epoch; empty: all members.
    std::uint64_t alpha = 64;
    std::uint64_t seed = 1;
    bool elections = true;
    Limits limits{};
    LearnerMode learner_mode{};
    Executor* executor = nullptr;  // Outlives the cluster.
};

// How often the adversary did something.
struct Met {
    std::size_t lost = 0;
    std::size_t cut_off = 0;
    std::size_t repeated = 0;
    std::size_t overtaken = 0;  // Arrived before one that was sent earlier on the same way.
    std::size_t delayed = 0;    // Under way for more than a heartbeat.
    std::size_t crashes = 0;
    std::size_t restarts = 0;
    std::size_t writes_lost = 0;

    Met& operator+=(const Met& other);
};

// A whole cluster in one thread: replicas, a bag of messages, disks that lose at a crash what they
// were not yet told to keep, and an observer who sees everything. The test is the adversary.
class Cluster {
public:
    explicit Cluster(ClusterOptions options = {});
    // The observer's verdict is part of every test.
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // ---- Time
    // `ms` pass, all at once, at every member.
    void pass(std::uint64_t ms);
    // Time passes in small steps and all messages arrive in order.
    void run(std::uint64_t ms);
    // As above, until it holds. False: it did not within `ms`.
    [[nodiscard]] bool run_until(const std::function<bool()>& holds, std::uint64_t ms = 20'000);

    // ---- Network
    const std::vector<Flying>& bag() const { return bag_; }
    void deliver(std::size_t index);
    void duplicate(std::size_t index);
    // Back in the bag when so much time has passed.
    void hold_up(std::size_t index, std::uint64_t ms);
    void lose(std::size_t index);
    // The oldest one that is picked; false: there is none.
    bool deliver_first(const Pick& pick);
    // Until the bag is empty, or holds nothing that is picked.
    void deliver_all(const Pick& pick = {});
    void lose_all(const Pick& pick = {});
    // From now on what is picked is lost as it is sent. Nothing: a perfect network.
    void losing(Pick pick) { losing_ = std::move(pick); }
    // Everything ever sent, lost or not.
    const std::vector<Flying>& sent() const { return sent_; }
    // How many messages of one kind were sent since the `since`th.
    template <class T>
    std::size_t count(std::size_t since = 0) const {
        std::size_t found = 0;
        for (std::size_t at = since; at < sent_.size(); ++at) found += is<T>(sent_[at]) ? 1 : 0;
        return found;
    }

    // ---- Disks
    // From now on nothing becomes durable on its own.
    void hold_disk(MemberId member) { at(member).holds_disk = true; }
    // The oldest `batches` writes are durable, and what waited for them happens.
    void make_durable(MemberId member, std::size_t batches = ~std::size_t{0});
    void release_disk(MemberId member);
    std::size_t unsynced(MemberId member) { return at(member).unsynced.size(); }
    const Durable& disk(MemberId member) { return at(member).disk; }
    void make_unreadable(MemberId member, Slot slot);
    // The state up to here is durable: a restart executes what comes after.
    void checkpoint(MemberId member);

    // ---- Members
    const Replica& replica(MemberId member) { return *at(member).replica; }
    bool is_up(MemberId member) { return at(member).replica != nullptr; }
    void crash(MemberId member);
    void restart(MemberId member);
    // Told to prepare at a new ballot now, election or not.
    void stand(MemberId member);
    void hand_over(MemberId from, MemberId to) { turn(from, Transfer{to}); }
    // False: it may not propose now.
    bool propose(MemberId member, const std::string& command);
    // Whatever anybody has executed by now may have been answered to a client: the index that
    // confirms this read is checked to be no lower.
    void read(MemberId member, std::uint64_t number);
    const std::vector<ReadConfirmed>& reads(MemberId member) { return at(member).reads; }
    // The member that leads at the highest ballot; none: nobody does.
    std::optional<MemberId> leader();
    // Runs until somebody leads and has executed all that came before.
    MemberId elect();
    void input(MemberId member, const Input& input) { turn(member, input); }
    const std::vector<Value>& executed(MemberId member) { return at(member).executed; }
    std::vector<std::string> history(MemberId member);
    bool all_executed(std::size_t slots);

    Observer& observer() { return observer_; }
    const Met& met() const { return met_; }
    const std::vector<MemberId>& members() const { return options_.members; }
    Tick now() const { return now_; }

private:
    struct Batch {
        std::vector<Record> records{};
        std::vector<Envelope> once_durable{};
    };
    struct Member {
        std::unique_ptr<Replica> replica{};
        std::uint64_t boot = 0;
        Durable disk{};
        Slot checkpoint{};
        std::deque<Batch> unsynced{};
        bool holds_disk = false;
        std::vector<Value> executed{};
        std::vector<ReadConfirmed> reads{};
        std::map<std::uint64_t, std::size_t> read_floors{};
        std::deque<Input> inbox{};
        bool busy = false;
    };

    Member& at(MemberId member) { return members_.at(member); }
    Flying take(std::size_t index);
    void turn(MemberId id, const Input& input);
    void drain(MemberId id);
    void carry_out(MemberId id, Effects effects);
    void send(MemberId from, const Envelope& envelope);
    void sync(MemberId id, std::size_t batches);
    void execute(MemberId id, const Chosen& chosen);
    void answer_from_log(MemberId id, const LogRead& read);
    std::map<Slot, Epoch> epochs_at(Slot executed) const;

    ClusterOptions options_;
    Observer observer_;
    Tick now_{1'000};
    std::map<MemberId, Member> members_;
    std::vector<Flying> bag_;
    std::vector<std::pair<Tick, Flying>> held_up_;  // Until when.
    std::vector<Flying> sent_;
    Pick losing_;
    Met met_;
};

}  // namespace gavel::paxos
