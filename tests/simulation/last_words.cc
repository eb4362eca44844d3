#include "tests/simulation/last_words.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>

namespace gavel::simulation {
namespace {

struct Deadly {
    int number{};
    const char* name{};
};
constexpr std::array deadly{
    Deadly{SIGABRT, "SIGABRT (a broken invariant is named above)"},
    Deadly{SIGSEGV, "SIGSEGV"},
    Deadly{SIGBUS, "SIGBUS"},
    Deadly{SIGFPE, "SIGFPE"},
    Deadly{SIGILL, "SIGILL"},
};

// What the handler says is made ready beforehand, for only few functions are safe inside it; in the
// one of two places that it does not look at.
struct Text {
    std::array<char, 256> bytes{};
    std::size_t length = 0;
};
using Texts = std::array<Text, deadly.size()>;
std::array<Texts, 2> places{};
std::atomic<std::size_t> current{0};
std::array<struct sigaction, deadly.size()> handled_before{};

void speak(int number, siginfo_t* info, void*) {
    for (std::size_t i = 0; i < deadly.size(); ++i) {
        if (deadly[i].number != number) continue;
        const Text& text = places[current][i];
        for (std::size_t said = 0; said < text.length;) {
            const ssize_t more =
                ::write(STDOUT_FILENO, text.bytes.data() + said, text.length - said);
            if (more <= 0) break;
            said += static_cast<std::size_t>(more);
        }
        ::sigaction(number, &handled_before[i], nullptr);
    }
    // What the processor found happens again on return, now without this handler; what was sent
    // (abort() sends) has to be sent again.
    if (info->si_code <= 0) ::raise(number);
}

void install() {
    // A stack that overflowed is none to run a handler on.
    alignas(16) static std::array<char, 64UL * 1024> other_stack{};
    stack_t stack{};
    stack.ss_sp = other_stack.data();
    stack.ss_size = other_stack.size();
    ::sigaltstack(&stack, nullptr);

    struct sigaction action {};
    action.sa_sigaction = speak;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < deadly.size(); ++i) {
        ::sigaction(deadly[i].number, &action, &handled_before[i]);
    }
}

}  // namespace

void name_seed_at_the_end(std::uint64_t seed) {
    const std::size_t next = 1 - current;
    for (std::size_t i = 0; i < deadly.size(); ++i) {
        const std::string said = failure_report(seed, std::string("ended by ") + deadly[i].name);
        Text& text = places[next][i];
        text.length = std::min(said.size(), text.bytes.size());
        std::copy_n(said.begin(), text.length, text.bytes.begin());
    }
    current = next;
    static const bool installed = (install(), true);
    (void)installed;
}

std::string failure_report(std::uint64_t seed, const std::string& what) {
    const std::string number = std::to_string(seed);
    return "seed " + number + " failed: " + what + "\nreplay: gavel-sim --seed " + number +
           " --trace\n";
}

}  // namespace gavel::simulation
