#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/quotas.h"
#include "statemachine/schemas.h"
#include "statemachine/sessions.h"
#include "statemachine/step.h"
#include "statemachine/tally.h"
#include "statemachine/versions.h"

namespace gavel::statemachine {

// What a command makes of one key. Null: there is no such key.
struct KeyChange {
    Ptr<KeyValue> before{};
    Ptr<KeyValue> after{};

    std::string_view key() const { return after ? after->key : before->key; }
    bool changes_anything() const { return before || after; }
};

// The value that a put leaves. `old` is null where there is no such key.
Ptr<KeyValue> successor(const Step& step, const Ptr<KeyValue>& old, const PutOperation& put);

// The configuration: keys and their present values, in bytewise order; and which of them end with
// which session. However a key is changed, it goes through refusal() and change().
class Keys {
public:
    // What is taken away goes to `versions`.
    Keys(const Limits& limits, const Sessions& sessions, Versions& versions, Quotas& quotas,
         const Schemas& schemas)
        : limits_(limits),
          sessions_(sessions),
          versions_(versions),
          quotas_(quotas),
          schemas_(schemas) {}
    Keys(const Keys&) = delete;  // The tally walks this very table.
    Keys& operator=(const Keys&) = delete;
    ~Keys() = default;

    Outcome put(Step& step, const PutKey& command);
    Outcome remove(Step& step, const DeleteKey& command);
    Outcome remove_prefix(Step& step, const DeletePrefix& command);
    Outcome roll_back(Step& step, const RollBackPlan& plan, std::uint64_t judged);
    // The session has ended: its keys go, at most so many of them; gives how many.
    std::size_t end_session(Step& step, SessionId session, std::size_t most);

    // Why these changes, to as many keys, cannot be made together; none: they can. What takes no
    // more room than there was can be made even where there is too little.
    std::optional<Outcome> refusal(const Step& step, std::span<const KeyChange> changes) const;
    // Makes a change that was not refused.
    void change(Step& step, const KeyChange& change);

    void load(Ptr<KeyValue> value, std::uint64_t hash);
    // False: a key is of a session that is not there.
    [[nodiscard]] bool finish_load() const;

    Ptr<KeyValue> find(std::string_view key) const;
    std::vector<Ptr<KeyValue>> list(std::string_view prefix, std::string_view after,
                                    std::size_t limit) const;
    std::size_t size() const { return keys_.size(); }
    std::uint64_t bytes() const { return tally_.all().bytes; }
    Use use_of(std::string_view prefix) const { return tally_.with_prefix(prefix); }
    std::size_t count_of(SessionId session) const;
    const Limits& limits() const { return limits_; }
    void append_rows(std::vector<Row>& rows) const;
    void check_invariants() const;

private:
    // A set and not a map, because the name is in the value already: with millions of keys a
    // second copy of it is felt. `name` only points there, to spare the search a step. A put
    // replaces the value by one of the same name, so the order stays.
    struct Entry {
        mutable std::string_view name{};
        mutable Ptr<KeyValue> value{};
        mutable std::uint64_t hash{};
    };
    struct ByName {
        using is_transparent = void;
        bool operator()(const Entry& a, const Entry& b) const { return a.name < b.name; }
        bool operator()(const Entry& a, std::string_view b) const { return a.name < b; }
        bool operator()(std::string_view a, const Entry& b) const { return a < b.name; }
        bool operator()(const Entry* a, const Entry* b) const { return a->name < b->name; }
    };
    using Table = std::set<Entry, ByName>;

    // `at` is where the key stands, or would.
    void change(Step& step, Table::const_iterator at, const KeyChange& change);
    void count(const KeyChange& change);
    void walk(std::string_view from, const Tally::Visit& visit) const;
    void join(const Entry& entry);
    void leave(const Entry& entry);

    const Limits& limits_;
    const Sessions& sessions_;
    Versions& versions_;
    Quotas& quotas_;
    const Schemas& schemas_;
    Table keys_;
    // Of names and values together.
    Tally tally_{[this](std::string_view from, const Tally::Visit& visit) { walk(from, visit); }};
    std::map<SessionId, std::set<const Entry*, ByName>> ephemeral_;
};

}  // namespace gavel::statemachine
