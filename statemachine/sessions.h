#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// The sessions there are. What they hold and wait for is with Locks.
class Sessions {
public:
    explicit Sessions(const Limits& limits) : limits_(limits) {}

    Outcome open(Step& step, const OpenSession& command);
    bool has_room() const { return sessions_.size() < limits_.sessions; }
    void close(Step& step, SessionId id);

    void load(Ptr<Session> session);

    bool contains(SessionId id) const { return sessions_.contains(id); }
    Ptr<Session> find(SessionId id) const;
    const std::map<SessionId, Ptr<Session>>& all() const { return sessions_; }
    void append_rows(std::vector<Row>& rows) const;

private:
    const Limits& limits_;
    std::map<SessionId, Ptr<Session>> sessions_;
};

}  // namespace gavel::statemachine
