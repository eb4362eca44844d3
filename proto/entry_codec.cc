#include <cstring>
#include <set>
#include <utility>

#include "base/invariant.h"
#include "proto/bounds_codec.h"
#include "proto/codec.h"
#include "proto/entry.pb.h"
#include "proto/wire.h"
#include "statemachine/limits.h"

namespace gavel::proto {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

void put(const LeaderStart& from, schema::Entry& to) {
    to.mutable_leader_start()->set_leader(from.leader);
}

void put(const OpenSession& from, schema::Entry& to) {
    auto& command = *to.mutable_open_session();
    command.set_name(from.name);
    command.set_ttl_ms(from.ttl);
    command.set_lock_delay_ms(from.lock_delay);
    command.set_metadata(from.metadata);
    command.set_ends_with_locks(from.ends_with_locks);
}

void put(const EndSession& from, schema::Entry& to) {
    to.mutable_end_session()->set_session(from.session);
}

void put(const ExpireSession& from, schema::Entry& to) {
    auto& command = *to.mutable_expire_session();
    command.set_session(from.session);
    command.set_leader_start(from.leader_start);
}

void put(const AcquireLock& from, schema::Entry& to) {
    auto& command = *to.mutable_acquire_lock();
    command.set_name(from.name);
    command.set_session(from.session);
    command.set_metadata(from.metadata);
    command.set_wait_ms(from.wait);
    command.set_mode(static_cast<schema::LockMode>(from.mode));
    command.set_limit(from.limit);
    command.set_ttl_ms(from.ttl);
}

void put(const AcquireLocks& from, schema::Entry& to) {
    auto& command = *to.mutable_acquire_locks();
    command.set_session(from.session);
    for (const auto& wanted : from.locks) {
        auto& listed = *command.add_locks();
        listed.set_name(wanted.name);
        listed.set_mode(static_cast<schema::LockMode>(wanted.mode));
        listed.set_limit(wanted.limit);
    }
    command.set_metadata(from.metadata);
    command.set_wait_ms(from.wait);
    command.set_ttl_ms(from.ttl);
}

void put(const ReleaseLock& from, schema::Entry& to) {
    auto& command = *to.mutable_release_lock();
    command.set_name(from.name);
    if (from.session) command.set_session(*from.session);
    if (from.token) command.set_token(*from.token);
    command.set_force(from.force);
    command.set_reason(from.reason);
    command.set_author(from.author);
}

void put(const LeaveQueue& from, schema::Entry& to) {
    auto& command = *to.mutable_leave_queue();
    command.set_name(from.name);
    command.set_session(from.session);
    command.set_attempt(from.attempt);
}

void put(const EndLockDelay& from, schema::Entry& to) {
    auto& command = *to.mutable_end_lock_delay();
    command.set_name(from.name);
    command.set_delayed_at(from.delayed_at);
}

template <class M>
void put_precondition(const Precondition& from, M& to) {
    if (from == Precondition{}) return;
    auto& precondition = *to.mutable_precondition();
    precondition.set_kind(static_cast<schema::Precondition::Kind>(from.kind));
    precondition.mutable_revisions()->Add(from.revisions.begin(), from.revisions.end());
}

template <class M>
void put_guard(const std::optional<Guard>& from, M& to) {
    if (!from) return;
    auto& guard = *to.mutable_guard();
    guard.set_lock(from->lock);
    guard.set_token(from->token);
    guard.set_session(from->session);
}

void put(const PutKey& from, schema::Entry& to) {
    auto& command = *to.mutable_put_key();
    command.set_key(from.key);
    command.set_value(from.value.view().data(), from.value.size());
    command.set_content_type(from.content_type);
    command.set_author(from.author);
    command.set_reason(from.reason);
    put_precondition(from.precondition, command);
    command.set_session(from.session);
    put_guard(from.guard, command);
    command.set_schema(from.schema);
}

void put(const DeleteKey& from, schema::Entry& to) {
    auto& command = *to.mutable_delete_key();
    command.set_key(from.key);
    command.set_author(from.author);
    command.set_reason(from.reason);
    put_precondition(from.precondition, command);
    put_guard(from.guard, command);
}

void put(const DeletePrefix& from, schema::Entry& to) {
    auto& command = *to.mutable_delete_prefix();
    command.set_key(from.key);
    command.set_author(from.author);
    command.set_reason(from.reason);
    put_guard(from.guard, command);
}

void put(const Compare& from, schema::Compare& to) {
    to.set_kind(static_cast<schema::Compare::Kind>(from.kind));
    to.set_name(from.name);
    to.set_number(from.number);
    to.set_value(from.value.view().data(), from.value.size());
    to.set_session(from.session);
}

void put(const PutOperation& from, schema::Operation& to) {
    auto& operation = *to.mutable_put();
    operation.set_key(from.key);
    operation.set_value(from.value.view().data(), from.value.size());
    operation.set_content_type(from.content_type);
    operation.set_session(from.session);
    operation.set_schema(from.schema);
}

void put(const DeleteOperation& from, schema::Operation& to) {
    auto& operation = *to.mutable_delete_();
    operation.set_key(from.key);
    operation.set_recursive(from.recursive);
}

void put(const GetOperation& from, schema::Operation& to) { to.mutable_get()->set_key(from.key); }

void put(const Transact& from, schema::Entry& to) {
    auto& command = *to.mutable_transact();
    for (const Compare& compare : from.compares) put(compare, *command.add_compares());
    for (const Operation& operation : from.then) {
        std::visit([&](const auto& one) { put(one, *command.add_then()); }, operation);
    }
    for (const Operation& operation : from.otherwise) {
        std::visit([&](const auto& one) { put(one, *command.add_otherwise()); }, operation);
    }
    command.set_author(from.author);
    command.set_reason(from.reason);
    put_guard(from.guard, command);
}

void put(const AddMember& from, schema::MemberChange& to) {
    auto& change = *to.mutable_add();
    change.set_name(from.name);
    change.set_peer_address(from.peer_address);
    change.set_incarnation(from.incarnation);
    change.set_wants_vote(from.wants_vote);
}

void put(const SetRole& from, schema::MemberChange& to) {
    auto& change = *to.mutable_set_role();
    change.set_member(from.member);
    change.set_role(static_cast<schema::MemberChange::SetRole::Role>(from.role));
}

void put(const RemoveMember& from, schema::MemberChange& to) {
    to.mutable_remove()->set_member(from.member);
}

void put(const ChangeMembers& from, schema::Entry& to) {
    auto& command = *to.mutable_change_members();
    command.set_based_on(from.based_on);
    for (const MemberChange& change : from.changes) {
        std::visit([&](const auto& one) { put(one, *command.add_changes()); }, change);
    }
}

void put(const PinMembers& from, schema::Entry& to) {
    auto& command = *to.mutable_pin_members();
    for (const auto& pin : from.pins) {
        auto& listed = *command.add_pins();
        listed.set_member(pin.member);
        listed.set_incarnation(pin.incarnation);
    }
}

void put(const RollBack& from, schema::Entry& to) {
    auto& command = *to.mutable_roll_back();
    command.set_target(from.target);
    command.set_is_prefix(from.is_prefix);
    command.set_to(from.to);
    command.set_author(from.author);
    command.set_reason(from.reason);
    command.set_judged(from.judged);
    put_guard(from.guard, command);
}

void put(const SetSchema& from, schema::Entry& to) {
    auto& command = *to.mutable_set_schema();
    command.set_prefix(from.prefix);
    command.set_text(from.text);
    command.set_author(from.author);
}

void put(const SetQuota& from, schema::Entry& to) {
    auto& command = *to.mutable_set_quota();
    command.set_prefix(from.prefix);
    put_bounds(from.bounds, command);
}

void put(const ExpireSessions& from, schema::Entry& to) {
    auto& command = *to.mutable_expire_sessions();
    command.mutable_sessions()->Add(from.sessions.begin(), from.sessions.end());
    command.set_leader_start(from.leader_start);
}

LeaderStart take(schema::LeaderStart& from, Check& check) {
    return {.leader = check.member(from.leader())};
}

OpenSession take(schema::OpenSession& from, Check& check) {
    return {.name = check.text(from.mutable_name(), label_bytes_max),
            .ttl = check.duration(from.ttl_ms()),
            .lock_delay = check.duration(from.lock_delay_ms()),
            .metadata = check.text(from.mutable_metadata(), metadata_bytes_max),
            .ends_with_locks = from.ends_with_locks()};
}

EndSession take(schema::EndSession& from, Check&) { return {.session = from.session()}; }

ExpireSession take(schema::ExpireSession& from, Check&) {
    return {.session = from.session(), .leader_start = from.leader_start()};
}

// Only what is shared has a limit.
template <class M>
LockMode take_mode(const M& from, Check& check) {
    const auto mode = check.alternative(from.mode(), LockMode::shared);
    check.that(mode == LockMode::shared || from.limit() == 0);
    return mode;
}

AcquireLock take(schema::AcquireLock& from, Check& check) {
    return {.name = check.text(from.mutable_name(), name_bytes_max),
            .session = from.session(),
            .metadata = check.text(from.mutable_metadata(), metadata_bytes_max),
            .wait = check.duration(from.wait_ms()),
            .mode = take_mode(from, check),
            .limit = from.limit(),
            .ttl = check.duration(from.ttl_ms())};
}

AcquireLocks take(schema::AcquireLocks& from, Check& check) {
    AcquireLocks command{.session = from.session(),
                         .locks = {},
                         .metadata = check.text(from.mutable_metadata(), metadata_bytes_max),
                         .wait = check.duration(from.wait_ms()),
                         .ttl = check.duration(from.ttl_ms())};
    const auto count = static_cast<std::size_t>(from.locks_size());
    check.that(count >= 1 && count <= locks_per_command_max);
    std::set<std::string> names;
    for (auto& listed : *from.mutable_locks()) {
        AcquireLocks::Wanted wanted{
            .name = check.text(check.known(listed).mutable_name(), name_bytes_max),
            .mode = take_mode(listed, check),
            .limit = listed.limit()};
        check.that(names.insert(wanted.name).second);
        command.locks.push_back(std::move(wanted));
    }
    return command;
}

ReleaseLock take(schema::ReleaseLock& from, Check& check) {
    ReleaseLock command{.name = check.text(from.mutable_name(), name_bytes_max)};
    if (from.has_session()) command.session = from.session();
    if (from.has_token()) command.token = from.token();
    command.force = from.force();
    command.reason = check.text(from.mutable_reason(), label_bytes_max);
    command.author = check.text(from.mutable_author(), label_bytes_max);
    return command;
}

LeaveQueue take(schema::LeaveQueue& from, Check& check) {
    return {.name = check.text(from.mutable_name(), name_bytes_max),
            .session = from.session(),
            .attempt = from.attempt()};
}

EndLockDelay take(schema::EndLockDelay& from, Check& check) {
    return {.name = check.text(from.mutable_name(), name_bytes_max),
            .delayed_at = from.delayed_at()};
}

Precondition take(schema::Precondition& from, Check& check) {
    Precondition precondition{
        .kind = check.alternative(from.kind(), Precondition::Kind::none_matches),
        .revisions = {from.revisions().begin(), from.revisions().end()}};
    check.that(precondition != Precondition{});
    return precondition;
}

template <class M>
Precondition take_precondition(M& from, Check& check) {
    if (!from.has_precondition()) return {};
    return take(check.known(*from.mutable_precondition()), check);
}

template <class M>
std::optional<Guard> take_guard(M& from, Check& check) {
    if (!from.has_guard()) return std::nullopt;
    auto& guard = check.known(*from.mutable_guard());
    return Guard{.lock = check.text(guard.mutable_lock(), name_bytes_max),
                 .token = guard.token(),
                 .session = guard.session()};
}

PutKey take(schema::PutKey& from, Check& check) {
    return {.key = check.text(from.mutable_key(), name_bytes_max),
            .value = check.bytes(from.mutable_value(), value_bytes_max),
            .content_type = check.text(from.mutable_content_type(), label_bytes_max),
            .author = check.text(from.mutable_author(), label_bytes_max),
            .precondition = take_precondition(from, check),
            .session = from.session(),
            .guard = take_guard(from, check),
            .reason = check.text(from.mutable_reason(), label_bytes_max),
            .schema = from.schema()};
}

DeleteKey take(schema::DeleteKey& from, Check& check) {
    return {.key = check.text(from.mutable_key(), name_bytes_max),
            .author = check.text(from.mutable_author(), label_bytes_max),
            .precondition = take_precondition(from, check),
            .guard = take_guard(from, check),
            .reason = check.text(from.mutable_reason(), label_bytes_max)};
}

DeletePrefix take(schema::DeletePrefix& from, Check& check) {
    return {.key = check.text(from.mutable_key(), name_bytes_max),
            .author = check.text(from.mutable_author(), label_bytes_max),
            .guard = take_guard(from, check),
            .reason = check.text(from.mutable_reason(), label_bytes_max)};
}

Compare take(schema::Compare& from, Check& check) {
    return {.kind = check.alternative(from.kind(), Compare::Kind::token),
            .name = check.text(from.mutable_name(), name_bytes_max),
            .number = from.number(),
            .value = check.bytes(from.mutable_value(), value_bytes_max),
            .session = from.session()};
}

PutOperation take(schema::Operation::Put& from, Check& check) {
    return {.key = check.text(from.mutable_key(), name_bytes_max),
            .value = check.bytes(from.mutable_value(), value_bytes_max),
            .content_type = check.text(from.mutable_content_type(), label_bytes_max),
            .session = from.session(),
            .schema = from.schema()};
}

DeleteOperation take(schema::Operation::Delete& from, Check& check) {
    return {.key = check.text(from.mutable_key(), name_bytes_max), .recursive = from.recursive()};
}

GetOperation take(schema::Operation::Get& from, Check& check) {
    return {.key = check.text(from.mutable_key(), name_bytes_max)};
}

Operation take(schema::Operation& from, Check& check) {
    const auto taken = [&check](auto* operation) -> Operation {
        return take(check.known(*operation), check);
    };
    switch (from.operation_case()) {
        case schema::Operation::kPut:
            return taken(from.mutable_put());
        case schema::Operation::kDelete:
            return taken(from.mutable_delete_());
        case schema::Operation::kGet:
            return taken(from.mutable_get());
        case schema::Operation::OPERATION_NOT_SET:
            break;
    }
    check.that(false);
    return {};
}

Transact take(schema::Transact& from, Check& check) {
    Transact command{.author = check.text(from.mutable_author(), label_bytes_max),
                     .guard = take_guard(from, check),
                     .reason = check.text(from.mutable_reason(), label_bytes_max)};
    const auto parts = from.compares_size() + from.then_size() + from.otherwise_size();
    check.that(static_cast<std::size_t>(parts) <= transaction_parts_max);
    for (auto& compare : *from.mutable_compares()) {
        command.compares.push_back(take(check.known(compare), check));
    }
    for (auto& operation : *from.mutable_then()) {
        command.then.push_back(take(check.known(operation), check));
    }
    for (auto& operation : *from.mutable_otherwise()) {
        command.otherwise.push_back(take(check.known(operation), check));
    }
    return command;
}

AddMember take(schema::MemberChange::Add& from, Check& check) {
    return {.name = check.text(from.mutable_name(), label_bytes_max),
            .peer_address = check.text(from.mutable_peer_address(), label_bytes_max),
            .incarnation = from.incarnation(),
            .wants_vote = from.wants_vote()};
}

SetRole take(schema::MemberChange::SetRole& from, Check& check) {
    return {.member = check.member(from.member()),
            .role = check.alternative(from.role(), Role::learner)};
}

RemoveMember take(schema::MemberChange::Remove& from, Check& check) {
    return {.member = check.member(from.member())};
}

MemberChange take(schema::MemberChange& from, Check& check) {
    const auto taken = [&check](auto* change) -> MemberChange {
        return take(check.known(*change), check);
    };
    switch (from.change_case()) {
        case schema::MemberChange::kAdd:
            return taken(from.mutable_add());
        case schema::MemberChange::kSetRole:
            return taken(from.mutable_set_role());
        case schema::MemberChange::kRemove:
            return taken(from.mutable_remove());
        case schema::MemberChange::CHANGE_NOT_SET:
            break;
    }
    check.that(false);
    return {};
}

ChangeMembers take(schema::ChangeMembers& from, Check& check) {
    ChangeMembers command{.based_on = from.based_on()};
    check.that(static_cast<std::size_t>(from.changes_size()) <= member_changes_max);
    for (auto& change : *from.mutable_changes()) {
        command.changes.push_back(take(check.known(change), check));
    }
    return command;
}

SetSchema take(schema::SetSchema& from, Check& check) {
    return {.prefix = check.text(from.mutable_prefix(), name_bytes_max),
            .text = check.text(from.mutable_text(), schema_bytes_max),
            .author = check.text(from.mutable_author(), label_bytes_max)};
}

SetQuota take(schema::SetQuota& from, Check& check) {
    return {.prefix = check.text(from.mutable_prefix(), name_bytes_max),
            .bounds = take_bounds(from)};
}

PinMembers take(schema::PinMembers& from, Check& check) {
    PinMembers command;
    check.that(static_cast<std::size_t>(from.pins_size()) <= member_changes_max);
    for (auto& pin : *from.mutable_pins()) {
        command.pins.push_back(
            {.member = check.member(check.known(pin).member()), .incarnation = pin.incarnation()});
    }
    return command;
}

RollBack take(schema::RollBack& from, Check& check) {
    return {.target = check.text(from.mutable_target(), name_bytes_max),
            .is_prefix = from.is_prefix(),
            .to = from.to(),
            .author = check.text(from.mutable_author(), label_bytes_max),
            .guard = take_guard(from, check),
            .reason = check.text(from.mutable_reason(), label_bytes_max),
            .judged = from.judged()};
}

ExpireSessions take(schema::ExpireSessions& from, Check& check) {
    check.that(static_cast<std::size_t>(from.sessions_size()) <= expired_sessions_max);
    return {.sessions = {from.sessions().begin(), from.sessions().end()},
            .leader_start = from.leader_start()};
}

Command take_command(schema::Entry& from, Check& check) {
    const auto taken = [&check](auto* command) -> Command {
        return take(check.known(*command), check);
    };
    switch (from.command_case()) {
        case schema::Entry::kLeaderStart:
            return taken(from.mutable_leader_start());
        case schema::Entry::kOpenSession:
            return taken(from.mutable_open_session());
        case schema::Entry::kEndSession:
            return taken(from.mutable_end_session());
        case schema::Entry::kExpireSession:
            return taken(from.mutable_expire_session());
        case schema::Entry::kAcquireLock:
            return taken(from.mutable_acquire_lock());
        case schema::Entry::kReleaseLock:
            return taken(from.mutable_release_lock());
        case schema::Entry::kLeaveQueue:
            return taken(from.mutable_leave_queue());
        case schema::Entry::kEndLockDelay:
            return taken(from.mutable_end_lock_delay());
        case schema::Entry::kPutKey:
            return taken(from.mutable_put_key());
        case schema::Entry::kDeleteKey:
            return taken(from.mutable_delete_key());
        case schema::Entry::kChangeMembers:
            return taken(from.mutable_change_members());
        case schema::Entry::kPinMembers:
            return taken(from.mutable_pin_members());
        case schema::Entry::kAcquireLocks:
            return taken(from.mutable_acquire_locks());
        case schema::Entry::kTransact:
            return taken(from.mutable_transact());
        case schema::Entry::kDeletePrefix:
            return taken(from.mutable_delete_prefix());
        case schema::Entry::kRollBack:
            return taken(from.mutable_roll_back());
        case schema::Entry::kSetSchema:
            return taken(from.mutable_set_schema());
        case schema::Entry::kSetQuota:
            return taken(from.mutable_set_quota());
        case schema::Entry::kExpireSessions:
            return taken(from.mutable_expire_sessions());
        case schema::Entry::COMMAND_NOT_SET:
            break;
    }
    check.that(false);
    return {};
}

Entry take(schema::Entry& from, Check& check) {
    check.that(from.has_stamp());
    Entry entry{.request = {.member = check.member(from.member()),
                            .boot = from.boot(),
                            .number = from.number()},
                .stamp = from.stamp(),
                .spares_room = from.spares_room()};
    if (from.has_idempotency()) {
        auto& idempotency = check.known(*from.mutable_idempotency());
        entry.idempotency =
            IdempotencyKey{.key = check.text(idempotency.mutable_key(), idempotency_key_bytes_max),
                           .fingerprint = idempotency.fingerprint()};
    }
    entry.command = take_command(from, check);
    return entry;
}

}  // namespace

std::string encode(const Entry& entry) {
    Scratch<schema::Entry> message;
    message->set_member(entry.request.member);
    message->set_boot(entry.request.boot);
    message->set_number(entry.request.number);
    if (entry.idempotency) {
        auto& idempotency = *message->mutable_idempotency();
        idempotency.set_key(entry.idempotency->key);
        idempotency.set_fingerprint(entry.idempotency->fingerprint);
    }
    std::visit([&message](const auto& command) { put(command, *message); }, entry.command);
    message->set_spares_room(entry.spares_room);
    message->set_stamp(entry.stamp);
    return serialized(*message);
}

Result<Entry> decode_entry(std::string_view bytes) {
    return decoded<schema::Entry, Entry>(
        bytes, [](schema::Entry& message, Check& check) { return take(message, check); });
}

std::string with_stamp(std::string_view entry, TimeMs stamp, bool spares_room) {
    // Field 2047 of eight fixed bytes, the last of every entry, least significant byte first;
    // before it, if it is set at all, field 2046.
    constexpr std::string_view tag = "\xF9\x7F";
    constexpr std::string_view spares = "\xF0\x7F\x01";
    constexpr std::size_t field_bytes = tag.size() + 8;

    std::string stamped(entry);
    if (entry.size() >= field_bytes && entry.substr(entry.size() - field_bytes).starts_with(tag)) {
        stamped.resize(entry.size() - field_bytes);
    }
    if (spares_room) stamped += spares;
    stamped += tag;
    for (int shift = 0; shift < 64; shift += 8) {
        stamped += static_cast<char>(static_cast<std::uint64_t>(stamp) >> shift);
    }
    return stamped;
}

}  // namespace gavel::proto
