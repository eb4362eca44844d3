#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace gavel::bench {

std::size_t Histogram::bucket_of(std::uint64_t ns) {
    const auto width = static_cast<std::size_t>(std::bit_width(ns));
    if (width <= parts_bits) return ns;
    const std::size_t shift = width - 1 - parts_bits;
    const std::uint64_t part = (ns >> shift) & ((1U << parts_bits) - 1);
    return ((shift + 1) << parts_bits) + part;
}

std::uint64_t Histogram::end_of(std::size_t bucket) {
    const std::size_t row = bucket >> parts_bits;
    const std::uint64_t part = bucket & ((1U << parts_bits) - 1);
    if (row == 0) return part;
    return (((std::uint64_t{1} << parts_bits) + part + 1) << (row - 1)) - 1;
}

void Histogram::record(std::int64_t ns) {
    ns = std::max<std::int64_t>(ns, 0);
    ++counts_[bucket_of(static_cast<std::uint64_t>(ns))];
    ++count_;
    max_ns_ = std::max(max_ns_, ns);
}

void Histogram::add(const Histogram& other) {
    for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    max_ns_ = std::max(max_ns_, other.max_ns_);
}

std::int64_t Histogram::percentile_ns(double share) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
        seen += counts_[i];
        if (seen > 0 && seen >= wanted) {
            return std::min(static_cast<std::int64_t>(end_of(i)), max_ns_);
        }
    }
    return max_ns_;
}

}  // namespace gavel::bench
