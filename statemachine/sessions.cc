#include "statemachine/sessions.h"

#include <utility>

#include "base/invariant.h"
#include "statemachine/row_hash.h"

namespace gavel::statemachine {

std::optional<Outcome> Sessions::forbids_another(const Step& step) const {
    if (step.spares_room) return StorageFull{};
    // One that is ending has its room still.
    const std::size_t present = sessions_.size() + ending_.size();
    if (present >= limits_.sessions) return LimitReached{LimitReached::What::sessions};
    if (auto no = quotas_.forbids_session(present)) return *std::move(no);
    return std::nullopt;
}

Outcome Sessions::open(Step& step, const OpenSession& command) {
    if (auto no = forbids_another(step)) return *std::move(no);

    const SessionId id = step.revision;
    auto session =
        std::make_shared<const Session>(Session{.id = id,
                                                .name = command.name,
                                                .ttl = command.ttl,
                                                .lock_delay = command.lock_delay,
                                                .metadata = command.metadata,
                                                .created_at = step.time,
                                                .ends_with_locks = command.ends_with_locks});
    step.rows.put(session_row(id), session);
    sessions_.emplace_hint(sessions_.end(), id, std::move(session));
    return SessionOpened{id};
}

void Sessions::end(Step& step, SessionId id, ReleaseReason reason) {
    const auto at = sessions_.find(id);
    invariant(at != sessions_.end(), "only a session that lives is ended");
    RowKey row = session_row(id);
    const std::uint64_t replaced = row_hash(row, at->second);
    Session session = *at->second;
    session.ending = reason;
    sessions_.erase(at);
    const auto ended = std::make_shared<const Session>(std::move(session));
    ending_.emplace(id, ended);
    step.rows.put(std::move(row), ended, replaced);
}

void Sessions::close(Step& step, SessionId id) {
    const auto at = ending_.find(id);
    invariant(at != ending_.end(), "only a session that has ended is forgotten");
    RowKey row = session_row(id);
    const std::uint64_t hash = row_hash(row, at->second);
    step.rows.erase(std::move(row), hash);
    ending_.erase(at);
}

void Sessions::load(Ptr<Session> session) {
    auto& sessions = session->ending ? ending_ : sessions_;
    const SessionId id = session->id;
    sessions.emplace_hint(sessions.end(), id, std::move(session));
}

Ptr<Session> Sessions::find(SessionId id) const {
    const auto at = sessions_.find(id);
    return at == sessions_.end() ? nullptr : at->second;
}

Ptr<Session> Sessions::find_ending(SessionId id) const {
    const auto at = ending_.find(id);
    return at == ending_.end() ? nullptr : at->second;
}

void Sessions::append_rows(std::vector<Row>& rows) const {
    for (const auto& [id, session] : sessions_) rows.push_back({session_row(id), session});
    for (const auto& [id, session] : ending_) rows.push_back({session_row(id), session});
}

}  // namespace gavel::statemachine
