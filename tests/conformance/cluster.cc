#include "tests/conformance/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/invariant.h"
#include "persistence/recovery.h"

namespace gavel::paxos {
namespace {

constexpr std::uint64_t heartbeat_ms = 100;  // The replicas' own.

std::map<Slot, Epoch> first_epoch(const ClusterOptions& options) {
    const auto& voters = options.voters.empty() ? options.members : options.voters;
    return {{Slot{1}, Epoch{1, voters, {}}}};
}

}  // namespace

Cluster::Cluster(ClusterOptions options)
    : options_(std::move(options)), observer_(options_.alpha, first_epoch(options_)) {
    for (const MemberId id : options_.members) {
        members_.try_emplace(id);
        restart(id);
    }
}

Cluster::~Cluster() { EXPECT_THAT(observer_.violations(), testing::IsEmpty()); }

Met& Met::operator+=(const Met& other) {
    lost += other.lost;
    cut_off += other.cut_off;
    repeated += other.repeated;
    overtaken += other.overtaken;
    delayed += other.delayed;
    crashes += other.crashes;
    restarts += other.restarts;
    writes_lost += other.writes_lost;
    return *this;
}

// ---- Time ---------------------------------------------------------------------------------------

void Cluster::pass(std::uint64_t ms) {
    now_ = now_ + ms;
    std::erase_if(held_up_, [&](const auto& held_up) {
        if (held_up.first > now_) return false;
        bag_.push_back(held_up.second);
        return true;
    });
    for (const MemberId id : options_.members) turn(id, TimePassed{now_});
}

void Cluster::run(std::uint64_t ms) {
    for (const Tick end = now_ + ms; now_ < end;) {
        pass(10);
        deliver_all();
    }
}

bool Cluster::run_until(const std::function<bool()>& holds, std::uint64_t ms) {
    for (const Tick end = now_ + ms; now_ < end; run(10)) {
        if (holds()) return true;
    }
    return holds();
}

// ---- Network ------------------------------------------------------------------------------------

void Cluster::send(MemberId from, const Envelope& envelope) {
    observer_.sent(envelope, from, at(from).disk, at(from).replica->chosen_prefix());
    const Flying flying{from, envelope.peer, envelope.message, now_};
    sent_.push_back(flying);
    if (losing_ && losing_(flying)) {
        ++met_.cut_off;
        return;
    }
    bag_.push_back(flying);
}

Flying Cluster::take(std::size_t index) {
    Flying flying = std::move(bag_.at(index));
    bag_.erase(bag_.begin() + static_cast<std::ptrdiff_t>(index));
    return flying;
}

void Cluster::lose(std::size_t index) {
    take(index);
    ++met_.lost;
}

void Cluster::duplicate(std::size_t index) {
    bag_.push_back(bag_.at(index));
    ++met_.repeated;
}

void Cluster::hold_up(std::size_t index, std::uint64_t ms) {
    held_up_.emplace_back(now_ + ms, take(index));
}

void Cluster::deliver(std::size_t index) {
    const Flying flying = take(index);
    const auto end = bag_.begin() + static_cast<std::ptrdiff_t>(index);
    const bool overtakes = std::any_of(bag_.begin(), end, [&](const Flying& earlier) {
        return earlier.from == flying.from && earlier.to == flying.to;
    });
    if (overtakes) ++met_.overtaken;
    if (now_ - flying.sent_at > heartbeat_ms) ++met_.delayed;
    if (members_.contains(flying.to)) turn(flying.to, Received{{flying.from, flying.message}});
}

bool Cluster::deliver_first(const Pick& pick) {
    const auto found = std::find_if(bag_.begin(), bag_.end(), pick);
    if (found == bag_.end()) return false;
    deliver(static_cast<std::size_t>(found - bag_.begin()));
    return true;
}

void Cluster::deliver_all(const Pick& pick) {
    constexpr int enough = 100'000;
    const Pick any = pick ? pick : [](const Flying&) { return true; };
    for (int count = 0; deliver_first(any); ++count) {
        invariant(count < enough, "a conversation comes to an end");
    }
}

void Cluster::lose_all(const Pick& pick) {
    std::erase_if(bag_, [&](const Flying& flying) { return !pick || pick(flying); });
}

// ---- Disks --------------------------------------------------------------------------------------

void Cluster::make_durable(MemberId member, std::size_t batches) {
    sync(member, batches);
    drain(member);
}

void Cluster::release_disk(MemberId member) {
    at(member).holds_disk = false;
    make_durable(member);
}

void Cluster::sync(MemberId id, std::size_t batches) {
    Member& member = at(id);
    for (; batches > 0 && !member.unsynced.empty(); --batches) {
        const Batch batch = std::move(member.unsynced.front());
        member.unsynced.pop_front();
        for (const auto& record : batch.records) {
            persistence::replay(record, member.disk);
            observer_.durable(id, record);
        }
        for (const auto& envelope : batch.once_durable) {
            if (envelope.peer == id) {
                member.inbox.emplace_back(Received{envelope});
            } else {
                send(id, envelope);
            }
        }
    }
}

void Cluster::make_unreadable(MemberId member, Slot slot) {
    at(member).disk.log.erase(slot);
    at(member).disk.faulty.insert(slot);
}

void Cluster::checkpoint(MemberId member) {
    // The state may not be ahead of the log on the disk.
    if (!is_up(member) || !at(member).unsynced.empty()) return;
    at(member).checkpoint = {at(member).executed.size()};
    if (options_.executor != nullptr) options_.executor->store(member);
}

// ---- Members ------------------------------------------------------------------------------------

void Cluster::crash(MemberId id) {
    Member& member = at(id);
    ++met_.crashes;
    met_.writes_lost += member.unsynced.size();
    member.replica.reset();
    member.unsynced.clear();
    member.inbox.clear();
    member.reads.clear();
    member.executed.resize(member.checkpoint.number);
}

void Cluster::restart(MemberId id) {
    if (is_up(id)) crash(id);
    Member& member = at(id);
    if (++member.boot > 1) ++met_.restarts;
    if (options_.executor != nullptr) options_.executor->restore(id);
    const Replica::Config config{.self = id,
                                 .boot = member.boot,
                                 .seed = options_.seed * 1'000 + id.number * 100 + member.boot,
                                 .learner_mode = options_.learner_mode,
                                 .elections = options_.elections,
                                 .limits = options_.limits};
    const Replica::Restored restored{persistence::recover(member.disk, member.checkpoint),
                                     options_.alpha, member.checkpoint,
                                     epochs_at(member.checkpoint)};
    member.replica = std::make_unique<Replica>(config, restored, now_);
    observer_.started(id, member.boot, member.disk, member.replica->promised());
    turn(id, Start{});
}

// What the state of a member that has executed so far says of the epochs.
std::map<Slot, Epoch> Cluster::epochs_at(Slot executed) const {
    std::map<Slot, Epoch> known = observer_.epochs();
    known.erase(known.upper_bound(executed + options_.alpha), known.end());
    while (known.size() > 1 && std::next(known.begin())->first <= executed.next()) {
        known.erase(known.begin());
    }
    return known;
}

void Cluster::stand(MemberId member) {
    // A hand-over from whomever it believes in.
    const Replica& replica = *at(member).replica;
    turn(member, Received{{replica.leader(), HandOver{replica.ballot()}}});
}

bool Cluster::propose(MemberId member, const std::string& command) {
    if (!is_up(member) || !replica(member).can_propose()) return false;
    observer_.submitted({command});
    turn(member, Propose{{command}});
    return true;
}

void Cluster::read(MemberId member, std::uint64_t number) {
    if (!is_up(member)) return;
    at(member).read_floors[number] = observer_.history().size();
    turn(member, ReadRequest{number});
}

std::optional<MemberId> Cluster::leader() {
    std::optional<MemberId> found;
    for (const MemberId id : options_.members) {
        if (!is_up(id) || replica(id).role() != Role::leader) continue;
        if (!found || replica(*found).ballot() < replica(id).ballot()) found = id;
    }
    return found;
}

MemberId Cluster::elect() {
    const bool elected = run_until([&] { return leader().has_value(); });
    EXPECT_TRUE(elected) << "nobody leads";
    run(100);
    return leader().value_or(MemberId{});
}

std::vector<std::string> Cluster::history(MemberId member) {
    std::vector<std::string> commands;
    for (const Value& value : at(member).executed) {
        commands.emplace_back(value.is_noop() ? "-" : std::string(value.command.view()));
    }
    return commands;
}

bool Cluster::all_executed(std::size_t slots) {
    return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
        return entry.second.replica == nullptr || entry.second.executed.size() >= slots;
    });
}

// ---- One member's turn --------------------------------------------------------------------------

void Cluster::turn(MemberId id, const Input& input) {
    if (!is_up(id)) return;
    at(id).inbox.push_back(input);
    drain(id);
    if (!is_up(id)) return;
    at(id).inbox.emplace_back(Flush{});
    drain(id);
}

void Cluster::drain(MemberId id) {
    Member& member = at(id);
    if (member.busy || !member.replica) return;
    member.busy = true;
    while (!member.inbox.empty()) {
        const Input input = std::move(member.inbox.front());
        member.inbox.pop_front();
        carry_out(id, member.replica->step(input));
        member.replica->check_invariants();
    }
    member.busy = false;
}

void Cluster::carry_out(MemberId id, Effects effects) {
    Member& member = at(id);
    for (const auto& envelope : effects.at_once) send(id, envelope);
    if (!effects.records.empty() || !effects.once_durable.empty()) {
        member.unsynced.push_back({std::move(effects.records), std::move(effects.once_durable)});
        if (!member.holds_disk) sync(id, member.unsynced.size());
    }
    for (const auto& chosen : effects.chosen) execute(id, chosen);
    for (const auto& read : effects.log_reads) answer_from_log(id, read);
    for (const auto& read : effects.reads) {
        EXPECT_GE(read.index.number, member.read_floors.at(read.read)) << "a stale read";
        member.reads.push_back(read);
    }
}

void Cluster::execute(MemberId id, const Chosen& chosen) {
    Member& member = at(id);
    observer_.handed_out(id, chosen.slot, chosen.value);
    EXPECT_EQ(chosen.slot.number, member.executed.size() + 1) << "executed out of order";
    member.executed.push_back(chosen.value);
    if (options_.executor != nullptr) options_.executor->execute(id, chosen.slot, chosen.value);
    Executed executed{chosen.slot, std::nullopt};
    const auto members = members_named_by(chosen.value);
    if (!members.empty()) executed.left = observer_.epoch_of(chosen.slot + options_.alpha);
    member.inbox.emplace_back(executed);
}

void Cluster::answer_from_log(MemberId id, const LogRead& read) {
    const auto& executed = at(id).executed;
    LearnAnswer answer{.from = read.from, .chosen_prefix = read.chosen_prefix};
    for (std::size_t slot = read.from.number; slot <= executed.size(); ++slot) {
        if (answer.values.size() == 100) break;
        answer.values.push_back(executed[slot - 1]);
    }
    send(id, {read.to, std::move(answer)});
}

}  // namespace gavel::paxos
