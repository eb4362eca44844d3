#include "api/problem.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

namespace gavel::api {
namespace {

using nlohmann::json;
using namespace statemachine;

json body(const Problem& problem) { return json::parse(to_response(problem, "r1").body); }

TEST(Problem, IsWrittenAsRfc9457Says) {
    const auto response = to_response(
        {ProblemCode::no_leader, "a \"quoted\" detail", ",\"revision\":7", "X: y\r\n"}, "r1");
    EXPECT_EQ(response.status, 503U);
    EXPECT_EQ(response.field("Content-Type"), "application/problem+json");
    EXPECT_EQ(response.field("Retry-After"), "1");
    EXPECT_EQ(response.field("X"), "y");
    EXPECT_EQ(json::parse(response.body), (json{{"type", "urn:gavel:problem:no-leader"},
                                                {"title", "There is no leader"},
                                                {"status", 503},
                                                {"detail", "a \"quoted\" detail"},
                                                {"code", "no-leader"},
                                                {"retryable", true},
                                                {"request_id", "r1"},
                                                {"revision", 7}}));
}

TEST(Problem, HasASlugOfItsOwnForEachCode) {
    std::set<std::string_view> slugs;
    for (const auto& kind : problem_kinds()) {
        EXPECT_TRUE(slugs.insert(kind.slug).second) << kind.slug;
        EXPECT_NE(reason_phrase(kind.status), "Unknown") << kind.status;
    }
}

TEST(Problem, TellsWhetherAnUnknownOutcomeMayBeRepeated) {
    const Failure failure{Failure::Kind::outcome_unknown};
    EXPECT_EQ(body(to_problem(failure, true))["retryable"], true);
    EXPECT_EQ(body(to_problem(failure, false))["retryable"], false);
    EXPECT_EQ(body(to_problem(failure, false))["status"], 504);
}

TEST(Problem, IsMadeOfEachFailure) {
    using Kind = Failure::Kind;
    const std::pair<Kind, unsigned> expected[] = {{Kind::no_leader, 503},
                                                  {Kind::overloaded, 503},
                                                  {Kind::shutting_down, 503},
                                                  {Kind::timed_out, 504},
                                                  {Kind::outcome_unknown, 504}};
    for (const auto& [kind, status] : expected) {
        EXPECT_EQ(to_response(to_problem(Failure{kind}, false), "r").status, status);
    }
}

TEST(Problem, IsMadeOfEachOutcomeThatIsARefusal) {
    const std::pair<Outcome, std::string> expected[] = {
        {SessionNotFound{4}, "session-not-found"},
        {LockHeld{4, 9, 2}, "lock-held"},
        {LockHeld{0, 0, 0}, "lock-held"},
        {LockQueued{5, 3}, "lock-held"},
        {LockHeld{4, 9, 2, 3, "a"}, "lock-held"},
        {Deadlock{{{1, "a"}, {2, "b"}}, 2}, "deadlock"},
        {LockRefused{LockRefused::Reason::mode, "a", 0}, "mode-mismatch"},
        {LockRefused{LockRefused::Reason::limit, "a", 2}, "limit-mismatch"},
        {LockRefused{LockRefused::Reason::waiting, "a", 0}, "already-waiting"},
        {LockRefused{LockRefused::Reason::held, "a", 0}, "already-held"},
        {NotHolder{4, 2}, "not-holder"},
        {NotHolder{4}, "not-holder"},
        {NotHolder{0}, "not-holder"},
        {KeyNotFound{}, "key-not-found"},
        {PreconditionFailed{17}, "precondition-failed"},
        {IdempotencyKeyReused{}, "idempotency-key-reused"},
        {RequestTooOld{}, "request-too-old"},
        {EpochMismatch{3}, "epoch-mismatch"},
        {MembersRefused{MembersRefused::Reason::no_such_member, 9}, "member-not-found"},
        {MembersRefused{MembersRefused::Reason::name_taken, 1}, "members-refused"},
        {MembersRefused{MembersRefused::Reason::address_taken, 1}, "members-refused"},
        {MembersRefused{MembersRefused::Reason::registered_otherwise, 1}, "members-refused"},
        {MembersRefused{MembersRefused::Reason::no_voter_left}, "members-refused"},
        {MembersRefused{MembersRefused::Reason::too_many_voters}, "members-refused"},
        {MembersRefused{MembersRefused::Reason::too_many_members}, "members-refused"},
        {MembersRefused{MembersRefused::Reason::too_many_pending}, "members-refused"},
        {MembersRefused{MembersRefused::Reason::ids_used_up}, "members-refused"},
        {LimitReached{LimitReached::What::sessions}, "limit-reached"},
        {LimitReached{LimitReached::What::locks}, "limit-reached"},
        {LimitReached{LimitReached::What::locks_per_session}, "limit-reached"},
        {LimitReached{LimitReached::What::waiters}, "limit-reached"},
        {LimitReached{LimitReached::What::keys}, "storage-limit-reached"},
        {LimitReached{LimitReached::What::key_bytes}, "storage-limit-reached"},
        {LimitReached{LimitReached::What::idempotency_keys}, "limit-reached"},
        {LimitReached{LimitReached::What::keys_per_session}, "limit-reached"},
        {StaleToken{9}, "stale-token"},
        {StaleToken{0}, "stale-token"},
        {TooMuch{TooMuch::What::keys_deleted}, "too-much-at-once"},
        {TooMuch{TooMuch::What::bytes_got}, "too-much-at-once"},
        {TooMuch{TooMuch::What::bytes_compared}, "too-much-at-once"},
        {LimitReached{LimitReached::What::quotas}, "limit-reached"},
        {QuotaExceeded{}, "quota-exceeded"},
        {StorageFull{}, "storage-full"},
        {SchemaChanged{}, "schema-changed"},
        {LimitReached{LimitReached::What::schemas}, "limit-reached"}};
    for (const auto& [outcome, code] : expected) {
        EXPECT_EQ(body(to_problem(outcome))["code"], code) << outcome.index();
    }
}

TEST(Problem, NamesTheHolder) {
    const auto held = body(to_problem(Outcome(LockHeld{4, 9, 2})));
    EXPECT_EQ(held["holders"], json::parse(R"([{"session":"s4","token":9}])"));
    EXPECT_EQ(held["position"], 2);
    EXPECT_EQ(held["retryable"], true);
    EXPECT_EQ(body(to_problem(Outcome(LockHeld{})))["holders"], json::array());
    EXPECT_EQ(body(to_problem(Outcome(LockHeld{})))["holder_count"], 0);
    const auto more = body(to_problem(Outcome(LockHeld{4, 9, 2, 3, "a/b"})));
    EXPECT_EQ(more["holder_count"], 4);
    EXPECT_EQ(more["detail"], "a/b is held by session s4 and 3 more");
    EXPECT_EQ(body(to_problem(Outcome(LockHeld{0, 9, 2})))["detail"],
              "under the lock-delay of a lapsed session");
    EXPECT_EQ(body(to_problem(Outcome(PreconditionFailed{17})))["revision"], 17);
}

}  // namespace
}  // namespace gavel::api
