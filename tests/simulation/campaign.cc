#include "tests/simulation/campaign.h"

#include <array>
#include <chrono>
#include <cstdio>

#include "tests/simulation/commit.h"
#include "tests/simulation/failure.h"
#include "tests/simulation/last_words.h"
#include "tests/simulation/world.h"

namespace gavel::simulation {
namespace {

// A campaign of at least this size fails when one of these was never seen.
constexpr std::uint64_t seeds_that_reach_all = 500;
constexpr std::array must_be_reached{
    "all voters replaced at once",
    "ballot rejected",
    "change watched",
    "chosen command carried over by a recovery",
    "client gave its session up",
    "clock drifted",
    "clock jumped ahead",
    "clock jumped back",
    "collected log batch lost in a crash",
    "command forwarded",
    "command repeated",
    "crash after a snapshot was installed",
    "crash after a turn",
    "crash before a client is answered",
    "crash before a snapshot is installed",
    "crash before messages leave",
    "crash before records reach the disk",
    "crash before watchers are told",
    "crash between two answers that waited for the disk",
    "crash between two messages",
    "crash between two turns",
    "crash when a batch is durable and its answers wait",
    "cut under way lost in a crash",
    "cut under way survived a crash",
    "deadlock refused",
    "directory recorded",
    "directory set back",
    "directory wiped",
    "disk slow",
    "disk stalled",
    "ephemeral key deleted with an ended session",
    "ephemeral key deleted with an expired session",
    "faulty reported",
    "gap filled by a no-op",
    "guarded write done",
    "guarded write refused",
    "held state batch lost in a crash",
    "install under way lost in a crash",
    "install under way survived a crash",
    "key read in the past",
    "key watched",
    "lapsed session left to the next command",
    "leader changed",
    "leadership handed over",
    "learned by Learn",
    "learned by a notice",
    "learned by votes",
    "list of the past forgotten",
    "list of the past read",
    "lock broken",
    "lock freed by an expiry",
    "lock granted after an expiry",
    "lock held",
    "lock watched",
    "log batch under way lost in a crash",
    "log batch under way survived a crash",
    "log cut",
    "log cut before a laggard asked",
    "log entry spoiled",
    "log read served",
    "member that forgot replaced",
    "member that forgot told so",
    "member watched",
    "member paused",
    "member restarted",
    "members changed",
    "message cut off",
    "message cut off on its way",
    "message late",
    "message lost",
    "message overtaken",
    "message repeated",
    "partition, a member is deaf",
    "partition, one-way",
    "partition, partial",
    "partition, symmetric",
    "past of a key forgotten",
    "peer known dead",
    "place given up by another acquire",
    "place kept by a repeated acquire",
    "power failed",
    "promise in parts",
    "promise set aside",
    "quota exceeded",
    "quota of everything exceeded",
    "quota of sessions exceeded",
    "read asked of a leader that was replaced",
    "reader put behind a writer that waits",
    "refused: an earlier start",
    "refused: another directory",
    "refused: another start",
    "refused: fewer writes",
    "recovery ended before what the lost alone had chosen",
    "recovery executed what may not have been chosen",
    "recovery of a minority found what was chosen by its votes",
    "recovery left out what stood behind a gap",
    "removed member ended",
    "removed member told so",
    "request refused",
    "request repeated",
    "request repeated after its answer",
    "roll back changed something",
    "roll back refused",
    "roll back refused by a quota",
    "session freed in portions",
    "session that an acquire made ended with its wait",
    "sessions abandoned at once",
    "sessions lapsed together",
    "several locks granted at once from the queue",
    "shared lock granted to several together",
    "room spared",
    "schema changed before a put was executed",
    "snapshot 0 slots after a change, alpha 1",
    "snapshot 0 slots after a change, alpha 2",
    "snapshot 0 slots after a change, alpha 3",
    "snapshot 1 slots after a change, alpha 2",
    "snapshot 1 slots after a change, alpha 3",
    "snapshot 2 slots after a change, alpha 3",
    "snapshot above a value that was not chosen",
    "snapshot below what was accepted",
    "snapshot fetch begun anew",
    "snapshot fetch resumed",
    "snapshot inside the window",
    "snapshot installed",
    "snapshot with an epoch pending",
    "state batch under way lost in a crash",
    "state batch under way survived a crash",
    "state committed",
    "state fetched rather than learned",
    "transaction did its else branch",
    "transaction did its then branch",
    "transaction refused by a quota",
    "value proposed again",
    "watch began anew with what is there",
    "watch found its position compacted",
    "watch resumed",
    "watch resumed at a bookmark",
    "watch resumed over a snapshot",
    "watch snapshot broken off",
    "watch snapshot followed a change",
    "write done where a quota was passed already",
    "value put under a schema",
};

}  // namespace

std::vector<std::string> never_reached(const Reached& reached) {
    std::vector<std::string> missing;
    for (const char* what : must_be_reached) {
        if (reached.times(what) == 0) missing.emplace_back(what);
    }
    return missing;
}

Outcome run(const Settings& settings, bool print) {
    name_seed_at_the_end(settings.seed);
    Outcome outcome;
    Trace trace(print);
    World world(settings, trace);
    try {
        world.run();
    } catch (const Failure& failure) {
        outcome.failure = failure.what();
    }
    outcome.trace_hash = trace.hash();
    outcome.trace_lines = trace.lines();
    outcome.simulated = world.simulated();
    outcome.reached = world.reached();
    return outcome;
}

bool run_campaign(std::uint64_t first, std::uint64_t count) {
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    Reached reached;
    Time simulated = 0;
    name_seed_at_the_end(first);
    std::fprintf(stderr, "seeds %llu to %llu at commit %s\n",
                 static_cast<unsigned long long>(first),
                 static_cast<unsigned long long>(first + count - 1), commit());
    for (std::uint64_t seed = first; seed - first < count; ++seed) {
        const Outcome outcome = run(Settings::of_seed(seed));
        if (outcome.failure) {
            std::printf("%s", failure_report(seed, *outcome.failure).c_str());
            return false;
        }
        reached.add(outcome.reached);
        simulated += outcome.simulated;
        if ((seed - first + 1) % 50 == 0) {
            std::fprintf(stderr, "%llu of %llu seeds\n",
                         static_cast<unsigned long long>(seed - first + 1),
                         static_cast<unsigned long long>(count));
        }
    }
    const std::chrono::duration<double> took = Clock::now() - began;
    const double hours = static_cast<double>(simulated) / (3600.0 * second);
    std::printf("%llu seeds passed, %.2f simulated hours in %.1f s (%.1f hours per minute)\n",
                static_cast<unsigned long long>(count), hours, took.count(),
                hours * 60 / took.count());
    for (const auto& [what, times] : reached.counts()) {
        std::printf("%12llu  %s\n", static_cast<unsigned long long>(times), what.c_str());
    }
    if (count < seeds_that_reach_all) return true;
    const auto missing = never_reached(reached);
    for (const auto& what : missing) std::printf("never reached: %s\n", what.c_str());
    return missing.empty();
}

}  // namespace gavel::simulation
