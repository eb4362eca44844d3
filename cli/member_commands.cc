#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/api_call.h"
#include "cli/commands.h"
#include "cli/endpoint.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/render.h"

namespace gavel::cli {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;

// A change is answered when the new set governs, or after ten seconds.
constexpr milliseconds attempt_limit{12'000};
constexpr milliseconds patience{35'000};

struct Terms {
    bool dry_run = false;
    bool force = false;
    std::optional<std::uint64_t> epoch{};
};

struct Newcomer {
    std::string name{};
    std::string peer_address{};
    std::string client_address{};
    bool voter = false;
};

std::string query_of(const Terms& terms) {
    std::string query;
    const auto add = [&query](const std::string& part) {
        query += (query.empty() ? "?" : "&") + part;
    };
    if (terms.dry_run) add("dry_run=true");
    if (terms.force) add("force=true");
    if (terms.epoch) add("epoch=" + std::to_string(*terms.epoch));
    return query;
}

std::string joined(const json& object, const char* list) {
    std::string text;
    for (const auto& id : object.value(list, json::array())) {
        text += (text.empty() ? "" : ", ") + id.dump();
    }
    return text;
}

bool is_true(const json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::string role_of(const json& member) {
    return text_of(member, "role") + (is_true(member, "wants_vote") ? ", to vote" : "");
}

// "member 4 (n4)"
std::string called(const json& member) {
    return "member " + text_of(member, "member_id") + " (" + text_of(member, "name") + ")";
}

// Lists.

int list_members(const Context& context) {
    Client client(context.endpoints);
    const auto answer = call_json(client, {.target = "/v1/members"});
    if (!answer) return context.fail(answer.error());
    const std::string leader = text_of(*answer, "leader_id");
    const Column role{"ROLE",
                      [&leader](const json& member) {
                          const bool leads = text_of(member, "member_id") == leader;
                          return role_of(member) + (leads ? ", leader" : "");
                      },
                      tone_of_role};
    print_list(context, answer->value("members", json::array()),
               {column("MEMBER", "member_id"), column("NAME", "name"), role,
                column("CLIENTS", "client_address"), column("PEERS", "peer_address"),
                column("APPLIED", "applied"), column("LAG", "lag"),
                column("LAST CONTACT", "last_contact"), column("VERSION", "version")},
               "name");
    if (context.format != Format::table) return exit_success;
    for (const auto& epoch : answer->value("pending", json::array())) {
        const std::string learners = joined(epoch, "learners");
        context.out << "epoch " << text_of(epoch, "epoch") << " governs from slot "
                    << text_of(epoch, "from_slot") << " on: voters " << joined(epoch, "voters")
                    << (learners.empty() ? "" : "; learners " + learners) << '\n';
    }
    return exit_success;
}

// Plans.

void print_plan(const Context& context, const json& plan) {
    const auto side = [&plan](const char* name) { return plan.value(name, json::object()); };
    const std::string verdict = text_of(plan, "verdict");
    const Tone tone = verdict == "safe" ? Tone::good : tone_of_level(verdict);
    context.out << painted(verdict, tone, context.color) << ": epoch " << text_of(plan, "epoch")
                << ", from slot " << text_of(plan, "from_slot") << " on at the earliest\n\n";
    Table sets({"", "VOTERS", "LIVE", "QUORUM", "FAULTS TOLERATED"});
    for (const char* name : {"before", "after"}) {
        const json set = side(name);
        sets.add({name, joined(set, "voters"), text_of(set, "live"), text_of(set, "quorum"),
                  text_of(set, "faults_tolerated")});
    }
    sets.print(context.out, context.color);
    context.out << '\n';
    const auto yes_or_no = [](const char* member) {
        return [member](const json& each) {
            return std::string(is_true(each, member) ? "yes" : "no");
        };
    };
    const auto tone_of_answer = [](const std::string& answer) {
        return answer == "no" ? Tone::warning : Tone::plain;
    };
    const Column id{"MEMBER", [](const json& member) {
                        const std::string text = text_of(member, "member_id");
                        return text.empty() ? "new" : text;
                    }};
    print_list(context, plan.value("members", json::array()),
               {id,
                column("NAME", "name"),
                {"ROLE", role_of},
                {"REACHABLE", yes_or_no("reachable"), tone_of_answer},
                {"CAUGHT UP", yes_or_no("caught_up"), tone_of_answer},
                column("LAG", "lag"),
                column("LAST CONTACT", "last_contact")},
               "name");
    const auto reasons = plan.value("reasons", json::array());
    if (!reasons.empty()) context.out << '\n';
    for (const auto& reason : reasons) {
        const std::string level = text_of(reason, "level");
        context.out << painted(level, tone_of_level(level), context.color) << ": "
                    << text_of(reason, "detail") << " (" << text_of(reason, "code") << ")\n";
    }
}

// What would not be done is an error, for scripts that ask first.
int show_plan(const Context& context, const json& plan, const Terms& terms) {
    const std::string verdict = text_of(plan, "verdict");
    if (context.format == Format::table) {
        print_plan(context, plan);
    } else if (context.format == Format::value) {
        context.out << verdict << '\n';
    } else {
        print_json(context, plan);
    }
    const bool would_be_done = verdict == "safe" || (verdict == "unsafe" && terms.force);
    return would_be_done ? exit_success : exit_error;
}

// Changes.

Result<json, Failure> ask(Client& client, Call call, const Terms& terms) {
    call.target += query_of(terms);
    call.needs_key = !terms.dry_run;
    call.attempt_limit = attempt_limit;
    call.patience = patience;
    return call_json(client, call);
}

int change(const Context& context, Client& client, Call call, const Terms& terms,
           const std::string& done) {
    const auto answer = ask(client, std::move(call), terms);
    if (!answer) return context.fail(answer.error());
    if (terms.dry_run) return show_plan(context, *answer, terms);
    if (context.format == Format::value) {
        context.out << text_of(*answer, "epoch") << '\n';
    } else if (context.format != Format::table) {
        print_json(context, *answer);
    } else if (is_true(*answer, "governs")) {
        context.out << done << ": epoch " << text_of(*answer, "epoch") << " governs\n";
    } else {
        context.out << done << ": epoch " << text_of(*answer, "epoch") << " will govern from slot "
                    << text_of(*answer, "from_slot") << " on\n";
    }
    return exit_success;
}

int add(const Context& context, const Newcomer& newcomer, const Terms& terms) {
    json body{{"name", newcomer.name},
              {"peer_address", newcomer.peer_address},
              {"role", newcomer.voter ? "voter" : "learner"}};
    if (!newcomer.client_address.empty()) body["client_address"] = newcomer.client_address;
    Client client(context.endpoints);
    const auto answer =
        ask(client, {.method = "POST", .target = "/v1/members", .body = body.dump()}, terms);
    if (!answer) return context.fail(answer.error());
    if (terms.dry_run) return show_plan(context, *answer, terms);
    if (context.format == Format::value) {
        context.out << text_of(*answer, "member_id") << '\n';
    } else if (context.format != Format::table) {
        print_json(context, *answer);
    } else {
        context.out << "added " << called(*answer) << ": " << role_of(*answer) << ", from slot "
                    << text_of(*answer, "from_slot") << " on\n";
    }
    return exit_success;
}

// Who is meant by digits, which are an id, or by a name.
struct Named {
    std::string id{};
    std::string called{};
};

Named find(const json& members, const std::string& text) {
    const bool is_id = text.find_first_not_of("0123456789") == std::string::npos;
    for (const auto& member : members) {
        if (text_of(member, is_id ? "member_id" : "name") == text) {
            return {text_of(member, "member_id"), called(member)};
        }
    }
    return {};
}

// Asks who is there. An id that is not among them goes to the cluster, which says so itself.
Result<std::vector<Named>, Failure> resolve(Client& client, const std::vector<std::string>& texts) {
    const auto answer = call_json(client, {.target = "/v1/members"});
    if (!answer) return answer.error();
    const json members = answer->value("members", json::array());
    std::vector<Named> named;
    for (const auto& text : texts) {
        named.push_back(find(members, text));
        if (!named.back().id.empty()) continue;
        if (text.find_first_not_of("0123456789") != std::string::npos) {
            return Failure{.code = "member-not-found", .detail = "no member is called " + text};
        }
        named.back() = {text, "member " + text};
    }
    return named;
}

// Of one member: its path is the member's with `tail`.
int change_one(const Context& context, const std::string& text, const Call& call,
               const Terms& terms, const std::string& verb) {
    Client client(context.endpoints);
    const auto named = resolve(client, {text});
    if (!named) return context.fail(named.error());
    Call complete = call;
    complete.target = "/v1/members/" + encode_path(named->at(0).id) + call.target;
    return change(context, client, std::move(complete), terms, verb + ' ' + named->at(0).called);
}

int replace(const Context& context, const std::vector<std::string>& texts, const Terms& terms) {
    Client client(context.endpoints);
    const auto named = resolve(client, texts);
    if (!named) return context.fail(named.error());
    std::string ids;
    std::string shown;
    for (const auto& each : *named) {
        ids += (ids.empty() ? "" : ",") + each.id;
        shown += (shown.empty() ? "" : ", ") + each.id;
    }
    return change(context, client,
                  {.method = "PUT", .target = "/v1/members", .body = "{\"voters\":[" + ids + "]}"},
                  terms, "made " + shown + " the voters");
}

int transfer(const Context& context, const std::string& text, bool force) {
    Client client(context.endpoints);
    nlohmann::json body = json::object();
    std::string who;
    if (!text.empty()) {
        const auto named = resolve(client, {text});
        if (!named) return context.fail(named.error());
        std::uint16_t id = 0;
        const auto& digits = named->at(0).id;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
        if (error != std::errc{} || id == 0) {
            return context.fail({.code = "member-not-found", .detail = "no member is " + digits});
        }
        body["member_id"] = id;
        who = named->at(0).called;
    } else {
        // By its name, so that a repeat does not depose the one that took over.
        const auto answer = call_json(client, {.target = "/v1/members"});
        if (!answer) return context.fail(answer.error());
        const auto leader = answer->value("leader_id", 0);
        if (leader != 0) body["instead_of"] = leader;
    }
    const auto answer = call_json(client, {.method = "POST",
                                           .target = force ? "/v1/leader?force=true" : "/v1/leader",
                                           .body = body.dump(),
                                           .attempt_limit = attempt_limit,
                                           .patience = attempt_limit});
    if (!answer) return context.fail(answer.error());
    const std::string leader = text_of(*answer, "leader_id");
    if (context.format == Format::value) {
        context.out << leader << '\n';
    } else if (context.format != Format::table) {
        print_json(context, *answer);
    } else {
        context.out << (who.empty() ? "member " + leader : who) << " leads\n";
    }
    return exit_success;
}

std::string not_empty(const std::string& text) {
    return text.empty() ? "a member is named by its id or its name" : "";
}

void add_terms(CLI::App& command, Terms& terms) {
    command.add_flag("--dry-run", terms.dry_run, "Show what it would do, and do nothing");
    command.add_flag("--force", terms.force, "Do it even where that is unsafe");
    add_number(command, "--epoch", terms.epoch, "Only if this is still the newest epoch", 1);
}

void add_add(CLI::App& group, Action& action) {
    auto newcomer = std::make_shared<Newcomer>();
    auto terms = std::make_shared<Terms>();
    auto* command = group.add_subcommand("add", "Add a member, as a learner");
    command->add_option("NAME", newcomer->name, "Its name")->required();
    command
        ->add_option("--peer-address", newcomer->peer_address,
                     "HOST:PORT, where the members reach it")
        ->required();
    command->add_option("--client-address", newcomer->client_address,
                        "Where clients will reach it; only checked");
    command->add_flag("--voter", newcomer->voter, "Give it a vote once it has caught up");
    add_terms(*command, *terms);
    command->callback([&action, newcomer, terms] {
        action = [newcomer, terms](Context& context) { return add(context, *newcomer, *terms); };
    });
}

void add_change(CLI::App& group, Action& action, const std::string& name, const std::string& help,
                const Call& call, const std::string& verb) {
    auto member = std::make_shared<std::string>();
    auto terms = std::make_shared<Terms>();
    auto* command = group.add_subcommand(name, help);
    command->add_option("MEMBER", *member, "Its id or its name")->required()->check(not_empty);
    add_terms(*command, *terms);
    command->callback([&action, member, terms, call, verb] {
        action = [member, terms, call, verb](Context& context) {
            return change_one(context, *member, call, *terms, verb);
        };
    });
}

void add_replace(CLI::App& group, Action& action) {
    auto voters = std::make_shared<std::vector<std::string>>();
    auto terms = std::make_shared<Terms>();
    auto* command =
        group.add_subcommand("replace", "Make these the voters; other voters are removed");
    command->add_option("MEMBERS", *voters, "Their ids or names: 1,2,4")
        ->required()
        ->delimiter(',')
        ->check(not_empty);
    add_terms(*command, *terms);
    command->callback([&action, voters, terms] {
        action = [voters, terms](Context& context) { return replace(context, *voters, *terms); };
    });
}

void add_transfer(CLI::App& group, Action& action) {
    auto member = std::make_shared<std::string>();
    auto force = std::make_shared<bool>(false);
    auto* command = group.add_subcommand("transfer", "Let another voter lead");
    command
        ->add_option("MEMBER", *member,
                     "Its id or its name (the one that is furthest among the others)")
        ->check(not_empty);
    command->add_flag("--force", *force, "Even to one that is away or has not caught up");
    command->callback([&action, member, force] {
        action = [member, force](Context& context) { return transfer(context, *member, *force); };
    });
}

}  // namespace

void add_member_commands(CLI::App& app, Action& action) {
    auto* group = app.add_subcommand("member", "Look at the members of the cluster, change them");
    group->require_subcommand(1);
    group->add_subcommand("ls", "List the members")->callback([&action] { action = list_members; });
    add_add(*group, action);
    add_change(*group, action, "promote", "Give a learner that has caught up a vote",
               {.method = "POST", .target = "/promote"}, "promoted");
    add_change(*group, action, "demote", "Make a voter a learner",
               {.method = "POST", .target = "/demote"}, "demoted");
    add_change(*group, action, "rm", "Remove a member", {.method = "DELETE"}, "removed");
    add_replace(*group, action);

    auto* leader = app.add_subcommand("leader", "Choose who leads the cluster");
    leader->require_subcommand(1);
    add_transfer(*leader, action);
}

}  // namespace gavel::cli
