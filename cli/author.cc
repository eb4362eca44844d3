#include "cli/author.h"

#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>

#include "cli/text.h"

namespace gavel::cli {

namespace {

// It becomes a field of a request's header.
std::string check_note(const std::string& text) {
    return text == printable(text) ? std::string() : "it has a control character";
}

}  // namespace

std::string author_of_this_process() {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> texts{};
    std::string author = std::to_string(::geteuid());
    if (::getpwuid_r(::geteuid(), &entry, texts.data(), texts.size(), &found) == 0 &&
        found != nullptr) {
        author = found->pw_name;
    }
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) == 0) author.append("@").append(host.data());
    return author;
}

void add_note_options(CLI::App& app, Note& note) {
    app.add_option("--reason", note.reason, "Why, for those who read the history")
        ->check(check_note);
    app.add_option("--author", note.author, "Who; default: GAVEL_AUTHOR, or USER@HOST")
        ->check(check_note);
}

void add_note(Call& call, const Context& context, const Note& note) {
    const std::string author = note.author.empty() ? printable(context.author) : note.author;
    if (!author.empty()) call.headers.emplace_back("Gavel-Author", author);
    if (!note.reason.empty()) call.headers.emplace_back("Gavel-Reason", note.reason);
}

}  // namespace gavel::cli
