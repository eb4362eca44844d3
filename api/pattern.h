#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "api/names.h"
#include "base/result.h"

namespace gavel::api {

// A regular expression as JSON Schema recommends to write them: characters, classes, groups,
// alternatives, quantifiers, ^ and $ and \b, over code points. Found in a text in one pass,
// whatever both of them are: never more steps than the text has characters times the size.
class Pattern {
public:
    static constexpr std::size_t text_bytes_max = 1'024;
    static constexpr std::size_t size_max = 4'096;  // Of counted repetitions each counts.

    static Result<Pattern, Unfit> compile(std::string_view text);

    // Somewhere in the text, which is UTF-8.
    bool is_found_in(std::string_view text) const;
    // What is kept: steps, and ranges of characters that they take.
    std::size_t size() const { return program_.size() + ranges_; }
    // What a character of a text costs at most, in looks at a step or a range.
    std::size_t price() const { return price_; }

private:
    friend class PatternCompiler;

    struct Set {
        std::vector<std::pair<char32_t, char32_t>> ranges{};  // In order and apart.
        bool negated{};
        bool has(char32_t c) const;
    };
    struct Step {
        enum class Kind : std::uint8_t { take, split, begin, end, edge, no_edge, found };
        Kind kind{};
        std::uint32_t set{};    // Of take.
        std::uint32_t next{};   // Where it goes on.
        std::uint32_t other{};  // Of split.
    };
    struct Place {  // Between two characters.
        bool at_begin{};
        bool at_end{};
        bool at_edge{};  // Of a word.
    };
    struct Threads;

    bool follow(std::uint32_t from, const Place& place, Threads& into) const;

    std::vector<Step> program_;  // Begins at 0.
    std::vector<Set> sets_;
    std::size_t ranges_{};
    std::size_t price_{};
};

}  // namespace gavel::api
