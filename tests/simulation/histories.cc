#include "tests/simulation/histories.h"

#include "tests/simulation/failure.h"

namespace gavel::simulation {
namespace {

using linearizability::Verdict;

template <class M>
void check(const Log<M>& log, const std::string& kind, Reached& reached) {
    const auto report = log.check();
    reached.count("operations on a " + kind + " checked", log.size());
    if (report.verdict == Verdict::undecided) reached.count("history undecided");
    if (report.verdict != Verdict::broken) return;
    throw Failure("what clients saw of the " + kind + " " + report.key.value_or("?") +
                  " is not linearizable (" + std::to_string(report.order.size()) +
                  " operations can be explained)");
}

}  // namespace

void Histories::check(Reached& reached) const {
    simulation::check(keys, "key", reached);
    simulation::check(locks, "lock", reached);
    simulation::check(sessions, "session", reached);
    simulation::check(stores, "store", reached);
}

}  // namespace gavel::simulation
