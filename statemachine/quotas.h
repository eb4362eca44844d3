#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/machine.h"
#include "statemachine/step.h"
#include "statemachine/tally.h"

namespace gavel::statemachine {

// What operators allow to be stored, of everything and of keys with a prefix, and how much of it
// is in use: counted along with every change. Only growth is refused, so that a quota below what
// there is keeps nobody from deleting, or from a smaller value.
class Quotas {
public:
    explicit Quotas(const Limits& limits) : limits_(limits) {}

    // `in_use` is what stands under the command's prefix now.
    Outcome set(Step& step, const SetQuota& command, const Use& in_use);

    // What a change of one key adds, or takes away.
    struct Growth {
        std::string_view key{};
        std::int64_t keys{};
        std::int64_t bytes{};
    };
    // What forbids that these are made together.
    std::optional<QuotaExceeded> forbids(std::span<const Growth> growths) const;
    std::optional<QuotaExceeded> forbids_session(std::size_t sessions) const;
    void grew(std::string_view key, const Use& more);
    void shrank(std::string_view key, const Use& less);

    void load(Ptr<Quota> quota, std::uint64_t hash);
    // What is loaded, counted anew.
    void count(const std::function<Use(std::string_view prefix)>& in_use);

    std::vector<Machine::QuotaView> all() const;
    void append_rows(std::vector<Row>& rows) const;
    void check_invariants(const std::function<Use(std::string_view prefix)>& in_use) const;

private:
    struct Entry {
        Ptr<Quota> quota{};
        std::uint64_t hash{};
        Use use{};
    };
    using Table = std::map<std::string, Entry, std::less<>>;

    const Limits& limits_;
    Table quotas_;
};

}  // namespace gavel::statemachine
