#include "proto/ballot.h"
#include "proto/codec.h"
#include "proto/log.pb.h"
#include "proto/wire.h"

namespace gavel::proto {

std::string encode(const paxos::LogEntry& entry) {
    Scratch<schema::LogEntry> message;
    message->set_ballot(entry.proposal.ballot.number());
    message->set_chosen(entry.chosen);
    const std::string_view command = entry.proposal.value.command.view();
    message->set_command(command.data(), command.size());
    return serialized(*message);
}

Result<paxos::LogEntry> decode_log_entry(std::string_view bytes) {
    return decoded<schema::LogEntry, paxos::LogEntry>(
        bytes, [](schema::LogEntry& from, Check& check) -> paxos::LogEntry {
            check.that(from.ballot() != 0 || from.chosen());
            return {.proposal = {ballot_or_none(from.ballot(), check),
                                 {check.bytes(from.mutable_command(), command_bytes_max)}},
                    .chosen = from.chosen()};
        });
}

}  // namespace gavel::proto
