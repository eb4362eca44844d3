#include "tests/simulation/options.h"

#include <charconv>
#include <utility>

namespace gavel::simulation {
namespace {

std::optional<std::uint64_t> number_in(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

class Parser {
public:
    explicit Parser(const std::vector<std::string_view>& words) : words_(words) {}

    std::variant<Options, BadOption> parse() {
        while (at_ < words_.size() && !complaint_) take(words_[at_++]);
        if (!complaint_ && !options_.help) check_together();
        if (complaint_) return BadOption{*complaint_};
        return options_;
    }

private:
    void take(std::string_view word) {
        const std::size_t equals = word.find('=');
        const std::string_view name = word.substr(0, equals);
        std::optional<std::string_view> value;
        if (equals != std::string_view::npos) value = word.substr(equals + 1);

        if (name == "--seed") {
            take_number(name, value, options_.seed);
        } else if (name == "--seeds") {
            take_number(name, value, options_.seeds);
        } else if (name == "--first-seed") {
            take_number(name, value, options_.first_seed);
        } else if (name == "--trace") {
            take_flag(name, value, options_.trace);
        } else if (name == "--help") {
            take_flag(name, value, options_.help);
        } else if (name.starts_with('-')) {
            complain("unknown option " + std::string(name));
        } else {
            complain("unexpected word '" + std::string(word) + "'");
        }
    }

    void take_flag(std::string_view name, std::optional<std::string_view> value, bool& flag) {
        if (value) return complain(std::string(name) + " takes no value");
        flag = true;
    }

    void take_number(std::string_view name, std::optional<std::string_view> value,
                     std::optional<std::uint64_t>& number) {
        if (!value && at_ < words_.size() && !words_[at_].starts_with("--")) value = words_[at_++];
        if (!value || value->empty()) return complain(std::string(name) + " needs a number");
        if (number) return complain(std::string(name) + " is given twice");
        number = number_in(*value);
        if (!number) {
            complain(std::string(name) + " needs a number, not '" + std::string(*value) + "'");
        }
    }

    void check_together() {
        if (options_.seed && options_.seeds)
            return complain("--seed and --seeds exclude each other");
        if (options_.first_seed && !options_.seeds)
            return complain("--first-seed goes with --seeds");
        if (options_.trace && options_.seeds) return complain("--trace goes with --seed");
        if (!options_.seed && !options_.seeds) return complain("give --seed S or --seeds N");
        if (options_.seeds == 0U) return complain("--seeds needs at least 1");
    }

    void complain(std::string text) { complaint_ = std::move(text); }

    const std::vector<std::string_view>& words_;
    std::size_t at_ = 0;
    Options options_{};
    std::optional<std::string> complaint_{};
};

}  // namespace

std::variant<Options, BadOption> parse_options(const std::vector<std::string_view>& words) {
    return Parser(words).parse();
}

}  // namespace gavel::simulation
