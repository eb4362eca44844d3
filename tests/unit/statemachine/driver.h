#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "statemachine/machine.h"

namespace gavel::statemachine {

// Drives a machine slot by slot, as a member does: checks its invariants after each command, and
// stores the changed rows as storage would, so that the state can be restored at any point.
class Driver {
public:
    explicit Driver(Limits limits = {});

    Applied run(const Entry& entry);
    Applied run(Command command);
    Outcome outcome(Command command) { return run(std::move(command)).outcome; }
    void noop();

    // Shorthands. They expect success.
    SessionId open(DurationMs lock_delay = 0);
    Token lock(const std::string& name, SessionId session);
    Revision queue(const std::string& name, SessionId session);
    Token share(const std::string& name, SessionId session, std::uint64_t limit = 0);
    Revision queue_shared(const std::string& name, SessionId session, std::uint64_t limit = 0);
    Revision put(const std::string& key, const std::string& value);

    void pass(DurationMs duration) { now_ += duration; }
    TimeMs now() const { return now_; }
    Revision next_slot() const { return machine_.applied() + 1; }

    Machine& machine() { return machine_; }
    const Machine& machine() const { return machine_; }
    // A second machine, made of the stored rows and the globals only.
    Machine restored() const { return restored(machine_.limits()); }
    Machine restored(const Limits& limits) const;
    void restart() { machine_ = restored(); }
    const std::map<RowKey, RowValue>& stored() const { return stored_; }

private:
    Machine machine_;
    TimeMs now_{1'700'000'000'000};
    std::map<RowKey, RowValue> stored_;
};

// A put of a few letters, to be changed further by the test.
Entry put_entry(const std::string& key, const std::string& value);

// The events of a command, written in one line each: "0 released deploy s1 t5", "1! put a".
std::vector<std::string> lines(const std::vector<Event>& events);

}  // namespace gavel::statemachine
