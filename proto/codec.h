#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "paxos/records.h"
#include "proto/peer_message.h"
#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/state.h"

// Between the rooms' own types and the bytes on the wire and in the log. Every decode checks its
// input wholly (unknown alternative, missing field, number out of range, text too long) and gives
// an error for anything that it would not itself have encoded; it never halts.
namespace gavel::proto {

// What the bytes mean can change only with this number: it is in the handshake and on the disk.
inline constexpr std::uint64_t format_level = 1;

// The largest command that is decoded: a value of the largest size and what goes with it.
inline constexpr std::size_t command_bytes_max = statemachine::value_bytes_max + (64 << 10);

std::string encode(const statemachine::Entry& entry);
Result<statemachine::Entry> decode_entry(std::string_view bytes);
// What the leader says, set without decoding the rest: its stamp, and whether room is spared. An
// entry that spares room already is not given here.
std::string with_stamp(std::string_view entry, statemachine::TimeMs stamp,
                       bool spares_room = false);

std::string encode(const PeerMessage& message);
Result<PeerMessage> decode_peer_message(std::string_view bytes);
std::string encode(const Hello& hello);
Result<Hello> decode_hello(std::string_view bytes);
std::string encode(const Farewell& farewell);
Result<Farewell> decode_farewell(std::string_view bytes);

std::string encode(const paxos::LogEntry& entry);
Result<paxos::LogEntry> decode_log_entry(std::string_view bytes);

// The value of a row that is present.
std::string encode(const statemachine::RowValue& value);
Result<statemachine::RowValue> decode_row(statemachine::Table table, std::string_view bytes);
std::string encode(const statemachine::Globals& globals);
Result<statemachine::Globals> decode_globals(std::string_view bytes);

}  // namespace gavel::proto
