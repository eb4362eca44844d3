#include "cli/text_diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace gavel::cli {

namespace {

using Lines = std::vector<std::string_view>;

constexpr std::size_t table_cells_max = 4'000'000;
constexpr std::size_t context_lines = 3;

struct Edit {
    char mark{};  // ' ', '-' or '+'
    std::string_view line{};
};

// Each with the end of line that it has: a text that lacks its last one differs from one that does
// not.
Lines lines_of(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return lines;
}

void add(std::vector<Edit>& edits, char mark, Lines::const_iterator first,
         Lines::const_iterator last) {
    for (; first != last; ++first) edits.push_back({mark, *first});
}

// By the longest common subsequence, of which the table holds the lengths from each place on.
void compare(std::vector<Edit>& edits, const Lines& from, const Lines& to) {
    const std::size_t width = to.size() + 1;
    if ((from.size() + 1) * width > table_cells_max) {
        add(edits, '-', from.begin(), from.end());
        add(edits, '+', to.begin(), to.end());
        return;
    }
    std::vector<std::uint32_t> common((from.size() + 1) * width);
    for (std::size_t i = from.size(); i-- > 0;) {
        for (std::size_t j = to.size(); j-- > 0;) {
            common[i * width + j] =
                from[i] == to[j] ? common[(i + 1) * width + j + 1] + 1
                                 : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
        }
    }
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < from.size() || j < to.size()) {
        if (i < from.size() && j < to.size() && from[i] == to[j]) {
            edits.push_back({' ', from[i]});
            ++i;
            ++j;
        } else if (j == to.size() ||
                   (i < from.size() && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
            edits.push_back({'-', from[i++]});
        } else {
            edits.push_back({'+', to[j++]});
        }
    }
}

std::vector<Edit> edits_between(const Lines& from, const Lines& to) {
    const auto [differs, other] = std::ranges::mismatch(from, to);
    const auto same = differs - from.begin();
    Lines rest_from(differs, from.end());
    Lines rest_to(other, to.end());
    std::size_t tail = 0;
    while (tail < std::min(rest_from.size(), rest_to.size()) &&
           rest_from[rest_from.size() - tail - 1] == rest_to[rest_to.size() - tail - 1]) {
        ++tail;
    }
    rest_from.resize(rest_from.size() - tail);
    rest_to.resize(rest_to.size() - tail);

    std::vector<Edit> edits;
    add(edits, ' ', from.begin(), from.begin() + same);
    compare(edits, rest_from, rest_to);
    add(edits, ' ', from.end() - static_cast<std::ptrdiff_t>(tail), from.end());
    return edits;
}

std::string range(std::size_t first, std::size_t count) {
    // An empty range names the line before it.
    return std::to_string(count == 0 ? first : first + 1) + ',' + std::to_string(count);
}

// The edits from `first` to `last`; before them stand so many lines of each text.
std::string hunk(const std::vector<Edit>& edits, std::size_t first, std::size_t last,
                 std::size_t from_before, std::size_t to_before) {
    std::size_t from_count = 0;
    std::size_t to_count = 0;
    std::string body;
    for (std::size_t i = first; i < last; ++i) {
        const auto& [mark, line] = edits[i];
        if (mark != '+') ++from_count;
        if (mark != '-') ++to_count;
        body += mark;
        body += line;
        if (!line.ends_with('\n')) body += "\n\\ No newline at end of file\n";
    }
    return "@@ -" + range(from_before, from_count) + " +" + range(to_before, to_count) + " @@\n" +
           body;
}

}  // namespace

std::string text_diff(std::string_view from, std::string_view to) {
    const auto edits = edits_between(lines_of(from), lines_of(to));
    const auto changed = [&](std::size_t i) { return edits[i].mark != ' '; };
    std::string text;
    std::size_t from_before = 0;
    std::size_t to_before = 0;
    std::size_t at = 0;  // Up to here, lines are counted.
    const auto count_to = [&](std::size_t end) {
        for (; at < end; ++at) {
            if (edits[at].mark != '+') ++from_before;
            if (edits[at].mark != '-') ++to_before;
        }
    };
    for (std::size_t i = 0; i < edits.size(); ++i) {
        if (!changed(i)) continue;
        const std::size_t first = std::max(at, i - std::min(i, context_lines));
        std::size_t last = i + 1;  // Behind the last change that is near enough to the one before.
        for (std::size_t j = last; j < std::min(edits.size(), last + 2 * context_lines + 1); ++j) {
            if (changed(j)) last = j + 1;
        }
        const std::size_t end = std::min(edits.size(), last + context_lines);
        count_to(first);
        text += hunk(edits, first, end, from_before, to_before);
        count_to(end);
        i = end - 1;
    }
    return text;
}

}  // namespace gavel::cli
