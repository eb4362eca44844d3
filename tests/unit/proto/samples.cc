#include "tests/unit/proto/samples.h"

#include <limits>
#include <memory>

namespace gavel::proto {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

namespace {

constexpr paxos::Ballot ballot{.round = 77, .member = {3}};
constexpr paxos::Slot slot{123'456};

std::string random_text(Prng& prng, std::size_t bytes_max) {
    std::string text(static_cast<std::size_t>(prng.below(bytes_max + 1)), '\0');
    for (char& byte : text) byte = static_cast<char>(prng.next());
    return text;
}

// Small and huge numbers alike.
std::uint64_t random_number(Prng& prng) { return prng.next() >> prng.below(64); }

std::int64_t random_duration(Prng& prng) {
    return static_cast<std::int64_t>(random_number(prng) >> 1);
}

paxos::Ballot random_ballot(Prng& prng) {
    return {.round = prng.between(1, (1ULL << 48) - 1),
            .member = {static_cast<std::uint16_t>(prng.between(1, 65535))}};
}

paxos::Value random_value(Prng& prng) { return {random_text(prng, 300)}; }

Precondition random_precondition(Prng& prng) {
    Precondition precondition{.kind = static_cast<Precondition::Kind>(prng.below(5))};
    const std::uint64_t count = prng.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
        precondition.revisions.push_back(random_number(prng));
    }
    return precondition;
}

MemberEvent member_event(MemberEvent::Change change) {
    return {.member = 4,
            .name = "n4",
            .peer_address = "127.0.0.1:7503",
            .change = change,
            .role = Role::learner,
            .epoch = 2,
            .first_slot = 513};
}

std::optional<Guard> random_guard(Prng& prng) {
    if (prng.chance(50)) return std::nullopt;
    return Guard{random_text(prng, name_bytes_max), random_number(prng), random_number(prng)};
}

std::vector<Operation> random_operations(Prng& prng) {
    std::vector<Operation> operations;
    while (prng.chance(70)) {
        const std::string key = random_text(prng, name_bytes_max);
        const Operation kinds[] = {
            PutOperation{key, random_text(prng, 300), random_text(prng, label_bytes_max),
                         random_number(prng)},
            DeleteOperation{key, prng.chance(50)}, GetOperation{key}};
        operations.push_back(kinds[prng.below(3)]);
    }
    return operations;
}

Transact random_transaction(Prng& prng) {
    Transact transact{.then = random_operations(prng),
                      .otherwise = random_operations(prng),
                      .author = random_text(prng, label_bytes_max),
                      .guard = random_guard(prng)};
    while (prng.chance(70)) {
        transact.compares.push_back({static_cast<Compare::Kind>(prng.below(7)),
                                     random_text(prng, name_bytes_max), random_number(prng),
                                     random_text(prng, 300)});
    }
    return transact;
}

}  // namespace

std::vector<Command> command_samples() {
    return {
        LeaderStart{.leader = 65535},
        OpenSession{.name = "worker", .ttl = 15'000, .lock_delay = 1'000, .metadata = "{}"},
        OpenSession{.ends_with_locks = true},
        EndSession{.session = 9},
        ExpireSession{.session = 9, .leader_start = 4},
        AcquireLock{.name = "a/b", .session = 9, .metadata = "{\"a\":1}", .wait = 30'000},
        AcquireLock{.name = "a/b", .mode = LockMode::shared, .limit = 3, .ttl = 4'000},
        AcquireLocks{.session = 9, .locks = {{.name = "a"}}},
        AcquireLocks{.session = 9,
                     .locks = {{"b", LockMode::shared, 3}, {"a", LockMode::exclusive, 0}},
                     .metadata = "{}",
                     .wait = 30'000},
        AcquireLocks{.locks = {{.name = "a"}}, .ttl = 4'000},
        ReleaseLock{.name = "a/b", .session = 0, .token = 0},
        ReleaseLock{.name = "a/b", .session = 9, .token = {}},
        ReleaseLock{.name = "a/b", .session = {}, .token = 12},
        ReleaseLock{.name = "a/b", .force = true, .reason = "stuck", .author = "me"},
        LeaveQueue{.name = "a/b", .session = 9, .attempt = 13},
        EndLockDelay{.name = "a/b", .delayed_at = 12},
        PutKey{.key = "k",
               .value = "v",
               .content_type = "text/plain",
               .author = "me",
               .precondition = {Precondition::Kind::matches, {1, 1ULL << 63}},
               .session = 9,
               .guard = Guard{.lock = "a/b", .token = 12, .session = 7},
               .reason = "because"},
        PutKey{.key = "k"},
        PutKey{.key = "k", .value = "{}", .schema = 7},
        DeleteKey{.key = "k",
                  .author = "me",
                  .precondition = {Precondition::Kind::none_matches, {0}},
                  .guard = Guard{.lock = "a/b", .token = 12},
                  .reason = "because"},
        DeleteKey{.key = "k", .author = {}, .precondition = {Precondition::Kind::absent, {}}},
        DeleteKey{.key = "k", .author = {}, .precondition = {Precondition::Kind::present, {}}},
        ChangeMembers{
            .based_on = 4,
            .changes = {AddMember{.name = "n4",
                                  .peer_address = "127.0.0.1:7504",
                                  .incarnation = ~1ULL,
                                  .wants_vote = true},
                        SetRole{.member = 2, .role = Role::learner},
                        SetRole{.member = 3, .role = Role::voter}, RemoveMember{.member = 1}}},
        ChangeMembers{},
        PinMembers{.pins = {{.member = 1, .incarnation = ~0ULL}, {.member = 2, .incarnation = 7}}},
        PinMembers{},
        Transact{.compares = {{Compare::Kind::exists, "k", 0, {}},
                              {Compare::Kind::absent, "k", 0, {}},
                              {Compare::Kind::revision, "k", 7, {}},
                              {Compare::Kind::version, "k", ~0ULL, {}},
                              {Compare::Kind::value, "k", 0, "v"},
                              {Compare::Kind::json, "k", 0, "{}"},
                              {Compare::Kind::token, "a/b", 12, {}}},
                 .then = {PutOperation{
                              .key = "k", .value = "v", .content_type = "text/plain", .session = 9},
                          PutOperation{.key = "l"}, DeleteOperation{"k", false},
                          DeleteOperation{"k", true}, GetOperation{"k"}},
                 .otherwise = {GetOperation{"l"}},
                 .author = "me",
                 .guard = Guard{.lock = "a/b", .token = 12},
                 .reason = "because"},
        Transact{},
        DeletePrefix{.key = "k",
                     .author = "me",
                     .guard = Guard{.lock = "a/b", .token = 12},
                     .reason = "because"},
        DeletePrefix{.key = "k"},
        RollBack{.target = "app/",
                 .is_prefix = true,
                 .to = 5,
                 .author = "me",
                 .guard = Guard{.lock = "a/b", .token = 12},
                 .reason = "because",
                 .judged = ~0ULL},
        RollBack{},
        SetSchema{.prefix = "app/", .text = "{}", .author = "me"},
        SetSchema{.prefix = "app/"},
        SetQuota{.prefix = "app/", .bounds = {.bytes = 0, .keys = 1}},
        SetQuota{.bounds = {.bytes = 1, .keys = 2, .sessions = 3}},
        SetQuota{},
        ExpireSessions{.sessions = {9, 1ULL << 40, 9}, .leader_start = 4},
        ExpireSessions{}};
}

Entry entry_sample(Command command) {
    return {.request = {.member = 2, .boot = 3, .number = 4},
            .stamp = 1'700'000'000'123,
            .idempotency = IdempotencyKey{.key = "once", .fingerprint = ~0ULL},
            .command = std::move(command)};
}

std::vector<PeerMessage> peer_samples() {
    using namespace paxos;  // NOLINT(google-build-using-namespace)
    const std::vector<std::pair<Slot, Report>> reports{
        {slot, Proposal{gavel::proto::ballot, {"command"}}},
        {slot + 1, KnownChosen{{"command"}}},
        {slot + 2, KnownChosen{}},
        {slot + 3, Proposal{gavel::proto::ballot, {}}},
        {slot + 4, Faulty{}}};
    const Ballot claim = gavel::proto::ballot;
    return {
        Message{Canvass{.number = 5, .chosen_prefix = slot}},
        Message{
            CanvassAnswer{.number = 5, .would = true, .promised = claim, .chosen_prefix = slot}},
        Message{Prepare{.ballot = claim, .from = slot}},
        Message{paxos::Promise{.ballot = claim,
                               .boot = 6,
                               .first = slot,
                               .last = last_slot,
                               .chosen_prefix = slot,
                               .reports = reports}},
        Message{Reject{.refused = claim, .promised = Ballot{78, {2}}}},
        Message{Accept{
            .ballot = claim, .slot = slot, .value = {"command"}, .chosen_prefix = {123'450}}},
        Message{Accept{
            .ballot = claim, .slot = slot, .learner_mode = {.kind = LearnerMode::Kind::broadcast}}},
        Message{Accept{.ballot = claim,
                       .slot = slot,
                       .learner_mode = {.kind = LearnerMode::Kind::set, .size = 3}}},
        Message{Accepted{.ballot = claim, .slot = slot}},
        Message{Heartbeat{.ballot = claim, .round = 8, .chosen_prefix = slot}},
        Message{HeartbeatAck{.ballot = claim, .round = 8, .executed = slot}},
        Message{Learn{.from = slot}},
        Message{LearnAnswer{.from = slot,
                            .oldest = {1},
                            .chosen_prefix = slot + 2,
                            .values = {{"one"}, {}, {"three"}}}},
        Message{ReadIndexAsk{.number = 9}},
        Message{ReadIndexAnswer{.number = 9, .index = slot}},
        Message{HandOver{.ballot = claim}},
        Message{Notice{.ballot = claim, .first = {4}, .last = {9}}},
        Forward{.entry = "an entry"},
        KeepAlive{.number = 10, .session = 11},
        KeepAliveAnswer{.number = 10,
                        .verdict = KeepAliveAnswer::Verdict::kept,
                        .expires_in = 12,
                        .leader_start = 13},
        KeepAliveAnswer{.number = 10, .verdict = KeepAliveAnswer::Verdict::not_found},
        KeepAliveAnswer{.number = 10, .verdict = KeepAliveAnswer::Verdict::not_leader},
        MemberReport{.applied = 13,
                     .client_address = "127.0.0.1:7400",
                     .version = "0.1.0",
                     .hashes = {{2'048, 14}, {1'024, 12}},
                     .durable = 11,
                     .lacks_room = true,
                     .spares_room = true},
        LeasesAsk{.number = 10, .sessions = {11, 12}},
        LeasesAnswer{.number = 10, .leases = {{11, 9'000}, {12, 0}}},
        HandOverAsk{.to = 3, .force = true},
        SnapshotAsk{},
        SnapshotAsk{.applied = 15, .after = {Table::keys, "a key"}},
        SnapshotChunk{.applied = 15,
                      .after = {},
                      .rows = {{{Table::locks, "a lock"}, "a row"}, {{Table::keys, ""}, ""}},
                      .globals = {}},
        SnapshotChunk{.applied = 15,
                      .after = {Table::keys, "a key"},
                      .rows = {},
                      .globals = "globals",
                      .hash = 9}};
}

std::vector<Outcome> outcome_samples() {
    std::vector<Outcome> outcomes{Done{},
                                  SessionOpened{.session = 1},
                                  SessionEnded{},
                                  SessionNotFound{.session = 2},
                                  LockGranted{.token = 3, .since = 4, .fresh = true},
                                  LockGranted{.token = 3, .session = 5},
                                  LockQueued{.attempt = 5, .position = 6},
                                  LockQueued{.attempt = 5, .position = 6, .session = 5},
                                  LockHeld{.holder = 7, .token = 8, .position = 9},
                                  LockHeld{.holder = 7, .others = 2, .lock = "a"},
                                  Deadlock{.cycle = {{1, "a"}, {2, "b"}}, .length = 2},
                                  Deadlock{},
                                  LockReleased{.token = 10},
                                  LeftQueue{},
                                  NotHolder{.holder = 11},
                                  NotHolder{.holder = 11, .sharing = 2},
                                  KeyPut{.version = 12, .created = true},
                                  KeyDeleted{},
                                  KeyNotFound{},
                                  PreconditionFailed{.present = 13},
                                  IdempotencyKeyReused{},
                                  RequestTooOld{},
                                  MembersChanged{.epoch = 2, .first_slot = 90, .added = {4, 5}},
                                  MembersChanged{},
                                  EpochMismatch{.present = 9},
                                  Transacted{},
                                  Transacted{.succeeded = true,
                                             .results = {{Transacted::Result::Kind::put, 2},
                                                         {Transacted::Result::Kind::deleted, 0},
                                                         {Transacted::Result::Kind::got, 17}}},
                                  Transacted{.failed = 3},
                                  StaleToken{.live = 4},
                                  PrefixDeleted{.count = 5},
                                  TooMuch{.what = TooMuch::What::keys_deleted},
                                  TooMuch{.what = TooMuch::What::bytes_got},
                                  TooMuch{.what = TooMuch::What::bytes_compared},
                                  RolledBack{.restored = 14, .deleted = 15},
                                  StorageFull{},
                                  RuleNotFound{},
                                  SchemaChanged{.present = 9},
                                  SessionEnding{.left = 14},
                                  SessionEnding{}};
    for (int reason = 0; reason <= static_cast<int>(RollBackRefused::Reason::too_large); ++reason) {
        outcomes.emplace_back(
            RollBackRefused{static_cast<RollBackRefused::Reason>(reason), "app/a", 16});
    }
    for (int what = 0; what <= static_cast<int>(QuotaExceeded::What::sessions); ++what) {
        outcomes.emplace_back(
            QuotaExceeded{static_cast<QuotaExceeded::What>(what), "app/", 3, 2, 4});
    }
    for (int reason = 0; reason <= static_cast<int>(MembersRefused::Reason::ids_used_up);
         ++reason) {
        outcomes.emplace_back(MembersRefused{static_cast<MembersRefused::Reason>(reason), 3});
    }
    for (int reason = 0; reason <= static_cast<int>(LockRefused::Reason::held); ++reason) {
        outcomes.emplace_back(LockRefused{static_cast<LockRefused::Reason>(reason), "a", 3});
    }
    for (int what = 0; what <= static_cast<int>(LimitReached::What::schemas); ++what) {
        outcomes.emplace_back(LimitReached{static_cast<LimitReached::What>(what)});
    }
    return outcomes;
}

std::vector<std::pair<Table, RowValue>> row_samples() {
    const KeyValue value{.key = "k",
                         .value = "v",
                         .content_type = "text/plain",
                         .author = "me",
                         .created = 1,
                         .modified = 2,
                         .version = 3,
                         .modified_at = 4,
                         .session = 5,
                         .reason = "because",
                         .deleted_before = 5,
                         .schema = 6};
    const KeyDeletion deletion{
        .key = "k", .revision = 1, .version = 2, .at = 3, .author = "me", .reason = "because"};
    std::vector<std::pair<Table, RowValue>> rows{
        {Table::sessions, std::make_shared<const Session>(Session{.id = 1,
                                                                  .name = "worker",
                                                                  .ttl = 2,
                                                                  .lock_delay = 3,
                                                                  .metadata = "{}",
                                                                  .created_at = 4})},
        {Table::sessions, std::make_shared<const Session>(Session{.ends_with_locks = true})},
        {Table::holders, std::make_shared<const Holder>(Holder{.lock = "a",
                                                               .session = 1,
                                                               .token = 2,
                                                               .since = 3,
                                                               .metadata = "{}",
                                                               .mode = LockMode::shared,
                                                               .limit = 4})},
        {Table::holders, std::make_shared<const Holder>(Holder{})},
        {Table::sessions, std::make_shared<const Session>(
                              Session{.id = 1, .ttl = 2, .ending = ReleaseReason::session_ended})},
        {Table::sessions, std::make_shared<const Session>(Session{
                              .id = 1, .ttl = 2, .ending = ReleaseReason::session_expired})},
        {Table::locks, std::make_shared<const Lock>(Lock{.name = "free"})},
        {Table::waiters, std::make_shared<const Waiter>(Waiter{.lock = "a",
                                                               .session = 1,
                                                               .place = 2,
                                                               .attempt = 3,
                                                               .wait = 4,
                                                               .since = 5,
                                                               .metadata = "{}",
                                                               .idempotency_key = "once",
                                                               .mode = LockMode::shared,
                                                               .limit = 6})},
        {Table::keys, std::make_shared<const KeyValue>(value)},
        {Table::versions,
         std::make_shared<const PastVersion>(PastVersion{
             .change = std::make_shared<const KeyValue>(value), .over = 6, .over_at = 7})},
        {Table::versions,
         std::make_shared<const PastVersion>(PastVersion{
             .change = std::make_shared<const KeyDeletion>(deletion), .over = 1, .over_at = 3})},
        {Table::history,
         std::make_shared<const Change>(
             Change{.revision = 1,
                    .at = 2,
                    .events = {{1, 0, false, KeyPutEvent{std::make_shared<const KeyValue>(value)}},
                               {1, 1, false, KeyDeletedEvent{.key = "k", .version = 4}},
                               {1, 2, false, LockEvent{"a", LockEvent::Change::acquired, 1, 2}},
                               {1, 3, false, LockEvent{"a", LockEvent::Change::released, 1, 2}},
                               {1, 4, false, LockEvent{"a", LockEvent::Change::expired, 1, 2}},
                               {1, 5, false, member_event(MemberEvent::Change::added)},
                               {1, 6, false, member_event(MemberEvent::Change::removed)},
                               {1, 7, false, member_event(MemberEvent::Change::role_changed)},
                               {1, 8, true,
                                LockEvent{"a", LockEvent::Change::broken, 1, 2, LockMode::shared,
                                          "ada", "hangs"}}}})}};
    rows.emplace_back(
        Table::schemas,
        std::make_shared<const Schema>(
            Schema{.prefix = "app/", .text = "{}", .author = "me", .revision = 3, .set_at = 4}));
    rows.emplace_back(Table::quotas, std::make_shared<const Quota>(Quota{
                                         .prefix = "app/", .bounds = {.bytes = 1, .keys = 0}}));
    rows.emplace_back(Table::quotas,
                      std::make_shared<const Quota>(Quota{.bounds = {.sessions = 2}}));
    for (const auto reason : {ReleaseReason::released, ReleaseReason::session_ended,
                              ReleaseReason::session_expired, ReleaseReason::forced}) {
        rows.emplace_back(Table::locks, std::make_shared<const Lock>(
                                            Lock{.name = "a",
                                                 .last_release = LastRelease{.session = 1,
                                                                             .token = 2,
                                                                             .at = 3,
                                                                             .revision = 4,
                                                                             .reason = reason,
                                                                             .author = "me",
                                                                             .comment = "stuck"},
                                                 .delay = 5,
                                                 .delayed_at = 6,
                                                 .delayed_since = 1'700'000'000'000}));
    }
    for (const auto& outcome : outcome_samples()) {
        rows.emplace_back(Table::requests,
                          std::make_shared<const RequestRecord>(RequestRecord{
                              .request = {1, 2, 3}, .revision = 4, .outcome = outcome}));
        rows.emplace_back(Table::idempotency, std::make_shared<const IdempotencyRecord>(
                                                  IdempotencyRecord{.key = "once",
                                                                    .fingerprint = 1,
                                                                    .revision = 2,
                                                                    .expires_at = 3,
                                                                    .outcome = outcome}));
    }
    return rows;
}

Hello hello_sample() {
    return {.format_level = 1,
            .cluster_id = "00ff",
            .member = 3,
            .incarnation = ~0ULL,
            .boot = 4,
            .alpha = 512,
            .version = "0.1.0",
            .peer_address = "127.0.0.1:7503",
            .runs = {{.id = ~0ULL, .began = 0}, {.id = 7, .began = 5}, {.id = 8, .began = 5}},
            .writes = 6};
}

Globals globals_sample() {
    return {.applied = 1,
            .time = 2,
            .leader_start = 3,
            .founded_at = 9,
            .alpha = 4,
            .epochs = {{.number = 1,
                        .first_slot = 1,
                        .members = {{1, "a", "127.0.0.1:7401", Role::voter},
                                    {2, "b", "127.0.0.1:7402", Role::learner, 7, true}}},
                       {.number = 2, .first_slot = 9, .members = {}}},
            .next_member = 4,
            .removed = {{.id = 3, .name = "c", .first_slot = 8}},
            .history_floor = 5,
            .rows_hash = 6,
            .versions_floor = 7};
}

Entry random_entry(Prng& prng) {
    std::vector<Command> commands{
        LeaderStart{static_cast<MemberNumber>(prng.next())},
        OpenSession{random_text(prng, label_bytes_max), random_duration(prng),
                    random_duration(prng), random_text(prng, metadata_bytes_max)},
        EndSession{random_number(prng)},
        ExpireSession{random_number(prng), random_number(prng)},
        AcquireLock{random_text(prng, name_bytes_max), random_number(prng),
                    random_text(prng, metadata_bytes_max), random_duration(prng)},
        AcquireLock{random_text(prng, name_bytes_max), 0, random_text(prng, metadata_bytes_max),
                    random_duration(prng), LockMode::shared, random_number(prng),
                    random_duration(prng)},
        AcquireLocks{
            1 + prng.below(9),
            {{"a" + random_text(prng, name_bytes_max - 1), LockMode::shared, random_number(prng)},
             {"b", LockMode::exclusive, 0}},
            random_text(prng, metadata_bytes_max),
            random_duration(prng),
            random_duration(prng)},
        ReleaseLock{random_text(prng, name_bytes_max),
                    prng.chance(50) ? std::optional(random_number(prng)) : std::nullopt,
                    prng.chance(50) ? std::optional(random_number(prng)) : std::nullopt,
                    prng.chance(50), random_text(prng, label_bytes_max),
                    random_text(prng, label_bytes_max)},
        LeaveQueue{random_text(prng, name_bytes_max), random_number(prng), random_number(prng)},
        EndLockDelay{random_text(prng, name_bytes_max), random_number(prng)},
        ExpireSessions{{random_number(prng), random_number(prng)}, random_number(prng)},
        PutKey{random_text(prng, name_bytes_max), random_text(prng, 3'000),
               random_text(prng, label_bytes_max), random_text(prng, label_bytes_max),
               random_precondition(prng), random_number(prng), random_guard(prng),
               random_text(prng, label_bytes_max), random_number(prng)},
        DeleteKey{random_text(prng, name_bytes_max), random_text(prng, label_bytes_max),
                  random_precondition(prng), random_guard(prng)},
        DeletePrefix{random_text(prng, name_bytes_max), random_text(prng, label_bytes_max),
                     random_guard(prng)},
        random_transaction(prng)};
    Entry entry{.request = {static_cast<MemberNumber>(prng.next()), random_number(prng),
                            random_number(prng)},
                .stamp = static_cast<TimeMs>(prng.next()),
                .command = std::move(commands[prng.below(commands.size())]),
                .spares_room = prng.chance(20)};
    if (prng.chance(50)) {
        entry.idempotency =
            IdempotencyKey{random_text(prng, idempotency_key_bytes_max), random_number(prng)};
    }
    return entry;
}

PeerMessage random_peer_message(Prng& prng) {
    using namespace paxos;  // NOLINT(google-build-using-namespace)
    paxos::Promise promise{.ballot = random_ballot(prng),
                           .boot = random_number(prng),
                           .first = {prng.below(100)},
                           .last = last_slot,
                           .chosen_prefix = {random_number(prng)}};
    for (Slot at = promise.first; prng.chance(80); at = at + prng.between(1, 9)) {
        const Report kinds[] = {Proposal{random_ballot(prng), random_value(prng)},
                                KnownChosen{random_value(prng)}, Faulty{}};
        promise.reports.emplace_back(at, kinds[prng.below(3)]);
    }
    LearnAnswer answer{{random_number(prng)}, {random_number(prng)}, {random_number(prng)}, {}};
    while (prng.chance(70)) answer.values.push_back(random_value(prng));
    std::vector<StateHash> hashes(prng.below(state_hashes_max + 1));
    for (StateHash& hash : hashes) hash = {random_number(prng), random_number(prng)};
    const std::vector<PeerMessage> messages{
        Message{std::move(promise)},
        Message{std::move(answer)},
        Message{CanvassAnswer{random_number(prng),
                              prng.chance(50),
                              prng.chance(50) ? random_ballot(prng) : Ballot{},
                              {random_number(prng)}}},
        Message{Accept{
            random_ballot(prng), {random_number(prng)}, random_value(prng), {random_number(prng)}}},
        Message{Heartbeat{random_ballot(prng), random_number(prng), {random_number(prng)}}},
        Forward{random_text(prng, 2'000)},
        KeepAliveAnswer{random_number(prng), static_cast<KeepAliveAnswer::Verdict>(prng.below(3)),
                        random_duration(prng), random_number(prng)},
        MemberReport{random_number(prng), random_text(prng, label_bytes_max),
                     random_text(prng, label_bytes_max), std::move(hashes), random_number(prng)},
        LeasesAsk{random_number(prng), {random_number(prng), random_number(prng)}},
        LeasesAnswer{random_number(prng), {{random_number(prng), random_duration(prng)}}}};
    return messages[prng.below(messages.size())];
}

}  // namespace gavel::proto
