#include "daemon/recovery.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <nlohmann/json.hpp>

#include "daemon/bootstrap.h"
#include "daemon/reachability.h"
#include "daemon/recover.h"
#include "daemon/recover_report.h"
#include "persistence/state_store.h"
#include "proto/codec.h"
#include "tests/unit/persistence/scratch.h"

namespace gavel::daemon {
namespace {

namespace fs = std::filesystem;
using namespace statemachine;  // NOLINT(google-build-using-namespace)
using nlohmann::json;
using paxos::Ballot;
using paxos::Slot;
using persistence::Identity;
using persistence::LogStore;
using persistence::ScratchFolder;
using persistence::StateStore;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t small_map = 64ULL << 20;
constexpr const char* old_cluster = "00c0ffee";

Entry entry(Command command) { return {.stamp = 1'700'000'000'000, .command = std::move(command)}; }
Entry put(const std::string& key, const std::string& value) {
    return entry(
        PutKey{.key = key, .value = Bytes(std::string(value)), .content_type = "text/plain"});
}

// What was decided: a session, its lock, and keys.
constexpr SessionId session = 1;
constexpr Token token = 2;
std::vector<Entry> history() {
    return {entry(OpenSession{.name = "s", .ttl = 30'000}),
            entry(AcquireLock{.name = "deploy", .session = session}),
            put("a", "1"),
            put("a", "2"),
            put("b", "1"),
            put("b", "2")};
}

// How far a member had come when it was left.
struct Left {
    MemberNumber member = 1;
    std::uint64_t accepted = 6;  // Slots of the history.
    std::uint64_t chosen = 6;    // As its log says.
    std::uint64_t executed = 6;  // As its state says.
    std::string cluster = old_cluster;
};

class RecoveryTest : public testing::Test {
protected:
    Identity identity_of(const Left& left) const {
        return {.cluster_id = left.cluster,
                .name = "n" + std::to_string(left.member),
                .member = left.member,
                .incarnation = 100U + left.member,
                .alpha = 8,
                .format_level = proto::format_level,
                .initial_cluster = initial_cluster,
                .peer_address = "127.0.0.1:1"};
    }
    fs::path folder_of(MemberNumber member) const {
        return scratch.path() / ("n" + std::to_string(member));
    }
    LogStore log_of(const Left& left) {
        return LogStore::open({folder_of(left.member), small_map}, identity_of(left)).value();
    }

    fs::path leave(const Left& left) { return leave(left, history()); }
    fs::path leave(const Left& left, const std::vector<Entry>& entries,
                   Ballot ballot = {.round = 1, .member = {1}}) {
        LogStore log = log_of(left);
        std::vector<paxos::Record> records;
        records.emplace_back(paxos::PromiseRecord{ballot});
        for (std::uint64_t slot = 1; slot <= left.accepted; ++slot) {
            records.emplace_back(paxos::AcceptRecord{
                {slot}, {ballot, {Bytes(proto::encode(entries.at(slot - 1)))}}});
        }
        records.emplace_back(paxos::PrefixRecord{{left.chosen}});
        log.commit(records);
        if (left.executed == 0) return folder_of(left.member);

        Machine machine({}, 8, founders_of(identity_of(left)));
        for (std::uint64_t slot = 1; slot <= left.executed; ++slot) {
            machine.apply(slot, entries.at(slot - 1));
        }
        StateStore::open({folder_of(left.member), identity_of(left), small_map})
            .value()
            .commit(machine.rows(), machine.globals());
        return folder_of(left.member);
    }

    static std::vector<Witness> look(const std::vector<fs::path>& folders) {
        std::vector<Witness> witnesses;
        for (const auto& folder : folders) witnesses.push_back(examine(folder));
        return witnesses;
    }
    static Recovery recovered(std::span<const Witness> witnesses) {
        auto recovery = recover_from(witnesses, false);
        if (!recovery) throw std::runtime_error(recovery.error().what);
        return std::move(*recovery);
    }
    static std::string refusal(const std::vector<fs::path>& folders) {
        const auto witnesses = look(folders);
        const auto recovery = recover_from(witnesses, false);
        return recovery ? "" : recovery.error().what;
    }
    static std::string value_of(const Machine& machine, const std::string& key) {
        const auto found = machine.key(key);
        return found ? std::string(found->value.view()) : "";
    }

    ScratchFolder scratch;
    std::string initial_cluster = "n1=127.0.0.1:1,n2=127.0.0.1:2,n3=127.0.0.1:3";
};

TEST_F(RecoveryTest, ExecutesWhatTheLogHasBeyondTheState) {
    const auto witnesses = look({leave({.chosen = 4, .executed = 3})});

    const Recovery recovery = recovered(witnesses);

    EXPECT_EQ(recovery.state.applied(), 6U);
    EXPECT_EQ(value_of(recovery.state, "b"), "2");
    EXPECT_EQ(recovery.state.lock("deploy")->holders.at(0)->token, token);
    EXPECT_EQ(recovery.carried.sure, Slot{4});
    EXPECT_EQ(recovery.carried.unsure, 2U);
    EXPECT_EQ(recovery.base, 2 * revision_gap);
    EXPECT_EQ(recovery.next_member, 4U);
}

TEST_F(RecoveryTest, BeginsWithNothingWhereNothingWasExecutedYet) {
    const auto witnesses = look({leave({.chosen = 0, .executed = 0})});

    const Recovery recovery = recovered(witnesses);

    EXPECT_EQ(value_of(recovery.state, "b"), "2");
}

TEST_F(RecoveryTest, TakesTheStateThatWentFurthestAndTheLogOfAnother) {
    const auto ahead = leave({.member = 1, .accepted = 4, .chosen = 4, .executed = 4});
    const auto behind = leave({.member = 2, .accepted = 6, .chosen = 3, .executed = 2});
    const auto witnesses = look({behind, ahead});

    const Recovery recovery = recovered(witnesses);

    EXPECT_EQ(witnesses[recovery.best].folder, ahead);
    EXPECT_EQ(recovery.state.applied(), 6U);
}

TEST_F(RecoveryTest, TakesTheEntryOfTheHighestBallot) {
    auto other = history();
    other[5] = put("b", "of a later leader");
    const auto one = leave({.member = 1, .chosen = 5, .executed = 5});
    const auto two =
        leave({.member = 2, .chosen = 5, .executed = 5}, other, {.round = 2, .member = {2}});

    const auto recovery = recover_from(look({one, two}), false);

    EXPECT_EQ(value_of(recovery->state, "b"), "of a later leader");
}

TEST_F(RecoveryTest, IsNotNeededWhereAMajorityCanStart) {
    const auto two = recover_from(look({leave({.member = 1}), leave({.member = 2})}), false);
    EXPECT_TRUE(two->could_go_on);
    EXPECT_EQ(names_of(two->lost), "3 (n3)");

    const auto one = recover_from(look({folder_of(1)}), false);
    EXPECT_FALSE(one->could_go_on);
    EXPECT_FALSE(one->nothing_chosen_is_lost);
    EXPECT_EQ(names_of(one->lost), "2 (n2), 3 (n3)");
}

TEST_F(RecoveryTest, DoesNotCountAMemberThatCannotStart) {
    const auto whole = leave({.member = 1});
    const auto retired = leave({.member = 2});
    log_of({.member = 2}).retire({6});

    EXPECT_FALSE(recover_from(look({whole, retired}), false)->could_go_on);
}

// It is an older copy: what it lacks may have been chosen with its vote.
TEST_F(RecoveryTest, DoesNotTakeTheWordOfAMemberThatWasSetBack) {
    const auto whole = leave({.member = 1});
    const auto copy = leave({.member = 2});
    EXPECT_TRUE(recover_from(look({whole, copy}), false)->nothing_chosen_is_lost);
    log_of({.member = 2}).quarantine();

    const auto recovery = recover_from(look({whole, copy}), false);

    EXPECT_FALSE(recovery->could_go_on);
    EXPECT_FALSE(recovery->nothing_chosen_is_lost);
}

// Two of four are no majority, and yet every majority has one of them in it.
TEST_F(RecoveryTest, LosesNothingWhereTheLostAloneChoseNothing) {
    initial_cluster = "n1=127.0.0.1:1,n2=127.0.0.1:2,n3=127.0.0.1:3,n4=127.0.0.1:4";
    const auto one = leave({.member = 1});
    const auto two = leave({.member = 2});

    const auto both = recover_from(look({one, two}), false);
    EXPECT_FALSE(both->could_go_on);
    EXPECT_TRUE(both->nothing_chosen_is_lost);
    EXPECT_THAT(balance_of(*both).lost,
                ElementsAre(HasSubstr("nothing that was acknowledged"), HasSubstr("1 session")));

    EXPECT_FALSE(recover_from(look({one}), false)->nothing_chosen_is_lost);
}

// A set that is decided and does not govern yet has to have its majority, too.
TEST_F(RecoveryTest, LooksAtTheSetsThatAreToCome) {
    auto entries = history();
    entries[5] = entry(ChangeMembers{
        .based_on = 1,
        .changes = {AddMember{.name = "n4", .peer_address = "h:4"}, RemoveMember{2}}});
    const auto one = leave({.member = 1}, entries);
    const auto two = leave({.member = 2}, entries);

    const auto recovery = recover_from(look({one, two}), false);

    EXPECT_FALSE(recovery->could_go_on) << "of 1 and 3, only 1 is here";
    EXPECT_EQ(names_of(recovery->lost), "3 (n3), 4 (n4)");
    EXPECT_EQ(recovery->next_member, 5U);
}

// Accepted here alone and never chosen: the members of before choose on, without this one.
std::vector<Entry> with_an_undecided_change(std::vector<MemberChange> changes) {
    std::vector<Entry> entries = history();
    entries.resize(2);
    entries.push_back(entry(ChangeMembers{.based_on = 1, .changes = std::move(changes)}));
    for (int i = 0; i < 7; ++i) entries.push_back(put("open", std::to_string(i)));
    return entries;  // A full window of 8.
}

TEST_F(RecoveryTest, BelievesInNoSetThatMayNeverHaveBeenChosen) {
    const auto one = leave({.accepted = 10, .chosen = 2, .executed = 2},
                           with_an_undecided_change({RemoveMember{2}, RemoveMember{3}}));

    const auto recovery = recover_from(look({one}), false);

    EXPECT_FALSE(recovery->could_go_on);
    EXPECT_FALSE(recovery->nothing_chosen_is_lost);
    EXPECT_EQ(names_of(recovery->lost), "2 (n2), 3 (n3)");
}

TEST_F(RecoveryTest, GivesANumberThatNobodyIsKnownToHaveHad) {
    const auto folder = leave({});
    log_of({}).remember(9, {.incarnation = 1, .boot = 1});

    EXPECT_EQ(recover_from(look({folder}), false)->next_member, 10U);
}

TEST_F(RecoveryTest, UsesNoStateThatAMajorityFoundWrong) {
    const auto wrong = leave({.member = 1});
    const auto behind = leave({.member = 2, .accepted = 2, .chosen = 2, .executed = 2});
    log_of({.member = 1}).condemn({3});
    const auto witnesses = look({wrong, behind});

    const auto recovery = recover_from(witnesses, false);

    EXPECT_EQ(witnesses[recovery->best].folder, behind);
    EXPECT_EQ(recovery->state.applied(), 6U) << "its log is as good as any";
    EXPECT_THAT(refusal({wrong}), HasSubstr("none of the directories has a state"));
}

TEST_F(RecoveryTest, UsesWhatIsReadableOfADamagedDirectory) {
    const auto no_state = leave({.member = 1, .chosen = 5, .executed = 5});
    ASSERT_GT(persistence::flip(no_state / "state" / "data.mdb", "deploy"), 0U);
    const auto no_log = leave({.member = 2, .accepted = 3, .chosen = 3, .executed = 3});
    fs::remove(no_log / "log" / "journal");
    const auto witnesses = look({no_state, no_log});
    EXPECT_THAT(witnesses[0].state_trouble, HasSubstr("damaged"));
    EXPECT_THAT(witnesses[1].log_trouble, HasSubstr("missing"));

    const auto recovery = recover_from(witnesses, false);

    EXPECT_EQ(witnesses[recovery->best].folder, no_log);
    EXPECT_EQ(recovery->state.applied(), 6U);
    EXPECT_FALSE(recovery->could_go_on);
}

TEST_F(RecoveryTest, SaysWhyDirectoriesDoNotGoTogether) {
    const auto one = leave({.member = 1});
    auto other = history();
    other[5] = put("b", "another");
    const auto two = leave({.member = 2}, other);
    const auto foreign = leave({.member = 3, .cluster = "another"});
    const auto copy = scratch.path() / "copy";
    fs::copy(one, copy, fs::copy_options::recursive);

    EXPECT_THAT(refusal({one, foreign}), HasSubstr("belong to different clusters"));
    EXPECT_THAT(refusal({one, copy}), HasSubstr("are both of member 1"));
    EXPECT_THAT(refusal({one, two}), HasSubstr("hold different states of slot 6"));
}

TEST_F(RecoveryTest, SaysThatTwoLogsContradictEachOther) {
    auto other = history();
    other[5] = put("b", "another");
    const auto one = leave({.member = 1, .executed = 5});
    const auto two = leave({.member = 2, .executed = 5}, other);

    EXPECT_THAT(refusal({one, two}), HasSubstr("different values were chosen in slot 6"));
}

TEST(FirstRevision, IsFarBeyondAllThatIsKnown) {
    EXPECT_EQ(first_revision_beyond({0}), 2 * revision_gap);
    EXPECT_EQ(first_revision_beyond({revision_gap - 1}), 2 * revision_gap);
    EXPECT_EQ(first_revision_beyond({revision_gap}), 3 * revision_gap);
    EXPECT_EQ(first_revision_beyond({revision_max}), std::nullopt);
    std::uint64_t slot = 1;
    for (auto base = first_revision_beyond({slot}); base; base = first_revision_beyond({slot})) {
        ASSERT_GE(*base - slot, revision_gap);
        ASSERT_LT(*base, revision_max - revision_gap);
        slot = *base + 7;
    }
    EXPECT_GT(slot, revision_max / 2) << "thousands of recoveries";
}

// ---- The command --------------------------------------------------------------------------------

class RecoverCommand : public RecoveryTest {
protected:
    struct Outcome {
        int code{};
        std::string out{};
        std::string err{};
    };
    static Outcome run(const std::vector<std::string>& arguments) {
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Outcome outcome{.code = run_recover(arguments)};
        outcome.out = testing::internal::GetCapturedStdout();
        outcome.err = testing::internal::GetCapturedStderr();
        return outcome;
    }
    // Expects that it is refused, in one line, and that nothing is made.
    std::string refused(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(),
                         {"--make-cluster", fresh.string(), "--peer-address", "127.0.0.1:7504"});
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 1);
        EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
        EXPECT_FALSE(fs::exists(fresh / "log"));
        EXPECT_FALSE(fs::exists(fresh / "state"));
        return outcome.err;
    }
    std::vector<std::string> making(const fs::path& from) const {
        return {"--data-dir",     from.string(),    "--make-cluster", fresh.string(),
                "--peer-address", "127.0.0.1:7504", "--accept-loss",  old_cluster};
    }

    fs::path fresh = scratch.path() / "fresh";
};

TEST_F(RecoverCommand, ShowsWhatEachDirectoryKnowsAndWhatMayBeLost) {
    const auto known = leave({.chosen = 4, .executed = 3});

    const Outcome outcome =
        run({"--data-dir", known.string(), "--data-dir", (scratch.path() / "nothing").string()});

    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.err, IsEmpty());
    EXPECT_THAT(outcome.out,
                AllOf(HasSubstr("member     1 (n1), started 1 time"), HasSubstr("slot 3, hash "),
                      HasSubstr("known up to slot 4"), HasSubstr("up to slot 6, above"),
                      HasSubstr("no Gavel data is here"),
                      HasSubstr("2 commands in slots 5 to 6, accepted but not known to be chosen"),
                      HasSubstr("2 keys"),
                      HasSubstr("1 session, 1 held lock, 0 places in queues, 0 ephemeral keys"),
                      HasSubstr("what only 2 (n2), 3 (n3) knew"),
                      HasSubstr("2023-11-14T22:13:20.000Z"), HasSubstr("--accept-loss 00c0ffee")));
}

TEST_F(RecoverCommand, TellsProgramsTheSame) {
    const auto known = leave({.chosen = 4, .executed = 3});

    const Outcome outcome = run({"-o", "json", "--data-dir", known.string()});

    const json told = json::parse(outcome.out);
    EXPECT_EQ(told["directories"][0]["member_id"], 1);
    EXPECT_EQ(told["directories"][0]["log"]["promised"], 65'537);
    EXPECT_EQ(told["directories"][0]["state"]["slot"], 3);
    EXPECT_EQ(told["recovery"]["last"], 6);
    EXPECT_EQ(told["recovery"]["unsure"], 2);
    EXPECT_EQ(told["recovery"]["lost_members"], json({2, 3}));
    EXPECT_EQ(told["recovery"]["needed"], true);
    EXPECT_EQ(told["recovery"]["longest_ttl_ms"], 30'000);
    EXPECT_FALSE(told.contains("made"));
}

TEST_F(RecoverCommand, FailsWhereThereIsNothingToGoOnFrom) {
    const Outcome outcome = run({"--data-dir", (scratch.path() / "nothing").string()});

    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("none of the directories has a state"));
}

// LMDB follows some of what it reads: damage may be a signal, or one of its assertions.
TEST_F(RecoverCommand, EndsByItselfWhateverPageOfTheStateIsDamaged) {
    constexpr std::size_t page = 4'096;
    std::vector<Entry> entries;
    for (int i = 0; i < 60; ++i) entries.push_back(put(std::to_string(i), std::string(300, 'x')));
    const auto folder = leave({.accepted = 60, .chosen = 60, .executed = 60}, entries);
    const auto file = folder / "state" / "data.mdb";
    const std::string whole = persistence::file_bytes(file);
    ASSERT_GT(whole.size(), 12 * page);

    for (std::size_t at = 2 * page; at < whole.size(); at += page) {
        std::string damaged = whole;
        damaged.replace(at, page, page, '\0');
        persistence::write_file(file, damaged);
        const auto by_itself = [](int status) {
            return WIFEXITED(status) && (WEXITSTATUS(status) <= 1 || WEXITSTATUS(status) == 70);
        };
        EXPECT_EXIT(std::exit(run_recover(std::vector<std::string>{"--data-dir", folder.string()})),
                    by_itself, "^$|leave that directory out|has a state that can be read")
            << "page " << at / page;
    }
}

TEST_F(RecoverCommand, MakesAClusterOfOneBeyondAllThatTheOldOneGaveOut) {
    const auto known = leave({.chosen = 4, .executed = 3});

    const Outcome outcome = run(making(known));

    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("member 4 (n1), alone in cluster"),
                                   HasSubstr("above 2000000000000"), HasSubstr("Wait until 30s")));
    const LogStore log = LogStore::open({fresh, small_map}, std::nullopt).value();
    EXPECT_EQ(log.identity().member, 4U);
    EXPECT_NE(log.identity().cluster_id, old_cluster);
    EXPECT_EQ(log.identity().peer_address, "127.0.0.1:7504");
    const StateStore store = StateStore::open({fresh, log.identity(), small_map}).value();
    Machine machine({}, 8, founders_of(log.identity()));
    const auto globals = store.load([&](Row row) { machine.load(std::move(row)); }).value();
    ASSERT_TRUE(machine.finish_load(*globals));
    EXPECT_EQ(machine.applied(), 2 * revision_gap);
    EXPECT_EQ(value_of(machine, "b"), "2");
    EXPECT_FALSE(machine.is_live("deploy", token)) << "no token of before is live";
    EXPECT_EQ(machine.lock("deploy")->lock->last_release->token, token);
    EXPECT_THAT(machine.globals().epochs.back().members,
                ElementsAre(Member{.id = 4,
                                   .name = "n1",
                                   .peer_address = "127.0.0.1:7504",
                                   .incarnation = log.identity().incarnation}));
}

// Of a cluster that was made from the same directories before, and lost, nothing stands in them.
TEST_F(RecoveryTest, BeginsBeyondWhatAnEarlierRecoveryGaveOut) {
    const auto witnesses = look({leave({})});

    EXPECT_EQ(recover_from(witnesses, false, 2 * revision_gap + 17)->base, 4 * revision_gap);
}

// Alpha commands may be open at once, the last of which shows the gap.
TEST_F(RecoveryTest, FillsAGapOfFewerSlotsThanAlpha) {
    for (const std::uint64_t gap : {7U, 8U}) {
        const auto number = static_cast<MemberNumber>(gap);
        const auto folder = leave({.member = number});
        const auto value = Bytes(proto::encode(put("b", "behind the gap")));
        log_of({.member = number})
            .commit(std::vector<paxos::Record>{
                paxos::AcceptRecord{{7 + gap}, {{.round = 1, .member = {1}}, {value}}}});

        const auto recovery = recover_from(look({folder}), true);

        EXPECT_EQ(value_of(recovery->state, "b"), gap == 7 ? "behind the gap" : "2");
    }
}

TEST_F(RecoverCommand, GivesEachClusterAnIdOfItsOwn) {
    const auto known = leave({});
    const auto id_of = [&] {
        EXPECT_EQ(run(making(known)).code, 0);
        const auto id = LogStore::open({fresh, small_map}, std::nullopt)->identity().cluster_id;
        fs::remove_all(fresh);
        return id;
    };

    EXPECT_NE(id_of(), id_of());
}

TEST_F(RecoverCommand, WantsToHearWhichClustersLossIsAccepted) {
    const auto known = leave({}).string();

    EXPECT_THAT(refused({"--data-dir", known}), HasSubstr("this needs --accept-loss 00c0ffee"));
    EXPECT_THAT(refused({"--data-dir", known, "--accept-loss", "other"}),
                HasSubstr("this is not cluster other"));
    EXPECT_THAT(refused({"--data-dir", known, "--accept-loss", "other", "--force"}),
                HasSubstr("this is not cluster other"));
}

TEST_F(RecoverCommand, RefusesWhereAMajorityIsThere) {
    const auto one = leave({.member = 1}).string();
    const auto two = leave({.member = 2}).string();

    EXPECT_THAT(refused({"--data-dir", one, "--data-dir", two, "--accept-loss", old_cluster}),
                HasSubstr("no recovery is needed"));
}

TEST_F(RecoverCommand, RefusesADirectoryThatIsInUse) {
    const auto one = leave({.member = 1}).string();
    const auto two = leave({.member = 2}).string();
    const LogStore running = log_of({.member = 2});

    EXPECT_THAT(refused({"--data-dir", one, "--data-dir", two, "--accept-loss", old_cluster}),
                AllOf(HasSubstr("in use by a gaveld, process"), HasSubstr("leave it out")));
}

TEST_F(RecoverCommand, OverwritesNothing) {
    const auto known = leave({});
    fs::create_directories(fresh);
    persistence::write_file(fresh / "notes", "x");

    EXPECT_THAT(refused({"--data-dir", known.string(), "--accept-loss", old_cluster}),
                HasSubstr("it holds 'notes'"));
    fresh = known;
    auto arguments = making(known);
    EXPECT_THAT(run(arguments).err, HasSubstr("a member has this directory already"));
}

TEST_F(RecoverCommand, RefusesWhileSomebodyAnswersForAnOldMemberUnlessForced) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor alive(io, {boost::asio::ip::address_v4::loopback(), 0});
    const std::string address = "127.0.0.1:" + std::to_string(alive.local_endpoint().port());
    initial_cluster = "n1=127.0.0.1:1,n2=" + address + ",n3=127.0.0.1:3";
    const auto known = leave({});

    EXPECT_THAT(refused({"--data-dir", known.string(), "--accept-loss", old_cluster}),
                HasSubstr("somebody answers at " + address + ", the address of 2 (n2)"));

    auto arguments = making(known);
    arguments.emplace_back("--force");
    EXPECT_EQ(run(arguments).code, 0);
}

TEST_F(RecoverCommand, KnocksAtThoseWhoGovernUntilAChangeIsChosen) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor alive(io, {boost::asio::ip::address_v4::loopback(), 0});
    const std::string address = "127.0.0.1:" + std::to_string(alive.local_endpoint().port());
    initial_cluster = "n1=127.0.0.1:1,n2=" + address + ",n3=127.0.0.1:3";
    const auto known =
        leave({.accepted = 10, .chosen = 2, .executed = 2},
              with_an_undecided_change(
                  {AddMember{.name = "n4", .peer_address = "127.0.0.1:4"}, RemoveMember{2}}));

    EXPECT_THAT(refused({"--data-dir", known.string(), "--accept-loss", old_cluster}),
                HasSubstr("somebody answers at " + address));
}

// One lost message, and the change stands behind a gap: the others may have chosen both.
TEST_F(RecoverCommand, KnocksAtNewcomersWhoseAdditionStandsBehindAGap) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor alive(io, {boost::asio::ip::address_v4::loopback(), 0});
    const std::string address = "127.0.0.1:" + std::to_string(alive.local_endpoint().port());
    const auto known = leave({.accepted = 2, .chosen = 2, .executed = 2});
    const auto change = Bytes(proto::encode(
        entry(ChangeMembers{.based_on = 1,
                            .changes = {AddMember{.name = "n4", .peer_address = address},
                                        RemoveMember{1}, RemoveMember{2}}})));
    log_of({.accepted = 2, .chosen = 2, .executed = 2})
        .commit(std::vector<paxos::Record>{
            paxos::AcceptRecord{{4}, {{.round = 1, .member = {1}}, {change}}}});

    EXPECT_THAT(refused({"--data-dir", known.string(), "--accept-loss", old_cluster}),
                HasSubstr("somebody answers at " + address));
}

TEST_F(RecoverCommand, MakesTheClusterThoughNobodyReadsTheReport) {
    const auto known = leave({});
    const auto unread = [&] {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) std::exit(99);
        ::close(ends[0]);
        ::dup2(ends[1], STDOUT_FILENO);
        std::exit(run_recover(making(known)));
    };

    EXPECT_EXIT(unread(), testing::ExitedWithCode(1), "the new cluster was made all the same");
    EXPECT_TRUE(fs::exists(fresh / "state"));
}

TEST(RecoverOptionsTest, AreRefusedInOneLine) {
    const auto error_of = [](const std::vector<std::string>& arguments) {
        const auto parsed = parse_recover_options(arguments);
        return parsed ? "no error" : parsed.error().what;
    };
    EXPECT_EQ(error_of({"--data-dir", "a", "--data-dir", "b"}), "no error");
    EXPECT_THAT(error_of({}), HasSubstr("either --data-dir"));
    EXPECT_THAT(error_of({"--data-dir", ""}), HasSubstr("no name"));
    EXPECT_THAT(error_of({"--data-dir", "a", "b"}), HasSubstr("b"));
    EXPECT_THAT(error_of({"--data-dir", "a", "-o", "xml"}), HasSubstr("text or json"));
    EXPECT_THAT(error_of({"--data-dir", "a", "--make-cluster", "b"}),
                HasSubstr("needs --peer-address"));
    EXPECT_THAT(error_of({"--data-dir", "a", "--make-cluster", "b", "--peer-address", "h"}),
                HasSubstr("not HOST:PORT"));
    EXPECT_THAT(error_of({"--data-dir", "a", "--force"}), HasSubstr("go with --make-cluster"));
    EXPECT_THAT(error_of({"--data-dir", "a", "--make-cluster", "b", "--peer-address", "h:1",
                          "--name", "N"}),
                HasSubstr("'N' is not right"));
    std::vector<std::string> many;
    for (std::size_t i = 0; i <= data_dirs_max; ++i) many.insert(many.end(), {"--data-dir", "a"});
    EXPECT_THAT(error_of(many), HasSubstr("at most 32"));
    EXPECT_THAT(parse_recover_options(std::vector<std::string>{"--help"})->print.value(),
                HasSubstr("--make-cluster"));
}

TEST(Knocking, TellsWhoAnswersAndWhoDoesNot) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor there(io, {boost::asio::ip::address_v4::loopback(), 0});
    const auto port = there.local_endpoint().port();
    boost::asio::ip::tcp::acceptor gone(io, {boost::asio::ip::address_v4::loopback(), 0});
    const auto closed = gone.local_endpoint().port();
    gone.close();

    const auto knocks =
        knock_at({{"127.0.0.1", port}, {"127.0.0.1", closed}}, std::chrono::milliseconds(2'000));

    ASSERT_EQ(knocks.size(), 2U);
    EXPECT_TRUE(knocks[0].answered);
    EXPECT_FALSE(knocks[1].answered);
    EXPECT_THAT(knocks[1].said, HasSubstr("refused"));
}

}  // namespace
}  // namespace gavel::daemon
