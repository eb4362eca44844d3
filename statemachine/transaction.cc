#include "statemachine/transaction.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "statemachine/draft.h"

namespace gavel::statemachine {

namespace {

using Result = Transacted::Result;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_structural(char c) { return std::string_view("{}[],:").find(c) != std::string_view::npos; }

// Walks over what of a JSON text matters: all but the blanks between its tokens. A text that is no
// JSON may have blanks that part what would else be one token; those it stops at.
class Tokens {
public:
    explicit Tokens(std::string_view text) : text_(text) { skip_blanks(); }

    bool at_end() const { return at_ == text_.size(); }
    bool is_stuck() const { return stuck_; }
    char take() {
        const char c = text_[at_++];
        if (escaped_) {
            escaped_ = false;
        } else if (c == '"') {
            in_string_ = !in_string_;
        } else {
            escaped_ = in_string_ && c == '\\';
        }
        if (!in_string_) skip_blanks();
        return c;
    }

private:
    void skip_blanks() {
        const std::size_t from = at_;
        while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
        const bool between = from > 0 && at_ > from && at_ < text_.size();
        stuck_ =
            stuck_ || (between && !is_structural(text_[from - 1]) && !is_structural(text_[at_]));
    }

    std::string_view text_;
    std::size_t at_{};
    bool in_string_{};
    bool escaped_{};
    bool stuck_{};
};

bool same_json(std::string_view one, std::string_view other) {
    Tokens a(one), b(other);
    while (!a.at_end() && !b.at_end()) {
        if (a.take() != b.take()) return false;
    }
    return a.at_end() && b.at_end() && !a.is_stuck() && !b.is_stuck();
}

// Whether the operation writes this key, or may.
bool writes(const Operation& operation, std::string_view key) {
    if (const auto* put = std::get_if<PutOperation>(&operation)) return put->key == key;
    const auto* remove = std::get_if<DeleteOperation>(&operation);
    if (remove == nullptr || !key.starts_with(remove->key)) return false;
    return key.size() == remove->key.size() || key[remove->key.size()] == '/';
}

}  // namespace

std::uint64_t Transaction::bytes_to_look_through(const Compare& compare) const {
    if (compare.kind != Compare::Kind::json) return 0;
    const auto value = keys_.find(compare.name);
    return value ? value->value.size() : 0;
}

bool Transaction::holds(const Compare& compare) const {
    using Kind = Compare::Kind;
    if (compare.kind == Kind::token) {
        return locks_.is_live(compare.name, compare.number, compare.session);
    }

    const auto value = keys_.find(compare.name);
    switch (compare.kind) {
        case Kind::exists:
            return value != nullptr;
        case Kind::absent:
            return value == nullptr;
        case Kind::revision:
            return (value ? value->modified : 0) == compare.number;
        case Kind::version:
            return (value ? value->version : 0) == compare.number;
        case Kind::value:
            return value && value->value == compare.value;
        case Kind::json:
            return value && (value->value == compare.value ||
                             same_json(value->value.view(), compare.value.view()));
        case Kind::token:
            break;
    }
    invariant(false, "a compare has one of the known kinds");
    return false;
}

Outcome Transaction::execute(Step& step, const Transact& command) const {
    std::uint64_t bytes_compared = 0;
    auto failed = command.compares.begin();
    for (; failed != command.compares.end(); ++failed) {
        bytes_compared += bytes_to_look_through(*failed);
        if (bytes_compared > keys_.limits().compared_at_once) {
            return TooMuch{TooMuch::What::bytes_compared};
        }
        if (!holds(*failed)) break;
    }
    const bool succeeded = failed == command.compares.end();
    Transacted outcome{.succeeded = succeeded};
    if (!succeeded) {
        outcome.failed = static_cast<std::uint64_t>(failed - command.compares.begin());
    }

    Draft draft(keys_, step);
    const auto& branch = succeeded ? command.then : command.otherwise;
    if (auto refused = attempt(draft, branch, step, outcome)) {
        step.got.clear();
        return *std::move(refused);
    }
    for (const KeyChange& change : draft.changes()) keys_.change(step, change);
    return outcome;
}

std::optional<Outcome> Transaction::attempt(Draft& draft, const std::vector<Operation>& branch,
                                            Step& step, Transacted& outcome) const {
    std::uint64_t bytes_got = 0;
    for (const Operation& operation : branch) {
        if (const auto* put = std::get_if<PutOperation>(&operation)) {
            if (put->session != 0 && !sessions_.contains(put->session)) {
                return SessionNotFound{put->session};
            }
            outcome.results.push_back({Result::Kind::put, draft.put(*put)});
        } else if (const auto* remove = std::get_if<DeleteOperation>(&operation)) {
            const std::uint64_t count =
                remove->recursive ? draft.remove_prefix(remove->key) : draft.remove(remove->key);
            if (draft.deletes_too_many()) return TooMuch{TooMuch::What::keys_deleted};
            outcome.results.push_back({Result::Kind::deleted, count});
        } else {
            auto value = draft.find(std::get<GetOperation>(operation).key);
            if (value) bytes_got += value->value.size();
            if (bytes_got > keys_.limits().got_at_once) return TooMuch{TooMuch::What::bytes_got};
            outcome.results.push_back({Result::Kind::got, value ? value->modified : 0});
            step.got.push_back(std::move(value));
        }
    }
    return keys_.refusal(step, draft.changes());
}

std::vector<Ptr<KeyValue>> Transaction::got_before(const Transact& command,
                                                   const Transacted& outcome) const {
    std::vector<Ptr<KeyValue>> got;
    const auto& branch = outcome.succeeded ? command.then : command.otherwise;
    for (std::size_t i = 0; i < std::min(branch.size(), outcome.results.size()); ++i) {
        const auto* get = std::get_if<GetOperation>(&branch[i]);
        if (get == nullptr) continue;
        auto value = keys_.find(get->key);
        // What the transaction itself wrote later has the same revision and is another value.
        const bool rewritten =
            std::any_of(branch.begin() + static_cast<std::ptrdiff_t>(i), branch.end(),
                        [get](const Operation& operation) { return writes(operation, get->key); });
        const bool same = value && value->modified == outcome.results[i].number && !rewritten;
        got.push_back(same ? std::move(value) : nullptr);
    }
    return got;
}

}  // namespace gavel::statemachine
