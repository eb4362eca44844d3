#include <memory>
#include <utility>

#include "base/invariant.h"
#include "proto/bounds_codec.h"
#include "proto/codec.h"
#include "proto/outcome_codec.h"
#include "proto/state.pb.h"
#include "proto/wire.h"
#include "statemachine/limits.h"

namespace gavel::proto {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

void put_into(const Session& from, schema::Session& to) {
    to.set_id(from.id);
    to.set_name(from.name);
    to.set_ttl_ms(from.ttl);
    to.set_lock_delay_ms(from.lock_delay);
    to.set_metadata(from.metadata);
    to.set_created_at(from.created_at);
    to.set_ends_with_locks(from.ends_with_locks);
    if (from.ending) to.set_ending(static_cast<schema::LastRelease::Reason>(*from.ending));
}

void put_into(const Holder& from, schema::Holder& to) {
    to.set_session(from.session);
    to.set_token(from.token);
    to.set_since(from.since);
    to.set_metadata(from.metadata);
    to.set_lock(from.lock);
    to.set_mode(static_cast<schema::HoldMode>(from.mode));
    to.set_limit(from.limit);
}

void put_into(const Lock& from, schema::Lock& to) {
    to.set_name(from.name);
    to.set_delay_ms(from.delay);
    to.set_delayed_at(from.delayed_at);
    to.set_delayed_since(from.delayed_since);
    if (from.last_release) {
        auto& release = *to.mutable_last_release();
        release.set_session(from.last_release->session);
        release.set_token(from.last_release->token);
        release.set_at(from.last_release->at);
        release.set_revision(from.last_release->revision);
        release.set_reason(static_cast<schema::LastRelease::Reason>(from.last_release->reason));
        release.set_author(from.last_release->author);
        release.set_comment(from.last_release->comment);
    }
}

void put_into(const Waiter& from, schema::Waiter& to) {
    to.set_lock(from.lock);
    to.set_session(from.session);
    to.set_place(from.place);
    to.set_attempt(from.attempt);
    to.set_wait_ms(from.wait);
    to.set_since(from.since);
    to.set_metadata(from.metadata);
    to.set_idempotency_key(from.idempotency_key);
    to.set_mode(static_cast<schema::HoldMode>(from.mode));
    to.set_limit(from.limit);
}

void put_into(const KeyValue& from, schema::KeyValue& to) {
    to.set_key(from.key);
    to.set_value(from.value.view().data(), from.value.size());
    to.set_content_type(from.content_type);
    to.set_author(from.author);
    to.set_created(from.created);
    to.set_modified(from.modified);
    to.set_version(from.version);
    to.set_modified_at(from.modified_at);
    to.set_session(from.session);
    to.set_schema(from.schema);
    to.set_reason(from.reason);
    to.set_deleted_before(from.deleted_before);
}

void put_into(const KeyDeletion& from, schema::KeyDeletion& to) {
    to.set_key(from.key);
    to.set_revision(from.revision);
    to.set_version(from.version);
    to.set_at(from.at);
    to.set_author(from.author);
    to.set_reason(from.reason);
}

void put_into(const PastVersion& from, schema::PastVersion& to) {
    if (const auto* put = std::get_if<Ptr<KeyValue>>(&from.change)) {
        put_into(**put, *to.mutable_put());
    } else {
        put_into(*std::get<Ptr<KeyDeletion>>(from.change), *to.mutable_deletion());
    }
    to.set_over(from.over);
    to.set_over_at(from.over_at);
}

void put_body(const KeyPutEvent& from, schema::Event& to) {
    invariant(from.value != nullptr, "the event of a put names the value");
    put_into(*from.value, *to.mutable_key_put());
}

void put_body(const KeyDeletedEvent& from, schema::Event& to) {
    auto& body = *to.mutable_key_deleted();
    body.set_key(from.key);
    body.set_version(from.version);
}

void put_body(const LockEvent& from, schema::Event& to) {
    auto& body = *to.mutable_lock();
    body.set_lock(from.lock);
    body.set_change(static_cast<schema::LockEvent::Change>(from.change));
    body.set_session(from.session);
    body.set_token(from.token);
    body.set_mode(static_cast<schema::HoldMode>(from.mode));
    body.set_author(from.author);
    body.set_comment(from.comment);
}

void put_body(const MemberEvent& from, schema::Event& to) {
    auto& body = *to.mutable_member();
    body.set_member(from.member);
    body.set_name(from.name);
    body.set_peer_address(from.peer_address);
    body.set_change(static_cast<schema::MemberEvent::Change>(from.change));
    body.set_role(static_cast<schema::Member::Role>(from.role));
    body.set_epoch(from.epoch);
    body.set_first_slot(from.first_slot);
}

void put_into(const Change& from, schema::Change& to) {
    to.set_revision(from.revision);
    to.set_at(from.at);
    for (const auto& event : from.events) {
        auto& listed = *to.add_events();
        listed.set_revision(event.revision);
        listed.set_index(event.index);
        listed.set_last(event.last);
        std::visit([&listed](const auto& body) { put_body(body, listed); }, event.body);
    }
}

void put_into(const RequestRecord& from, schema::RequestRecord& to) {
    to.set_member(from.request.member);
    to.set_boot(from.request.boot);
    to.set_number(from.request.number);
    to.set_revision(from.revision);
    put(from.outcome, *to.mutable_outcome());
}

void put_into(const IdempotencyRecord& from, schema::IdempotencyRecord& to) {
    to.set_key(from.key);
    to.set_fingerprint(from.fingerprint);
    to.set_revision(from.revision);
    to.set_expires_at(from.expires_at);
    put(from.outcome, *to.mutable_outcome());
}

void put_into(const Schema& from, schema::Schema& to) {
    to.set_prefix(from.prefix);
    to.set_text(from.text);
    to.set_author(from.author);
    to.set_revision(from.revision);
    to.set_set_at(from.set_at);
}

void put_into(const Quota& from, schema::Quota& to) {
    to.set_prefix(from.prefix);
    put_bounds(from.bounds, to);
}

Session take(schema::Session& from, Check& check) {
    Session session{.id = from.id(),
                    .name = check.text(from.mutable_name(), label_bytes_max),
                    .ttl = check.duration(from.ttl_ms()),
                    .lock_delay = check.duration(from.lock_delay_ms()),
                    .metadata = check.text(from.mutable_metadata(), metadata_bytes_max),
                    .created_at = from.created_at(),
                    .ends_with_locks = from.ends_with_locks()};
    if (from.has_ending()) {
        session.ending = check.alternative(from.ending(), ReleaseReason::session_expired);
        check.that(*session.ending != ReleaseReason::released);
    }
    return session;
}

Holder take(schema::Holder& from, Check& check) {
    return {.lock = check.text(from.mutable_lock(), name_bytes_max),
            .session = from.session(),
            .token = from.token(),
            .since = from.since(),
            .metadata = check.text(from.mutable_metadata(), metadata_bytes_max),
            .mode = check.alternative(from.mode(), LockMode::shared),
            .limit = from.limit()};
}

LastRelease take(schema::LastRelease& from, Check& check) {
    return {.session = from.session(),
            .token = from.token(),
            .at = from.at(),
            .revision = from.revision(),
            .reason = check.alternative(from.reason(), ReleaseReason::forced),
            .author = check.text(from.mutable_author(), label_bytes_max),
            .comment = check.text(from.mutable_comment(), label_bytes_max)};
}

Lock take(schema::Lock& from, Check& check) {
    Lock lock{.name = check.text(from.mutable_name(), name_bytes_max)};
    lock.delay = check.duration(from.delay_ms());
    lock.delayed_at = from.delayed_at();
    lock.delayed_since = from.delayed_since();
    if (from.has_last_release()) {
        lock.last_release = take(check.known(*from.mutable_last_release()), check);
    }
    return lock;
}

Waiter take(schema::Waiter& from, Check& check) {
    return {
        .lock = check.text(from.mutable_lock(), name_bytes_max),
        .session = from.session(),
        .place = from.place(),
        .attempt = from.attempt(),
        .wait = check.duration(from.wait_ms()),
        .since = from.since(),
        .metadata = check.text(from.mutable_metadata(), metadata_bytes_max),
        .idempotency_key = check.text(from.mutable_idempotency_key(), idempotency_key_bytes_max),
        .mode = check.alternative(from.mode(), LockMode::shared),
        .limit = from.limit()};
}

KeyValue take(schema::KeyValue& from, Check& check) {
    return {.key = check.text(from.mutable_key(), name_bytes_max),
            .value = check.bytes(from.mutable_value(), value_bytes_max),
            .content_type = check.text(from.mutable_content_type(), label_bytes_max),
            .author = check.text(from.mutable_author(), label_bytes_max),
            .created = from.created(),
            .modified = from.modified(),
            .version = from.version(),
            .modified_at = from.modified_at(),
            .session = from.session(),
            .reason = check.text(from.mutable_reason(), label_bytes_max),
            .deleted_before = from.deleted_before(),
            .schema = from.schema()};
}

KeyDeletion take(schema::KeyDeletion& from, Check& check) {
    return {.key = check.text(from.mutable_key(), name_bytes_max),
            .revision = from.revision(),
            .version = from.version(),
            .at = from.at(),
            .author = check.text(from.mutable_author(), label_bytes_max),
            .reason = check.text(from.mutable_reason(), label_bytes_max)};
}

PastVersion take(schema::PastVersion& from, Check& check) {
    PastVersion version{.over = from.over(), .over_at = from.over_at()};
    if (from.has_put()) {
        version.change =
            std::make_shared<const KeyValue>(take(check.known(*from.mutable_put()), check));
    } else {
        check.that(from.has_deletion());
        version.change =
            std::make_shared<const KeyDeletion>(take(check.known(*from.mutable_deletion()), check));
    }
    return version;
}

KeyDeletedEvent take(schema::KeyDeletedEvent& from, Check& check) {
    return {.key = check.text(from.mutable_key(), name_bytes_max), .version = from.version()};
}

LockEvent take(schema::LockEvent& from, Check& check) {
    return {.lock = check.text(from.mutable_lock(), name_bytes_max),
            .change = check.alternative(from.change(), LockEvent::Change::delay_ended),
            .session = from.session(),
            .token = from.token(),
            .mode = check.alternative(from.mode(), LockMode::shared),
            .author = check.text(from.mutable_author(), label_bytes_max),
            .comment = check.text(from.mutable_comment(), label_bytes_max)};
}

MemberEvent take(schema::MemberEvent& from, Check& check) {
    return {.member = check.member(from.member()),
            .name = check.text(from.mutable_name(), label_bytes_max),
            .peer_address = check.text(from.mutable_peer_address(), label_bytes_max),
            .change = check.alternative(from.change(), MemberEvent::Change::role_changed),
            .role = check.alternative(from.role(), Role::learner),
            .epoch = from.epoch(),
            .first_slot = from.first_slot()};
}

EventBody take_body(schema::Event& from, Check& check) {
    switch (from.body_case()) {
        case schema::Event::kKeyPut:
            return KeyPutEvent{std::make_shared<const KeyValue>(
                take(check.known(*from.mutable_key_put()), check))};
        case schema::Event::kKeyDeleted:
            return take(check.known(*from.mutable_key_deleted()), check);
        case schema::Event::kLock:
            return take(check.known(*from.mutable_lock()), check);
        case schema::Event::kMember:
            return take(check.known(*from.mutable_member()), check);
        case schema::Event::BODY_NOT_SET:
            break;
    }
    check.that(false);
    return {};
}

Event take(schema::Event& from, Check& check) {
    return {.revision = from.revision(),
            .index = from.index(),
            .last = from.last(),
            .body = take_body(from, check)};
}

Change take(schema::Change& from, Check& check) {
    Change change{.revision = from.revision(), .at = from.at()};
    change.events.reserve(static_cast<std::size_t>(from.events_size()));
    for (auto& event : *from.mutable_events()) {
        change.events.push_back(take(check.known(event), check));
    }
    return change;
}

template <class M>
Outcome take_outcome(M& from, Check& check) {
    check.that(from.has_outcome());
    return take(*from.mutable_outcome(), check);
}

RequestRecord take(schema::RequestRecord& from, Check& check) {
    return {.request = {.member = check.member(from.member()),
                        .boot = from.boot(),
                        .number = from.number()},
            .revision = from.revision(),
            .outcome = take_outcome(from, check)};
}

IdempotencyRecord take(schema::IdempotencyRecord& from, Check& check) {
    return {.key = check.text(from.mutable_key(), idempotency_key_bytes_max),
            .fingerprint = from.fingerprint(),
            .revision = from.revision(),
            .expires_at = from.expires_at(),
            .outcome = take_outcome(from, check)};
}

Schema take(schema::Schema& from, Check& check) {
    check.that(!from.text().empty());
    return {.prefix = check.text(from.mutable_prefix(), name_bytes_max),
            .text = check.text(from.mutable_text(), schema_bytes_max),
            .author = check.text(from.mutable_author(), label_bytes_max),
            .revision = from.revision(),
            .set_at = from.set_at()};
}

Quota take(schema::Quota& from, Check& check) {
    const QuotaBounds bounds = take_bounds(from);
    check.that(bounds.any());
    return {.prefix = check.text(from.mutable_prefix(), name_bytes_max), .bounds = bounds};
}

template <class M>
Result<RowValue> row(std::string_view bytes) {
    return decoded<M, RowValue>(bytes, [](M& from, Check& check) -> RowValue {
        auto value = take(from, check);
        return std::make_shared<const decltype(value)>(std::move(value));
    });
}

std::string encode_present(std::monostate) {
    invariant(false, "a row that is gone has no value to encode");
    return {};
}
std::string encode_present(const Ptr<Session>& value) {
    Scratch<schema::Session> message;
    put_into(*value, *message);
    return serialized(*message);
}
std::string encode_present(const Ptr<Lock>& value) {
    Scratch<schema::Lock> message;
    put_into(*value, *message);
    return serialized(*message);
}
std::string encode_present(const Ptr<Waiter>& value) {
    Scratch<schema::Waiter> message;
    put_into(*value, *message);
    return serialized(*message);
}
std::string encode_present(const Ptr<KeyValue>& value) {
    Scratch<schema::KeyValue> message;
    put_into(*value, *message);
    return serialized(*message);
}
std::string encode_present(const Ptr<Change>& value) {
    Scratch<schema::Change> message;
    put_into(*value, *message);
    return serialized(*message);
}
std::string encode_present(const Ptr<RequestRecord>& value) {
    Scratch<schema::RequestRecord> message;
    put_into(*value, *message);
    return serialized(*message);
}
std::string encode_present(const Ptr<IdempotencyRecord>& value) {
    Scratch<schema::IdempotencyRecord> message;
    put_into(*value, *message);
    return serialized(*message);
}
std::string encode_present(const Ptr<Schema>& value) {
    Scratch<schema::Schema> message;
    put_into(*value, *message);
    return serialized(*message);
}
std::string encode_present(const Ptr<Quota>& value) {
    Scratch<schema::Quota> message;
    put_into(*value, *message);
    return serialized(*message);
}
std::string encode_present(const Ptr<Holder>& value) {
    Scratch<schema::Holder> message;
    put_into(*value, *message);
    return serialized(*message);
}

std::string encode_present(const Ptr<PastVersion>& value) {
    Scratch<schema::PastVersion> message;
    put_into(*value, *message);
    return serialized(*message);
}

}  // namespace

std::string encode(const RowValue& value) {
    return std::visit([](const auto& present) { return encode_present(present); }, value);
}

Result<RowValue> decode_row(Table table, std::string_view bytes) {
    switch (table) {
        case Table::sessions:
            return row<schema::Session>(bytes);
        case Table::locks:
            return row<schema::Lock>(bytes);
        case Table::waiters:
            return row<schema::Waiter>(bytes);
        case Table::keys:
            return row<schema::KeyValue>(bytes);
        case Table::history:
            return row<schema::Change>(bytes);
        case Table::requests:
            return row<schema::RequestRecord>(bytes);
        case Table::idempotency:
            return row<schema::IdempotencyRecord>(bytes);
        case Table::versions:
            return row<schema::PastVersion>(bytes);
        case Table::holders:
            return row<schema::Holder>(bytes);
        case Table::schemas:
            return row<schema::Schema>(bytes);
        case Table::quotas:
            return row<schema::Quota>(bytes);
    }
    return malformed();
}

}  // namespace gavel::proto
