#include "api/pattern.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <string>

namespace gavel::api {
namespace {

constexpr unsigned groups_deep_max = 64;

// The next code point of valid UTF-8.
char32_t next_of(std::string_view text, std::size_t& at) {
    const auto first = static_cast<unsigned char>(text[at++]);
    if (first < 0x80) return first;
    const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    char32_t c = first & (0x3FU >> more);
    for (int i = 0; i < more && at < text.size(); ++i) {
        c = c << 6U | (static_cast<unsigned char>(text[at++]) & 0x3FU);
    }
    return c;
}

bool is_word(char32_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace

bool Pattern::Set::has(char32_t c) const {
    const auto behind =
        std::ranges::upper_bound(ranges, c, {}, [](const auto& range) { return range.first; });
    const bool listed = behind != ranges.begin() && c <= std::prev(behind)->second;
    return listed != negated;
}

// Reads the text once, as parts within parts. How many steps they come to is known before one is
// written, so what a quantifier demands too often of too much costs nothing.
class PatternCompiler {
public:
    explicit PatternCompiler(std::string_view text) : text_(text) {}

    Result<Pattern, Unfit> compile() {
        if (text_.size() > Pattern::text_bytes_max) return Unfit{"is longer than 1024 bytes"};
        if (!valid_utf8(text_)) return Unfit{"is not UTF-8"};
        const Part whole = alternatives(0);
        if (error_.empty() && at_ < text_.size()) fail("has a ')' too many");
        if (!error_.empty()) return Unfit{error_};
        Pattern pattern;
        pattern.program_.reserve(whole.size + 1);
        write(whole, pattern.program_);
        pattern.program_.push_back({.kind = Kind::found});
        pattern.sets_ = std::move(sets_);
        for (const auto& set : pattern.sets_) pattern.ranges_ += set.ranges.size();
        for (const auto& step : pattern.program_) {
            const bool takes = step.kind == Kind::take;
            pattern.price_ +=
                1 + (takes ? std::bit_width(pattern.sets_[step.set].ranges.size()) : 0U);
        }
        return pattern;
    }

private:
    using Step = Pattern::Step;
    using Kind = Step::Kind;
    using Program = std::vector<Step>;
    using Ranges = decltype(Pattern::Set::ranges);

    struct Times {
        std::uint64_t least = 1;
        std::uint64_t most = 1;
        bool endless = false;
    };
    struct Part {
        enum class Kind : std::uint8_t { step, sequence, alternatives, repeated };
        Kind kind = Kind::sequence;
        Step step{};
        std::vector<Part> parts{};  // Of a repeated one the only. None is without a step.
        Times times{};
        std::uint64_t size{};  // In steps; never more than a pattern may have.
    };

    void fail(std::string why) {
        if (error_.empty()) error_ = std::move(why);
        at_ = text_.size();
    }
    // Of what may be too large, nothing is left.
    Part bounded(Part part) {
        if (part.size <= Pattern::size_max) return part;
        fail("is too large");
        return {};
    }
    bool done() const { return at_ >= text_.size(); }
    bool take(char c) {
        if (done() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    // Entered at the first step, and left behind the last.
    static void write(const Part& part, Program& into) {
        switch (part.kind) {
            case Part::Kind::step:
                into.push_back(part.step);
                into.back().next = here(into);
                return;
            case Part::Kind::sequence:
                for (const Part& each : part.parts) write(each, into);
                return;
            case Part::Kind::alternatives:
                return write_alternatives(part, into);
            case Part::Kind::repeated:
                return write_repeated(part, into);
        }
    }
    static std::uint32_t here(const Program& program) {
        return static_cast<std::uint32_t>(program.size());
    }
    // Goes on behind it, and elsewhere as well.
    static std::size_t split(Program& into) {
        const auto next = here(into) + 1;
        into.push_back({.kind = Kind::split, .next = next, .other = next});
        return into.size() - 1;
    }

    static void write_alternatives(const Part& part, Program& into) {
        std::vector<std::size_t> ends;
        for (std::size_t i = 0; i < part.parts.size(); ++i) {
            if (i + 1 == part.parts.size()) {
                write(part.parts[i], into);
                break;
            }
            const auto choice = split(into);
            write(part.parts[i], into);
            ends.push_back(split(into));
            into[choice].other = here(into);
        }
        for (const auto end : ends) into[end].next = into[end].other = here(into);
    }

    static void write_repeated(const Part& part, Program& into) {
        const auto& [least, most, endless] = part.times;
        const Part& body = part.parts.front();
        for (std::uint64_t i = 0; i < least; ++i) write(body, into);
        if (endless) {
            const auto first = split(into);
            write(body, into);
            const auto again = split(into);
            into[again].next = into[again].other = static_cast<std::uint32_t>(first);
            into[first].other = here(into);
            return;
        }
        // Each further one may be left out, and leaves out those that follow.
        std::vector<std::size_t> exits;
        for (std::uint64_t i = least; i < most; ++i) {
            exits.push_back(split(into));
            write(body, into);
        }
        for (const auto exit : exits) into[exit].other = here(into);
    }

    Part one(Kind kind, std::uint32_t set = 0) {
        return {.kind = Part::Kind::step,
                .step = {.kind = kind, .set = set},
                .parts = {},
                .times = {},
                .size = 1};
    }

    Part alternatives(unsigned depth) {
        Part part = sequence(depth);
        if (done() || text_[at_] != '|') return part;
        const auto size = part.size;
        Part all{.kind = Part::Kind::alternatives, .parts = {}, .size = size};
        all.parts.push_back(std::move(part));
        while (take('|')) {
            all.parts.push_back(sequence(depth));
            all.size += all.parts.back().size + 2;
        }
        return bounded(std::move(all));
    }

    Part sequence(unsigned depth) {
        Part all;
        while (!done() && text_[at_] != '|' && text_[at_] != ')') {
            Part part = quantified(atom(depth));
            if (part.size == 0) continue;
            all.size += part.size;
            all.parts.push_back(std::move(part));
        }
        return bounded(std::move(all));
    }

    Part quantified(Part body) {
        Times times;
        if (take('*')) {
            times = {.least = 0, .endless = true};
        } else if (take('+')) {
            times.endless = true;
        } else if (take('?')) {
            times.least = 0;
        } else if (take('{')) {
            if (!counted(times)) {
                fail("has a '{' that begins no {N}, {N,} or {N,M}; a brace itself is \\{");
                return {};
            }
        } else {
            return body;
        }
        take('?');  // As few as possible: it is found all the same.
        if (!done() && (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?')) {
            fail("has two quantifiers in a row");
        }
        return repeated(std::move(body), times);
    }

    Part repeated(Part body, const Times& times) {
        if (body.size == 0) return {};
        Part part{.kind = Part::Kind::repeated, .parts = {}, .times = times};
        const auto further = times.endless ? 1 : times.most - times.least;
        part.size = times.least * body.size + further * (body.size + 1) + (times.endless ? 1 : 0);
        part.parts.push_back(std::move(body));
        return bounded(std::move(part));
    }

    bool number(std::uint64_t& value) {
        const std::size_t begin = at_;
        value = 0;
        for (; !done() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
            value = std::min<std::uint64_t>(value * 10 + static_cast<unsigned>(text_[at_] - '0'),
                                            Pattern::size_max + 1);
        }
        return at_ > begin;
    }

    bool counted(Times& times) {
        if (!number(times.least)) return false;
        times.most = times.least;
        if (take(',')) times.endless = !number(times.most);
        return take('}') && (times.endless || times.most >= times.least);
    }

    Part atom(unsigned depth) {
        if (take('(')) return group(depth);
        if (take('[')) return one(Kind::take, set_of(bracket()));
        if (take('.')) {
            return one(Kind::take, set_of({.ranges = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}},
                                           .negated = true}));
        }
        if (take('^')) return one(Kind::begin);
        if (take('$')) return one(Kind::end);
        if (take('\\')) {
            if (take('b')) return one(Kind::edge);
            if (take('B')) return one(Kind::no_edge);
            return one(Kind::take, set_of(escape()));
        }
        const char32_t c = next_of(text_, at_);
        if (c == '*' || c == '+' || c == '?' || c == '{') {
            fail("has a quantifier with nothing before it");
        }
        return one(Kind::take, set_of({.ranges = {{c, c}}}));
    }

    Part group(unsigned depth) {
        if (depth >= groups_deep_max) {
            fail("has more than 64 groups in one another");
            return {};
        }
        if (take('?') && !take(':')) {
            fail("looks ahead or behind, or names a group; of groups there are (…) and (?:…)");
            return {};
        }
        Part part = alternatives(depth + 1);
        if (!take(')')) fail("has a '(' without its ')'");
        return part;
    }

    std::uint32_t set_of(Pattern::Set set) {
        put_in_order(set.ranges);
        sets_.push_back(std::move(set));
        return static_cast<std::uint32_t>(sets_.size() - 1);
    }

    static void put_in_order(Ranges& ranges) {
        std::ranges::sort(ranges);
        Ranges apart;
        for (const auto& [first, last] : ranges) {
            if (apart.empty() || first > apart.back().second + 1) {
                apart.emplace_back(first, last);
            } else {
                apart.back().second = std::max(apart.back().second, last);
            }
        }
        ranges = std::move(apart);
    }

    Pattern::Set bracket() {
        Pattern::Set set{.ranges = {}, .negated = take('^')};
        while (!take(']')) {
            if (done()) {
                fail("has a '[' without its ']'");
                return set;
            }
            const auto low = member();
            const bool single = low.ranges.size() == 1 && !low.negated &&
                                low.ranges[0].first == low.ranges[0].second;
            if (low.negated) {
                add_all_but(low.ranges, set.ranges);
                continue;
            }
            if (!(single && at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']')) {
                set.ranges.insert(set.ranges.end(), low.ranges.begin(), low.ranges.end());
                continue;
            }
            ++at_;
            const auto high = member();
            if (high.ranges.size() != 1 || high.negated ||
                high.ranges[0].first != high.ranges[0].second ||
                high.ranges[0].first < low.ranges[0].first) {
                fail("has a range in a class that goes backwards or has no end");
                return set;
            }
            set.ranges.emplace_back(low.ranges[0].first, high.ranges[0].first);
        }
        return set;
    }
    // `ranges` in order and apart, as those of escapes are.
    static void add_all_but(const Ranges& ranges, Ranges& into) {
        char32_t from = 0;
        for (const auto& [first, last] : ranges) {
            if (first > from) into.emplace_back(from, first - 1);
            from = last + 1;
        }
        into.emplace_back(from, 0x10FFFF);
    }
    Pattern::Set member() {
        if (!take('\\')) {
            const char32_t c = next_of(text_, at_);
            return {.ranges = {{c, c}}};
        }
        if (take('b')) return {.ranges = {{'\b', '\b'}}};
        return escape();
    }

    // Behind a backslash.
    Pattern::Set escape() {
        if (done()) {
            fail("ends with a backslash");
            return {};
        }
        const char32_t c = next_of(text_, at_);
        const auto just = [](char32_t one) { return Pattern::Set{.ranges = {{one, one}}}; };
        switch (c) {
            case 'd':
            case 'D':
                return {.ranges = {{'0', '9'}}, .negated = c == 'D'};
            case 'w':
            case 'W':
                return {.ranges = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
                        .negated = c == 'W'};
            case 's':
            case 'S':
                return {.ranges = {{'\t', '\r'},
                                   {' ', ' '},
                                   {0xA0, 0xA0},
                                   {0x1680, 0x1680},
                                   {0x2000, 0x200A},
                                   {0x2028, 0x2029},
                                   {0x202F, 0x202F},
                                   {0x205F, 0x205F},
                                   {0x3000, 0x3000},
                                   {0xFEFF, 0xFEFF}},
                        .negated = c == 'S'};
            case 't':
                return just('\t');
            case 'n':
                return just('\n');
            case 'r':
                return just('\r');
            case 'f':
                return just('\f');
            case 'v':
                return just('\v');
            case 'x':
                return just(hexadecimal(2));
            case 'u':
                return just(hexadecimal(4));
            default:
                break;
        }
        if (is_word(c) || c > 0x7E) {
            fail(
                "has an escape that is not known here; there are \\d \\w \\s \\b, their opposites, "
                "\\t \\n \\r \\f \\v \\xHH \\uHHHH, and marks as themselves");
        }
        return just(c);
    }
    char32_t hexadecimal(int digits) {
        char32_t value = 0;
        for (int i = 0; i < digits; ++i) {
            const char c = done() ? ' ' : text_[at_++];
            const int digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) {
                fail("has \\x without two or \\u without four hexadecimal digits");
                return 0;
            }
            value = value << 4U | static_cast<char32_t>(digit);
        }
        return value;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string error_;
    std::vector<Pattern::Set> sets_;
};

Result<Pattern, Unfit> Pattern::compile(std::string_view text) {
    return PatternCompiler(text).compile();
}

// Steps that wait for a character, each once.
struct Pattern::Threads {
    explicit Threads(std::size_t size) : seen(size) {}
    void clear() {
        waiting.clear();
        ++round;
    }
    std::vector<std::uint32_t> waiting{};
    std::vector<std::uint32_t> seen;  // The round in which a step was last reached.
    std::vector<std::uint32_t> ahead{};
    std::uint32_t round = 1;
};

// Reaches what no character is needed for. True: the pattern is found.
bool Pattern::follow(std::uint32_t from, const Place& place, Threads& into) const {
    into.ahead.assign(1, from);
    while (!into.ahead.empty()) {
        const std::uint32_t at = into.ahead.back();
        into.ahead.pop_back();
        if (into.seen[at] == into.round) continue;
        into.seen[at] = into.round;
        const Step& step = program_[at];
        switch (step.kind) {
            case Step::Kind::found:
                return true;
            case Step::Kind::take:
                into.waiting.push_back(at);
                continue;
            case Step::Kind::split:
                into.ahead.push_back(step.other);
                break;
            case Step::Kind::begin:
                if (!place.at_begin) continue;
                break;
            case Step::Kind::end:
                if (!place.at_end) continue;
                break;
            case Step::Kind::edge:
                if (!place.at_edge) continue;
                break;
            case Step::Kind::no_edge:
                if (place.at_edge) continue;
                break;
        }
        into.ahead.push_back(step.next);
    }
    return false;
}

bool Pattern::is_found_in(std::string_view text) const {
    Threads now(program_.size());
    bool word_before = false;
    std::vector<std::uint32_t> arrived{0};
    for (std::size_t at = 0;;) {
        const bool at_begin = at == 0;
        const bool at_end = at >= text.size();
        const char32_t c = at_end ? 0 : next_of(text, at);
        const bool word = !at_end && is_word(c);
        const Place place{at_begin, at_end, word != word_before};
        now.clear();
        for (const std::uint32_t each : arrived) {
            if (follow(each, place, now)) return true;
        }
        if (at_end) return false;
        arrived.assign(1, 0);  // It may begin at any place.
        for (const std::uint32_t each : now.waiting) {
            if (sets_[program_[each].set].has(c)) arrived.push_back(program_[each].next);
        }
        word_before = word;
    }
}

}  // namespace gavel::api
