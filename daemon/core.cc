#include "daemon/core.h"

#include <algorithm>

#include "base/invariant.h"
#include "daemon/alarms.h"
#include "daemon/roster.h"
#include "daemon/row_room.h"
#include "proto/codec.h"
#include "statemachine/idempotency.h"

namespace gavel::daemon {
namespace {

using paxos::MemberId;
using paxos::Slot;
using paxos::Tick;
using statemachine::Revision;

constexpr std::uint64_t report_every_ms = 1'000;
constexpr std::uint64_t forget_after_ms = 60'000;
constexpr std::uint64_t silence_ms = 10'000;

// Each once, as the first epoch that has it says.
std::vector<statemachine::Member> members_of_window(const statemachine::Globals& globals) {
    std::map<statemachine::MemberNumber, statemachine::Member> members;
    for (const auto& epoch : globals.epochs) {
        for (const auto& member : epoch.members) members.emplace(member.id, member);
    }
    std::vector<statemachine::Member> ordered;
    for (auto& [id, member] : members) ordered.push_back(std::move(member));
    return ordered;
}

paxos::Replica::Restored restored_for(const statemachine::Machine& machine,
                                      const paxos::Durable& durable) {
    paxos::Replica::Restored restored{
        .durable = durable, .alpha = machine.globals().alpha, .executed = {machine.applied()}};
    for (const auto& epoch : machine.globals().epochs) {
        restored.epochs[{epoch.first_slot}] = to_paxos(epoch);
    }
    return restored;
}

paxos::Replica::Config replica_config(const Core::Config& config) {
    return {.self = config.self,
            .boot = config.boot,
            .seed = config.seed,
            .heartbeat_ms = config.heartbeat_ms,
            .election_timeout_ms = config.election_timeout_ms,
            .learner_mode = config.learner_mode,
            .limits = config.paxos_limits};
}

}  // namespace

Core::Core(Config config, statemachine::Machine machine, const paxos::Durable& durable, Tick now,
           statemachine::TimeMs wall)
    : config_(std::move(config)),
      machine_(std::move(machine)),
      replica_(replica_config(config_), restored_for(machine_, durable), now),
      now_(now),
      started_at_(now),
      wall_(wall),
      last_question_(config_.boot << 40),
      durable_applied_(machine_.applied()),
      hashes_(config_.self),
      sink_(machine_.limits(), machine_.globals().alpha) {
    // "An origin never has numbers outstanding W or more apart" (docs/paxos.md, exactly once).
    config_.limits.submissions =
        std::min(config_.limits.submissions, machine_.limits().request_window - 1);
    step(paxos::Start{});
}

void Core::step(const paxos::Input& input) { spend(replica_.step(input)); }

void Core::spend(paxos::Effects effects) {
    std::move(effects.records.begin(), effects.records.end(), std::back_inserter(turn_.records));
    take_messages(effects.once_durable, turn_.once_durable);
    take_messages(effects.at_once, turn_.at_once);
    std::move(effects.log_reads.begin(), effects.log_reads.end(),
              std::back_inserter(turn_.log_reads));
    if (effects.snapshot_wanted) {
        ask_for_snapshot(sink_.want(*effects.snapshot_wanted, replica_.chosen_prefix(), now_));
    }
    if (effects.role) on_role(*effects.role);
    for (const auto& chosen : effects.chosen) execute(chosen);
    for (const auto& read : effects.reads) on_read_confirmed(read);
}

void Core::take_messages(std::vector<paxos::Envelope>& from, std::vector<Outgoing>& into) {
    for (auto& envelope : from) {
        // What is being fetched need not be learned as well.
        if (learns_later() && std::holds_alternative<paxos::Learn>(envelope.message)) continue;
        if (envelope.peer != config_.self) ++sent_.at(envelope.message.index());
        into.push_back({envelope.peer, std::move(envelope.message)});
    }
}

void Core::tick(Tick now, statemachine::TimeMs wall) {
    now_ = std::max(now_, now);
    wall_ = wall;
    step(paxos::TimePassed{now_});
    run_leader_timers();
    expire_requests();
    resend();
    report_to_others();
    go_on_fetching();
}

void Core::receive(MemberId from, proto::PeerMessage message) {
    if (from != config_.self) contact_[from] = now_;
    std::visit([&](auto& alternative) { on(from, std::move(alternative)); }, message);
}

void Core::on(MemberId from, paxos::Message message) {
    if (learns_later() && std::holds_alternative<paxos::LearnAnswer>(message)) return;
    step(paxos::Received{{from, std::move(message)}});
    fetch_rather_than_learn();
}

void Core::peer_died(MemberId peer) { step(paxos::PeerDied{peer}); }

void Core::send(MemberId to, proto::PeerMessage message) {
    Outgoing& outgoing = turn_.at_once.emplace_back();
    outgoing.to = to;
    outgoing.message = std::move(message);
}

Turn Core::end_turn() {
    pump();
    step(paxos::Flush{});
    // A round of reads that waited for room in the window has begun: commands go on.
    if (!queue_.empty() && replica_.can_propose() && !held_back_since_) {
        pump();
        step(paxos::Flush{});
    }
    serve_ready_reads();
    answer_hand_overs();
    drop_a_snapshot_of_no_use();
    turn_.retired = is_dismissed(config_.self.number);
    return std::exchange(turn_, {});
}

// ---- State on its way to the disk, and what is told of this member ------------------------------

void Core::mark_dirty(statemachine::Row row) {
    // These rows are written once. One that is dropped before it was ever handed over needs no
    // write at all.
    const bool gone = std::holds_alternative<std::monostate>(row.value);
    const auto table = row.key.table;
    if (gone && (table == statemachine::Table::history || table == statemachine::Table::versions)) {
        const auto dirty = dirty_.find(row.key);
        if (dirty != dirty_.end() && !std::holds_alternative<std::monostate>(dirty->second)) {
            dirty_bytes_ -= room_to_commit(dirty->first, dirty->second);
            dirty_.erase(dirty);
            return;
        }
    }
    dirty_bytes_ += room_to_commit(row.key, row.value);
    const auto [at, fresh] = dirty_.try_emplace(std::move(row.key));
    if (!fresh) dirty_bytes_ -= room_to_commit(at->first, at->second);
    at->second = std::move(row.value);
}

StateBatch Core::take_state_batch() {
    StateBatch batch{.globals = machine_.globals(), .bytes = std::exchange(dirty_bytes_, 0)};
    batch.rows.reserve(dirty_.size());
    for (auto& [key, value] : dirty_) batch.rows.push_back({key, std::move(value)});
    dirty_.clear();
    return batch;
}

void Core::report_to_others() {
    if (now_ - reported_at_ < report_every_ms) return;
    reported_at_ = now_;
    const auto everyone = replica_.membership().everyone();
    // Whoever left, or was heard once, is not remembered for ever.
    const auto left = [&](MemberId member, Tick at) {
        return now_ - at > forget_after_ms && !std::ranges::binary_search(everyone, member);
    };
    std::erase_if(reports_, [&](const auto& one) { return left(one.first, one.second.at); });
    std::erase_if(contact_, [&](const auto& one) { return left(one.first, one.second); });

    std::erase_if(expected_since_, [&](const auto& one) {
        return !std::ranges::binary_search(everyone, one.first);
    });

    const proto::MemberReport report = own_report();
    for (const MemberId member : everyone) {
        expected_since_.try_emplace(member, now_);
        if (member != config_.self) turn_.at_once.push_back({member, report});
    }
}

proto::MemberReport Core::own_report() const {
    return {.applied = machine_.applied(),
            .client_address = config_.client_address,
            .version = config_.version,
            .hashes = hashes_.latest(),
            .durable = durable_applied_,
            .lacks_room = held_back_since_.has_value() || overloaded_,
            .spares_room = spares_room_};
}

void Core::on(MemberId from, proto::MemberReport report) {
    hashes_.note(from, report.hashes);
    check_for_divergence();
    const auto before = reports_.find(from);
    const bool lately = before != reports_.end() && now_ - before->second.at < report_every_ms / 2;
    const std::uint64_t lag =
        machine_.applied() - std::min<Revision>(machine_.applied(), report.applied);
    reports_[from] = {std::move(report), now_, lag};
    // One that was removed waits to hear that it is needed no more; nobody tells it by himself. Now
    // and then, for two that both were removed would answer each other without end.
    const auto everyone = replica_.membership().everyone();
    if (!lately && !std::ranges::binary_search(everyone, from)) send(from, own_report());
}

void Core::check_for_divergence() {
    const auto& membership = replica_.membership();
    if (const auto slot = hashes_.odd_one_out(membership.epoch_of(membership.executed().next()))) {
        turn_.diverged = slot;
    }
}

// Everybody reports each second. One that was added and never came may be one that cannot come, and
// counts all the same once it has a vote (pitfall 16).
std::vector<std::string> Core::alarms_of_silence() const {
    std::vector<std::string> alarms;
    for (const auto& member : machine_.globals().epochs.back().members) {
        const auto expected = expected_since_.find({member.id});
        if (member.id == config_.self.number || expected == expected_since_.end()) continue;
        const auto heard = contact_.find({member.id});
        const Tick since = heard != contact_.end() ? heard->second : expected->second;
        if (now_ - since < silence_ms) continue;
        alarms.push_back(
            "member " + std::to_string(member.id) + " (" + member.name + ") was " +
            (heard == contact_.end() ? "never heard from" : "not heard from for 10 s or longer"));
    }
    return alarms;
}

std::vector<std::string> Core::alarms() const {
    std::vector<std::string> alarms = alarms_of_silence();
    for (auto& alarm : alarms_of_bounds()) alarms.push_back(std::move(alarm));
    for (const auto& [member, report] : reports_) {
        if (report.report.spares_room && in_touch(member)) {
            alarms.push_back("member " + std::to_string(member.number) +
                             " has no room for a larger state");
        }
    }
    if (const auto source = sink_.source()) {
        alarms.push_back("fetching a snapshot from member " + std::to_string(source->number));
    }
    if (const auto source = sink_.refused_from()) {
        alarms.push_back("refused a snapshot from member " + std::to_string(source->number) +
                         ": it is damaged, or not what its hash says");
    }
    for (const auto& [member, slot] : hashes_.differing()) {
        alarms.push_back("the state differs from that of member " + std::to_string(member.number) +
                         " at slot " + std::to_string(slot.number));
    }
    return alarms;
}

std::vector<std::string> Core::alarms_of_bounds() const {
    std::vector<std::string> alarms;
    const auto check = [&](const std::string& prefix, std::string_view what, std::uint64_t used,
                           std::optional<std::uint64_t> limit) {
        if (limit) add_alarm_of_use(alarms, quota_of(prefix, what), used, *limit);
    };
    const auto& limits = machine_.limits();
    for (const auto& view : machine_.quotas()) {
        const std::string prefix = view.quota != nullptr ? view.quota->prefix : "";
        statemachine::QuotaBounds bounds;
        if (view.quota != nullptr) bounds = view.quota->bounds;
        if (prefix.empty()) {
            bounds = {.bytes = bounds.bytes.value_or(limits.key_bytes),
                      .keys = bounds.keys.value_or(limits.keys),
                      .sessions = bounds.sessions.value_or(limits.sessions)};
        }
        check(prefix, "bytes", view.bytes, bounds.bytes);
        check(prefix, "keys", view.keys, bounds.keys);
        check(prefix, "sessions", machine_.sessions().size(), bounds.sessions);
    }
    add_alarm_of_use(alarms, "the room for idempotency keys", machine_.idempotency_key_count(),
                     statemachine::Idempotency::most(limits));
    return alarms;
}

api::Status Core::status() const {
    const auto& globals = machine_.globals();
    api::Status status{.member_id = config_.self.number,
                       .role = leader_started_ ? "leader" : "follower",
                       .leader_id = replica_.leader().number,
                       .ballot = replica_.ballot().number(),
                       .chosen = replica_.chosen_prefix().number,
                       .applied = globals.applied,
                       .epoch = globals.epochs.front().number,
                       .alpha = globals.alpha,
                       .version = config_.version,
                       .boot = config_.boot,
                       .ready = serves() && !shutting_down_,
                       .not_ready_reason = shutting_down_ ? "shutting down"
                                           : serves()     ? ""
                                                          : "no leader is known",
                       .sessions = machine_.sessions().size(),
                       .keys = machine_.key_count(),
                       .key_bytes = machine_.key_bytes(),
                       .waiting = wait_count_,
                       .history_floor = globals.history_floor,
                       .idempotency_keys = machine_.idempotency_key_count(),
                       .versions = machine_.version_count(),
                       .version_bytes = machine_.version_bytes(),
                       .versions_floor = globals.versions_floor,
                       .elections = replica_.ballots_tried(),
                       .proposals = proposals_,
                       .reads = reads_served_,
                       .alarms = alarms(),
                       .epochs = globals.epochs,
                       .format_level = proto::format_level};
    for (std::size_t kind = 0; kind < sent_.size(); ++kind) {
        status.messages_sent.emplace_back(paxos::message_names.at(kind), sent_.at(kind));
    }
    for (const auto& member : members_of_window(globals)) {
        api::MemberView view{.member = member};
        if (member.id == config_.self.number) {
            if (member.role == statemachine::Role::learner) status.role = "learner";
            status.name = member.name;
            view.client_address = config_.client_address;
            view.applied = globals.applied;
            view.lag = 0;
            view.last_contact = std::chrono::milliseconds(0);
            view.version = config_.version;
        } else {
            if (const auto report = reports_.find({member.id}); report != reports_.end()) {
                view.client_address = report->second.report.client_address;
                view.applied = report->second.report.applied;
                view.lag = report->second.lag;
                view.version = report->second.report.version;
            }
            if (const auto contact = contact_.find({member.id}); contact != contact_.end()) {
                view.last_contact = std::chrono::milliseconds(now_ - contact->second);
            }
        }
        status.members.push_back(std::move(view));
    }
    return status;
}

void Core::check_invariants() const {
    replica_.check_invariants();
    machine_.check_invariants();
    invariant(machine_.applied() == replica_.membership().executed().number,
              "replica and state machine agree on what is executed");
    invariant(pending_.size() <= config_.limits.submissions, "submissions are bounded");
    invariant(replica_.reads_waiting() <= config_.limits.reads + config_.limits.keep_alives +
                                              config_.limits.lease_questions,
              "reads are bounded");
    invariant(queue_.size() <= config_.limits.queued_commands + config_.limits.pace.commands,
              "queued commands are bounded");
    invariant(leases_asks_.size() <= config_.limits.lease_questions &&
                  leases_asked_.size() <= config_.limits.lease_questions,
              "questions about leases are bounded");
    invariant(hand_overs_.size() <= config_.limits.hand_overs, "wishes to hand over are bounded");
    invariant(wait_count_ <= config_.limits.waits + config_.limits.submissions,
              "waits are bounded");
}

}  // namespace gavel::daemon
