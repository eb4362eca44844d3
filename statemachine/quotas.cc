#include "statemachine/quotas.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "statemachine/prefixes.h"

namespace gavel::statemachine {
namespace {

using What = QuotaExceeded::What;

bool passes(std::optional<std::uint64_t> bound, std::uint64_t used, std::uint64_t more) {
    return bound && more > 0 && (used > *bound || more > *bound - used);
}

}  // namespace

Outcome Quotas::set(Step& step, const SetQuota& command, const Use& in_use) {
    const auto at = quotas_.find(command.prefix);
    if (!command.bounds.any()) {
        if (at == quotas_.end()) return RuleNotFound{};
        step.rows.erase(quota_row(command.prefix), at->second.hash);
        quotas_.erase(at);
        return Done{};
    }
    if (at == quotas_.end() && quotas_.size() >= limits_.quotas) {
        return LimitReached{LimitReached::What::quotas};
    }
    auto quota =
        std::make_shared<const Quota>(Quota{.prefix = command.prefix, .bounds = command.bounds});
    const std::uint64_t replaced = at == quotas_.end() ? 0 : at->second.hash;
    const std::uint64_t hash = step.rows.put(quota_row(command.prefix), quota, replaced);
    quotas_.insert_or_assign(command.prefix, Entry{std::move(quota), hash, in_use});
    return Done{};
}

std::optional<QuotaExceeded> Quotas::forbids(std::span<const Growth> growths) const {
    struct Sum {
        const Entry* entry{};
        std::int64_t keys{};
        std::int64_t bytes{};
    };
    std::map<std::string_view, Sum> sums;  // By prefix.
    for (const Growth& growth : growths) {
        for_each_prefix(quotas_, growth.key, [&](const auto& named) {
            Sum& sum = sums[named.first];
            sum.entry = &named.second;
            sum.keys += growth.keys;
            sum.bytes += growth.bytes;
            return true;
        });
    }
    const auto more = [](std::int64_t growth) {
        return static_cast<std::uint64_t>(std::max<std::int64_t>(growth, 0));
    };
    // The longest prefix is the most telling.
    for (auto at = sums.rbegin(); at != sums.rend(); ++at) {
        const auto& [prefix, sum] = *at;
        const QuotaBounds& bounds = sum.entry->quota->bounds;
        const Use& use = sum.entry->use;
        if (passes(bounds.keys, use.keys, more(sum.keys))) {
            return QuotaExceeded{What::keys, std::string(prefix), *bounds.keys, use.keys,
                                 more(sum.keys)};
        }
        if (passes(bounds.bytes, use.bytes, more(sum.bytes))) {
            return QuotaExceeded{What::bytes, std::string(prefix), *bounds.bytes, use.bytes,
                                 more(sum.bytes)};
        }
    }
    return std::nullopt;
}

std::optional<QuotaExceeded> Quotas::forbids_session(std::size_t sessions) const {
    const auto at = quotas_.find("");
    if (at == quotas_.end()) return std::nullopt;
    const auto bound = at->second.quota->bounds.sessions;
    if (!passes(bound, sessions, 1)) return std::nullopt;
    return QuotaExceeded{What::sessions, "", *bound, sessions, 1};
}

void Quotas::grew(std::string_view key, const Use& more) {
    for_each_prefix(quotas_, key, [&](auto& named) {
        named.second.use.keys += more.keys;
        named.second.use.bytes += more.bytes;
        return true;
    });
}

void Quotas::shrank(std::string_view key, const Use& less) {
    for_each_prefix(quotas_, key, [&](auto& named) {
        named.second.use.keys -= less.keys;
        named.second.use.bytes -= less.bytes;
        return true;
    });
}

void Quotas::load(Ptr<Quota> quota, std::uint64_t hash) {
    const std::string prefix = quota->prefix;
    quotas_.insert_or_assign(prefix, Entry{std::move(quota), hash, {}});
}

void Quotas::count(const std::function<Use(std::string_view prefix)>& in_use) {
    for (auto& [prefix, entry] : quotas_) entry.use = in_use(prefix);
}

std::vector<Machine::QuotaView> Quotas::all() const {
    std::vector<Machine::QuotaView> views;
    for (const auto& [prefix, entry] : quotas_) {
        views.push_back({entry.quota, entry.use.bytes, entry.use.keys});
    }
    return views;
}

void Quotas::append_rows(std::vector<Row>& rows) const {
    for (const auto& [prefix, entry] : quotas_) rows.push_back({quota_row(prefix), entry.quota});
}

void Quotas::check_invariants(const std::function<Use(std::string_view prefix)>& in_use) const {
    invariant(quotas_.size() <= limits_.quotas, "there are no more quotas than allowed");
    for (const auto& [prefix, entry] : quotas_) {
        invariant(entry.use == in_use(prefix), "what a quota counts is what there is");
        invariant(entry.quota->bounds.any(), "a quota bounds something");
    }
}

}  // namespace gavel::statemachine
