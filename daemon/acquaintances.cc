#include "daemon/acquaintances.h"

#include <algorithm>

namespace gavel::daemon {

using persistence::Acquaintance;

std::optional<std::string> Acquaintances::admit(const proto::Hello& hello, std::uint64_t recorded) {
    const auto found = known_.find(hello.member);
    const bool another =
        found != known_.end() && recorded != 0 && found->second.incarnation != recorded;
    if (found == known_.end() || another) {
        change(hello.member, {.incarnation = hello.incarnation, .boot = hello.boot});
        return std::nullopt;
    }
    Acquaintance known = found->second;
    if (known.incarnation != hello.incarnation) {
        return "its data directory is not the one that this cluster knows it by: a member that "
               "lost its directory has to join anew";
    }
    if (hello.boot < known.boot) {
        return "its data directory was set back in time (start " + std::to_string(hello.boot) +
               " after start " + std::to_string(known.boot) +
               "): it has forgotten what it promised and has to join anew";
    }
    known.boot = hello.boot;
    change(hello.member, known);
    return std::nullopt;
}

void Acquaintances::on_mutual(const proto::Hello& hello) {
    const auto found = known_.find(hello.member);
    if (found == known_.end()) return;  // Admitted for this connection only.
    Acquaintance known = found->second;
    known.mutual = true;
    change(hello.member, known);
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
}

}  // namespace gavel::daemon
