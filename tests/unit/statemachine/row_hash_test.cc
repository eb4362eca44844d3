#include "statemachine/row_hash.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "statemachine/rows.h"

namespace gavel::statemachine {
namespace {

// The hashes of `base` and of each variation of it must all differ.
template <class T>
void expect_told_apart(const T& base, const std::vector<std::function<void(T&)>>& variations) {
    const RowKey key{Table::keys, "k"};
    std::set<std::uint64_t> hashes{row_hash(key, std::make_shared<const T>(base))};
    EXPECT_EQ(*hashes.begin(), row_hash(key, std::make_shared<const T>(base)));
    for (const auto& vary : variations) {
        T varied = base;
        vary(varied);
        hashes.insert(row_hash(key, std::make_shared<const T>(varied)));
    }
    EXPECT_EQ(hashes.size(), variations.size() + 1);
}

TEST(RowHash, DependsOnTableAndKey) {
    const RowValue value = std::make_shared<const Session>(Session{.id = 1});

    const std::set<std::uint64_t> hashes = {row_hash({Table::sessions, "a"}, value),
                                            row_hash({Table::sessions, "b"}, value),
                                            row_hash({Table::locks, "a"}, value)};

    EXPECT_EQ(hashes.size(), 3U);
}

TEST(RowHash, DependsOnEachFieldOfASession) {
    expect_told_apart<Session>(
        {}, {[](Session& s) { s.id = 1; }, [](Session& s) { s.name = "x"; },
             [](Session& s) { s.ttl = 1; }, [](Session& s) { s.lock_delay = 1; },
             [](Session& s) { s.metadata = "x"; }, [](Session& s) { s.created_at = 1; },
             [](Session& s) { s.ends_with_locks = true; },
             [](Session& s) { s.ending = ReleaseReason::session_ended; },
             [](Session& s) { s.ending = ReleaseReason::session_expired; }});
}

TEST(RowHash, DependsOnEachFieldOfALock) {
    expect_told_apart<Lock>(
        {.name = "x", .last_release = LastRelease{}},
        {[](Lock& l) { l.name = "y"; }, [](Lock& l) { l.last_release.reset(); },
         [](Lock& l) { l.last_release->session = 1; }, [](Lock& l) { l.last_release->token = 1; },
         [](Lock& l) { l.last_release->at = 1; }, [](Lock& l) { l.last_release->revision = 1; },
         [](Lock& l) { l.last_release->reason = ReleaseReason::session_expired; },
         [](Lock& l) { l.last_release->author = "x"; },
         [](Lock& l) { l.last_release->comment = "x"; }, [](Lock& l) { l.delay = 1; },
         [](Lock& l) { l.delayed_at = 1; }, [](Lock& l) { l.delayed_since = 1; }});
}

TEST(RowHash, DependsOnEachFieldOfAHolder) {
    expect_told_apart<Holder>(
        {}, {[](Holder& h) { h.lock = "x"; }, [](Holder& h) { h.session = 1; },
             [](Holder& h) { h.token = 1; }, [](Holder& h) { h.since = 1; },
             [](Holder& h) { h.metadata = "x"; }, [](Holder& h) { h.mode = LockMode::shared; },
             [](Holder& h) { h.limit = 1; }});
}

TEST(RowHash, DependsOnEachFieldOfAWaiter) {
    expect_told_apart<Waiter>(
        {}, {[](Waiter& w) { w.lock = "x"; }, [](Waiter& w) { w.session = 1; },
             [](Waiter& w) { w.place = 1; }, [](Waiter& w) { w.attempt = 1; },
             [](Waiter& w) { w.wait = 1; }, [](Waiter& w) { w.since = 1; },
             [](Waiter& w) { w.metadata = "x"; }, [](Waiter& w) { w.idempotency_key = "x"; },
             [](Waiter& w) { w.mode = LockMode::shared; }, [](Waiter& w) { w.limit = 1; }});
}

TEST(RowHash, DependsOnEachFieldOfAKey) {
    const std::string large(1'000, 'v');
    expect_told_apart<KeyValue>(
        {.value = large},
        {[](KeyValue& v) { v.key = "x"; }, [](KeyValue& v) { v.value = "x"; },
         [&](KeyValue& v) { v.value = large + "v"; },
         [&](KeyValue& v) { v.value = std::string(999, 'v') + "w"; },
         [](KeyValue& v) { v.content_type = "x"; }, [](KeyValue& v) { v.author = "x"; },
         [](KeyValue& v) { v.created = 1; }, [](KeyValue& v) { v.modified = 1; },
         [](KeyValue& v) { v.version = 1; }, [](KeyValue& v) { v.modified_at = 1; },
         [](KeyValue& v) { v.session = 1; }, [](KeyValue& v) { v.reason = "x"; },
         [](KeyValue& v) { v.deleted_before = 1; }, [](KeyValue& v) { v.schema = 1; }});
}

TEST(RowHash, DependsOnEachFieldOfAPastVersion) {
    const auto deletion = [](const std::function<void(KeyDeletion&)>& vary) {
        return [vary](PastVersion& v) {
            KeyDeletion varied;
            vary(varied);
            v.change = std::make_shared<const KeyDeletion>(varied);
        };
    };
    expect_told_apart<PastVersion>(
        {.change = std::make_shared<const KeyValue>()},
        {[](PastVersion& v) { v.over = 1; }, [](PastVersion& v) { v.over_at = 1; },
         [](PastVersion& v) { v.change = std::make_shared<const KeyValue>(KeyValue{.key = "x"}); },
         deletion([](KeyDeletion&) {}), deletion([](KeyDeletion& d) { d.key = "x"; }),
         deletion([](KeyDeletion& d) { d.revision = 1; }),
         deletion([](KeyDeletion& d) { d.version = 1; }),
         deletion([](KeyDeletion& d) { d.at = 1; }),
         deletion([](KeyDeletion& d) { d.author = "x"; }),
         deletion([](KeyDeletion& d) { d.reason = "x"; })});
}

TEST(RowHash, DependsOnEachFieldOfAChange) {
    const auto value = [](Revision modified) {
        return std::make_shared<const KeyValue>(KeyValue{.key = "k", .modified = modified});
    };
    const auto body = [](EventBody changed) {
        return [changed](Change& c) { c.events[0].body = changed; };
    };
    using Kind = LockEvent::Change;
    expect_told_apart<Change>({.events = {{.body = KeyPutEvent{value(0)}}}},
                              {[](Change& c) { c.revision = 1; },
                               [](Change& c) { c.at = 1; },
                               [](Change& c) { c.events.clear(); },
                               [](Change& c) { c.events.push_back(c.events[0]); },
                               [](Change& c) { c.events[0].revision = 1; },
                               [](Change& c) { c.events[0].index = 1; },
                               [](Change& c) { c.events[0].last = true; },
                               body(KeyPutEvent{value(1)}),
                               body(KeyDeletedEvent{"k", 0}),
                               body(KeyDeletedEvent{"l", 0}),
                               body(KeyDeletedEvent{"k", 1}),
                               body(LockEvent{"k", Kind::acquired, 0, 0}),
                               body(LockEvent{"l", Kind::acquired, 0, 0}),
                               body(LockEvent{"k", Kind::released, 0, 0}),
                               body(LockEvent{"k", Kind::acquired, 1, 0}),
                               body(LockEvent{"k", Kind::acquired, 0, 1}),
                               body(LockEvent{"k", Kind::broken, 0, 0}),
                               body(LockEvent{"k", Kind::acquired, 0, 0, LockMode::shared}),
                               body(LockEvent{"k", Kind::acquired, 0, 0, {}, "a"}),
                               body(LockEvent{"k", Kind::acquired, 0, 0, {}, "", "a"}),
                               body(MemberEvent{}),
                               body(MemberEvent{.member = 1}),
                               body(MemberEvent{.name = "x"}),
                               body(MemberEvent{.peer_address = "x"}),
                               body(MemberEvent{.change = MemberEvent::Change::removed}),
                               body(MemberEvent{.role = Role::learner}),
                               body(MemberEvent{.epoch = 1}),
                               body(MemberEvent{.first_slot = 1})});
}

TEST(RowHash, DependsOnEachFieldOfARequestAndItsOutcome) {
    const auto outcome = [](Outcome changed) {
        return [changed](RequestRecord& r) { r.outcome = changed; };
    };
    using What = LimitReached::What;
    expect_told_apart<RequestRecord>(
        {}, {[](RequestRecord& r) { r.request.member = 1; },
             [](RequestRecord& r) { r.request.boot = 1; },
             [](RequestRecord& r) { r.request.number = 1; },
             [](RequestRecord& r) { r.revision = 1; },
             outcome(SessionOpened{0}),
             outcome(SessionOpened{1}),
             outcome(SessionEnded{}),
             outcome(SessionEnding{0}),
             outcome(SessionEnding{1}),
             outcome(SessionNotFound{0}),
             outcome(SessionNotFound{1}),
             outcome(LockGranted{0, 0, false}),
             outcome(LockGranted{1, 0, false}),
             outcome(LockGranted{0, 1, false}),
             outcome(LockGranted{0, 0, true}),
             outcome(LockGranted{0, 0, false, 1}),
             outcome(LockQueued{0, 0}),
             outcome(LockQueued{1, 0}),
             outcome(LockQueued{0, 1}),
             outcome(LockQueued{0, 0, 1}),
             outcome(QuotaExceeded{}),
             outcome(QuotaExceeded{.what = QuotaExceeded::What::keys}),
             outcome(QuotaExceeded{.prefix = "x"}),
             outcome(QuotaExceeded{.limit = 1}),
             outcome(QuotaExceeded{.used = 1}),
             outcome(QuotaExceeded{.more = 1}),
             outcome(StorageFull{}),
             outcome(RuleNotFound{}),
             outcome(SchemaChanged{}),
             outcome(SchemaChanged{1}),
             outcome(LockHeld{0, 0, 0}),
             outcome(LockHeld{1, 0, 0}),
             outcome(LockHeld{0, 1, 0}),
             outcome(LockHeld{0, 0, 1}),
             outcome(LockHeld{0, 0, 0, 1}),
             outcome(LockHeld{0, 0, 0, 0, "l"}),
             outcome(Deadlock{}),
             outcome(Deadlock{{}, 1}),
             outcome(Deadlock{{{0, ""}}, 0}),
             outcome(Deadlock{{{1, ""}}, 0}),
             outcome(Deadlock{{{0, "l"}}, 0}),
             outcome(LockRefused{}),
             outcome(LockRefused{LockRefused::Reason::limit, "", 0}),
             outcome(LockRefused{LockRefused::Reason::mode, "l", 0}),
             outcome(LockRefused{LockRefused::Reason::mode, "", 1}),
             outcome(LockReleased{0}),
             outcome(LockReleased{1}),
             outcome(LeftQueue{}),
             outcome(NotHolder{0}),
             outcome(NotHolder{1}),
             outcome(NotHolder{0, 1}),
             outcome(KeyPut{0, false}),
             outcome(KeyPut{1, false}),
             outcome(KeyPut{0, true}),
             outcome(KeyDeleted{}),
             outcome(KeyNotFound{}),
             outcome(PreconditionFailed{0}),
             outcome(PreconditionFailed{1}),
             outcome(LimitReached{What::sessions}),
             outcome(LimitReached{What::keys}),
             outcome(IdempotencyKeyReused{}),
             outcome(RequestTooOld{}),
             outcome(MembersChanged{0, 0, {}}),
             outcome(MembersChanged{1, 0, {}}),
             outcome(MembersChanged{0, 1, {}}),
             outcome(MembersChanged{0, 0, {1}}),
             outcome(EpochMismatch{0}),
             outcome(EpochMismatch{1}),
             outcome(MembersRefused{}),
             outcome(MembersRefused{.member = 1}),
             outcome(MembersRefused{MembersRefused::Reason::name_taken, 0}),
             outcome(Transacted{}),
             outcome(Transacted{true, 0, {}}),
             outcome(Transacted{false, 1, {}}),
             outcome(Transacted{false, 0, {{}}}),
             outcome(Transacted{false, 0, {{Transacted::Result::Kind::deleted, 0}}}),
             outcome(Transacted{false, 0, {{Transacted::Result::Kind::put, 1}}}),
             outcome(StaleToken{0}),
             outcome(StaleToken{1}),
             outcome(PrefixDeleted{0}),
             outcome(PrefixDeleted{1}),
             outcome(TooMuch{TooMuch::What::keys_deleted}),
             outcome(TooMuch{TooMuch::What::bytes_got}),
             outcome(RolledBack{0, 0}),
             outcome(RolledBack{1, 0}),
             outcome(RolledBack{0, 1}),
             outcome(RollBackRefused{}),
             outcome(RollBackRefused{.key = "x"}),
             outcome(RollBackRefused{.oldest = 1}),
             outcome(RollBackRefused{.reason = RollBackRefused::Reason::future})});
}

TEST(RowHash, DependsOnEachFieldOfAnIdempotencyRecord) {
    using Record = IdempotencyRecord;
    expect_told_apart<Record>(
        {}, {[](Record& r) { r.key = "x"; }, [](Record& r) { r.fingerprint = 1; },
             [](Record& r) { r.revision = 1; }, [](Record& r) { r.expires_at = 1; },
             [](Record& r) { r.outcome = SessionEnded{}; }});
}

TEST(RowHash, DependsOnEachFieldOfASchema) {
    expect_told_apart<Schema>({},
                              {[](Schema& s) { s.prefix = "x"; }, [](Schema& s) { s.text = "x"; },
                               [](Schema& s) { s.author = "x"; }, [](Schema& s) { s.revision = 1; },
                               [](Schema& s) { s.set_at = 1; }});
}

TEST(RowHash, DependsOnEachFieldOfAQuota) {
    expect_told_apart<Quota>(
        {}, {[](Quota& q) { q.prefix = "x"; }, [](Quota& q) { q.bounds.bytes = 0; },
             [](Quota& q) { q.bounds.bytes = 1; }, [](Quota& q) { q.bounds.keys = 0; },
             [](Quota& q) { q.bounds.keys = 1; }, [](Quota& q) { q.bounds.sessions = 0; },
             [](Quota& q) { q.bounds.sessions = 1; }});
}

TEST(StateHash, DependsOnEverythingThatBelongsToNoRow) {
    const Globals base{.epochs = {{.members = {{.id = 1}}}}, .removed = {{.id = 1}}};
    const std::vector<std::function<void(Globals&)>> variations = {
        [](Globals& g) { g.applied = 1; },
        [](Globals& g) { g.time = 1; },
        [](Globals& g) { g.leader_start = 1; },
        [](Globals& g) { g.founded_at = 1; },
        [](Globals& g) { g.alpha = 1; },
        [](Globals& g) { g.history_floor = 1; },
        [](Globals& g) { g.rows_hash = 1; },
        [](Globals& g) { g.versions_floor = 1; },
        [](Globals& g) { g.epochs.clear(); },
        [](Globals& g) { g.epochs[0].number = 1; },
        [](Globals& g) { g.epochs[0].first_slot = 1; },
        [](Globals& g) { g.epochs[0].members.clear(); },
        [](Globals& g) { g.epochs[0].members[0].id = 2; },
        [](Globals& g) { g.epochs[0].members[0].name = "x"; },
        [](Globals& g) { g.epochs[0].members[0].peer_address = "x"; },
        [](Globals& g) { g.epochs[0].members[0].role = Role::learner; },
        [](Globals& g) { g.epochs[0].members[0].incarnation = 1; },
        [](Globals& g) { g.epochs[0].members[0].wants_vote = true; },
        [](Globals& g) { g.next_member = 1; },
        [](Globals& g) { g.removed.clear(); },
        [](Globals& g) { g.removed[0].id = 2; },
        [](Globals& g) { g.removed[0].name = "x"; },
        [](Globals& g) { g.removed[0].first_slot = 1; }};

    std::set<std::uint64_t> hashes{state_hash(base)};
    for (const auto& vary : variations) {
        Globals varied = base;
        vary(varied);
        hashes.insert(state_hash(varied));
    }

    EXPECT_EQ(hashes.size(), variations.size() + 1);
}

// Stored states carry the hash: it must not change with a compiler or a release.
TEST(RowHash, IsTheSameOnEveryMachine) {
    const KeyValue value{.key = "app/a",
                         .value = std::string(300, 'v'),
                         .content_type = "text/plain",
                         .created = 3,
                         .modified = 5,
                         .version = 2,
                         .modified_at = 1'700'000'000'000};

    EXPECT_EQ(row_hash(key_row("app/a"), std::make_shared<const KeyValue>(value)),
              6594086833246266590U);
}

TEST(RowKey, IsOrderedLikeWhatItNames) {
    EXPECT_LT(session_row(255), session_row(256));
    EXPECT_LT(history_row(1), history_row(1ULL << 40));
    EXPECT_EQ(session_row(258).key, std::string("\0\0\0\0\0\0\1\2", 8));
    EXPECT_EQ(request_row({.member = 258, .boot = 9, .number = 4'097}, 4'096).key,
              std::string("\1\2\0\0\0\0\0\0\0\1", 10));
    EXPECT_EQ(waiter_row({.lock = "x", .place = 1}).key, std::string("\0\0\0\0\0\0\0\1x", 9));
    EXPECT_EQ(version_row("x", 258).key, std::string("x\0\0\0\0\0\0\1\2", 9));
    EXPECT_LT(version_row("x", 1ULL << 50), version_row("xy", 1));
    EXPECT_EQ(idempotency_row(std::string(300, 'k')).key.size(), 263U);
}

}  // namespace
}  // namespace gavel::statemachine
