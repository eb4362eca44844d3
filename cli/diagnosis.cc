#include "cli/diagnosis.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/invariant.h"
#include "cli/duration.h"
#include "cli/endpoint.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;
using Level = Finding::Level;

// The same limits by which the members judge a change of the set.
constexpr milliseconds contact_limit{5'000};
constexpr std::uint64_t lag_limit = 4'096;
// Sessions live as long as the leader's clock says; people read logs of several machines side by
// side.
constexpr milliseconds clock_limit{1'000};
constexpr std::uint64_t key_bytes_limit = 4ULL << 30;

std::string called(const std::string& name, std::uint64_t id) {
    return name.empty() ? "member " + std::to_string(id) : name;
}
std::string called(const KnownMember& member) { return called(member.name, member.id); }
std::string called(const Asked& asked) {
    return asked.answered() ? called(asked.status.name, asked.status.id) : asked.url;
}

std::string count(std::size_t number, const std::string& one) {
    return std::to_string(number) + ' ' + one + (number == 1 ? "" : "s");
}

bool is_loopback(const Endpoint& endpoint) {
    return endpoint.host == "localhost" || endpoint.host == "::1" ||
           endpoint.host.starts_with("127.");
}

bool same_place(const std::string& one, const std::string& other) {
    const auto a = parse_endpoint(one);
    const auto b = parse_endpoint(other);
    return a && b && *a == *b;
}

class Doctor {
public:
    explicit Doctor(const Survey& survey) : survey_(survey), best_(survey.best()) {
        invariant(best_ != nullptr, "somebody answered");
    }

    std::vector<Finding> examine() {
        clusters();
        leader();
        margin();
        reachability();
        contact();
        lag();
        for (const auto& asked : survey_.asked) {
            if (asked.answered() && is_first(asked)) one_member(asked);
        }
        alarms();
        versions();
        clocks();
        endpoints();
        changes();
        std::ranges::stable_sort(found_, {}, &Finding::level);
        return std::move(found_);
    }

private:
    void add(Level level, const std::string& code, const std::string& who, const std::string& what,
             const std::string& advice) {
        found_.push_back({level, code, who, what, advice});
    }

    // A member that was asked at two addresses is looked at once.
    bool is_first(const Asked& asked) const { return survey_.find(asked.status.id) == &asked; }

    void clusters() {
        for (const auto& asked : survey_.asked) {
            if (!asked.answered() || asked.status.cluster == best_->status.cluster) continue;
            add(Level::problem, "different-clusters", called(asked),
                asked.url + " belongs to cluster " + asked.status.cluster + ", " + best_->url +
                    " to " + best_->status.cluster,
                "Ask one cluster at a time: correct --endpoint or GAVEL_ENDPOINTS. If one of them "
                "was made from the other by gaveld recover, stop the old one for good.");
        }
    }

    void leader() {
        std::set<std::uint64_t> leaders;
        std::string without;
        for (const auto& asked : survey_.asked) {
            if (!asked.answered() || asked.status.cluster != best_->status.cluster) continue;
            leaders.insert(asked.status.leader);
            if (asked.status.leader == 0 && is_first(asked)) {
                without += (without.empty() ? "" : ", ") + called(asked);
            }
        }
        if (leaders == std::set<std::uint64_t>{0}) {
            add(Level::problem, "no-leader", "", "nobody leads: no writes, no linearizable reads",
                "An election takes a second. If it does not end, a majority of the voters is down "
                "or cut off: bring them back. If they are lost for good: gaveld recover.");
        } else if (leaders.contains(0)) {
            add(Level::problem, "no-leader-known", without, "knows of no leader",
                "Look whether it reaches the other members' peer addresses.");
        } else if (leaders.size() > 1) {
            add(Level::warning, "leaders-differ", "", "members follow different leaders",
                "This passes with an election. If it stays, the network between members is cut.");
        }
    }

    void margin() {
        const Margin margin = margin_of(survey_);
        const std::string state =
            count(margin.alive, "voter") + " of " + std::to_string(margin.voters) +
            (margin.alive == 1 ? " answers or is heard from, " : " answer or are heard from, ") +
            std::to_string(margin.quorum) + (margin.quorum == 1 ? " is needed" : " are needed");
        if (margin.tolerated() < 0) {
            add(Level::problem, "no-quorum", "", state,
                "Start members that are down. If a majority is lost for good: gaveld recover.");
        } else if (margin.voters == 1) {
            add(Level::note, "single-voter", "",
                "there is one voter: the loss of its disk is the loss of everything",
                "Let two more join: gaveld --join. Until then take backups: gavel backup.");
        } else if (margin.tolerated() == 0) {
            add(Level::problem, "no-fault-tolerated", "",
                state + ": the loss of one more stops the cluster",
                margin.alive < margin.voters
                    ? "Start the members that are down, or replace them: gavel member rm, then "
                      "gaveld --join."
                    : "Let another one join: gaveld --join.");
        }
        if (margin.voters > 1 && margin.voters % 2 == 0) {
            add(Level::warning, "even-voters", "",
                count(margin.voters, "voter") + " tolerate no more faults than " +
                    std::to_string(margin.voters - 1),
                "Add a voter (gavel member promote) or remove one (gavel member rm).");
        }
    }

    void reachability() {
        for (const auto& asked : survey_.asked) {
            if (asked.answered()) continue;
            const auto* member = whose(asked.url);
            if (member != nullptr && survey_.find(member->id) != nullptr) {
                add(Level::warning, "address-unreachable", called(*member),
                    "it answers, but not at the address that it tells others: " + asked.error,
                    "Set its --advertise to an address that clients reach.");
                continue;
            }
            const std::string who = member != nullptr ? called(*member) : asked.url;
            add(Level::problem, member != nullptr ? "member-unreachable" : "endpoint-unreachable",
                who, asked.error,
                member != nullptr
                    ? "Start it, or mend the network to it. If its disk is lost: gavel member rm " +
                          called(*member) + ", then gaveld --join with an empty directory."
                    : "Take it out of --endpoint or GAVEL_ENDPOINTS, or start what is to be "
                      "there.");
        }
    }

    const KnownMember* whose(const std::string& url) const {
        for (const auto& member : best_->members) {
            if (same_place(member.client_address, url)) return &member;
        }
        return nullptr;
    }

    void contact() {
        for (const auto& member : best_->members) {
            if (member.id == best_->status.id || survey_.find(member.id) != nullptr) continue;
            if (!member.last_contact) {
                add(Level::problem, "never-heard-from", called(member),
                    called(*best_) + " never heard from it",
                    "If it is new, start it: gaveld --join. If it will not come: gavel member rm " +
                        called(member) + ".");
            } else if (member.client_address.empty()) {
                add(Level::problem, "member-unreachable", called(member),
                    "it was last heard from " + format_duration(*member.last_contact) +
                        " ago, and how clients reach it is not known",
                    "Start it, or mend the network to it.");
            }
        }
    }

    void lag() {
        for (const auto& member : best_->members) {
            if (member.id == best_->status.id || !member.lag || *member.lag <= lag_limit) continue;
            if (survey_.find(member.id) == nullptr) continue;  // It is said that it is away.
            add(Level::warning, "lagging", called(member),
                std::to_string(*member.lag) + " slots behind " + called(*best_),
                "It catches up by itself. If that number grows, look at its disk and network.");
        }
    }

    void one_member(const Asked& asked) {
        const auto& status = asked.status;
        const std::string who = called(asked);
        if (!status.ready) {
            add(Level::problem, "not-ready", who, "it does not serve",
                "Look at " + asked.url + "/readyz?verbose and at its log.");
        }
        if (status.log_bytes_max > 0 && status.log_bytes > status.log_bytes_max / 4 * 3) {
            add(Level::problem, "log-filling", who,
                "its log has " + size_text(status.log_bytes) + " of " +
                    size_text(status.log_bytes_max),
                "Look whether its disk keeps up; start it with a larger --log-map-size.");
        }
        if (status.state_bytes_max > 0 && status.state_bytes > status.state_bytes_max / 2) {
            add(Level::problem, "state-filling", who,
                "its state has " + size_text(status.state_bytes) + " of " +
                    size_text(status.state_bytes_max) + ", and a snapshot needs room beside it",
                "Start it with a larger --state-map-size, or delete keys.");
        }
        if (&asked == best_ && status.key_bytes > key_bytes_limit / 10 * 9) {
            add(Level::problem, "keys-filling", "",
                "keys and values have " + size_text(status.key_bytes) + " of " +
                    size_text(key_bytes_limit),
                "Delete keys: no more can be put soon.");
        }
    }

    // What is of the state, as a quota is, every member tells alike.
    void alarms() {
        std::map<std::string, std::string> who;
        for (const auto& asked : survey_.asked) {
            if (!asked.answered() || !is_first(asked)) continue;
            for (const auto& alarm : asked.status.alarms) {
                auto& members = who[alarm];
                members += (members.empty() ? "" : ", ") + called(asked);
            }
        }
        for (const auto& [alarm, members] : who) {
            add(Level::problem, "alarm", members, alarm,
                "Look for this alarm in docs/operating.md, and at the log.");
        }
    }

    void versions() {
        std::set<std::string> versions;
        for (const auto& asked : survey_.asked) {
            if (asked.answered()) versions.insert(asked.status.version);
        }
        if (versions.size() < 2) return;
        std::string all;
        for (const auto& version : versions) all += (all.empty() ? "" : ", ") + version;
        add(Level::warning, "versions-differ", "", "members run different versions: " + all,
            "Bring all to the newest, one after the other.");
    }

    void clocks() {
        const Asked* earliest = nullptr;
        const Asked* latest = nullptr;
        for (const auto& asked : survey_.asked) {
            if (!asked.answered() || !asked.clock_ahead) continue;
            if (earliest == nullptr || *asked.clock_ahead < *earliest->clock_ahead)
                earliest = &asked;
            if (latest == nullptr || *asked.clock_ahead > *latest->clock_ahead) latest = &asked;
        }
        if (earliest == nullptr) return;
        const auto apart = *latest->clock_ahead - *earliest->clock_ahead;
        const auto surely = apart - latest->clock_error - earliest->clock_error;
        if (surely <= clock_limit) return;
        add(Level::warning, "clocks-differ", called(*latest),
            "its clock is " + format_duration(apart) + " ahead of " + called(*earliest) + "'s",
            "Run NTP on all of them: a session may live longer by such a jump, and logs mislead.");
    }

    void endpoints() {
        const bool elsewhere = std::ranges::any_of(survey_.asked, [](const Asked& asked) {
            const auto endpoint = parse_endpoint(asked.url);
            return asked.given && endpoint && !is_loopback(*endpoint);
        });
        std::string missing;
        std::string all;
        for (const auto& member : best_->members) {
            const auto endpoint = parse_endpoint(member.client_address);
            if (member.client_address.empty() || !endpoint) continue;
            if (elsewhere && is_loopback(*endpoint)) {
                add(Level::warning, "advertises-loopback", called(member),
                    "it tells clients that it is at " + member.client_address,
                    "Set its --advertise to an address that clients on other machines reach.");
            }
            all += (all.empty() ? "" : ",") + member.client_address;
            const bool is_given = std::ranges::any_of(survey_.asked, [&](const Asked& asked) {
                const bool here = asked.answered() && asked.status.id == member.id &&
                                  asked.status.cluster == best_->status.cluster;
                return asked.given && (here || same_place(asked.url, member.client_address));
            });
            if (!is_given) missing += (missing.empty() ? "" : ", ") + called(member);
        }
        if (missing.empty()) return;
        add(Level::note, "endpoints-incomplete", missing,
            "not among your endpoints: when those that are fail, you have none",
            "export GAVEL_ENDPOINTS=" + all);
    }

    void changes() {
        if (best_->has_pending) {
            add(Level::note, "members-change", "",
                "a set of members is decided that does not govern yet",
                "It will, by itself: gavel member ls.");
        }
        for (const auto& member : best_->members) {
            if (!member.wants_vote || member.voter) continue;
            add(Level::note, "waits-for-vote", called(member),
                "a learner that gets a vote once it has caught up", "Wait: gavel member ls.");
        }
    }

    const Survey& survey_;
    const Asked* best_;
    std::vector<Finding> found_{};
};

}  // namespace

const char* to_string(Level level) {
    switch (level) {
        case Level::problem:
            return "problem";
        case Level::warning:
            return "warning";
        case Level::note:
            return "note";
    }
    return "";
}

Margin margin_of(const Survey& survey) {
    Margin margin;
    const Asked* best = survey.best();
    if (best == nullptr) return margin;
    for (const auto& member : best->members) {
        if (!member.voter) continue;
        ++margin.voters;
        const bool answers = survey.find(member.id) != nullptr;
        const bool heard = member.last_contact && *member.last_contact <= contact_limit;
        if (answers || heard || member.id == best->status.id) ++margin.alive;
    }
    margin.quorum = margin.voters / 2 + 1;
    return margin;
}

std::vector<Finding> diagnose(const Survey& survey) { return Doctor(survey).examine(); }

bool is_passing(const std::vector<Finding>& findings) {
    const std::set<std::string> passing{"no-leader", "no-leader-known", "leaders-differ"};
    return std::ranges::any_of(findings,
                               [&](const Finding& each) { return passing.contains(each.code); });
}

bool is_healthy(const std::vector<Finding>& findings) {
    return std::ranges::none_of(findings,
                                [](const Finding& each) { return each.level == Level::problem; });
}

}  // namespace gavel::cli
