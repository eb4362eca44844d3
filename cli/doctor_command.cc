#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/diagnosis.h"
#include "cli/exit_code.h"
#include "cli/render.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds patience{3000};
// An election has ended by then, if it can.
constexpr milliseconds passing{1500};
constexpr int exit_problems = 1;

// "3 members, n1 leads, 1 of 3 voters may be lost"
std::string summary(const Survey& survey) {
    const Asked& best = *survey.best();
    const Margin margin = margin_of(survey);
    std::string leader = "nobody leads";
    for (const auto& member : best.members) {
        if (member.id == best.status.leader) leader = member.name + " leads";
    }
    const auto members = best.members.size();
    return std::to_string(members) + (members == 1 ? " member, " : " members, ") + leader + ", " +
           std::to_string(std::max(margin.tolerated(), 0L)) + " of " +
           std::to_string(margin.voters) + (margin.voters == 1 ? " voter" : " voters") +
           " may be lost";
}

void print_for_people(const Context& context, const Survey& survey,
                      const std::vector<Finding>& findings) {
    for (const auto& finding : findings) {
        const std::string who = finding.who.empty() ? "" : finding.who + ": ";
        const std::string level = to_string(finding.level);
        context.out << painted(level, tone_of_level(level), context.color) << ": "
                    << printable(who + finding.what + " (" + finding.code + ")") << "\n    "
                    << printable(finding.advice) << '\n';
    }
    const bool healthy = is_healthy(findings);
    context.out << (findings.empty() ? "" : "\n")
                << painted(healthy ? "healthy" : "not healthy", healthy ? Tone::good : Tone::bad,
                           context.color)
                << ": " << printable(summary(survey)) << '\n';
}

nlohmann::json to_json(const Finding& finding) {
    return {{"level", to_string(finding.level)},
            {"code", finding.code},
            {"who", finding.who},
            {"what", finding.what},
            {"advice", finding.advice}};
}

nlohmann::json to_json(const Asked& asked) {
    nlohmann::json document{{"url", asked.url}, {"given", asked.given}};
    document["member_id"] = nullptr;
    document["error"] = nullptr;
    if (asked.answered()) {
        document["member_id"] = asked.status.id;
    } else {
        document["error"] = asked.error;
    }
    return document;
}

void print(const Context& context, const Survey& survey, const std::vector<Finding>& findings) {
    auto all = nlohmann::json::array();
    for (const auto& finding : findings) all.push_back(to_json(finding));
    const Margin margin = margin_of(survey);
    nlohmann::json document{
        {"healthy", is_healthy(findings)}, {"cluster_id", survey.best()->status.cluster},
        {"voters", margin.voters},         {"alive", margin.alive},
        {"quorum", margin.quorum},         {"tolerated", margin.tolerated()}};
    switch (context.format) {
        case Format::table:
            return print_for_people(context, survey, findings);
        case Format::value:
            for (const auto& finding : findings) context.out << finding.code << '\n';
            if (findings.empty()) context.out << "healthy\n";
            return;
        case Format::jsonl:
            print_json(context, document);
            for (const auto& finding : all) print_json(context, finding);
            return;
        case Format::json:
            document["asked"] = nlohmann::json::array();
            for (const auto& asked : survey.asked) document["asked"].push_back(to_json(asked));
            document["findings"] = all;
            return print_json(context, document);
    }
}

int doctor(const Context& context) {
    Survey survey = take_survey(context.endpoints, patience);
    if (survey.best() == nullptr) {
        for (const auto& asked : survey.asked) context.fail(asked.error);
        return context.fail("no member answers; is one running there? (gaveld, gavel playground)");
    }
    auto findings = diagnose(survey);
    if (is_passing(findings)) {
        Client(context.endpoints).pause(passing);
        Survey later = take_survey(context.endpoints, patience);
        if (later.best() != nullptr) {
            survey = std::move(later);
            findings = diagnose(survey);
        }
    }
    print(context, survey, findings);
    return is_healthy(findings) ? exit_success : exit_problems;
}

}  // namespace

void add_doctor_command(CLI::App& app, Action& action) {
    auto* command =
        app.add_subcommand("doctor", "Find out what is wrong with the cluster, and what to do");
    command->footer("Exit code: 0 healthy, 1 with problems, 125 when no member answers.");
    command->callback([&action] { action = doctor; });
}

}  // namespace gavel::cli
