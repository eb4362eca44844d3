#pragma once

#include <cstdint>
#include <string>

#include "tests/cluster/cluster.h"

namespace gavel::test {

// Of `GET /metrics`; -1: there is none of that name.
double metric(Client client, const std::string& name);

// Whether no other member's log holds what follows `slot`.
bool is_cut(const Cluster& cluster, std::size_t away, std::uint64_t slot);

// Writes until what a member lacks that has executed up to `slot` is kept nowhere, neither in
// memory nor on the disk; and less than members keep of the history.
void write_beyond_the_log(const Cluster& cluster, std::size_t leader, std::size_t away,
                          std::uint64_t slot);

}  // namespace gavel::test
