#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace gavel::simulation {

// How often rare things happened. A campaign that never saw one of them proves little about it.
class Reached {
public:
    void count(const std::string& what, std::uint64_t times = 1) { counts_[what] += times; }
    void add(const Reached& other) {
        for (const auto& [what, times] : other.counts_) counts_[what] += times;
    }
    std::uint64_t times(const std::string& what) const {
        const auto found = counts_.find(what);
        return found == counts_.end() ? 0 : found->second;
    }
    const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

private:
    std::map<std::string, std::uint64_t> counts_;
};

}  // namespace gavel::simulation
