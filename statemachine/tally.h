#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace gavel::statemachine {

struct Use {
    std::uint64_t keys{};
    std::uint64_t bytes{};
    bool operator==(const Use&) const = default;
};

// Tells how many of a table's names have a prefix, and how many bytes stand under them, without a
// look at each: neighbours are counted together, in blocks. What it tells does not depend on where
// the blocks begin, which is a matter of history. A question takes as many steps as there are
// blocks and names in one of them; a change as many as it takes to find a block, but for one that
// splits it.
class Tally {
public:
    // Calls `visit` for each name of the table from `from` on, in order, until that says false.
    using Visit = std::function<bool(std::string_view name, std::uint64_t bytes)>;
    using Walk = std::function<void(std::string_view from, const Visit& visit)>;
    static constexpr std::size_t block_keys = 1'024;

    explicit Tally(Walk walk) : walk_(std::move(walk)) {}

    // The table has the name already.
    void add(std::string_view name, std::uint64_t bytes);
    void replace(std::string_view name, std::uint64_t before, std::uint64_t after);
    void remove(std::string_view name, std::uint64_t bytes);

    Use with_prefix(std::string_view prefix) const;
    const Use& all() const { return all_; }
    std::size_t blocks() const { return blocks_.size(); }
    void check_invariants() const;

private:
    // By the smallest name that may be in it. The first has the empty one.
    using Blocks = std::map<std::string, Use, std::less<>>;

    Blocks::iterator block_of(std::string_view name);
    void split(Blocks::iterator block);
    bool join(Blocks::iterator block, Blocks::iterator next);
    Use below(std::string_view name) const;

    Walk walk_;
    Blocks blocks_{{"", {}}};
    Use all_{};
};

}  // namespace gavel::statemachine
