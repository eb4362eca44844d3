#include "cli/signals.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <optional>

namespace gavel::cli {
namespace {

TEST(SignalQueue, HandsOutSignalsInsteadOfLettingThemAct) {
    SignalQueue queue{SIGTERM, SIGUSR1};

    ::raise(SIGTERM);

    EXPECT_EQ(queue.take(), SIGTERM);
    EXPECT_EQ(queue.take(), std::nullopt);
}

TEST(SignalQueue, LeavesToAnOuterQueueWhatThatWaitsForToo) {
    SignalQueue outer{SIGTERM};
    {
        SignalQueue inner{SIGTERM, SIGUSR1};
        ::raise(SIGTERM);
        ::raise(SIGUSR1);
    }

    EXPECT_EQ(outer.take(), SIGTERM);
}

TEST(SignalQueue, RestoresTheMaskFromBefore) {
    sigset_t mask;
    {
        SignalQueue queue{SIGUSR2};
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        EXPECT_EQ(sigismember(&mask, SIGUSR2), 1);
        EXPECT_EQ(sigismember(&queue.mask_before(), SIGUSR2), 0);
    }
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGUSR2), 0);
}

}  // namespace
}  // namespace gavel::cli
