#include "statemachine/tally.h"

#include <iterator>
#include <optional>

#include "base/invariant.h"

namespace gavel::statemachine {
namespace {

// The smallest text that is larger than every one with the prefix. None: there is no such text.
std::optional<std::string> end_of(std::string_view prefix) {
    std::string end(prefix);
    while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
    if (end.empty()) return std::nullopt;
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return end;
}

void add_to(Use& use, const Use& more) {
    use.keys += more.keys;
    use.bytes += more.bytes;
}

void take_from(Use& use, const Use& less) {
    use.keys -= less.keys;
    use.bytes -= less.bytes;
}

}  // namespace

Tally::Blocks::iterator Tally::block_of(std::string_view name) {
    return std::prev(blocks_.upper_bound(name));
}

void Tally::add(std::string_view name, std::uint64_t bytes) {
    const auto block = block_of(name);
    add_to(block->second, {1, bytes});
    add_to(all_, {1, bytes});
    if (block->second.keys > 2 * block_keys) split(block);
}

void Tally::replace(std::string_view name, std::uint64_t before, std::uint64_t after) {
    block_of(name)->second.bytes += after - before;
    all_.bytes += after - before;
}

void Tally::remove(std::string_view name, std::uint64_t bytes) {
    const auto block = block_of(name);
    take_from(block->second, {1, bytes});
    take_from(all_, {1, bytes});
    if (block != blocks_.begin() && join(std::prev(block), block)) return;
    if (std::next(block) != blocks_.end()) join(block, std::next(block));
}

void Tally::split(Blocks::iterator block) {
    Use lower;
    std::string middle;
    const std::uint64_t half = block->second.keys / 2;
    walk_(block->first, [&](std::string_view name, std::uint64_t bytes) {
        if (lower.keys == half) {
            middle = name;
            return false;
        }
        add_to(lower, {1, bytes});
        return true;
    });
    Use upper = block->second;
    take_from(upper, lower);
    block->second = lower;
    blocks_.emplace_hint(std::next(block), std::move(middle), upper);
}

// So few blocks stay that two neighbours always hold more than one would.
bool Tally::join(Blocks::iterator block, Blocks::iterator next) {
    if (block->second.keys + next->second.keys > block_keys) return false;
    add_to(block->second, next->second);
    blocks_.erase(next);
    return true;
}

Use Tally::below(std::string_view name) const {
    const auto last = std::prev(blocks_.upper_bound(name));
    Use use;
    for (auto block = blocks_.begin(); block != last; ++block) add_to(use, block->second);
    walk_(last->first, [&](std::string_view at, std::uint64_t bytes) {
        if (at >= name) return false;
        add_to(use, {1, bytes});
        return true;
    });
    return use;
}

Use Tally::with_prefix(std::string_view prefix) const {
    const auto end = end_of(prefix);
    Use use = end ? below(*end) : all_;
    take_from(use, below(prefix));
    return use;
}

void Tally::check_invariants() const {
    Use sum;
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
        add_to(sum, block->second);
        invariant(block->second.keys <= 2 * block_keys, "a block holds a bounded number of names");
        const auto next = std::next(block);
        invariant(next == blocks_.end() || block->second.keys + next->second.keys > block_keys,
                  "two neighbouring blocks hold more than one would");
    }
    invariant(sum == all_, "the blocks hold what there is");
}

}  // namespace gavel::statemachine
