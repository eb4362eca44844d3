#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace gavel::simulation {

using Time = std::uint64_t;  // Microseconds since the run began.

// One line for each event of a run. Equal runs have equal hashes, printed or not.
class Trace {
public:
    explicit Trace(bool print) : print_(print) {}

    template <class... Parts>
    void line(Time now, const Parts&... parts) {
        text_.clear();
        append(now);
        (append(parts), ...);
        finish();
    }
    std::uint64_t hash() const { return hash_; }
    std::uint64_t lines() const { return lines_; }

private:
    void append(std::string_view part) { (text_ += ' ') += part; }
    template <std::unsigned_integral T>
    void append(T number) {
        (text_ += ' ') += std::to_string(number);
    }
    template <std::signed_integral T>
    void append(T number) {
        (text_ += ' ') += std::to_string(number);
    }
    void finish();

    bool print_;
    std::string text_;
    std::uint64_t hash_ = 0;
    std::uint64_t lines_ = 0;
};

}  // namespace gavel::simulation
