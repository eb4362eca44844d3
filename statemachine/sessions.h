#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/quotas.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// The sessions there are. What they hold and wait for is with Locks.
//
// One that has ended is no session any more to whoever asks. While something that it held is still
// to be freed it is kept aside.
class Sessions {
public:
    Sessions(const Limits& limits, const Quotas& quotas) : limits_(limits), quotas_(quotas) {}

    Outcome open(Step& step, const OpenSession& command);
    // It ends here. What it held is still its own until it is freed; then close() forgets it.
    void end(Step& step, SessionId id, ReleaseReason reason);
    std::optional<Outcome> forbids_another(const Step& step) const;
    void close(Step& step, SessionId id);

    void load(Ptr<Session> session);

    bool contains(SessionId id) const { return sessions_.contains(id); }
    Ptr<Session> find(SessionId id) const;
    const std::map<SessionId, Ptr<Session>>& all() const { return sessions_; }
    Ptr<Session> find_ending(SessionId id) const;
    const std::map<SessionId, Ptr<Session>>& ending() const { return ending_; }
    // It lives, or it is ending: something may be its own.
    bool may_own(SessionId id) const { return contains(id) || ending_.contains(id); }
    void append_rows(std::vector<Row>& rows) const;

private:
    const Limits& limits_;
    const Quotas& quotas_;
    std::map<SessionId, Ptr<Session>> sessions_;
    std::map<SessionId, Ptr<Session>> ending_;
};

}  // namespace gavel::statemachine
