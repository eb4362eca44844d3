#include "daemon/acquaintances.h"

#include <algorithm>
#include <string>

namespace gavel::daemon {

using persistence::Acquaintance;

namespace {

// Its run of that number, which is no later one; none: the Hello does not reach back so far.
std::optional<proto::Run> run_of(const proto::Hello& hello, std::uint64_t boot) {
    const std::uint64_t back = hello.boot - boot;
    if (back >= hello.runs.size()) return std::nullopt;
    return hello.runs[hello.runs.size() - 1 - back];
}

std::string explain(Regression regression, const Acquaintance& known, const proto::Hello& hello) {
    const auto start = [](std::uint64_t boot) { return "start " + std::to_string(boot); };
    switch (regression) {
        case Regression::earlier_start:
            return start(hello.boot) + " after " + start(known.boot);
        case Regression::another_start:
            return "its " + start(known.boot) + " is not the one that was seen";
        case Regression::fewer_writes:
            break;
    }
    return "it lacks what it said was durable in " + start(known.boot);
}

}  // namespace

std::optional<Regression> find_regression(const Acquaintance& known, const proto::Hello& hello) {
    if (hello.boot < known.boot) return Regression::earlier_start;
    const auto seen = run_of(hello, known.boot);
    // It was not seen for so many starts that they cannot be compared one by one.
    if (!seen && hello.runs.front().began < known.writes) return Regression::fewer_writes;
    if (!seen) return std::nullopt;
    if (seen->id != known.run) return Regression::another_start;
    // One process forgets nothing: a Hello of its that was overtaken by what it said later is none
    // that shows less.
    if (hello.boot == known.boot) return std::nullopt;
    if (run_of(hello, known.boot + 1)->began < known.writes) return Regression::fewer_writes;
    return std::nullopt;
}

std::optional<Peers::Refusal> Acquaintances::admit(const proto::Hello& hello,
                                                   std::uint64_t recorded) {
    const auto found = known_.find(hello.member);
    const bool another =
        found != known_.end() && recorded != 0 && found->second.incarnation != recorded;
    Acquaintance met{.incarnation = hello.incarnation,
                     .boot = hello.boot,
                     .run = hello.runs.back().id,
                     .writes = hello.writes};
    if (found == known_.end() || another) {
        change(hello.member, met);
        return std::nullopt;
    }
    const Acquaintance& known = found->second;
    const std::string remedy = ": remove it (gavel member rm " + std::to_string(hello.member) +
                               "); it has to join anew, with an empty directory";
    if (known.incarnation != hello.incarnation) {
        return Peers::Refusal{
            .reason =
                "its data directory is not the one that this cluster knows it by, and a "
                "member that lost its directory has forgotten what it promised" +
                remedy};
    }
    if (const auto regression = find_regression(known, hello)) {
        return Peers::Refusal{.reason = "its data directory was set back in time (" +
                                        explain(*regression, known, hello) +
                                        "), and has forgotten what it promised" + remedy,
                              .farewell = proto::Farewell::Why::set_back};
    }
    if (hello.boot == known.boot) {
        heard(hello.member, known.run, hello.writes);
    } else {
        met.mutual = known.mutual;
        change(hello.member, met);
    }
    return std::nullopt;
}

void Acquaintances::on_mutual(const proto::Hello& hello) {
    const auto found = known_.find(hello.member);
    if (found == known_.end()) return;  // Admitted for this connection only.
    Acquaintance known = found->second;
    known.mutual = true;
    change(hello.member, known);
}

void Acquaintances::heard(std::uint16_t member, std::uint64_t run, std::uint64_t writes) {
    const auto found = known_.find(member);
    if (found == known_.end() || found->second.run != run || found->second.writes >= writes) return;
    found->second.writes = writes;
    heard_.insert(member);
}

void Acquaintances::note_writes(const Remember& note) {
    for (const std::uint16_t member : heard_) note(member, known_.at(member));
    heard_.clear();
}

bool Acquaintances::is_mutual(std::uint16_t member) const {
    const auto found = known_.find(member);
    return found != known_.end() && found->second.mutual;
}

void Acquaintances::change(std::uint16_t member, const Acquaintance& to) {
    Acquaintance& known = known_[member];
    if (known == to) return;
    remember_(member, to);
    known = to;
    heard_.erase(member);
}

}  // namespace gavel::daemon
