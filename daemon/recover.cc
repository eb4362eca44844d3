#include "daemon/recover.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "daemon/bootstrap.h"
#include "daemon/complaint.h"
#include "daemon/reachability.h"
#include "daemon/recover_report.h"
#include "daemon/recovery.h"
#include "daemon/restore.h"
#include "persistence/failure.h"
#include "persistence/new_member.h"
#include "proto/codec.h"
#include "statemachine/refounding.h"

namespace gavel::daemon {
namespace {

namespace fs = std::filesystem;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;
constexpr std::chrono::milliseconds knock_patience{2'000};

std::string hex(std::uint64_t number) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
    return text.data();
}

int refuse(const std::string& what) {
    complain("recover: " + what);
    return exit_failure;
}

// A damaged file may show itself as a signal in the middle of anything: the line is made before.
std::array<char, 4'352> last_line{};

extern "C" void end_for_a_damaged_file(int) {
    persistence::end_process(std::string_view(last_line.data()));
}

void watch_for_damage(const fs::path& folder) {
    std::snprintf(last_line.data(), last_line.size(),
                  "gaveld: recover: a page of %s cannot be read: its disk fails, or a file is "
                  "damaged; leave that directory out\n",
                  one_line(folder.string()).c_str());
    for (const int signal : {SIGBUS, SIGSEGV}) std::signal(signal, end_for_a_damaged_file);
}

void watch_no_more() {
    for (const int signal : {SIGBUS, SIGSEGV}) std::signal(signal, SIG_DFL);
}

using Refusal = std::optional<std::string>;

Refusal unfit_for_making(const RecoverOptions& options, const std::string& cluster) {
    if (options.accept_loss != cluster) {
        const std::string want = "--accept-loss " + cluster + ", once you have read what is lost";
        if (!options.accept_loss) return "nothing was made: this needs " + want;
        return "nothing was made: this is not cluster " + *options.accept_loss + "; it needs " +
               want;
    }
    if (const auto error = persistence::unfit_for_state(*options.make_cluster)) return error->what;
    return std::nullopt;
}

// What needs no look at the network.
Refusal unfit(const RecoverOptions& options, std::span<const Witness> witnesses,
              const Recovery& recovery) {
    for (const Witness& witness : witnesses) {
        if (!witness.trouble.empty()) {
            return witness.trouble +
                   "; a new cluster is made only from directories that can be "
                   "read: leave it out";
        }
    }
    if (recovery.could_go_on) {
        return "no recovery is needed: these directories are those of a majority; start each with "
               "its gaveld";
    }
    return unfit_for_making(options, witnesses[recovery.best].identity.cluster_id);
}

// Two clusters must not both believe that they are the one.
Refusal still_alive(const std::vector<statemachine::Member>& members,
                    const std::vector<std::string>& newcomers) {
    std::vector<Address> addresses;
    const auto add = [&](const std::string& text) {
        const auto address = parse_address(text);
        if (address && std::ranges::find(addresses, *address) == addresses.end()) {
            addresses.push_back(*address);
        }
    };
    for (const auto& member : members) add(member.peer_address);
    for (const auto& address : newcomers) add(address);
    for (const Knock& knock : knock_at(addresses, knock_patience)) {
        if (!knock.answered) continue;
        const std::string at = to_string(knock.at);
        const auto whose = std::ranges::find(members, at, &statemachine::Member::peer_address);
        const std::string who =
            whose == members.end() ? "one that was to be added" : names_of({*whose});
        return "the old cluster may be alive: somebody answers at " + at + ", the address of " +
               who + "; stop it for good, or use --force if that is not a member";
    }
    return std::nullopt;
}

persistence::Identity new_identity(const RecoverOptions& options, statemachine::MemberNumber number,
                                   const std::string& old_name, std::uint64_t alpha) {
    const std::string name = options.name.value_or(old_name);
    const std::string address = to_string(*options.peer_address);
    return {.cluster_id = hex(random_number()) + hex(random_number()),
            .name = name,
            .member = number,
            .incarnation = random_number() | 1,
            .alpha = alpha,
            .format_level = proto::format_level,
            .initial_cluster = name + '=' + address,
            .peer_address = address};
}

std::optional<persistence::StorageError> make(const RecoverOptions& options,
                                              const statemachine::Machine& state,
                                              statemachine::Revision base,
                                              std::uint64_t least_map_bytes,
                                              const persistence::Identity& identity) {
    const auto fresh = statemachine::refound(state, base,
                                             {.id = identity.member,
                                              .name = identity.name,
                                              .peer_address = identity.peer_address,
                                              .role = statemachine::Role::voter,
                                              .incarnation = identity.incarnation});
    const persistence::NewMember standard;
    const std::uint64_t map_bytes = std::max(standard.state_map_bytes, least_map_bytes);
    return persistence::make_member({*options.make_cluster, identity, map_bytes}, fresh.rows,
                                    fresh.globals);
}

template <class Told>
int print(const RecoverOptions& options, const Told& report) {
    const std::string text = options.json ? json_of(report) : text_of(report);
    std::fputs(text.c_str(), stdout);
    if (std::fflush(stdout) == 0) return 0;
    const std::string made = report.made ? "; the new cluster was made all the same" : "";
    return refuse("cannot write to standard output" + made);
}

int look_and_make(const RecoverOptions& options) {
    std::vector<Witness> witnesses;
    for (const auto& folder : options.data_dirs) {
        watch_for_damage(folder);
        witnesses.push_back(examine(folder));
    }
    const auto recovery = recover_from(witnesses, options.fill_gaps, options.above);
    watch_no_more();
    Report report{.witnesses = witnesses, .recovery = recovery, .made = {}, .made_in = {}};
    if (!recovery || !options.make_cluster) {
        const int printed = print(options, report);
        return recovery ? printed : refuse(recovery.error().what);
    }

    const Witness& best = witnesses[recovery->best];
    auto refusal = unfit(options, witnesses, *recovery);
    if (!refusal && !options.force) {
        refusal = still_alive(recovery->members(), recovery->newcomers);
    }
    if (!refusal) {
        const auto identity =
            new_identity(options, recovery->next_member, best.identity.name, best.identity.alpha);
        if (const auto error = make(options, recovery->state, recovery->base,
                                    best.survivor->state_map_bytes(), identity)) {
            refusal = error->what;
        } else {
            report.made = identity;
            report.made_in = *options.make_cluster;
        }
    }
    const int printed = print(options, report);
    return refusal ? refuse(*refusal) : printed;
}

// Everything is lost but a copy of the state.
int restore(const RecoverOptions& options) {
    const auto backup = read_backup(*options.backup);
    if (!backup) return refuse(backup.error().what);
    const auto& globals = backup->state.globals();
    const auto base = first_revision_beyond({std::max(backup->state.applied(), options.above)});
    if (!base) return refuse("no revisions are left for a new cluster");
    // The new state names one number beyond.
    if (globals.next_member >= std::numeric_limits<statemachine::MemberNumber>::max()) {
        return refuse("no member numbers are left for a new cluster");
    }
    RestoreReport report{.file = *options.backup, .backup = *backup, .base = *base};
    if (!options.make_cluster) return print(options, report);

    auto refusal = unfit_for_making(options, backup->header.cluster_id);
    if (!refusal && !options.force) {
        std::vector<statemachine::Member> members;
        for (const auto& epoch : globals.epochs) {
            members.insert(members.end(), epoch.members.begin(), epoch.members.end());
        }
        refusal = still_alive(members, {});
    }
    if (!refusal) {
        // Members that joined after the backup had numbers above this; none of them comes back, for
        // it is another cluster.
        const auto identity =
            new_identity(options, globals.next_member, backup->header.name, backup->header.alpha);
        if (const auto error = make(options, backup->state, *base, 0, identity)) {
            refusal = error->what;
        } else {
            report.made = identity;
            report.made_in = *options.make_cluster;
        }
    }
    const int printed = print(options, report);
    return refusal ? refuse(*refusal) : printed;
}

}  // namespace

int run_recover(std::span<const std::string> arguments) {
    // Whoever reads the report may leave; that it could not be written is then said, after the
    // work.
    std::signal(SIGPIPE, SIG_IGN);
    const auto options = parse_recover_options(arguments);
    if (!options) {
        complain(options.error().what);
        return exit_usage;
    }
    if (!options->print) return options->backup ? restore(*options) : look_and_make(*options);
    std::fputs(options->print->c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : refuse("cannot write to standard output");
}

}  // namespace gavel::daemon
