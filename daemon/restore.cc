#include "daemon/restore.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "api/durations.h"
#include "daemon/complaint.h"
#include "daemon/recover_report.h"

namespace gavel::daemon {
namespace {

using nlohmann::json;

std::string time_of(const statemachine::Machine& state) {
    const auto time = state.globals().time;
    return time == 0 ? "none" : api::format_time(time);
}

std::string members_of(const statemachine::Machine& state) {
    return names_of(state.globals().epochs.front().members);
}

std::string advice(const RestoreReport& report) {
    return "A new cluster is made from it by adding\n\n    --make-cluster DIRECTORY --peer-address "
           "HOST:PORT --accept-loss " +
           report.backup.header.cluster_id +
           "\n\nand --above REVISION, if a revision or token above " + std::to_string(report.base) +
           " was ever given out.\n";
}

std::string made_text(const RestoreReport& report) {
    const auto& made = *report.made;
    const std::string folder = one_line(report.made_in.string());
    std::string text = "Made " + folder + ": member " + std::to_string(made.member) + " (" +
                       made.name + "), alone in cluster " + made.cluster_id +
                       ".\nEvery revision and token that it gives out is above " +
                       std::to_string(report.base) + ".\n\nWhat to do next\n";
    // The backup knows nothing of sessions that were made after it.
    const auto ttl = longest_ttl(report.backup.state);
    text +=
        "    - Wait until the longest TTL that anybody uses has passed since the old cluster "
        "answered\n      last: whoever was granted a lock after the backup counts on it that "
        "long. ";
    text += ttl > 0 ? "The longest\n      in the backup is " +
                          api::format_duration(std::chrono::milliseconds(ttl)) + ".\n"
                    : "The\n      backup has no session in it.\n";
    return text + "    - Start it:\n      gaveld --data-dir " + folder + " --peer-listen " +
           made.peer_address + " --listen HOST:PORT\n" +
           "    - Let others join it, each with an empty directory (gaveld --join).\n"
           "    - Start none of the old members again.\n";
}

}  // namespace

std::string text_of(const RestoreReport& report) {
    const auto& [file, backup, base, made, made_in] = report;
    const auto& state = backup.state;
    std::string text = one_line(file.string()) + "\n    made by    member " +
                       std::to_string(backup.header.member) + " (" + backup.header.name +
                       ")\n    cluster    " + backup.header.cluster_id + ", alpha " +
                       std::to_string(backup.header.alpha) + "\n    digest     " +
                       digest_text(backup.digest) + "\n    state      slot " +
                       std::to_string(state.applied()) + ", hash " + digest_text(backup.hash) +
                       ", last command of " + time_of(state) + "\n    members    " +
                       one_line(members_of(state)) + "\n\nKept\n    - " + keys_kept(state) +
                       "\nLost\n    - every command after slot " + std::to_string(state.applied()) +
                       ", acknowledged or not\n    - " + sessions_left_behind(state) + "\n\n";
    return text + (made ? made_text(report) : advice(report));
}

std::string json_of(const RestoreReport& report) {
    const auto& backup = report.backup;
    json whole{{"backup",
                {{"file", report.file.string()},
                 {"member_id", backup.header.member},
                 {"name", backup.header.name},
                 {"cluster_id", backup.header.cluster_id},
                 {"alpha", backup.header.alpha},
                 {"digest", digest_text(backup.digest)},
                 {"slot", backup.state.applied()},
                 {"hash", digest_text(backup.hash)},
                 {"time", time_of(backup.state)},
                 {"sessions", backup.state.sessions().size()},
                 {"keys", backup.state.key_count()}}},
               {"first_revision", report.base},
               {"longest_ttl_ms", nullptr}};
    // Of no session nothing is known, and not that there was none.
    if (const auto ttl = longest_ttl(backup.state); ttl > 0) whole["longest_ttl_ms"] = ttl;
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
