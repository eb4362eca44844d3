#include "cli/completion.h"

#include <algorithm>
#include <set>
#include <utility>

namespace gavel::cli {

namespace {

using Kind = Completion::Kind;

const Parameter* find_flag(const CommandNode& command, std::string_view flag) {
    for (const auto& option : command.options) {
        if (std::find(option.flags.begin(), option.flags.end(), flag) != option.flags.end()) {
            return &option;
        }
    }
    return nullptr;
}

// What a backslash may stand before between double quotes.
bool is_special(char c) { return c == '"' || c == '$' || c == '`' || c == '\\'; }

// Reads the words before the last one, and so finds out what the last one is.
class Reader {
public:
    explicit Reader(const CommandNode& tree) : tree_(tree), command_(&tree) {}

    // False when the rest belongs to a command of the user's.
    bool read(const std::string& word) {
        if (value_of_ != nullptr) {
            take_value(*std::exchange(value_of_, nullptr), word);
            return true;
        }
        if (!command_->command_mark().empty() && word == command_->command_mark()) return false;
        if (!only_arguments_ && word == "--") {
            only_arguments_ = true;
        } else if (!only_arguments_ && word.size() > 1 && word.front() == '-') {
            read_flag(word);
        } else if (const auto* next = command_->find(word)) {
            command_ = next;
        } else {
            ++arguments_;
        }
        return true;
    }

    Completion complete(const std::string& word) const {
        Completion completion{.partial = word, .endpoints = endpoints_};
        if (value_of_ != nullptr) {
            complete_value(*value_of_, completion);
        } else if (!only_arguments_ && word.starts_with('-')) {
            complete_flag(word, completion);
        } else if (!command_->commands.empty()) {
            completion.kind = Kind::words;
            for (const auto& each : command_->commands) {
                completion.candidates.push_back({each.name(), each.help});
            }
        } else if (const auto* argument = this->argument()) {
            complete_value(*argument, completion);
        }
        return completion;
    }

private:
    const Parameter* find_option(std::string_view flag) const {
        const auto* own = find_flag(*command_, flag);
        return own != nullptr ? own : find_flag(tree_, flag);
    }

    void read_flag(const std::string& word) {
        const auto equals = word.find('=');
        const auto* option = find_option(word.substr(0, equals));
        if (option == nullptr || option->value.empty()) return;
        if (equals == std::string::npos) {
            value_of_ = option;
        } else {
            take_value(*option, word.substr(equals + 1));
        }
    }

    void take_value(const Parameter& option, const std::string& value) {
        if (option.flags.back() == "--endpoint") endpoints_.push_back(value);
    }

    const Parameter* argument() const {
        const auto& all = command_->arguments;
        if (all.empty()) return nullptr;
        if (arguments_ < all.size()) return &all[arguments_];
        return all.back().repeatable ? &all.back() : nullptr;
    }

    void complete_flag(const std::string& word, Completion& completion) const {
        const auto equals = word.find('=');
        if (equals != std::string::npos) {
            completion.prefix = word.substr(0, equals + 1);
            completion.partial = word.substr(equals + 1);
            const auto* option = find_option(word.substr(0, equals));
            if (option != nullptr) complete_value(*option, completion);
            return;
        }
        completion.kind = Kind::words;
        std::set<std::string> seen;  // Every command has --help.
        for (const auto* command : {command_, &tree_}) {
            for (const auto& option : command->options) {
                const std::string& flag = option.flags.back();
                if (seen.insert(flag).second) completion.candidates.push_back({flag, option.help});
            }
        }
        if (command_->command_mark() == "--exec") {
            completion.candidates.push_back({"--exec", "Run this command for each change"});
        }
    }

    void complete_value(const Parameter& parameter, Completion& completion) const {
        // In a list only its last element is still being typed.
        if (parameter.value == "MEMBERS") {
            const auto comma = completion.partial.rfind(',');
            if (comma != std::string::npos) {
                completion.prefix += completion.partial.substr(0, comma + 1);
                completion.partial.erase(0, comma + 1);
            }
        }
        completion.kind = source_of(*command_, parameter);
        for (const auto& choice : parameter.choices) completion.candidates.push_back({choice, {}});
    }

    const CommandNode& tree_;
    const CommandNode* command_;
    const Parameter* value_of_ = nullptr;  // The option whose value comes next.
    bool only_arguments_ = false;
    std::size_t arguments_ = 0;
    std::vector<std::string> endpoints_{};
};

}  // namespace

Kind source_of(const CommandNode& command, const Parameter& parameter) {
    if (!parameter.choices.empty()) return Kind::words;
    const std::string& value = parameter.value;
    const std::string flag = parameter.flags.empty() ? "" : parameter.flags.back();
    const bool of_locks = command.path == "lock" || command.path.starts_with("locks");
    if (value == "FILE" || value == "DIR" || flag == "--file") return Kind::file;
    if (value == "SESSION" || flag == "--session") return Kind::sessions;
    if (value == "ID" && command.path.starts_with("session")) return Kind::sessions;
    if (value == "MEMBER" || value == "MEMBERS" || flag == "--member") return Kind::members;
    if (value == "LOCK" || flag == "--lock" || flag == "--locks") return Kind::locks;
    if (of_locks && flag.empty() && (value == "NAME" || value == "PREFIX")) return Kind::locks;
    const bool keys = value == "KEY" || value == "PREFIX" || value == "KEY|PREFIX";
    if (keys || flag == "--key") return Kind::keys;
    return Kind::nothing;
}

Completion complete(const CommandNode& tree, const std::vector<std::string>& words) {
    Reader reader(tree);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (!reader.read(words[i])) return {.kind = Kind::command, .command_from = i + 1};
    }
    Completion found = reader.complete(words.empty() ? "" : words.back());
    std::erase_if(found.candidates, [&](const Completion::Candidate& candidate) {
        return !candidate.word.starts_with(found.partial);
    });
    return found;
}

std::vector<std::string> split_command_line(std::string_view line, char& open_quote) {
    std::vector<std::string> words(1);
    open_quote = '\0';
    bool in_word = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        const bool escapes =
            c == '\\' && (open_quote == '\0' ||
                          (open_quote == '"' && i + 1 < line.size() && is_special(line[i + 1])));
        if (escapes && i + 1 < line.size()) {
            words.back() += line[++i];
            in_word = true;
        } else if (open_quote != '\0') {
            if (c == open_quote) {
                open_quote = '\0';
            } else {
                words.back() += c;
            }
        } else if (c == '\'' || c == '"') {
            open_quote = c;
            in_word = true;
        } else if (c == ' ' || c == '\t' || c == '\n') {
            if (in_word) words.emplace_back();
            in_word = false;
        } else {
            words.back() += c;
            in_word = true;
        }
    }
    return words;
}

std::string quote_for_bash(std::string_view word, char open_quote) {
    constexpr std::string_view plain = "_-./:=@%+,^";
    std::string quoted;
    for (const char c : word) {
        const auto byte = static_cast<unsigned char>(c);
        const bool letter = (byte | 0x20U) >= 'a' && (byte | 0x20U) <= 'z';
        const bool safe = letter || (byte >= '0' && byte <= '9') || byte >= 0x80 ||
                          plain.find(c) != std::string_view::npos;
        if (open_quote == '\'') {
            quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
        } else if (open_quote == '"') {
            // Between double quotes '!' recalls history, and a backslash before it would stay: it
            // goes between the quotes of two parts.
            quoted += c == '!'        ? std::string("\"\\!\"")
                      : is_special(c) ? std::string{'\\', c}
                                      : std::string(1, c);
        } else {
            quoted += safe ? std::string(1, c) : std::string{'\\', c};
        }
    }
    return quoted;
}

}  // namespace gavel::cli
