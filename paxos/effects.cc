#include "paxos/effects.h"

#include <iterator>
#include <utility>

namespace gavel::paxos {
namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T> more) {
    if (to.empty()) {
        to = std::move(more);
    } else {
        to.insert(to.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
    }
}

}  // namespace

void append(Effects& to, Effects more) {
    append(to.records, std::move(more.records));
    append(to.once_durable, std::move(more.once_durable));
    append(to.at_once, std::move(more.at_once));
    append(to.chosen, std::move(more.chosen));
    append(to.reads, std::move(more.reads));
    append(to.log_reads, std::move(more.log_reads));
    if (more.role) to.role = more.role;
    if (more.snapshot_wanted) to.snapshot_wanted = more.snapshot_wanted;
}

}  // namespace gavel::paxos
