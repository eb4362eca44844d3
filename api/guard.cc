#include "api/guard.h"

#include <algorithm>

namespace gavel::api {
namespace {

// What may stand for itself in a name: all that RFC 3986 allows in a path, but for the separators
// of a list and of parameters.
bool stands_for_itself(char c) {
    constexpr std::string_view marks = "-._~/%!$&'()*+=:@";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
}

std::string_view without_blanks(std::string_view text) {
    constexpr std::string_view blanks = " \t";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

// token=N, and perhaps session=S, each once.
std::optional<Unfit> read_parameters(std::string_view text, statemachine::Guard& into) {
    constexpr std::string_view token_is = "token=", session_is = "session=";
    std::optional<std::uint64_t> token;
    for (bool more = true; more;) {
        const auto end = text.find(';');
        const auto one = without_blanks(text.substr(0, end));
        more = end != std::string_view::npos;
        if (more) text.remove_prefix(end + 1);
        if (one.starts_with(token_is) && !token) {
            token = parse_number(one.substr(token_is.size()));
            if (!token) return Unfit{"the token is not a whole number below 2^53"};
        } else if (one.starts_with(session_is) && into.session == 0) {
            into.session = parse_session_id(one.substr(session_is.size())).value_or(0);
            if (into.session == 0) return Unfit{"the session is not the id of one, such as s123"};
        } else {
            return Unfit{"is not NAME;token=N: the parameters are token and session, each once"};
        }
    }
    if (!token) return Unfit{"is not NAME;token=N: there is no token"};
    into.token = *token;
    return std::nullopt;
}

}  // namespace

Result<statemachine::Guard, Unfit> parse_guard(std::string_view text) {
    const auto semicolon = text.find(';');
    if (semicolon == std::string_view::npos) {
        return Unfit{"is not NAME;token=N: there is no token"};
    }
    const auto encoded = without_blanks(text.substr(0, semicolon));
    if (!std::ranges::all_of(encoded, stands_for_itself)) {
        return Unfit{"the lock's name has a character that is to be percent-encoded"};
    }
    auto name = decode_name(encoded);
    if (!name) return Unfit{"the lock's name: " + name.error().why};

    statemachine::Guard guard{.lock = *std::move(name)};
    if (const auto unfit = read_parameters(text.substr(semicolon + 1), guard)) return *unfit;
    return guard;
}

Result<std::optional<statemachine::Guard>, Problem> guard_of(const Call& call) {
    const auto* text = call.request.header("gavel-lock");
    if (text == nullptr) return std::optional<statemachine::Guard>();
    auto guard = parse_guard(*text);
    if (!guard) return Problem{ProblemCode::bad_header, "Gavel-Lock: " + guard.error().why};
    return std::optional(*std::move(guard));
}

}  // namespace gavel::api
