#pragma once

#include <optional>
#include <string>

#include "cli/lease.h"

namespace gavel::cli {

// What is to be told of the session that a lock rests on, while its keep-alives stay out and the
// lock is not lost yet: Chubby's jeopardy (Burrows 2006, section 2.8). One sentence when it begins,
// one when it is over, for a person who could still do something.
//
// Pure: owned by the supervisor, which says what comes out and looks again when it is due.
class Jeopardy {
public:
    Jeopardy(std::string lock, std::string session, OnLost on_lost);

    // What to say now, while the lock is held. `trouble`: why the last keep-alive failed, if it
    // did.
    std::optional<std::string> look(const Lease& lease, const std::string& trouble,
                                    BootClock::time_point now);

    bool lasts() const { return in_jeopardy_; }

    // When it begins unless a keep-alive is confirmed before; never when it has begun.
    BootClock::time_point next_look(const Lease& lease) const;

private:
    std::string begun(const Lease& lease, const std::string& trouble,
                      BootClock::time_point now) const;

    std::string lock_;
    std::string session_;
    OnLost on_lost_;
    bool in_jeopardy_ = false;
};

}  // namespace gavel::cli
