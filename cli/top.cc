#include "cli/top.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/invariant.h"
#include "cli/diagnosis.h"
#include "cli/render.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

std::optional<Rates> rates_between(const MemberStatus& before, const MemberStatus& now,
                                   std::chrono::milliseconds apart) {
    // Counters begin with the process.
    const bool anew = now.commits < before.commits || now.proposals < before.proposals ||
                      now.reads < before.reads;
    if (anew || apart.count() <= 0) return std::nullopt;
    const auto rate = [&](std::uint64_t from, std::uint64_t to) {
        return static_cast<double>(to - from) * 1000 / static_cast<double>(apart.count());
    };
    return Rates{.commits = rate(before.commits, now.commits),
                 .proposals = rate(before.proposals, now.proposals),
                 .reads = rate(before.reads, now.reads)};
}

TopRow row_of(const KnownMember& member, const Survey& before, const Survey& now,
              std::uint64_t furthest, std::chrono::milliseconds apart) {
    TopRow row{.id = member.id, .name = member.name, .role = "away"};
    const auto* asked = now.find(member.id);
    if (asked == nullptr) return row;
    row.answers = true;
    row.status = asked->status;
    row.role = asked->status.role;
    row.lag = furthest - std::min(furthest, asked->status.applied);
    if (const auto* earlier = before.find(member.id)) {
        row.rates = rates_between(earlier->status, asked->status, apart);
    }
    return row;
}

std::string share(std::uint64_t used, std::uint64_t most) {
    if (most == 0) return size_text(used);
    return size_text(used) + " (" + std::to_string(used * 100 / most) + "%)";
}

std::string rate(const std::optional<Rates>& rates, double Rates::*which) {
    return rates ? std::to_string(std::llround((*rates).*which)) : "-";
}

Table table_of(const TopView& view) {
    Table table({"MEMBER", "NAME", "ROLE", "APPLIED", "LAG", "COMMITS/S", "PROPOSALS/S", "READS/S",
                 "WATCHES", "WAITING", "LOG", "STATE"});
    for (const auto& row : view.rows) {
        const auto& status = row.status;
        if (!row.answers) {
            table.add({std::to_string(row.id), row.name, row.role});
            continue;
        }
        table.add({std::to_string(row.id), row.name, row.role, std::to_string(status.applied),
                   std::to_string(row.lag), rate(row.rates, &Rates::commits),
                   rate(row.rates, &Rates::proposals), rate(row.rates, &Rates::reads),
                   std::to_string(status.watches), std::to_string(status.waiting),
                   share(status.log_bytes, status.log_bytes_max),
                   share(status.state_bytes, status.state_bytes_max)});
    }
    return table;
}

}  // namespace

TopView view_of(const Survey& before, const Survey& now, std::chrono::milliseconds apart) {
    const Asked* best = now.best();
    invariant(best != nullptr, "somebody answered");
    const Margin margin = margin_of(now);
    TopView view{.cluster = best->status.cluster,
                 .epoch = best->status.epoch,
                 .voters = margin.voters,
                 .tolerated = margin.tolerated(),
                 .sessions = best->status.sessions,
                 .keys = best->status.keys,
                 .key_bytes = best->status.key_bytes};
    std::uint64_t furthest = 0;
    for (const auto& asked : now.asked) {
        if (!asked.answered()) {
            view.errors.push_back(asked.error);
        } else if (asked.status.cluster != view.cluster) {
            view.errors.push_back(asked.url + " belongs to cluster " + asked.status.cluster);
        } else {
            furthest = std::max(furthest, asked.status.applied);
        }
    }
    for (const auto& member : best->members) {
        if (member.id == best->status.leader) view.leader = member.name;
        view.rows.push_back(row_of(member, before, now, furthest, apart));
        const auto& row = view.rows.back();
        view.watches += row.status.watches;
        view.waiting += row.status.waiting;
        for (const auto& alarm : row.status.alarms) view.alarms.push_back(row.name + ": " + alarm);
    }
    return view;
}

Tone tone_of_line(const std::string& line) {
    if (line.starts_with("MEMBER ")) return Tone::heading;
    return line.starts_with("alarm: ") || line.starts_with("away: ") ? Tone::bad : Tone::plain;
}

std::vector<std::string> draw(const TopView& view, std::size_t columns, std::size_t lines) {
    std::vector<std::string> drawn;
    const std::string leads = view.leader.empty() ? "nobody leads" : view.leader + " leads";
    drawn.push_back(
        "cluster " + view.cluster + "  " + leads + "  epoch " + std::to_string(view.epoch) + "  " +
        std::to_string(view.voters) + (view.voters == 1 ? " voter, " : " voters, ") +
        (view.tolerated < 0 ? "no quorum" : std::to_string(view.tolerated) + " may be lost"));
    drawn.push_back(std::to_string(view.sessions) + " sessions  " + std::to_string(view.keys) +
                    " keys (" + size_text(view.key_bytes) + ")  " + std::to_string(view.watches) +
                    " watches  " + std::to_string(view.waiting) + " waiting for locks");
    drawn.emplace_back();
    std::ostringstream text;
    table_of(view).print(text, false);
    std::istringstream rows(text.str());
    for (std::string row; std::getline(rows, row);) drawn.push_back(row);
    if (!view.alarms.empty() || !view.errors.empty()) drawn.emplace_back();
    for (const auto& alarm : view.alarms) drawn.push_back("alarm: " + alarm);
    for (const auto& error : view.errors) drawn.push_back("away: " + error);

    if (lines != 0 && drawn.size() > lines) drawn.resize(lines);
    for (auto& line : drawn) {
        line = printable(line);
        if (columns != 0) line = shorten(line, columns);
    }
    return drawn;
}

}  // namespace gavel::cli
