#include "daemon/recover_report.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/durations.h"
#include "daemon/complaint.h"
#include "statemachine/refounding.h"

namespace gavel::daemon {
namespace {

using nlohmann::json;
using paxos::Slot;
using statemachine::Epoch;
using statemachine::Member;
using statemachine::Role;

std::string hex(std::uint64_t number) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
    return text.data();
}

std::string counted(std::uint64_t count, const std::string& one) {
    return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string slots(Slot first, Slot last) {
    if (first == last) return "slot " + std::to_string(first.number);
    return "slots " + std::to_string(first.number) + " to " + std::to_string(last.number);
}

std::string time_of(const statemachine::Globals& globals) {
    return globals.time == 0 ? "none" : api::format_time(globals.time);
}

std::string duration(statemachine::DurationMs ms) {
    return api::format_duration(std::chrono::milliseconds(ms));
}

const char* to_string(Role role) { return role == Role::voter ? "voter" : "learner"; }

Slot highest_accepted(const Witness& witness) {
    const auto& log = witness.log.durable.log;
    return log.empty() ? witness.applied() : log.rbegin()->first;
}

// ---- One directory, to people -------------------------------------------------------------------

std::string line(const char* name, const std::string& what) {
    std::string text("    ");
    text += name;
    text.resize(std::max<std::size_t>(text.size() + 1, 15), ' ');
    return text + one_line(what) + "\n";
}

std::string text_of(const Epoch& epoch) {
    std::string text = "epoch " + std::to_string(epoch.number) + ", from slot " +
                       std::to_string(epoch.first_slot) + " on:";
    for (const Member& member : epoch.members) {
        text += (&member == &epoch.members.front() ? " " : ", ") + std::to_string(member.id) +
                " (" + member.name + " at " + member.peer_address +
                (member.role == Role::voter ? ")" : ", learner)");
    }
    return text;
}

std::string state_text(const Witness& witness) {
    if (!witness.state_trouble.empty())
        return line("state", "unreadable: " + witness.state_trouble);
    std::string text =
        line("state", "slot " + std::to_string(witness.applied().number) + ", hash " +
                          hex(witness.hash) + ", last command of " + time_of(witness.globals));
    for (const Epoch& epoch : witness.globals.epochs) text += line("members", text_of(epoch));
    return text;
}

std::string log_text(const Witness& witness) {
    if (!witness.log_trouble.empty()) return line("log", "unreadable: " + witness.log_trouble);
    const auto& durable = witness.log.durable;
    const auto& ballot = durable.promised;
    const Slot accepted = highest_accepted(witness);
    std::string text =
        line("promised", "ballot " + std::to_string(ballot.number()) + " (round " +
                             std::to_string(ballot.round) + " of member " +
                             std::to_string(ballot.member.number) + ")") +
        line("chosen", "known up to slot " + std::to_string(durable.chosen_prefix.number)) +
        line("accepted", accepted > durable.chosen_prefix
                             ? "up to slot " + std::to_string(accepted.number) +
                                   ", above what is known to be chosen"
                             : "nothing above what is known to be chosen") +
        line("log", "cut up to slot " + std::to_string(durable.cut.number));
    if (!durable.faulty.empty()) {
        text +=
            line("damaged", counted(durable.faulty.size(), "place") + " in the log, from slot " +
                                std::to_string(durable.faulty.begin()->number) + " on");
    }
    return text;
}

std::string starts_text(const Witness& witness) {
    if (witness.can_start()) return line("can start", "yes");
    std::string why = "what is unreadable";
    if (witness.log.marks.retired) {
        why = "it was removed from its cluster at slot " +
              std::to_string(witness.log.marks.retired->number);
    }
    if (witness.log.marks.set_back) {
        why = "it was set back in time, and lacks some of what the member accepted";
    }
    if (witness.log.marks.diverged) {
        why = "its state was not that of the others at slot " +
              std::to_string(witness.log.marks.diverged->number) + "; it is not gone on from";
    }
    return line("can start", "no: " + why);
}

std::string text_of(const Witness& witness) {
    std::string text = one_line(witness.folder.string()) + "\n";
    if (!witness.trouble.empty()) return text + line("unreadable", witness.trouble);
    const auto& identity = witness.identity;
    text += line("member", std::to_string(identity.member) + " (" + identity.name + "), started " +
                               counted(witness.log.marks.boot, "time"));
    text += line("cluster", identity.cluster_id + ", alpha " + std::to_string(identity.alpha));
    return text + state_text(witness) + log_text(witness) + starts_text(witness);
}

// ---- All of them --------------------------------------------------------------------------------

std::string sentences(const char* title, const std::vector<std::string>& list) {
    std::string text = std::string(title) + "\n";
    for (const auto& sentence : list) text += "    - " + one_line(sentence) + "\n";
    return text;
}

std::string verdict_text(const Report& report, const Recovery& recovery) {
    if (recovery.could_go_on) {
        return "No recovery is needed: these members are a majority. Start each with its own "
               "directory.\n";
    }
    const auto& best = report.witnesses[recovery.best];
    return "A majority is missing. Not here, or not able to start: " +
           one_line(names_of(recovery.lost)) +
           ".\nIf they are lost for good, a new cluster is made by adding\n\n    --make-cluster "
           "DIRECTORY --peer-address HOST:PORT --accept-loss " +
           best.identity.cluster_id + "\n";
}

std::string made_text(const Report& report, const Recovery& recovery) {
    const auto& made = *report.made;
    const std::string folder = one_line(report.made_in.string());
    std::string text = "Made " + folder + ": member " + std::to_string(made.member) + " (" +
                       made.name + "), alone in cluster " + made.cluster_id +
                       ".\nEvery revision and token that it gives out is above " +
                       std::to_string(recovery.base) + ".\n\nWhat to do next\n";
    const auto ttl = longest_ttl(recovery.state);
    if (ttl > 0) {
        text += "    - Wait until " + duration(ttl) +
                " have passed since the old cluster answered last. That is the longest TTL\n"
                "      that is known: whoever was granted a lock by those who are lost counts on "
                "it that long.\n      What was held as far as is known is kept from others by "
                "itself.\n";
    }
    text += "    - Start it:\n      gaveld --data-dir " + folder + " --peer-listen " +
            made.peer_address + " --listen HOST:PORT\n" +
            "    - Let others join it, each with an empty directory (gaveld --join).\n"
            "    - Start none of the old members again. Keep their directories until all is "
            "well.\n";
    return text;
}

// ---- To programs --------------------------------------------------------------------------------

json json_of(const Epoch& epoch) {
    json members = json::array();
    for (const Member& member : epoch.members) {
        members.push_back({{"member_id", member.id},
                           {"name", member.name},
                           {"peer_address", member.peer_address},
                           {"role", to_string(member.role)}});
    }
    return {{"epoch", epoch.number}, {"from_slot", epoch.first_slot}, {"members", members}};
}

json json_of(const Witness& witness) {
    json told{{"directory", witness.folder.string()},
              {"readable", witness.trouble.empty()},
              {"can_start", witness.can_start()}};
    if (!witness.trouble.empty()) {
        told["trouble"] = witness.trouble;
        return told;
    }
    told.update({{"member_id", witness.identity.member},
                 {"name", witness.identity.name},
                 {"cluster_id", witness.identity.cluster_id},
                 {"alpha", witness.identity.alpha}});
    if (witness.state_trouble.empty()) {
        json epochs = json::array();
        for (const Epoch& epoch : witness.globals.epochs) epochs.push_back(json_of(epoch));
        told["state"] = {{"slot", witness.applied().number},
                         {"hash", hex(witness.hash)},
                         {"time", time_of(witness.globals)},
                         {"epochs", epochs}};
    } else {
        told["state_trouble"] = witness.state_trouble;
    }
    if (witness.log_trouble.empty()) {
        const auto& durable = witness.log.durable;
        told["log"] = {{"boot", witness.log.marks.boot},
                       {"promised", durable.promised.number()},
                       {"chosen", durable.chosen_prefix.number},
                       {"accepted", highest_accepted(witness).number},
                       {"cut", durable.cut.number},
                       {"damaged", durable.faulty.size()}};
        if (witness.log.marks.retired) told["retired_at"] = witness.log.marks.retired->number;
        if (witness.log.marks.diverged) told["diverged_at"] = witness.log.marks.diverged->number;
        if (witness.log.marks.set_back) told["set_back_at_start"] = *witness.log.marks.set_back;
    } else {
        told["log_trouble"] = witness.log_trouble;
    }
    return told;
}

json json_of(const Recovery& recovery, const Report& report) {
    const CarriedOver& carried = recovery.carried;
    const Balance balance = balance_of(recovery);
    json lost = json::array();
    for (const Member& member : recovery.lost) lost.push_back(member.id);
    return {{"best", report.witnesses[recovery.best].folder.string()},
            {"needed", !recovery.could_go_on},
            {"cluster_id", report.witnesses[recovery.best].identity.cluster_id},
            {"chosen", carried.sure.number},
            {"last", carried.last.number},
            {"unsure", carried.unsure},
            {"filled", carried.filled},
            {"left", carried.left.size()},
            {"time", time_of(recovery.state.globals())},
            {"nothing_chosen_is_lost", recovery.nothing_chosen_is_lost},
            {"lost_members", lost},
            {"first_revision", recovery.base},
            {"longest_ttl_ms", longest_ttl(recovery.state)},
            {"kept", balance.kept},
            {"lost", balance.lost}};
}

}  // namespace

std::string names_of(const std::vector<Member>& members) {
    std::string text;
    for (const Member& member : members) {
        text += (text.empty() ? "" : ", ") + std::to_string(member.id) + " (" + member.name + ")";
    }
    return text;
}

statemachine::DurationMs longest_ttl(const statemachine::Machine& state) {
    statemachine::DurationMs longest = 0;
    for (const auto& [id, session] : state.sessions()) longest = std::max(longest, session->ttl);
    return longest;
}

std::string keys_kept(const statemachine::Machine& state) {
    return counted(state.key_count() - statemachine::left_behind(state).keys, "key");
}

std::string sessions_left_behind(const statemachine::Machine& state) {
    const auto left = statemachine::left_behind(state);
    return counted(left.sessions, "session") + ", " + counted(left.locks, "held lock") + ", " +
           counted(left.places, "place") + " in queues, " + counted(left.keys, "ephemeral key") +
           ": every session lapses, and no token that was given out before is live again";
}

Balance balance_of(const Recovery& recovery) {
    const CarriedOver& carried = recovery.carried;
    const auto& state = recovery.state;
    Balance balance;
    auto& [kept, lost] = balance;
    kept.push_back("every command up to slot " + std::to_string(carried.sure.number) +
                   ", all of which are known to be chosen");
    if (carried.unsure > 0) {
        kept.push_back(counted(carried.unsure, "command") + " in " +
                       slots(carried.sure.next(), carried.last) +
                       ", accepted but not known to be chosen: clients may have been told that "
                       "they are done. One that was answered outcome-unknown is done now");
    }
    kept.push_back(keys_kept(state));

    if (recovery.nothing_chosen_is_lost) {
        lost.emplace_back(
            "nothing that was acknowledged: every majority has one of these directories in it");
    } else if (!recovery.lost.empty()) {
        lost.push_back("what only " + names_of(recovery.lost) + " knew: commands after slot " +
                       std::to_string(carried.last.number) +
                       " that were acknowledged. Nothing here tells how many; the last one that "
                       "is known is of " +
                       time_of(state.globals()));
    }
    lost.push_back(sessions_left_behind(state));
    if (carried.known_chosen > carried.last) {
        lost.push_back(slots(carried.last.next(), carried.known_chosen) +
                       ": they were chosen, but no directory has all of them");
    }
    if (!carried.left.empty()) {
        lost.push_back(
            counted(carried.left.size(), "command") + " in " +
            slots(carried.left.front(), carried.left.back()) + ": of slot " +
            std::to_string(carried.last.next().number) +
            " before them nothing certain is known. With --fill-gaps they are executed all the "
            "same, if fewer slots than alpha are missing");
    }
    if (carried.filled > 0) {
        lost.push_back(counted(carried.filled, "slot") +
                       " of which nothing is known, and which something follows: left empty");
    }
    if (!carried.damaged.empty()) {
        lost.push_back(counted(carried.damaged.size(), "place") +
                       " in the logs that cannot be read, from slot " +
                       std::to_string(carried.damaged.begin()->number) +
                       " on: they may have been chosen. Without their directory what others have "
                       "there would be taken for it, and might not be it");
    }
    return balance;
}

std::string text_of(const Report& report) {
    std::string text;
    for (const Witness& witness : report.witnesses) text += text_of(witness) + "\n";
    if (!report.recovery) return text;
    const Recovery& recovery = *report.recovery;
    const Balance balance = balance_of(recovery);
    text += "The best is " + one_line(report.witnesses[recovery.best].folder.string()) +
            ". With what the logs have beyond its state it leads to slot " +
            std::to_string(recovery.carried.last.number) + ".\n\n";
    text += sentences("Kept", balance.kept) + sentences("Lost", balance.lost) + "\n";
    return text + (report.made ? made_text(report, recovery) : verdict_text(report, recovery));
}

std::string json_of(const Report& report) {
    json whole{{"directories", json::array()}};
    for (const Witness& witness : report.witnesses) {
        whole["directories"].push_back(json_of(witness));
    }
    if (report.recovery) {
        whole["recovery"] = json_of(*report.recovery, report);
    } else {
        whole["error"] = report.recovery.error().what;
    }
    if (report.made) {
        whole["made"] = {{"directory", report.made_in.string()},
                         {"cluster_id", report.made->cluster_id},
                         {"member_id", report.made->member},
                         {"name", report.made->name},
                         {"peer_address", report.made->peer_address}};
    }
    return whole.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace gavel::daemon
