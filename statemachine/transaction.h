#pragma once

#include "statemachine/commands.h"
#include "statemachine/keys.h"
#include "statemachine/locks.h"
#include "statemachine/sessions.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// Executes a transaction: decides which branch is done, tries it, and makes it of the keys whole or
// not at all.
class Transaction {
public:
    Transaction(Keys& keys, const Locks& locks, const Sessions& sessions)
        : keys_(keys), locks_(locks), sessions_(sessions) {}

    Outcome execute(Step& step, const Transact& command) const;

    // What the gets of a transaction that was executed before had found, as far as it is there
    // still: the values of those keys that nobody has changed since.
    std::vector<Ptr<KeyValue>> got_before(const Transact& command, const Transacted& outcome) const;

private:
    std::uint64_t bytes_to_look_through(const Compare& compare) const;
    bool holds(const Compare& compare) const;
    // Why the branch cannot be done; none: it was done, to `draft`.
    std::optional<Outcome> attempt(class Draft& draft, const std::vector<Operation>& branch,
                                   Step& step, Transacted& outcome) const;

    Keys& keys_;
    const Locks& locks_;
    const Sessions& sessions_;
};

}  // namespace gavel::statemachine
