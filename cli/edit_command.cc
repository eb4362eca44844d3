#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/api_call.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/content_type.h"
#include "cli/edited_file.h"
#include "cli/exit_code.h"
#include "cli/render.h"
#include "cli/signals.h"
#include "cli/supervisor.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

struct EditOptions {
    std::string key{};
    std::string content_type{};
};

// What was there when the editing began.
struct Original {
    std::string value{};
    std::string content_type{};
    std::string etag{};     // Empty: there was no such key.
    std::string session{};  // Of an ephemeral key.
};

std::string editor_of(const char* variable) {
    const char* value = ::getenv(variable);
    return value == nullptr ? "" : value;
}

// The command of the one who edits, for a shell: it may have options. None without a terminal,
// unless it was chosen: nobody could leave it.
std::string choose_editor() {
    for (const char* variable : {"VISUAL", "EDITOR"}) {
        const std::string editor = editor_of(variable);
        if (!editor.empty()) return editor;
    }
    return ::isatty(STDIN_FILENO) == 1 ? "vi" : "";
}

class Edit {
public:
    Edit(const Context& context, const EditOptions& options)
        : context_(context), options_(options), client_(context.endpoints) {}

    int run() {
        const std::string editor = choose_editor();
        if (editor.empty()) {
            return context_.fail("there is no terminal; set VISUAL or EDITOR");
        }
        if (const auto failure = fetch()) return context_.fail(*failure);
        auto file = EditedFile::make(is_json_type(content_type()) ? "value.json" : "value.txt",
                                     original_.value);
        if (!file) return complain(file.error().text);
        const int code = start(editor, file->path());
        const auto left = file->read();
        if (code != 0) {
            if (!left ? file->is_there() : *left != original_.value) keep(*file);
            return code;
        }
        if (!left) {
            complain(left.error().text);
            return file->is_there() ? keep(*file) : exit_error;
        }
        return take(*file, as_before(*left));
    }

private:
    std::string target() const { return "/v1/config/" + encode_path(options_.key); }
    const std::string& content_type() const {
        return options_.content_type.empty() ? original_.content_type : options_.content_type;
    }

    std::optional<Failure> fetch() {
        const auto answer = client_.call({.target = target()});
        if (!answer) {
            if (answer.error().code == "key-not-found") return std::nullopt;
            return answer.error();
        }
        original_ = {.value = answer->body,
                     .content_type = std::string(answer->header("content-type")),
                     .etag = std::string(answer->header("etag")),
                     .session = std::string(answer->header("gavel-session"))};
        if (original_.etag.empty()) {
            return Failure{.code = "bad-answer",
                           .detail = "the answer has no ETag",
                           .request_id = std::string(answer->header("x-request-id"))};
        }
        return std::nullopt;
    }

    // 0 once the editor has ended well; else the exit code, and the complaint is made.
    int start(const std::string& editor, const std::filesystem::path& file) const {
        SignalQueue signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGCONT, SIGTTOU};
        auto child = Child::start({.command = {"/bin/sh", "-c", editor + " \"$1\"", editor, file},
                                   .signal_mask = signals.mask_before(),
                                   .signal_when_parent_dies = SIGTERM,
                                   .take_terminal = true});
        if (!child)
            return complain("cannot run /bin/sh: " + std::string(::strerror(child.error().error)));
        int signalled = 0;
        const int code = wait_for(*child, signals, signalled);
        child->take_terminal_back();
        if (code == 0) return exit_success;
        if (signalled != 0) return exit_by_signal(signalled);
        return complain("the editor ended with exit code " + std::to_string(code) +
                        "; nothing was put");
    }

    // Editors end the last line of a file; where the value's had no end, that is no change.
    std::string as_before(std::string text) const {
        const bool had_end = original_.value.empty() || original_.value.ends_with('\n');
        if (!had_end && text.ends_with('\n')) text.pop_back();
        return text;
    }

    int take(EditedFile& file, const std::string& value) {
        const bool other_type = !original_.etag.empty() && content_type() != original_.content_type;
        if (value == original_.value && !other_type) {
            context_.say("nothing was changed");
            return exit_success;
        }
        const std::string type =
            content_type().empty() ? default_content_type(value) : content_type();
        const auto complaint = is_json_type(type) ? json_complaint(value) : "";
        if (!complaint.empty()) {
            complain(complaint + "; nothing was put");
            return keep(file);
        }
        Call put{.method = "PUT",
                 .target = target(),
                 .body = value,
                 .content_type = type,
                 .needs_key = true};
        // It stays as ephemeral as it is; a put without a session would make it an ordinary key.
        if (!original_.session.empty()) put.target += "?session=" + encode_query(original_.session);
        if (original_.etag.empty()) {
            put.headers.emplace_back("If-None-Match", "*");
        } else {
            put.headers.emplace_back("If-Match", original_.etag);
        }
        const auto answer = call_json(client_, put);
        if (answer) return print(*answer);
        context_.fail(answer.error());
        if (answer.error().code == "precondition-failed") {
            context_.say(options_.key + " was changed by somebody else meanwhile");
        }
        return keep(file);
    }

    int print(const nlohmann::json& answer) const {
        if (context_.format == Format::json || context_.format == Format::jsonl) {
            print_json(context_, answer);
        } else if (context_.format == Format::value) {
            context_.out << text_of(answer, "revision") << std::endl;
        } else {
            context_.out << "put " << printable(options_.key) << ": revision "
                         << text_of(answer, "revision") << ", version "
                         << text_of(answer, "version") << std::endl;
        }
        return exit_success;
    }

    int complain(const std::string& text) const { return context_.fail(text); }

    int keep(EditedFile& file) const {
        file.keep();
        context_.say("what was edited is kept in " + file.path().string());
        return exit_error;
    }

    const Context& context_;
    const EditOptions& options_;
    Client client_;
    Original original_{};
};

}  // namespace

void add_edit_command(CLI::App& app, Action& action) {
    auto options = std::make_shared<EditOptions>();
    auto* command = app.add_subcommand("edit", "Change the value of a key in an editor");
    command->footer("The editor is $VISUAL, else $EDITOR, else vi.");
    command->add_option("KEY", options->key, "The key; it need not be there yet")->required();
    command
        ->add_option("--content-type", options->content_type,
                     "Default: as it is; of a new key, found from the value")
        ->check([](const std::string& text) {
            return text == printable(text) ? std::string() : "it has a control character";
        });
    command->callback([&action, options] {
        action = [options](Context& context) { return Edit(context, *options).run(); };
    });
}

}  // namespace gavel::cli
