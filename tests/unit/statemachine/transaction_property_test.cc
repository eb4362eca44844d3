#include <gmock/gmock.h>

#include <map>
#include <set>

#include "base/prng.h"
#include "driver.h"

namespace gavel::statemachine {
namespace {

constexpr Limits small{
    .keys = 8, .key_bytes = 60, .keys_per_session = 3, .deleted_at_once = 6, .got_at_once = 40};

// Configuration with transactions, said as simply as can be: everything is done to a copy, which
// is taken over if it is within the limits.
class Reference {
public:
    using Keys = std::map<std::string, KeyValue>;
    std::set<SessionId> sessions{};

    const Keys& keys() const { return keys_; }

    // None: refused.
    std::optional<Transacted> execute(const Transact& command, Revision revision, TimeMs time) {
        Transacted outcome{.succeeded = true};
        for (const Compare& compare : command.compares) {
            if (holds(compare)) continue;
            outcome.succeeded = false;
            break;
        }
        if (!outcome.succeeded) {
            while (holds(command.compares[outcome.failed])) ++outcome.failed;
        }
        Keys copy = keys_;
        std::set<std::string> known;  // All that there was or came to be, deleted or not.
        for (const auto& [key, value] : keys_) known.insert(key);
        std::size_t looked_at = 0, got = 0;
        for (const auto& operation : outcome.succeeded ? command.then : command.otherwise) {
            using Kind = Transacted::Result::Kind;
            if (const auto* put = std::get_if<PutOperation>(&operation)) {
                if (put->session != 0 && !sessions.contains(put->session)) return std::nullopt;
                known.insert(put->key);
                const auto at = copy.find(put->key);
                const bool exists = at != copy.end();
                copy[put->key] = {.key = put->key,
                                  .value = put->value,
                                  .content_type = put->content_type,
                                  .created = exists ? at->second.created : revision,
                                  .modified = revision,
                                  .version = exists ? at->second.version + 1 : 1,
                                  .modified_at = time,
                                  .session = put->session,
                                  .deleted_before = exists ? at->second.deleted_before : 0};
                outcome.results.push_back({Kind::put, copy[put->key].version});
            } else if (const auto* remove = std::get_if<DeleteOperation>(&operation)) {
                const auto named = [&](const std::string& key) {
                    return key == remove->key ||
                           (remove->recursive && key.starts_with(remove->key + '/'));
                };
                const std::size_t count =
                    std::erase_if(copy, [&](const auto& each) { return named(each.first); });
                looked_at += static_cast<std::size_t>(std::ranges::count_if(known, named));
                outcome.results.push_back({Kind::deleted, count});
            } else {
                const auto at = copy.find(std::get<GetOperation>(operation).key);
                if (at != copy.end()) got += at->second.value.size();
                outcome.results.push_back({Kind::got, at != copy.end() ? at->second.modified : 0});
            }
        }
        if (looked_at > small.deleted_at_once || got > small.got_at_once || !fits(copy)) {
            return std::nullopt;
        }
        for (auto& [key, value] : copy) {
            if (value.created != revision) continue;
            value.deleted_before = keys_.contains(key) ? revision : deleted_[key];
        }
        for (const auto& [key, value] : keys_) {
            if (!copy.contains(key)) deleted_[key] = revision;
        }
        keys_ = std::move(copy);
        return outcome;
    }

    void end(SessionId session, Revision revision) {
        sessions.erase(session);
        std::erase_if(keys_, [&](const auto& each) {
            if (each.second.session != session) return false;
            deleted_[each.first] = revision;
            return true;
        });
    }

private:
    bool holds(const Compare& compare) const {
        const auto at = keys_.find(compare.name);
        const bool exists = at != keys_.end();
        switch (compare.kind) {
            case Compare::Kind::exists:
                return exists;
            case Compare::Kind::absent:
                return !exists;
            case Compare::Kind::revision:
                return (exists ? at->second.modified : 0) == compare.number;
            case Compare::Kind::version:
                return (exists ? at->second.version : 0) == compare.number;
            default:
                return exists && at->second.value == compare.value;
        }
    }

    // No more than the limits, or no more than there was.
    bool fits(const Keys& after) const {
        const auto bytes = [](const Keys& keys) {
            std::size_t sum = 0;
            for (const auto& [key, value] : keys) sum += key.size() + value.value.size();
            return sum;
        };
        const auto of = [](const Keys& keys, SessionId session) {
            return static_cast<std::size_t>(std::ranges::count_if(
                keys, [&](const auto& each) { return each.second.session == session; }));
        };
        if (after.size() > std::max(keys_.size(), small.keys)) return false;
        if (bytes(after) > std::max<std::size_t>(bytes(keys_), small.key_bytes)) return false;
        return std::ranges::all_of(sessions, [&](SessionId session) {
            return of(after, session) <= std::max(of(keys_, session), small.keys_per_session);
        });
    }

    Keys keys_;
    std::map<std::string, Revision> deleted_;
};

struct RandomTransactions : testing::TestWithParam<std::uint64_t> {
    std::string key() {
        constexpr const char* names[] = {"a",     "a/b", "a/b/c", "a/d", "a-b",
                                         "a/b-c", "e",   "e/f",   "g",   "a/b/d"};
        return names[prng.below(std::size(names))];
    }
    std::string value() {
        return std::string(prng.below(14), static_cast<char>(prng.between('a', 'c')));
    }

    Compare compare(const Reference& reference) {
        const std::string name = key();
        Compare compare{static_cast<Compare::Kind>(prng.below(5)), name, prng.below(4), value()};
        const auto at = reference.keys().find(name);
        if (at != reference.keys().end() && prng.chance(70)) {
            const bool by_revision = compare.kind == Compare::Kind::revision;
            compare.number = by_revision ? at->second.modified : at->second.version;
            compare.value = at->second.value;
        }
        return compare;
    }

    std::vector<Operation> branch(const std::set<SessionId>& sessions) {
        std::vector<Operation> operations;
        while (prng.chance(70)) {
            const std::uint64_t dice = prng.below(10);
            if (dice < 5) {
                SessionId session = 0;
                if (prng.chance(40)) session = prng.chance(90) ? *sessions.begin() : 99'999;
                operations.push_back(PutOperation{key(), value(), "text/plain", session});
            } else if (dice < 7) {
                operations.push_back(DeleteOperation{key(), prng.chance(50)});
            } else {
                operations.push_back(GetOperation{key()});
            }
        }
        return operations;
    }

    Prng prng{GetParam()};
};

TEST_P(RandomTransactions, DoWhatASimpleModelDoes) {
    Driver driver(small);
    Reference reference;
    std::size_t done = 0, otherwise = 0, refused = 0, ended = 0;
    for (int i = 0; i < 600; ++i) {
        if (reference.sessions.empty()) reference.sessions.insert(driver.open());
        if (prng.chance(3)) {
            const SessionId session = *reference.sessions.begin();
            ended += driver.machine().key_count_of(session);
            driver.run(EndSession{session});
            reference.end(session, driver.machine().applied());
            continue;
        }
        Transact command{.then = branch(reference.sessions),
                         .otherwise = branch(reference.sessions)};
        while (prng.chance(40)) command.compares.push_back(compare(reference));
        const auto before = reference.keys();

        const Applied applied = driver.run(command);
        const auto expected =
            reference.execute(command, driver.machine().applied(), driver.machine().globals().time);

        const auto* transacted = std::get_if<Transacted>(&applied.outcome);
        ASSERT_EQ(transacted != nullptr, expected.has_value()) << i;
        if (expected) {
            ASSERT_EQ(*transacted, *expected) << i;
        }
        (expected ? expected->succeeded ? done : otherwise : refused) += 1;

        Reference::Keys after;
        for (const auto& each : driver.machine().keys("", "", 100)) after[each->key] = *each;
        ASSERT_EQ(after, reference.keys()) << i;
        // The events are what differs, each key once.
        Reference::Keys told = before;
        std::set<std::string> keys;
        for (const Event& event : applied.events) {
            if (const auto* put = std::get_if<KeyPutEvent>(&event.body)) {
                told[put->value->key] = *put->value;
                ASSERT_TRUE(keys.insert(put->value->key).second) << i;
            } else {
                const auto& deleted = std::get<KeyDeletedEvent>(event.body);
                ASSERT_EQ(told.at(deleted.key).version, deleted.version) << i;
                told.erase(deleted.key);
                ASSERT_TRUE(keys.insert(deleted.key).second) << i;
            }
        }
        ASSERT_EQ(told, after) << i;
        if (prng.chance(5)) driver.restart();
    }
    EXPECT_GT(done, 50U);
    EXPECT_GT(otherwise, 20U);
    EXPECT_GT(refused, 20U);
    EXPECT_GT(ended, 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTransactions, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace gavel::statemachine
