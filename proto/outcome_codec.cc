#include "proto/outcome_codec.h"

#include "proto/state.pb.h"
#include "statemachine/limits.h"

namespace gavel::proto {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

void put_one(const Done&, schema::Outcome& to) { to.mutable_done(); }

void put_one(const SessionOpened& from, schema::Outcome& to) {
    to.mutable_session_opened()->set_session(from.session);
}

void put_one(const SessionEnded&, schema::Outcome& to) { to.mutable_session_ended(); }

void put_one(const SessionNotFound& from, schema::Outcome& to) {
    to.mutable_session_not_found()->set_session(from.session);
}

void put_one(const LockGranted& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_lock_granted();
    outcome.set_token(from.token);
    outcome.set_since(from.since);
    outcome.set_fresh(from.fresh);
    outcome.set_session(from.session);
}

void put_one(const LockQueued& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_lock_queued();
    outcome.set_attempt(from.attempt);
    outcome.set_position(from.position);
    outcome.set_session(from.session);
}

void put_one(const LockHeld& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_lock_held();
    outcome.set_holder(from.holder);
    outcome.set_token(from.token);
    outcome.set_position(from.position);
    outcome.set_others(from.others);
    outcome.set_lock(from.lock);
}

void put_one(const LockReleased& from, schema::Outcome& to) {
    to.mutable_lock_released()->set_token(from.token);
}

void put_one(const LeftQueue&, schema::Outcome& to) { to.mutable_left_queue(); }

void put_one(const NotHolder& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_not_holder();
    outcome.set_holder(from.holder);
    outcome.set_sharing(from.sharing);
}

void put_one(const KeyPut& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_key_put();
    outcome.set_version(from.version);
    outcome.set_created(from.created);
}

void put_one(const KeyDeleted&, schema::Outcome& to) { to.mutable_key_deleted(); }

void put_one(const KeyNotFound&, schema::Outcome& to) { to.mutable_key_not_found(); }

void put_one(const PreconditionFailed& from, schema::Outcome& to) {
    to.mutable_precondition_failed()->set_present(from.present);
}

void put_one(const LimitReached& from, schema::Outcome& to) {
    to.mutable_limit_reached()->set_what(static_cast<schema::LimitReached::What>(from.what));
}

void put_one(const IdempotencyKeyReused&, schema::Outcome& to) {
    to.mutable_idempotency_key_reused();
}

void put_one(const RequestTooOld&, schema::Outcome& to) { to.mutable_request_too_old(); }

void put_one(const MembersChanged& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_members_changed();
    outcome.set_epoch(from.epoch);
    outcome.set_first_slot(from.first_slot);
    for (const MemberNumber member : from.added) outcome.add_added(member);
}

void put_one(const EpochMismatch& from, schema::Outcome& to) {
    to.mutable_epoch_mismatch()->set_present(from.present);
}

void put_one(const MembersRefused& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_members_refused();
    outcome.set_reason(static_cast<schema::MembersRefused::Reason>(from.reason));
    outcome.set_member(from.member);
}

void put_one(const Transacted& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_transacted();
    outcome.set_succeeded(from.succeeded);
    outcome.set_failed(from.failed);
    for (const auto& result : from.results) {
        auto& listed = *outcome.add_results();
        listed.set_kind(static_cast<schema::Transacted::Result::Kind>(result.kind));
        listed.set_number(result.number);
    }
}

void put_one(const StaleToken& from, schema::Outcome& to) {
    to.mutable_stale_token()->set_live(from.live);
}

void put_one(const PrefixDeleted& from, schema::Outcome& to) {
    to.mutable_prefix_deleted()->set_count(from.count);
}

void put_one(const TooMuch& from, schema::Outcome& to) {
    to.mutable_too_much()->set_what(static_cast<schema::TooMuch::What>(from.what));
}

void put_one(const RolledBack& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_rolled_back();
    outcome.set_restored(from.restored);
    outcome.set_deleted(from.deleted);
}

void put_one(const RollBackRefused& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_roll_back_refused();
    outcome.set_reason(static_cast<schema::RollBackRefused::Reason>(from.reason));
    outcome.set_key(from.key);
    outcome.set_oldest(from.oldest);
}

void put_one(const Deadlock& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_deadlock();
    for (const auto& wait : from.cycle) {
        auto& listed = *outcome.add_cycle();
        listed.set_session(wait.session);
        listed.set_lock(wait.lock);
    }
    outcome.set_length(from.length);
}

void put_one(const LockRefused& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_lock_refused();
    outcome.set_reason(static_cast<schema::LockRefused::Reason>(from.reason));
    outcome.set_lock(from.lock);
    outcome.set_limit(from.limit);
}

void put_one(const SessionEnding& from, schema::Outcome& to) {
    to.mutable_session_ending()->set_left(from.left);
}

void put_one(const QuotaExceeded& from, schema::Outcome& to) {
    auto& outcome = *to.mutable_quota_exceeded();
    outcome.set_what(static_cast<schema::QuotaExceeded::What>(from.what));
    outcome.set_prefix(from.prefix);
    outcome.set_limit(from.limit);
    outcome.set_used(from.used);
    outcome.set_more(from.more);
}

void put_one(const StorageFull&, schema::Outcome& to) { to.mutable_storage_full(); }

void put_one(const RuleNotFound&, schema::Outcome& to) { to.mutable_rule_not_found(); }

void put_one(const SchemaChanged& from, schema::Outcome& to) {
    to.mutable_schema_changed()->set_present(from.present);
}

Done take_one(schema::Done&, Check&) { return {}; }

SessionOpened take_one(schema::SessionOpened& from, Check&) { return {.session = from.session()}; }

SessionEnded take_one(schema::SessionEnded&, Check&) { return {}; }

SessionNotFound take_one(schema::SessionNotFound& from, Check&) {
    return {.session = from.session()};
}

LockGranted take_one(schema::LockGranted& from, Check&) {
    return {.token = from.token(),
            .since = from.since(),
            .fresh = from.fresh(),
            .session = from.session()};
}

LockQueued take_one(schema::LockQueued& from, Check&) {
    return {.attempt = from.attempt(), .position = from.position(), .session = from.session()};
}

LockHeld take_one(schema::LockHeld& from, Check& check) {
    return {.holder = from.holder(),
            .token = from.token(),
            .position = from.position(),
            .others = from.others(),
            .lock = check.text(from.mutable_lock(), name_bytes_max)};
}

LockReleased take_one(schema::LockReleased& from, Check&) { return {.token = from.token()}; }

LeftQueue take_one(schema::LeftQueue&, Check&) { return {}; }

NotHolder take_one(schema::NotHolder& from, Check&) {
    return {.holder = from.holder(), .sharing = from.sharing()};
}

KeyPut take_one(schema::KeyPut& from, Check&) {
    return {.version = from.version(), .created = from.created()};
}

KeyDeleted take_one(schema::KeyDeleted&, Check&) { return {}; }

KeyNotFound take_one(schema::KeyNotFound&, Check&) { return {}; }

PreconditionFailed take_one(schema::PreconditionFailed& from, Check&) {
    return {.present = from.present()};
}

LimitReached take_one(schema::LimitReached& from, Check& check) {
    return {.what = check.alternative(from.what(), LimitReached::What::schemas)};
}

IdempotencyKeyReused take_one(schema::IdempotencyKeyReused&, Check&) { return {}; }

RequestTooOld take_one(schema::RequestTooOld&, Check&) { return {}; }

MembersChanged take_one(schema::MembersChanged& from, Check& check) {
    MembersChanged outcome{.epoch = from.epoch(), .first_slot = from.first_slot()};
    for (const std::uint32_t member : from.added()) outcome.added.push_back(check.member(member));
    return outcome;
}

EpochMismatch take_one(schema::EpochMismatch& from, Check&) { return {.present = from.present()}; }

MembersRefused take_one(schema::MembersRefused& from, Check& check) {
    return {.reason = check.alternative(from.reason(), MembersRefused::Reason::ids_used_up),
            .member = check.member(from.member())};
}

Transacted take_one(schema::Transacted& from, Check& check) {
    Transacted outcome{.succeeded = from.succeeded(), .failed = from.failed()};
    check.that(static_cast<std::size_t>(from.results_size()) <= transaction_parts_max);
    for (auto& result : *from.mutable_results()) {
        outcome.results.push_back(
            {.kind = check.alternative(check.known(result).kind(), Transacted::Result::Kind::got),
             .number = result.number()});
    }
    return outcome;
}

Deadlock take_one(schema::Deadlock& from, Check& check) {
    Deadlock outcome{.cycle = {}, .length = from.length()};
    check.that(static_cast<std::size_t>(from.cycle_size()) <= deadlock_cycle_max);
    for (auto& wait : *from.mutable_cycle()) {
        outcome.cycle.push_back({.session = check.known(wait).session(),
                                 .lock = check.text(wait.mutable_lock(), name_bytes_max)});
    }
    return outcome;
}

StaleToken take_one(schema::StaleToken& from, Check&) { return {.live = from.live()}; }

PrefixDeleted take_one(schema::PrefixDeleted& from, Check&) { return {.count = from.count()}; }

TooMuch take_one(schema::TooMuch& from, Check& check) {
    return {.what = check.alternative(from.what(), TooMuch::What::bytes_compared)};
}

RolledBack take_one(schema::RolledBack& from, Check&) {
    return {.restored = from.restored(), .deleted = from.deleted()};
}

RollBackRefused take_one(schema::RollBackRefused& from, Check& check) {
    return {.reason = check.alternative(from.reason(), RollBackRefused::Reason::too_large),
            .key = check.text(from.mutable_key(), name_bytes_max),
            .oldest = from.oldest()};
}

LockRefused take_one(schema::LockRefused& from, Check& check) {
    return {.reason = check.alternative(from.reason(), LockRefused::Reason::held),
            .lock = check.text(from.mutable_lock(), name_bytes_max),
            .limit = from.limit()};
}

SessionEnding take_one(schema::SessionEnding& from, Check&) { return {.left = from.left()}; }
QuotaExceeded take_one(schema::QuotaExceeded& from, Check& check) {
    return {.what = check.alternative(from.what(), QuotaExceeded::What::sessions),
            .prefix = check.text(from.mutable_prefix(), name_bytes_max),
            .limit = from.limit(),
            .used = from.used(),
            .more = from.more()};
}

StorageFull take_one(schema::StorageFull&, Check&) { return {}; }

RuleNotFound take_one(schema::RuleNotFound&, Check&) { return {}; }

SchemaChanged take_one(schema::SchemaChanged& from, Check&) { return {.present = from.present()}; }

}  // namespace

void put(const Outcome& from, schema::Outcome& to) {
    std::visit([&to](const auto& outcome) { put_one(outcome, to); }, from);
}

Outcome take(schema::Outcome& from, Check& check) {
    using Case = schema::Outcome;
    const auto taken = [&check](auto* outcome) -> Outcome {
        return take_one(check.known(*outcome), check);
    };
    switch (check.known(from).outcome_case()) {
        case Case::kDone:
            return taken(from.mutable_done());
        case Case::kSessionOpened:
            return taken(from.mutable_session_opened());
        case Case::kSessionEnded:
            return taken(from.mutable_session_ended());
        case Case::kSessionNotFound:
            return taken(from.mutable_session_not_found());
        case Case::kLockGranted:
            return taken(from.mutable_lock_granted());
        case Case::kLockQueued:
            return taken(from.mutable_lock_queued());
        case Case::kLockHeld:
            return taken(from.mutable_lock_held());
        case Case::kLockReleased:
            return taken(from.mutable_lock_released());
        case Case::kLeftQueue:
            return taken(from.mutable_left_queue());
        case Case::kNotHolder:
            return taken(from.mutable_not_holder());
        case Case::kKeyPut:
            return taken(from.mutable_key_put());
        case Case::kKeyDeleted:
            return taken(from.mutable_key_deleted());
        case Case::kKeyNotFound:
            return taken(from.mutable_key_not_found());
        case Case::kPreconditionFailed:
            return taken(from.mutable_precondition_failed());
        case Case::kLimitReached:
            return taken(from.mutable_limit_reached());
        case Case::kIdempotencyKeyReused:
            return taken(from.mutable_idempotency_key_reused());
        case Case::kRequestTooOld:
            return taken(from.mutable_request_too_old());
        case Case::kMembersChanged:
            return taken(from.mutable_members_changed());
        case Case::kEpochMismatch:
            return taken(from.mutable_epoch_mismatch());
        case Case::kMembersRefused:
            return taken(from.mutable_members_refused());
        case Case::kTransacted:
            return taken(from.mutable_transacted());
        case Case::kStaleToken:
            return taken(from.mutable_stale_token());
        case Case::kPrefixDeleted:
            return taken(from.mutable_prefix_deleted());
        case Case::kTooMuch:
            return taken(from.mutable_too_much());
        case Case::kRolledBack:
            return taken(from.mutable_rolled_back());
        case Case::kRollBackRefused:
            return taken(from.mutable_roll_back_refused());
        case Case::kDeadlock:
            return taken(from.mutable_deadlock());
        case Case::kLockRefused:
            return taken(from.mutable_lock_refused());
        case Case::kQuotaExceeded:
            return taken(from.mutable_quota_exceeded());
        case Case::kStorageFull:
            return taken(from.mutable_storage_full());
        case Case::kRuleNotFound:
            return taken(from.mutable_rule_not_found());
        case Case::kSchemaChanged:
            return taken(from.mutable_schema_changed());
        case Case::kSessionEnding:
            return taken(from.mutable_session_ending());
        case Case::OUTCOME_NOT_SET:
            break;
    }
    check.that(false);
    return {};
}

}  // namespace gavel::proto
