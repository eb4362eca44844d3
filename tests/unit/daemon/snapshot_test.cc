#include <gmock/gmock.h>

#include <deque>
#include <tuple>

#include "daemon/snapshot_sink.h"
#include "daemon/snapshot_source.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

using paxos::MemberId;
using paxos::Slot;
using paxos::Tick;
using statemachine::Machine;
using statemachine::Revision;
using statemachine::RowKey;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr MemberId m1{1}, m2{2}, m3{3};
constexpr std::uint64_t alpha = 8;

Machine machine_at(Revision slot) {
    Machine machine({}, alpha, {{.id = 1}, {.id = 2}, {.id = 3}});
    for (Revision at = 1; at <= slot; ++at) {
        machine.apply(at, {.request = {1, 1, at},
                           .stamp = 5,
                           .idempotency = {},
                           .command = statemachine::PutKey{.key = "k" + std::to_string(at % 7),
                                                           .value = std::to_string(at)}});
    }
    return machine;
}

// A state in memory that hands out one row at a time.
class RowByRow final : public SnapshotReader {
public:
    explicit RowByRow(const Machine& machine)
        : rows_(machine.rows()), globals_(machine.globals()) {}

    std::uint64_t applied() const override { return globals_.applied; }
    std::optional<proto::SnapshotChunk> read(const RowKey& after) override {
        proto::SnapshotChunk chunk{.applied = applied(), .after = after, .rows = {}, .globals = {}};
        for (const auto& row : rows_) {
            if (row.key <= after) continue;
            if (!chunk.rows.empty()) return chunk;
            chunk.rows.push_back({row.key, proto::encode(row.value)});
        }
        complete(chunk, globals_);
        return chunk;
    }

private:
    std::vector<statemachine::Row> rows_;
    statemachine::Globals globals_;
};

// The source of one member, whose jobs are done when the test says so.
class Serving {
public:
    explicit Serving(Revision slot) : slot_(slot) {}

    void grow(Revision slot) { slot_ = slot; }
    void close() { source_.close(); }
    void ask(MemberId from, const proto::SnapshotAsk& ask) { source_.on_ask(from, ask, now_); }
    void pass(std::uint64_t ms) {
        now_ = now_ + ms;
        source_.tick(now_);
    }
    void run_jobs() {
        while (!jobs_.empty()) {
            auto [job, done] = std::move(jobs_.front());
            jobs_.pop_front();
            job();
            done();
        }
    }
    // The answer to that question.
    proto::SnapshotChunk answer(MemberId from, const proto::SnapshotAsk& question) {
        ask(from, question);
        run_jobs();
        auto chunk = std::move(sent.back().second);
        sent.clear();
        return chunk;
    }

    std::vector<std::pair<MemberId, proto::SnapshotChunk>> sent{};
    bool has_room = true;  // For what is sent.
    std::size_t opened = 0;
    std::size_t waiting_jobs() const { return jobs_.size(); }
    const SnapshotSource& source() const { return source_; }

private:
    Revision slot_;
    Tick now_{1};
    std::deque<std::pair<std::function<void()>, std::function<void()>>> jobs_{};
    SnapshotSource source_{
        {.open =
             [this] {
                 ++opened;
                 return slot_ == 0 ? nullptr : std::make_unique<RowByRow>(machine_at(slot_));
             },
         .run = [this](auto job,
                       auto done) { jobs_.emplace_back(std::move(job), std::move(done)); },
         .send =
             [this](MemberId to, auto chunk) {
                 if (has_room) sent.emplace_back(to, std::move(chunk));
                 return has_room;
             }}};
};

// ---- Source -------------------------------------------------------------------------------------

TEST(SnapshotSource, HandsOutTheStateOfOneSlotThoughItGoesOn) {
    Serving serving(20);
    proto::SnapshotAsk ask{};
    std::map<RowKey, std::string> rows;
    for (proto::SnapshotChunk chunk; chunk.globals.empty();) {
        chunk = serving.answer(m2, ask);
        serving.grow(30);
        for (const auto& row : chunk.rows) rows[row.key] = row.value;
        if (!chunk.rows.empty()) ask = {chunk.applied, chunk.rows.back().key};
    }

    const auto expected = machine_at(20).rows();
    ASSERT_THAT(rows, SizeIs(expected.size()));
    for (const auto& row : expected) EXPECT_EQ(rows[row.key], proto::encode(row.value));
    EXPECT_EQ(serving.source().snapshots_sent(), 1U);
}

TEST(SnapshotSource, BeginsANewerOneWhenTheOldOneIsGone) {
    Serving serving(20);
    const auto first = serving.answer(m2, {});
    serving.grow(30);
    serving.pass(SnapshotSource::idle_ms_max + 1);
    EXPECT_THAT(serving.source().fetched(), IsEmpty()) << "it is closed";

    const auto next = serving.answer(m2, {first.applied, first.rows.back().key});

    EXPECT_EQ(next.applied, 30U);
    EXPECT_EQ(next.after, RowKey{});
}

TEST(SnapshotSource, OpensTwoAndNoMore) {
    Serving serving(20);
    serving.answer(m1, {});
    EXPECT_EQ(serving.answer(m2, {}).applied, 20U) << "one of just now will do";
    EXPECT_EQ(serving.opened, 1U);
    serving.pass(SnapshotSource::share_ms);
    serving.grow(30);
    EXPECT_EQ(serving.answer(m2, {}).applied, 30U);
    serving.pass(SnapshotSource::share_ms);
    serving.grow(40);
    EXPECT_EQ(serving.answer(m3, {}).applied, 30U) << "the newest there is";
    EXPECT_EQ(serving.opened, 2U);
    EXPECT_THAT(serving.source().fetched(),
                ElementsAre(Pair(m1, Slot{20}), Pair(m2, Slot{30}), Pair(m3, Slot{30})));
}

TEST(SnapshotSource, SharesNoneThatIsBehindWhoAsks) {
    Serving serving(20);
    serving.answer(m1, {});
    serving.grow(30);

    EXPECT_EQ(serving.answer(m2, {.applied = 25}).applied, 30U);
    EXPECT_EQ(serving.opened, 2U);
    EXPECT_EQ(serving.answer(m3, {.applied = 20}).applied, 30U) << "it has that much itself";
}

TEST(SnapshotSource, IsNotHeldOpenByThoseWhoCannotUseIt) {
    Serving serving(20);
    const auto begun = serving.answer(m1, {});
    serving.pass(SnapshotSource::share_ms);
    serving.answer(m2, {});
    serving.grow(40);

    std::uint64_t waited = 0;
    for (; serving.answer(m3, {.applied = 30}).applied != 40; waited += 1'000) {
        ASSERT_LE(waited, SnapshotSource::left_ms);
        serving.answer(m1, {begun.applied, begun.rows.back().key});  // Its own stays open.
        serving.pass(1'000);
    }

    EXPECT_GT(waited, 0U) << "there was no room";
}

TEST(SnapshotSource, ReadsForOneAtATimeAndRemembersTheLatestQuestionOfEach) {
    Serving serving(20);
    for (int i = 0; i < 3; ++i) {
        serving.ask(m1, {});
        serving.ask(m2, {});
    }

    EXPECT_EQ(serving.waiting_jobs(), 1U);
    serving.run_jobs();
    EXPECT_THAT(serving.sent, SizeIs(3)) << "the one under way, and one for each";
}

// Installing a large one takes longer than it is held open without questions.
TEST(SnapshotSource, RemembersWhoHasItWholeForAsLongAsAnInstallationMayTake) {
    Serving serving(20);
    const proto::SnapshotAsk last{20, machine_at(20).rows().back().key};
    serving.answer(m2, {});
    serving.answer(m3, {});
    serving.answer(m3, last);

    serving.pass(SnapshotSource::idle_ms_max + 1);
    EXPECT_THAT(serving.source().fetched(), ElementsAre(Pair(m3, Slot{20})));
    serving.grow(30);
    serving.answer(m1, {});
    EXPECT_EQ(serving.opened, 2U) << "the one of slot 20 is closed";
    serving.pass(SnapshotSource::install_ms_max - SnapshotSource::idle_ms_max - 1);
    EXPECT_THAT(serving.source().fetched(), ElementsAre(Pair(m3, Slot{20})));
    serving.pass(1);

    EXPECT_THAT(serving.source().fetched(), IsEmpty());
}

TEST(SnapshotSource, RemembersNobodyForWhatIsOfNoUseToHim) {
    Serving serving(20);

    serving.answer(m2, {.applied = 20});

    EXPECT_THAT(serving.source().fetched(), IsEmpty());
}

TEST(SnapshotSource, BeginsAnewOnceItWasClosed) {
    Serving serving(20);
    const auto first = serving.answer(m2, {});
    serving.ask(m2, {first.applied, first.rows.back().key});
    serving.ask(m3, {});
    serving.grow(30);

    serving.close();
    EXPECT_THAT(serving.source().fetched(), IsEmpty());
    serving.run_jobs();
    EXPECT_THAT(serving.sent, SizeIs(1)) << "what was being read, and no answer to those who wait";
    EXPECT_EQ(serving.opened, 1U);

    EXPECT_EQ(serving.answer(m2, {first.applied, first.rows.back().key}).applied, 30U);
}

TEST(SnapshotSource, CountsNothingAsSentThatWasDropped) {
    Serving serving(20);
    const proto::SnapshotAsk last{20, machine_at(20).rows().back().key};
    serving.answer(m2, {});
    const auto bytes = serving.source().bytes_sent();

    serving.has_room = false;
    serving.ask(m2, {});
    serving.ask(m3, last);
    serving.run_jobs();
    EXPECT_EQ(serving.source().snapshots_sent(), 0U);
    EXPECT_EQ(serving.source().bytes_sent(), bytes);

    serving.has_room = true;
    serving.answer(m2, last);
    EXPECT_EQ(serving.source().snapshots_sent(), 1U);
}

TEST(SnapshotSource, SaysNothingWithoutAState) {
    Serving serving(0);

    serving.ask(m2, {});
    serving.run_jobs();

    EXPECT_THAT(serving.sent, IsEmpty());
}

// ---- Sink ---------------------------------------------------------------------------------------

// A sink that fetches from serving members.
class Fetching {
public:
    Fetching() {
        serving.emplace(m2, 20);
        serving.emplace(m3, 25);
    }
    using Question = std::optional<SnapshotSink::Question>;

    proto::SnapshotChunk answer(const Question& question) {
        return serving.at(question->to).answer(m1, question->ask);
    }
    Question take_in(MemberId from, proto::SnapshotChunk chunk) {
        return sink.on_chunk(from, std::move(chunk), prefix, now);
    }
    Question pass(std::uint64_t ms) {
        now = now + ms;
        return sink.tick({m2, m3}, prefix, now);
    }
    // Until it asks something, in ticks as a member has them.
    std::pair<Question, std::uint64_t> next_question() {
        constexpr std::uint64_t tick_ms = 10;
        for (std::uint64_t waited = tick_ms;; waited += tick_ms) {
            auto question = pass(tick_ms);
            if (question || waited > 1'000'000) return {question, waited};
        }
    }
    // To the end.
    std::unique_ptr<Machine> fetch(Question question) {
        while (question) question = take_in(question->to, answer(question));
        return sink.take();
    }

    std::map<MemberId, Serving> serving{};
    SnapshotSink sink{{}, alpha};
    Slot prefix{4};
    Tick now{1'000};
};

TEST(SnapshotSink, FetchesAStatePieceByPiece) {
    Fetching at;

    const auto machine = at.fetch(at.sink.want(m2, at.prefix, at.now));

    ASSERT_NE(machine, nullptr);
    EXPECT_EQ(machine->hash(), machine_at(20).hash());
    machine->check_invariants();
    EXPECT_EQ(at.sink.source(), std::nullopt);
    EXPECT_GT(at.sink.bytes(), 0U);
}

// Whoever goes on from there counts quorums in slots that are open already.
TEST(SnapshotSink, FetchesTheEpochsOfTheWholeWindow) {
    using statemachine::AddMember;
    using statemachine::ChangeMembers;
    Machine whole = machine_at(20);
    whole.apply(21, {.command = ChangeMembers{1, {AddMember{"x", "x:1"}}}});
    whole.apply(22, {.command = ChangeMembers{2, {AddMember{"y", "y:1"}}}});
    RowByRow reader(whole);
    SnapshotSink sink{{}, alpha};

    auto question = sink.want(m2, {}, Tick{1});
    while (question) question = sink.on_chunk(m2, *reader.read(question->ask.after), {}, Tick{1});

    const auto machine = sink.take();
    ASSERT_NE(machine, nullptr);
    EXPECT_THAT(machine->globals().epochs, SizeIs(3));
    EXPECT_EQ(machine->globals(), whole.globals());
}

TEST(SnapshotSink, AsksAgainForWhatWasLostAndTakesAnAnswerOnce) {
    Fetching at;
    auto question = at.sink.want(m2, at.prefix, at.now);
    question = at.take_in(m2, at.answer(question));
    EXPECT_FALSE(at.pass(SnapshotSink::patience_ms - 1));

    const auto again = at.pass(1);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->ask, question->ask);
    const auto chunk = at.answer(again);
    question = at.take_in(m2, chunk);
    EXPECT_FALSE(at.take_in(m2, chunk)) << "the answer to the first question comes late";
    EXPECT_EQ(at.sink.reached().resumed, 1U);

    EXPECT_EQ(at.fetch(question)->hash(), machine_at(20).hash());
}

TEST(SnapshotSink, BeginsAnewWhenTheSnapshotIsGone) {
    Fetching at;
    auto question = at.sink.want(m2, at.prefix, at.now);
    question = at.take_in(m2, at.answer(question));
    at.serving.at(m2).pass(SnapshotSource::idle_ms_max + 1);
    at.serving.at(m2).grow(40);

    const auto machine = at.fetch(question);

    EXPECT_EQ(machine->hash(), machine_at(40).hash());
    EXPECT_EQ(at.sink.reached().begun_anew, 1U);
}

TEST(SnapshotSink, TurnsToAnotherMemberWhenOneStaysSilent) {
    Fetching at;
    at.take_in(m2, at.answer(at.sink.want(m2, at.prefix, at.now)));
    for (unsigned i = 1; i < SnapshotSink::asks_max; ++i) {
        const auto [again, waited] = at.next_question();
        ASSERT_EQ(again->to, m2);
        EXPECT_EQ(waited, SnapshotSink::patience_ms);
    }

    const auto [question, waited] = at.next_question();

    ASSERT_TRUE(question);
    EXPECT_EQ(question->to, m3);
    EXPECT_EQ(waited, SnapshotSink::patience_ms) << "the last question has as much time";
    EXPECT_EQ(question->ask, proto::SnapshotAsk{.applied = at.prefix.number})
        << "the beginning of any that is ahead";
    EXPECT_EQ(at.fetch(question)->hash(), machine_at(25).hash());
}

// All whom it knows have left, and the one that it hears of meanwhile it does not know.
TEST(SnapshotSink, TurnsToWhoeverToldItThatItsLogIsCut) {
    constexpr MemberId stranger{9};
    Fetching at;
    at.sink.want(m2, at.prefix, at.now);
    EXPECT_FALSE(at.sink.want(stranger, at.prefix, at.now)) << "one is asked at a time";

    Fetching::Question question;
    for (int i = 0; i < 100 && (!question || question->to == m2); ++i) {
        question = at.pass(SnapshotSink::patience_ms / 2);
    }

    ASSERT_TRUE(question);
    EXPECT_EQ(question->to, stranger);
}

TEST(SnapshotSink, TurnsToAnotherMemberWhenOneHasNothingOfUse) {
    Fetching at;
    at.prefix = {20};
    EXPECT_FALSE(at.take_in(m2, at.answer(at.sink.want(m2, at.prefix, at.now))));

    const auto [question, waited] = at.next_question();

    ASSERT_TRUE(question);
    EXPECT_EQ(question->to, m3);
    EXPECT_EQ(waited, SnapshotSink::patience_ms) << "it may have nothing, either";
    EXPECT_EQ(at.sink.refused_from(), std::nullopt);
}

// A whole state in one piece, spoilt.
class RefusedSnapshot : public testing::Test {
protected:
    proto::SnapshotChunk whole() const {
        proto::SnapshotChunk chunk{.applied = 20};
        for (const auto& row : machine_at(20).rows()) {
            chunk.rows.push_back({row.key, proto::encode(row.value)});
        }
        complete(chunk, machine_at(20).globals());
        return chunk;
    }
    bool is_refused(proto::SnapshotChunk chunk) {
        Fetching at;
        const auto asked = at.sink.want(m2, at.prefix, at.now);
        EXPECT_FALSE(at.take_in(asked->to, std::move(chunk)));
        return at.sink.take() == nullptr && at.sink.reached().refused == 1;
    }
    bool is_refused_with(const std::function<void(statemachine::Globals&)>& spoil) {
        auto globals = machine_at(20).globals();
        spoil(globals);
        auto chunk = whole();
        complete(chunk, globals);
        return is_refused(chunk);
    }
};

TEST_F(RefusedSnapshot, IsNotTheStateThatItsHashesSay) {
    EXPECT_FALSE(is_refused(whole()));
    auto chunk = whole();
    chunk.rows.pop_back();
    EXPECT_TRUE(is_refused(chunk));
    chunk = whole();
    ++chunk.hash;
    EXPECT_TRUE(is_refused(chunk)) << "of the rows it is the right one";
}

TEST_F(RefusedSnapshot, IsOfAnotherSlotOrWindow) {
    EXPECT_TRUE(is_refused_with([](auto& globals) { ++globals.applied; }));
    EXPECT_TRUE(is_refused_with([](auto& globals) { ++globals.alpha; }));
}

TEST_F(RefusedSnapshot, HasNoSetThatCouldGoOnFromThere) {
    EXPECT_TRUE(is_refused_with([](auto& globals) { globals.epochs.clear(); }));
    EXPECT_TRUE(is_refused_with([](auto& globals) { globals.epochs[0].first_slot = 22; }));
    EXPECT_TRUE(is_refused_with([](auto& globals) { globals.next_member = 3; }));
    EXPECT_TRUE(is_refused_with([](auto& globals) {
        for (auto& member : globals.epochs[0].members) {
            member.role = statemachine::Role::learner;
        }
    })) << "nobody votes";
    EXPECT_TRUE(is_refused_with([](auto& globals) { globals.epochs.push_back(globals.epochs[0]); }))
        << "an epoch that does not follow the other";
}

TEST(SnapshotSink, RefusesARowThatCannotBeRead) {
    Fetching at;
    auto chunk = at.answer(at.sink.want(m2, at.prefix, at.now));
    chunk.rows[0].value = "no row";

    EXPECT_FALSE(at.take_in(m2, chunk));

    EXPECT_EQ(at.sink.reached().refused, 1U);
    EXPECT_EQ(at.next_question().first->to, m3);
}

TEST(SnapshotSink, AsksLessAndLessOftenForWhatItRefuses) {
    Fetching at;
    Fetching::Question question = at.sink.want(m2, at.prefix, at.now);
    std::vector<std::uint64_t> waits;
    for (int i = 0; i < 9; ++i) {
        auto chunk = at.answer(question);
        chunk.rows[0].value = "no row";
        EXPECT_FALSE(at.take_in(question->to, chunk));
        EXPECT_EQ(at.sink.refused_from(), question->to);
        chunk = at.answer(question);
        EXPECT_FALSE(at.take_in(question->to, chunk)) << "an answer that it did not wait for";
        std::tie(question, waits.emplace_back()) = at.next_question();
    }

    constexpr std::uint64_t first = SnapshotSink::refused_ms_min;
    EXPECT_EQ(waits[0], first);
    EXPECT_EQ(waits[1], 2 * first);
    EXPECT_EQ(waits[2], 4 * first);
    EXPECT_EQ(waits.back(), SnapshotSink::refused_ms_max);
    EXPECT_NE(at.fetch(question), nullptr);
    EXPECT_EQ(at.sink.refused_from(), std::nullopt) << "all is well";
    EXPECT_EQ(at.sink.reached().refused, 9U);
}

TEST(SnapshotSink, ForgetsARefusalOnceTheFetchIsOvertaken) {
    Fetching at;
    auto chunk = at.answer(at.sink.want(m2, at.prefix, at.now));
    chunk.rows[0].value = "no row";
    EXPECT_FALSE(at.take_in(m2, chunk));

    at.prefix = {25};
    EXPECT_FALSE(at.pass(10));

    EXPECT_EQ(at.sink.refused_from(), std::nullopt);
    EXPECT_EQ(at.sink.source(), std::nullopt);
}

TEST(SnapshotSink, EndsAFetchThatIsOvertaken) {
    Fetching at;
    at.take_in(m2, at.answer(at.sink.want(m2, at.prefix, at.now)));
    at.prefix = {19};
    EXPECT_FALSE(at.pass(10));
    EXPECT_TRUE(at.sink.source()) << "slot 20 is ahead still";
    at.prefix = {20};
    EXPECT_FALSE(at.pass(10));

    EXPECT_EQ(at.sink.source(), std::nullopt);
}

}  // namespace
}  // namespace gavel::daemon
