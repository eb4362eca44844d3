#include "statemachine/row_hash.h"

#include "statemachine/digest.h"

namespace gavel::statemachine {

namespace {

template <class Enum>
std::uint64_t ordinal(Enum value) {
    return static_cast<std::uint64_t>(value);
}

std::uint64_t unsigned_of(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// One `add` for each kind of row, outcome and event: the fields in the order of their declaration.
struct Fields {
    Digest& digest;

    void add(std::monostate) {}

    void add(const Session& session) {
        digest.number(session.id).text(session.name).number(unsigned_of(session.ttl));
        digest.number(unsigned_of(session.lock_delay)).text(session.metadata);
        digest.number(unsigned_of(session.created_at)).number(session.ends_with_locks ? 1 : 0);
        digest.number(session.ending ? 1 + ordinal(*session.ending) : 0);
    }

    void add(const Holder& holder) {
        digest.text(holder.lock).number(holder.session).number(holder.token);
        digest.number(unsigned_of(holder.since)).text(holder.metadata);
        digest.number(ordinal(holder.mode)).number(holder.limit);
    }

    void add(const LastRelease& release) {
        digest.number(release.session).number(release.token).number(unsigned_of(release.at));
        digest.number(release.revision).number(ordinal(release.reason));
        digest.text(release.author).text(release.comment);
    }

    void add(const Lock& lock) {
        digest.text(lock.name);
        add(lock.last_release);
        digest.number(unsigned_of(lock.delay)).number(lock.delayed_at);
        digest.number(unsigned_of(lock.delayed_since));
    }

    void add(const Waiter& waiter) {
        digest.text(waiter.lock).number(waiter.session).number(waiter.place);
        digest.number(waiter.attempt).number(unsigned_of(waiter.wait));
        digest.number(unsigned_of(waiter.since));
        digest.text(waiter.metadata).text(waiter.idempotency_key);
        digest.number(ordinal(waiter.mode)).number(waiter.limit);
    }

    void add(const KeyValue& value) {
        digest.text(value.key).text(value.value.view()).text(value.content_type);
        digest.text(value.author).number(value.created).number(value.modified);
        digest.number(value.version).number(unsigned_of(value.modified_at));
        digest.number(value.session);
        if (value.schema != 0) digest.number(value.schema);
        digest.text(value.reason).number(value.deleted_before);
    }

    void add(const KeyDeletion& deletion) {
        digest.text(deletion.key).number(deletion.revision).number(deletion.version);
        digest.number(unsigned_of(deletion.at)).text(deletion.author).text(deletion.reason);
    }

    void add(const PastVersion& version) {
        add(version.change);
        digest.number(version.over).number(unsigned_of(version.over_at));
    }

    void add(const KeyPutEvent& event) { add(*event.value); }
    void add(const KeyDeletedEvent& event) { digest.text(event.key).number(event.version); }
    void add(const LockEvent& event) {
        digest.text(event.lock).number(ordinal(event.change));
        digest.number(event.session).number(event.token).number(ordinal(event.mode));
        digest.text(event.author).text(event.comment);
    }

    void add(const MemberEvent& event) {
        digest.number(event.member).text(event.name).text(event.peer_address);
        digest.number(ordinal(event.change)).number(ordinal(event.role));
        digest.number(event.epoch).number(event.first_slot);
    }

    void add(const Change& change) {
        digest.number(change.revision).number(unsigned_of(change.at));
        digest.number(change.events.size());
        for (const Event& event : change.events) {
            digest.number(event.revision).number(event.index).number(event.last ? 1 : 0);
            add(event.body);
        }
    }

    void add(const RequestRecord& record) {
        digest.number(record.request.member).number(record.request.boot);
        digest.number(record.request.number).number(record.revision);
        add(record.outcome);
    }

    void add(const IdempotencyRecord& record) {
        digest.text(record.key).number(record.fingerprint).number(record.revision);
        digest.number(unsigned_of(record.expires_at));
        add(record.outcome);
    }

    void add(const std::uint64_t& number) { digest.number(number); }
    void add(const Quota& quota) {
        digest.text(quota.prefix);
        add(quota.bounds.bytes);
        add(quota.bounds.keys);
        add(quota.bounds.sessions);
    }

    void add(const Schema& schema) {
        digest.text(schema.prefix).text(schema.text).text(schema.author);
        digest.number(schema.revision).number(unsigned_of(schema.set_at));
    }

    void add(const Done&) {}
    void add(const SessionOpened& outcome) { digest.number(outcome.session); }
    void add(const SessionEnded&) {}
    void add(const SessionEnding& outcome) { digest.number(outcome.left); }
    void add(const SessionNotFound& outcome) { digest.number(outcome.session); }
    void add(const LockGranted& outcome) {
        digest.number(outcome.token).number(unsigned_of(outcome.since));
        digest.number(outcome.fresh ? 1 : 0).number(outcome.session);
    }
    void add(const LockQueued& outcome) {
        digest.number(outcome.attempt).number(outcome.position).number(outcome.session);
    }
    void add(const LockHeld& outcome) {
        digest.number(outcome.holder).number(outcome.token).number(outcome.position);
        digest.number(outcome.others).text(outcome.lock);
    }
    void add(const LockReleased& outcome) { digest.number(outcome.token); }
    void add(const LeftQueue&) {}
    void add(const NotHolder& outcome) { digest.number(outcome.holder).number(outcome.sharing); }
    void add(const KeyPut& outcome) {
        digest.number(outcome.version).number(outcome.created ? 1 : 0);
    }
    void add(const KeyDeleted&) {}
    void add(const KeyNotFound&) {}
    void add(const PreconditionFailed& outcome) { digest.number(outcome.present); }
    void add(const LimitReached& outcome) { digest.number(ordinal(outcome.what)); }
    void add(const IdempotencyKeyReused&) {}
    void add(const RequestTooOld&) {}
    void add(const MembersChanged& outcome) {
        digest.number(outcome.epoch).number(outcome.first_slot).number(outcome.added.size());
        for (const MemberNumber member : outcome.added) digest.number(member);
    }
    void add(const EpochMismatch& outcome) { digest.number(outcome.present); }
    void add(const MembersRefused& outcome) {
        digest.number(ordinal(outcome.reason)).number(outcome.member);
    }
    void add(const RolledBack& outcome) { digest.number(outcome.restored).number(outcome.deleted); }
    void add(const RollBackRefused& outcome) {
        digest.number(ordinal(outcome.reason)).text(outcome.key).number(outcome.oldest);
    }

    void add(const Transacted& outcome) {
        digest.number(outcome.succeeded ? 1 : 0).number(outcome.failed);
        digest.number(outcome.results.size());
        for (const auto& result : outcome.results) {
            digest.number(ordinal(result.kind)).number(result.number);
        }
    }
    void add(const StaleToken& outcome) { digest.number(outcome.live); }
    void add(const PrefixDeleted& outcome) { digest.number(outcome.count); }
    void add(const TooMuch& outcome) { digest.number(ordinal(outcome.what)); }
    void add(const QuotaExceeded& outcome) {
        digest.number(ordinal(outcome.what)).text(outcome.prefix).number(outcome.limit);
        digest.number(outcome.used).number(outcome.more);
    }
    void add(const StorageFull&) {}
    void add(const RuleNotFound&) {}
    void add(const SchemaChanged& outcome) { digest.number(outcome.present); }

    void add(const Deadlock& outcome) {
        digest.number(outcome.length).number(outcome.cycle.size());
        for (const auto& wait : outcome.cycle) digest.number(wait.session).text(wait.lock);
    }
    void add(const LockRefused& outcome) {
        digest.number(ordinal(outcome.reason)).text(outcome.lock).number(outcome.limit);
    }

    template <class T>
    void add(const std::optional<T>& value) {
        digest.number(value ? 1 : 0);
        if (value) add(*value);
    }

    template <class T>
    void add(const Ptr<T>& value) {
        add(*value);
    }

    template <class... Alternatives>
    void add(const std::variant<Alternatives...>& value) {
        digest.number(value.index());
        std::visit([this](const auto& alternative) { this->add(alternative); }, value);
    }
};

}  // namespace

std::uint64_t row_hash(const RowKey& key, const RowValue& value) {
    Digest digest;
    digest.number(ordinal(key.table)).text(key.key);
    Fields{digest}.add(value);
    return digest.value();
}

std::uint64_t state_hash(const Globals& globals) {
    Digest digest;
    digest.number(globals.applied).number(unsigned_of(globals.time));
    digest.number(globals.leader_start).number(unsigned_of(globals.founded_at));
    digest.number(globals.alpha).number(globals.history_floor);
    digest.number(globals.versions_floor);
    digest.number(globals.rows_hash).number(globals.epochs.size());
    for (const Epoch& epoch : globals.epochs) {
        digest.number(epoch.number).number(epoch.first_slot).number(epoch.members.size());
        for (const Member& member : epoch.members) {
            digest.number(member.id).text(member.name).text(member.peer_address);
            digest.number(ordinal(member.role)).number(member.incarnation);
            digest.number(member.wants_vote ? 1 : 0);
        }
    }
    digest.number(globals.next_member).number(globals.removed.size());
    for (const RemovedMember& removed : globals.removed) {
        digest.number(removed.id).text(removed.name).number(removed.first_slot);
    }
    return digest.value();
}

}  // namespace gavel::statemachine
