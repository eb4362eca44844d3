#include <limits>
#include <type_traits>
#include <utility>

#include "proto/ballot.h"
#include "proto/codec.h"
#include "proto/peer.pb.h"
#include "proto/wire.h"
#include "statemachine/limits.h"

namespace gavel::proto {
namespace {

using statemachine::label_bytes_max;

void put(const paxos::Canvass& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_canvass();
    message.set_number(from.number);
    message.set_chosen_prefix(from.chosen_prefix.number);
}

void put(const paxos::CanvassAnswer& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_canvass_answer();
    message.set_number(from.number);
    message.set_would(from.would);
    message.set_promised(from.promised.number());
    message.set_chosen_prefix(from.chosen_prefix.number);
}

void put(const paxos::Prepare& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_prepare();
    message.set_ballot(from.ballot.number());
    message.set_from(from.from.number);
}

void put(const paxos::Proposal& from, schema::Report& to) {
    auto& accepted = *to.mutable_accepted();
    accepted.set_ballot(from.ballot.number());
    accepted.set_command(from.value.command.view().data(), from.value.command.size());
}

void put(const paxos::KnownChosen& from, schema::Report& to) {
    to.mutable_known_chosen()->set_command(from.value.command.view().data(),
                                           from.value.command.size());
}

void put(const paxos::Faulty&, schema::Report& to) { to.mutable_faulty(); }

void put(const paxos::Promise& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_promise();
    message.set_ballot(from.ballot.number());
    message.set_boot(from.boot);
    message.set_first(from.first.number);
    message.set_last(from.last.number);
    message.set_chosen_prefix(from.chosen_prefix.number);
    for (const auto& [slot, report] : from.reports) {
        auto& listed = *message.add_reports();
        listed.set_slot(slot.number);
        std::visit([&listed](const auto& alternative) { put(alternative, listed); }, report);
    }
}

void put(const paxos::Reject& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_reject();
    message.set_refused(from.refused.number());
    message.set_promised(from.promised.number());
}

constexpr std::uint32_t all_learners = 65'535;

std::uint32_t number_of(paxos::LearnerMode mode) {
    switch (mode.kind) {
        case paxos::LearnerMode::Kind::set:
            return mode.size;
        case paxos::LearnerMode::Kind::broadcast:
            return all_learners;
        case paxos::LearnerMode::Kind::leader:
            break;
    }
    return 0;
}

paxos::LearnerMode learner_mode(std::uint32_t number, Check& check) {
    using Kind = paxos::LearnerMode::Kind;
    check.that(number <= all_learners);
    if (number == 0) return {};
    if (number == all_learners) return {.kind = Kind::broadcast};
    return {.kind = Kind::set, .size = static_cast<std::uint16_t>(number)};
}

void put(const paxos::Accept& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_accept();
    message.set_ballot(from.ballot.number());
    message.set_slot(from.slot.number);
    message.set_chosen_prefix(from.chosen_prefix.number);
    message.set_command(from.value.command.view().data(), from.value.command.size());
    message.set_learners(number_of(from.learner_mode));
}

void put(const paxos::Accepted& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_accepted();
    message.set_ballot(from.ballot.number());
    message.set_slot(from.slot.number);
}

void put(const paxos::Heartbeat& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_heartbeat();
    message.set_ballot(from.ballot.number());
    message.set_round(from.round);
    message.set_chosen_prefix(from.chosen_prefix.number);
}

void put(const paxos::HeartbeatAck& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_heartbeat_ack();
    message.set_ballot(from.ballot.number());
    message.set_round(from.round);
    message.set_executed(from.executed.number);
}

void put(const paxos::Learn& from, schema::PeerMessage& to) {
    to.mutable_learn()->set_from(from.from.number);
}

void put(const paxos::LearnAnswer& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_learn_answer();
    message.set_from(from.from.number);
    message.set_oldest(from.oldest.number);
    message.set_chosen_prefix(from.chosen_prefix.number);
    for (const auto& value : from.values) {
        message.add_commands(value.command.view().data(), value.command.size());
    }
}

void put(const paxos::ReadIndexAsk& from, schema::PeerMessage& to) {
    to.mutable_read_index_ask()->set_number(from.number);
}

void put(const paxos::ReadIndexAnswer& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_read_index_answer();
    message.set_number(from.number);
    message.set_index(from.index.number);
}

void put(const paxos::HandOver& from, schema::PeerMessage& to) {
    to.mutable_hand_over()->set_ballot(from.ballot.number());
}

void put(const paxos::Notice& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_notice();
    message.set_ballot(from.ballot.number());
    message.set_first(from.first.number);
    message.set_last(from.last.number);
}

void put(const paxos::Message& from, schema::PeerMessage& to) {
    std::visit([&to](const auto& message) { put(message, to); }, from);
}

void put(const Forward& from, schema::PeerMessage& to) {
    to.mutable_forward()->set_entry(from.entry.view().data(), from.entry.size());
}

void put(const KeepAlive& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_keep_alive();
    message.set_number(from.number);
    message.set_session(from.session);
}

void put(const KeepAliveAnswer& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_keep_alive_answer();
    message.set_number(from.number);
    message.set_verdict(static_cast<schema::KeepAliveAnswer::Verdict>(from.verdict));
    message.set_expires_in_ms(from.expires_in);
    message.set_leader_start(from.leader_start);
}

void put(const LeasesAsk& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_leases_ask();
    message.set_number(from.number);
    for (const auto session : from.sessions) message.add_sessions(session);
}

void put(const LeasesAnswer& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_leases_answer();
    message.set_number(from.number);
    for (const auto& lease : from.leases) {
        auto& listed = *message.add_leases();
        listed.set_session(lease.session);
        listed.set_expires_in_ms(lease.expires_in);
    }
}

void put(const HandOverAsk& from, schema::PeerMessage& to) {
    to.mutable_hand_over_ask()->set_to(from.to);
    to.mutable_hand_over_ask()->set_force(from.force);
}

void put(const statemachine::RowKey& from, schema::RowKey& to) {
    to.set_table(static_cast<std::uint32_t>(from.table));
    to.set_key(from.key);
}

void put(const SnapshotAsk& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_snapshot_ask();
    message.set_applied(from.applied);
    put(from.after, *message.mutable_after());
}

void put(const SnapshotChunk& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_snapshot_chunk();
    message.set_applied(from.applied);
    put(from.after, *message.mutable_after());
    for (const auto& row : from.rows) {
        auto& listed = *message.add_rows();
        put(row.key, *listed.mutable_key());
        listed.set_value(row.value);
    }
    message.set_globals(from.globals);
    message.set_hash(from.hash);
}

void put(const MemberReport& from, schema::PeerMessage& to) {
    auto& message = *to.mutable_member_report();
    message.set_applied(from.applied);
    message.set_client_address(from.client_address);
    message.set_version(from.version);
    for (const StateHash& each : from.hashes) {
        auto& hash = *message.add_hashes();
        hash.set_slot(each.slot);
        hash.set_hash(each.hash);
    }
    message.set_durable(from.durable);
    message.set_lacks_room(from.lacks_room);
    message.set_spares_room(from.spares_room);
}

paxos::Slot slot(std::uint64_t number) { return {number}; }

paxos::Value value(std::string* command, Check& check) {
    return {check.bytes(command, command_bytes_max)};
}

paxos::Canvass take(schema::Canvass& from, Check&) {
    return {.number = from.number(), .chosen_prefix = slot(from.chosen_prefix())};
}

paxos::CanvassAnswer take(schema::CanvassAnswer& from, Check& check) {
    return {.number = from.number(),
            .would = from.would(),
            .promised = ballot_or_none(from.promised(), check),
            .chosen_prefix = slot(from.chosen_prefix())};
}

paxos::Prepare take(schema::Prepare& from, Check& check) {
    return {.ballot = ballot(from.ballot(), check), .from = slot(from.from())};
}

paxos::Report take(schema::Report& from, Check& check) {
    switch (from.report_case()) {
        case schema::Report::kAccepted: {
            auto& accepted = check.known(*from.mutable_accepted());
            return paxos::Proposal{ballot(accepted.ballot(), check),
                                   value(accepted.mutable_command(), check)};
        }
        case schema::Report::kKnownChosen: {
            auto& chosen = check.known(*from.mutable_known_chosen());
            return paxos::KnownChosen{value(chosen.mutable_command(), check)};
        }
        case schema::Report::kFaulty:
            check.known(from.faulty());
            return paxos::Faulty{};
        case schema::Report::REPORT_NOT_SET:
            break;
    }
    check.that(false);
    return {};
}

paxos::Promise take(schema::Promise& from, Check& check) {
    paxos::Promise promise{.ballot = ballot(from.ballot(), check),
                           .boot = from.boot(),
                           .first = slot(from.first()),
                           .last = slot(from.last()),
                           .chosen_prefix = slot(from.chosen_prefix())};
    promise.reports.reserve(static_cast<std::size_t>(from.reports_size()));
    for (auto& listed : *from.mutable_reports()) {
        const paxos::Slot at = slot(listed.slot());
        check.that(promise.first <= at && at <= promise.last);
        check.that(promise.reports.empty() || promise.reports.back().first < at);
        promise.reports.emplace_back(at, take(check.known(listed), check));
    }
    return promise;
}

paxos::Reject take(schema::Reject& from, Check& check) {
    return {.refused = ballot_or_none(from.refused(), check),
            .promised = ballot_or_none(from.promised(), check)};
}

paxos::Accept take(schema::Accept& from, Check& check) {
    return {.ballot = ballot(from.ballot(), check),
            .slot = slot(from.slot()),
            .value = value(from.mutable_command(), check),
            .chosen_prefix = slot(from.chosen_prefix()),
            .learner_mode = learner_mode(from.learners(), check)};
}

paxos::Accepted take(schema::Accepted& from, Check& check) {
    return {.ballot = ballot(from.ballot(), check), .slot = slot(from.slot())};
}

paxos::Heartbeat take(schema::Heartbeat& from, Check& check) {
    return {.ballot = ballot(from.ballot(), check),
            .round = from.round(),
            .chosen_prefix = slot(from.chosen_prefix())};
}

paxos::HeartbeatAck take(schema::HeartbeatAck& from, Check& check) {
    return {.ballot = ballot(from.ballot(), check),
            .round = from.round(),
            .executed = slot(from.executed())};
}

paxos::Learn take(schema::Learn& from, Check&) { return {.from = slot(from.from())}; }

paxos::LearnAnswer take(schema::LearnAnswer& from, Check& check) {
    paxos::LearnAnswer answer{.from = slot(from.from()),
                              .oldest = slot(from.oldest()),
                              .chosen_prefix = slot(from.chosen_prefix())};
    answer.values.reserve(static_cast<std::size_t>(from.commands_size()));
    for (auto& command : *from.mutable_commands()) answer.values.push_back(value(&command, check));
    return answer;
}

paxos::ReadIndexAsk take(schema::ReadIndexAsk& from, Check&) { return {.number = from.number()}; }

paxos::ReadIndexAnswer take(schema::ReadIndexAnswer& from, Check&) {
    return {.number = from.number(), .index = slot(from.index())};
}

paxos::HandOver take(schema::HandOver& from, Check& check) {
    return {.ballot = ballot(from.ballot(), check)};
}

paxos::Notice take(schema::Notice& from, Check& check) {
    check.that(from.first() <= from.last());
    return {.ballot = ballot(from.ballot(), check),
            .first = slot(from.first()),
            .last = slot(from.last())};
}

Forward take(schema::Forward& from, Check& check) {
    return {.entry = check.bytes(from.mutable_entry(), command_bytes_max)};
}

KeepAlive take(schema::KeepAlive& from, Check&) {
    return {.number = from.number(), .session = from.session()};
}

KeepAliveAnswer take(schema::KeepAliveAnswer& from, Check& check) {
    return {.number = from.number(),
            .verdict = check.alternative(from.verdict(), KeepAliveAnswer::Verdict::not_leader),
            .expires_in = check.duration(from.expires_in_ms()),
            .leader_start = from.leader_start()};
}

LeasesAsk take(schema::LeasesAsk& from, Check& check) {
    check.that(static_cast<std::size_t>(from.sessions_size()) <= leases_max);
    return {.number = from.number(), .sessions = {from.sessions().begin(), from.sessions().end()}};
}

LeasesAnswer take(schema::LeasesAnswer& from, Check& check) {
    check.that(static_cast<std::size_t>(from.leases_size()) <= leases_max);
    LeasesAnswer answer{.number = from.number()};
    for (auto& listed : *from.mutable_leases()) {
        auto& lease = check.known(listed);
        answer.leases.push_back({lease.session(), check.duration(lease.expires_in_ms())});
    }
    return answer;
}

HandOverAsk take(schema::HandOverAsk& from, Check& check) {
    check.that(from.to() <= std::numeric_limits<statemachine::MemberNumber>::max());
    return {.to = static_cast<statemachine::MemberNumber>(from.to()), .force = from.force()};
}

bool is_table(std::uint32_t number) {
    using statemachine::Table;
    switch (static_cast<Table>(number)) {
        case Table::sessions:
        case Table::locks:
        case Table::waiters:
        case Table::keys:
        case Table::history:
        case Table::requests:
        case Table::idempotency:
        case Table::versions:
        case Table::schemas:
        case Table::quotas:
        case Table::holders:
            return number <= std::numeric_limits<std::uint8_t>::max();
    }
    return false;
}

statemachine::RowKey take(schema::RowKey& from, Check& check) {
    check.that(is_table(from.table()) || (from.table() == 0 && from.key().empty()));
    return {static_cast<statemachine::Table>(from.table()),
            check.text(from.mutable_key(), statemachine::row_key_bytes_max)};
}

SnapshotAsk take(schema::SnapshotAsk& from, Check& check) {
    check.that(from.has_after());
    SnapshotAsk ask{.applied = from.applied(),
                    .after = take(check.known(*from.mutable_after()), check)};
    check.that(ask.applied != 0 || ask.after == statemachine::RowKey{});
    return ask;
}

SnapshotChunk take(schema::SnapshotChunk& from, Check& check) {
    check.that(from.has_after() && from.applied() != 0);
    SnapshotChunk chunk{.applied = from.applied(),
                        .after = take(check.known(*from.mutable_after()), check),
                        .rows = {},
                        .globals = check.text(from.mutable_globals(), snapshot_globals_bytes_max),
                        .hash = from.hash()};
    check.that(from.rows_size() != 0 || !chunk.globals.empty());
    check.that(chunk.hash == 0 || !chunk.globals.empty());
    for (auto& listed : *from.mutable_rows()) {
        auto& row = check.known(listed);
        check.that(row.has_key());
        EncodedRow taken{.key = take(check.known(*row.mutable_key()), check),
                         .value = check.text(row.mutable_value(), snapshot_row_bytes_max)};
        check.that((chunk.rows.empty() ? chunk.after : chunk.rows.back().key) < taken.key);
        chunk.rows.push_back(std::move(taken));
    }
    return chunk;
}

MemberReport take(schema::MemberReport& from, Check& check) {
    MemberReport report{
        .applied = from.applied(),
        .client_address = check.text(from.mutable_client_address(), label_bytes_max),
        .version = check.text(from.mutable_version(), label_bytes_max),
        .durable = from.durable(),
        .lacks_room = from.lacks_room(),
        .spares_room = from.spares_room()};
    check.that(from.hashes_size() <= static_cast<int>(state_hashes_max));
    for (auto& each : *from.mutable_hashes()) {
        check.known(each);
        report.hashes.push_back({each.slot(), each.hash()});
    }
    return report;
}

PeerMessage take(schema::PeerMessage& from, Check& check) {
    const auto own = [&check](auto* message) -> PeerMessage {
        return take(check.known(*message), check);
    };
    const auto paxos = [&check](auto* message) -> PeerMessage {
        return paxos::Message{take(check.known(*message), check)};
    };
    switch (from.message_case()) {
        case schema::PeerMessage::kAccept:
            return paxos(from.mutable_accept());
        case schema::PeerMessage::kAccepted:
            return paxos(from.mutable_accepted());
        case schema::PeerMessage::kHeartbeat:
            return paxos(from.mutable_heartbeat());
        case schema::PeerMessage::kHeartbeatAck:
            return paxos(from.mutable_heartbeat_ack());
        case schema::PeerMessage::kForward:
            return own(from.mutable_forward());
        case schema::PeerMessage::kReadIndexAsk:
            return paxos(from.mutable_read_index_ask());
        case schema::PeerMessage::kReadIndexAnswer:
            return paxos(from.mutable_read_index_answer());
        case schema::PeerMessage::kKeepAlive:
            return own(from.mutable_keep_alive());
        case schema::PeerMessage::kKeepAliveAnswer:
            return own(from.mutable_keep_alive_answer());
        case schema::PeerMessage::kCanvass:
            return paxos(from.mutable_canvass());
        case schema::PeerMessage::kCanvassAnswer:
            return paxos(from.mutable_canvass_answer());
        case schema::PeerMessage::kPrepare:
            return paxos(from.mutable_prepare());
        case schema::PeerMessage::kPromise:
            return paxos(from.mutable_promise());
        case schema::PeerMessage::kReject:
            return paxos(from.mutable_reject());
        case schema::PeerMessage::kLearn:
            return paxos(from.mutable_learn());
        case schema::PeerMessage::kLearnAnswer:
            return paxos(from.mutable_learn_answer());
        case schema::PeerMessage::kHandOver:
            return paxos(from.mutable_hand_over());
        case schema::PeerMessage::kMemberReport:
            return own(from.mutable_member_report());
        case schema::PeerMessage::kLeasesAsk:
            return own(from.mutable_leases_ask());
        case schema::PeerMessage::kLeasesAnswer:
            return own(from.mutable_leases_answer());
        case schema::PeerMessage::kSnapshotAsk:
            return own(from.mutable_snapshot_ask());
        case schema::PeerMessage::kSnapshotChunk:
            return own(from.mutable_snapshot_chunk());
        case schema::PeerMessage::kNotice:
            return paxos(from.mutable_notice());
        case schema::PeerMessage::kHandOverAsk:
            return own(from.mutable_hand_over_ask());
        case schema::PeerMessage::MESSAGE_NOT_SET:
            break;
    }
    check.that(false);
    return {};
}

void put(const Hello& from, schema::Hello& to) {
    to.set_format_level(from.format_level);
    to.set_cluster_id(from.cluster_id);
    to.set_member(from.member);
    to.set_incarnation(from.incarnation);
    to.set_boot(from.boot);
    to.set_alpha(from.alpha);
    to.set_version(from.version);
    to.set_peer_address(from.peer_address);
    for (const Run& run : from.runs) {
        auto& added = *to.add_runs();
        added.set_id(run.id);
        added.set_began(run.began);
    }
    to.set_writes(from.writes);
}

// None of them forgot what was written in the one before.
std::vector<Run> take_runs(schema::Hello& from, Check& check) {
    check.that(!from.runs().empty() && from.runs().size() <= static_cast<int>(runs_max));
    check.that(from.boot() >= static_cast<std::uint64_t>(from.runs().size()));
    std::vector<Run> runs;
    std::uint64_t least = 0;
    for (auto& run : *from.mutable_runs()) {
        check.known(run);
        check.that(run.began() >= least);
        least = run.began();
        runs.push_back({.id = run.id(), .began = run.began()});
    }
    check.that(from.writes() >= least);
    return runs;
}

Hello take(schema::Hello& from, Check& check) {
    return {.format_level = from.format_level(),
            .cluster_id = check.text(from.mutable_cluster_id(), label_bytes_max),
            .member = check.member(from.member()),
            .incarnation = from.incarnation(),
            .boot = from.boot(),
            .alpha = from.alpha(),
            .version = check.text(from.mutable_version(), label_bytes_max),
            .peer_address = check.text(from.mutable_peer_address(), label_bytes_max),
            .runs = take_runs(from, check),
            .writes = from.writes()};
}

}  // namespace

std::string encode(const PeerMessage& message) {
    Scratch<schema::PeerMessage> envelope;
    std::visit([&envelope](const auto& alternative) { put(alternative, *envelope); }, message);
    return serialized(*envelope);
}

Result<PeerMessage> decode_peer_message(std::string_view bytes) {
    return decoded<schema::PeerMessage, PeerMessage>(
        bytes, [](schema::PeerMessage& message, Check& check) { return take(message, check); });
}

std::string encode(const Hello& hello) {
    Scratch<schema::Hello> message;
    put(hello, *message);
    return serialized(*message);
}

std::string encode(const Farewell& farewell) {
    Scratch<schema::Farewell> message;
    put(farewell.hello, *message->mutable_hello());
    message->set_reason(farewell.reason);
    message->set_why(static_cast<schema::Farewell::Why>(farewell.why));
    return serialized(*message);
}

Result<Farewell> decode_farewell(std::string_view bytes) {
    return decoded<schema::Farewell, Farewell>(bytes, [](schema::Farewell& message, Check& check) {
        check.that(message.has_hello());
        return Farewell{.hello = take(check.known(*message.mutable_hello()), check),
                        .why = check.alternative(message.why(), Farewell::Why::set_back),
                        .reason = check.text(message.mutable_reason(), reason_bytes_max)};
    });
}

Result<Hello> decode_hello(std::string_view bytes) {
    return decoded<schema::Hello, Hello>(
        bytes, [](schema::Hello& message, Check& check) { return take(message, check); });
}

}  // namespace gavel::proto
