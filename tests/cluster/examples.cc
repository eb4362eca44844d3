#include "tests/cluster/examples.h"

#include <algorithm>
#include <optional>
#include <regex>
#include <sstream>
#include <variant>

namespace gavel::test {
namespace {

using Numbers = std::map<std::uint64_t, std::uint64_t>;

constexpr std::string_view block = "    ";

struct Anything {};
struct Number {
    std::uint64_t shown{};
    const std::regex* form{};  // It stands at the beginning of this.
};
struct Cluster {  // Its id.
    std::string shown{};
};
struct Like {  // Any text of this form.
    const std::regex* form{};
};
using Part = std::variant<std::string, Anything, Number, Cluster, Like>;

// Where a line was broken: nothing, but that a number ends there.
constexpr char joint = '\x1f';

// Lines that begin with a space belong to the line before; columns have any width.
std::string normal(std::string_view text) {
    std::string lines;
    std::istringstream stream{std::string(text)};
    for (std::string line; std::getline(stream, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (line.find_first_not_of(' ') == std::string::npos) continue;
        if (!lines.empty() && line.front() == ' ') {
            lines += joint + line.substr(line.find_first_not_of(' '));
        } else {
            lines += (lines.empty() ? "" : "\n") + line;
        }
    }
    std::string result;
    for (const char c : lines) {
        const bool after_blank = result.empty() || result.back() == ' ' || result.back() == '\n';
        if (c == '\n' && !result.empty() && result.back() == ' ') result.pop_back();
        if (c != ' ' || !after_blank) result += c;
    }
    while (!result.empty() && result.back() == ' ') result.pop_back();
    return result;
}

const std::vector<std::regex>& forms() {
    static const std::vector<std::regex> all = [] {
        std::vector<std::regex> made;
        for (const char* form :
             {R"(^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)",
              R"(^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT)",
              R"(^[0-9a-f]{16,40}(-\d+)?)"}) {
            made.emplace_back(form);
        }
        return made;
    }();
    return all;
}

const std::regex& inexact_duration() {
    static const std::regex form(R"(^(\d+\.\d+(s|m|h)|\d+ms)(?![\w.]))");
    return form;
}
const std::regex& duration() {
    static const std::regex form(R"(^\d+(\.\d+)?(ms|s|m|h)(?![\w.]))");
    return form;
}
// Whole: of no address, version, duration or word; but "s12" is a session's id.
const std::regex& number() {
    static const std::regex form(R"(^\d+(?![\w:-]|\.\w))");
    return form;
}

// The id of an event: a revision, and the history that it counts in.
const std::regex& place() {
    static const std::regex form(R"(^\d+\.[0-9a-f]{8}(?![\w.]))");
    return form;
}

// A cluster's id, which commands give again.
const std::regex& cluster_id() {
    static const std::regex form(R"(^[0-9a-f]{32}(?![\w-]))");
    return form;
}

std::optional<std::string> at(std::string_view text, std::size_t position, const std::regex& form) {
    std::cmatch found;
    const char* begin = text.data() + position;
    if (!std::regex_search(begin, text.data() + text.size(), found, form)) return std::nullopt;
    return found.str();
}

// A client's name: its host, here "web-1" and the like, and its process.
const std::regex& shown_client() {
    static const std::regex form(R"(^web-\d:\d+)");
    return form;
}
const std::regex& client() {
    static const std::regex form(R"(^[\w.-]+:\d+)");
    return form;
}

bool starts_word(std::string_view text, std::size_t position) {
    if (position == 0) return true;
    const char before = text[position - 1];
    if (before == 's' && position > 1) return !std::isalnum(text[position - 2]);
    if (before == ':' && position > 1) return text[position - 2] == '"';  // JSON's, not a port's.
    return !std::isalnum(before) && std::string_view("_.:-").find(before) == std::string::npos;
}

// Counts, and what never differs, are themselves however large they are.
bool is_itself(std::string_view before) {
    static const std::regex form(
        R"re(("(version|position|deleted|alpha|member_id|epoch|based_on|quorum|live)":|)re"
        R"re("voters":\[[0-9,]*|version |HTTP/1\.1 )$)re");
    return std::regex_search(before.begin(), before.end(), form);
}

bool is_of_cluster(std::string_view before) {
    return before.ends_with("cluster ") || before.ends_with("--accept-loss ");
}

std::vector<Part> parts_of(std::string_view shown) {
    constexpr std::string_view anything = "…";
    std::vector<Part> parts;
    const auto literal = [&](std::string_view text) {
        if (parts.empty() || !std::holds_alternative<std::string>(parts.back())) {
            parts.emplace_back(std::string());
        }
        std::get<std::string>(parts.back()) += text;
    };
    for (std::size_t i = 0; i < shown.size();) {
        if (shown[i] == joint) {
            ++i;
            continue;
        }
        if (shown.substr(i).starts_with(anything)) {
            parts.emplace_back(Anything{});
            i += anything.size();
            continue;
        }
        const bool fresh = starts_word(shown, i);
        if (is_of_cluster(shown.substr(0, i))) {
            if (const auto id = at(shown, i, cluster_id())) {
                i += id->size();
                parts.emplace_back(Cluster{*id});
                continue;
            }
        }
        const auto form = std::ranges::find_if(
            forms(), [&](const auto& each) { return fresh && at(shown, i, each).has_value(); });
        if (form != forms().end()) {
            i += at(shown, i, *form)->size();
            parts.emplace_back(Like{&*form});
        } else if (const auto name = at(shown, i, shown_client()); fresh && name) {
            i += name->size();
            parts.emplace_back(Like{&client()});
        } else if (const auto time = at(shown, i, inexact_duration()); fresh && time) {
            i += time->size();
            parts.emplace_back(Like{&duration()});
        } else if (const auto id = at(shown, i, place()); fresh && id) {
            i += id->size();
            parts.emplace_back(Number{std::stoull(*id), &place()});
        } else if (const auto digits = at(shown, i, number()); fresh && digits && *digits > "1") {
            const auto before = shown.substr(0, i);
            i += digits->size();
            if (is_itself(before)) {
                literal(*digits);
            } else if (before.ends_with("leader_id\":")) {
                parts.emplace_back(Like{&number()});
            } else {
                parts.emplace_back(Number{std::stoull(*digits), &number()});
            }
        } else {
            literal(shown.substr(i++, 1));
        }
    }
    return parts;
}

bool in_order(const Numbers& numbers) {
    for (auto next = numbers.begin(); next != numbers.end(); ++next) {
        if (next != numbers.begin() && std::prev(next)->second >= next->second) return false;
    }
    return true;
}

// How much of the text's beginning is this one, wherever lines are broken.
std::optional<std::size_t> length_of(std::string_view literal, std::string_view text) {
    std::size_t length = 0;
    for (const char c : literal) {
        while (length < text.size() && text[length] == joint) ++length;
        if (length == text.size() || text[length] != c) return std::nullopt;
        ++length;
    }
    return length;
}

// Whether the parts from `part` on are the text from `position` on; binds their numbers.
bool match(const std::vector<Part>& parts, std::size_t part, std::string_view text,
           std::size_t position, const Numbers& given, Story::Bound& bound) {
    if (part == parts.size()) return position == text.size();
    while (position < text.size() && text[position] == joint) ++position;
    if (std::holds_alternative<Anything>(parts[part])) {
        for (std::size_t next = position; next <= text.size(); ++next) {
            Story::Bound tried = bound;
            if (!match(parts, part + 1, text, next, given, tried)) continue;
            bound = tried;
            return true;
        }
        return false;
    }
    std::size_t length = 0;
    if (const auto* literal = std::get_if<std::string>(&parts[part])) {
        const auto found = length_of(*literal, text.substr(position));
        if (!found) return false;
        length = *found;
    } else if (const auto* like = std::get_if<Like>(&parts[part])) {
        const auto found = at(text, position, *like->form);
        if (!found) return false;
        length = found->size();
    } else if (const auto* cluster = std::get_if<Cluster>(&parts[part])) {
        const auto found = at(text, position, cluster_id());
        if (!found) return false;
        length = found->size();
        if (bound.clusters.try_emplace(cluster->shown, *found).first->second != *found) {
            return false;
        }
    } else {
        const auto [shown, form] = std::get<Number>(parts[part]);
        const auto found = at(text, position, *form);
        if (!found) return false;
        length = found->size();
        const auto value = std::stoull(*found);
        const auto known = given.find(shown);
        const auto meant = known != given.end()
                               ? known->second
                               : bound.numbers.try_emplace(shown, value).first->second;
        if (meant != value || !in_order(bound.numbers)) return false;
    }
    return match(parts, part + 1, text, position + length, given, bound);
}

// Of a command that goes on behind a backslash, or up to the END of a text that is its input. How
// many lines.
std::size_t take_further_lines(std::istream& stream, std::string& command) {
    const bool has_input = command.find("<<'END'") != std::string::npos;
    std::size_t count = 0;
    for (std::string line; has_input || command.ends_with('\\');) {
        if (!std::getline(stream, line)) break;
        ++count;
        line.erase(0, std::min(line.size(), block.size()));
        command += '\n' + line;
        if (has_input && line == "END") break;
    }
    return count;
}

}  // namespace

std::vector<Example> examples(const std::string& page, const std::string& heading) {
    std::vector<Example> found;
    std::istringstream stream(page);
    std::size_t number = 0;
    bool inside = heading.empty();
    bool output = false;  // Of the latest command; until a paragraph.
    for (std::string line; std::getline(stream, line);) {
        ++number;
        if (!heading.empty() && line.starts_with("## ")) inside = line == heading;
        if (!inside) continue;
        if (line.starts_with("    $ ")) {
            found.push_back({line.substr(block.size() + 2), "", number});
            number += take_further_lines(stream, found.back().command);
            output = true;
        } else if (line.starts_with(block) && output) {
            found.back().shown += line.substr(block.size()) + '\n';
        } else if (!line.empty()) {
            output = false;
        }
    }
    return found;
}

std::vector<Example> blocks_without_command(const std::string& page) {
    std::vector<Example> found;
    std::istringstream stream(page);
    std::size_t number = 0;
    bool inside = false;  // Of a block; until a paragraph.
    for (std::string line; std::getline(stream, line);) {
        ++number;
        if (line.starts_with("    $ ")) {
            inside = true;
            number += take_further_lines(stream, line);
        } else if (line.starts_with(block)) {
            if (!inside) found.push_back({line.substr(block.size()), "", number});
            inside = true;
        } else if (!line.empty()) {
            inside = false;
        }
    }
    return found;
}

std::string Story::command(std::string_view shown) {
    std::string told;
    for (std::size_t i = 0; i < shown.size();) {
        const auto id = at(shown, i, cluster_id());
        if (const auto known = bound_.clusters.find(id.value_or(""));
            known != bound_.clusters.end()) {
            told += known->second;
            i += id->size();
            continue;
        }
        const auto digits = starts_word(shown, i) ? at(shown, i, number()) : std::nullopt;
        if (!digits) {
            told += shown[i++];
            continue;
        }
        const auto value = std::stoull(*digits);
        const auto bound = bound_.numbers.find(value);
        if (bound == bound_.numbers.end()) given_[value] = value;
        told += bound == bound_.numbers.end() ? *digits : std::to_string(bound->second);
        i += digits->size();
    }
    return told;
}

bool Story::matches(std::string_view shown, std::string_view printed) {
    Bound bound = bound_;
    const std::string text = normal(printed);
    if (!match(parts_of(normal(shown)), 0, text, 0, given_, bound)) return false;
    bound_ = std::move(bound);
    return true;
}

}  // namespace gavel::test
