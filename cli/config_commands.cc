#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cli/api_call.h"
#include "cli/author.h"
#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/content_type.h"
#include "cli/exit_code.h"
#include "cli/guard.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/render.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

struct GetOptions {
    std::string key{};
    bool stale = false;
    std::optional<std::uint64_t> min_revision{};
    std::optional<std::uint64_t> revision{};
};

std::string key_target(const std::string& key) { return "/v1/config/" + encode_path(key); }

int get(const Context& context, const GetOptions& options) {
    Client client(context.endpoints);
    const bool bytes = context.format == Format::table || context.format == Format::value;
    std::string query = bytes ? "" : "&meta=true";
    if (options.stale) query += "&consistency=stale";
    if (options.min_revision) query += "&min_revision=" + std::to_string(*options.min_revision);
    if (options.revision) query += "&revision=" + std::to_string(*options.revision);
    if (!query.empty()) query.front() = '?';

    const Call call{.target = key_target(options.key) + query};
    if (!bytes) {
        const auto view = call_json(client, call);
        if (!view) return context.fail(view.error());
        print_json(context, *view);
        return exit_success;
    }
    const auto answer = client.call(call);
    if (!answer) return context.fail(answer.error());
    context.out << answer->body;
    // The bytes as they are for a program; a person's prompt gets a line of its own.
    if (context.out_is_terminal && !answer->body.ends_with('\n')) context.out << '\n';
    context.out.flush();
    return exit_success;
}

struct PutOptions {
    std::string key{};
    std::optional<std::string> value{};
    std::string file{};
    std::string content_type{};
    std::string session{};
    std::optional<std::uint64_t> if_revision{};
    bool if_absent = false;
    GuardOptions guard{};
    Note note{};
};

void add_conditions(Call& call, const std::optional<std::uint64_t>& if_revision, bool if_absent) {
    if (if_revision) {
        call.headers.emplace_back("If-Match", "\"" + std::to_string(*if_revision) + "\"");
    }
    if (if_absent) call.headers.emplace_back("If-None-Match", "*");
}

// The value from the command line, a file, or standard input; none, and the complaint, when it
// cannot be read.
std::optional<std::string> read_value(const PutOptions& options, Complaint& complaint) {
    if (options.value && *options.value != "-") return options.value;
    return read_input(options.file, complaint);
}

int print_change(const Context& context, const nlohmann::json& answer, const std::string& what) {
    if (context.format == Format::json || context.format == Format::jsonl) {
        print_json(context, answer);
    } else if (context.format == Format::value) {
        context.out << text_of(answer, "revision") << std::endl;
    } else {
        context.out << what << std::endl;
    }
    return exit_success;
}

int put(const Context& context, const PutOptions& options) {
    Complaint complaint;
    const auto value = read_value(options, complaint);
    if (!value) {
        return context.fail(complaint.text);
    }
    Client client(context.endpoints);
    Call call{.method = "PUT",
              .target = key_target(options.key),
              .body = *value,
              .content_type = options.content_type.empty() ? default_content_type(*value)
                                                           : options.content_type,
              .needs_key = true};
    if (!options.session.empty()) call.target += "?session=" + encode_query(options.session);
    add_conditions(call, options.if_revision, options.if_absent);
    if (const auto refused = add_guard(call, options.guard, context)) return *refused;
    add_note(call, context, options.note);
    const auto answer = call_json(client, call);
    if (!answer) return context.fail(answer.error());
    return print_change(context, *answer,
                        "put " + options.key + ": revision " + text_of(*answer, "revision") +
                            ", version " + text_of(*answer, "version"));
}

struct RemoveOptions {
    std::string key{};
    bool recursive = false;
    std::optional<std::uint64_t> if_revision{};
    GuardOptions guard{};
    Note note{};
};

int remove(const Context& context, const RemoveOptions& options) {
    Client client(context.endpoints);
    Call call{.method = "DELETE", .target = key_target(options.key), .needs_key = true};
    add_conditions(call, options.if_revision, false);
    if (const auto refused = add_guard(call, options.guard, context)) return *refused;
    add_note(call, context, options.note);
    const auto answer = call_json(client, call);
    if (!answer) return context.fail(answer.error());
    return print_change(context, *answer,
                        "removed " + options.key + ": revision " + text_of(*answer, "revision"));
}

constexpr std::size_t page_keys = 1'000;        // As many as a list has at most.
constexpr std::size_t transaction_parts = 128;  // As many as a transaction takes.

// A tree goes at one revision. One that is too large for that goes piece by piece, until what is
// left is not.
class RemoveTree {
public:
    RemoveTree(const Context& context, const RemoveOptions& options)
        : context_(context), options_(options), client_(context.endpoints) {}

    int run() {
        Call call{.method = "DELETE",
                  .target = key_target(options_.key) + "?recursive=true",
                  .needs_key = true};
        if (const auto refused = add_guard(call, options_.guard, context_)) return *refused;
        add_note(call, context_, options_.note);
        for (bool told = false;; told = true) {
            auto answer = call_json(client_, call);
            if (answer) return print(*std::move(answer));
            if (answer.error().code != "too-much-at-once") return fail(answer.error());
            if (!told) context_.say("these are too many keys for one revision; they go in pieces");
            if (const auto failure = remove_page(answer.error())) return fail(*failure);
        }
    }

private:
    // `refusal`: why they cannot go at once.
    std::optional<Failure> remove_page(const Failure& refusal) {
        const auto page =
            call_json(client_, {.target = "/v1/config?prefix=" + encode_query(options_.key + "/") +
                                          "&keys_only=true&limit=" + std::to_string(page_keys)});
        if (!page) return page.error();
        if (page->value("items", nlohmann::json::array()).empty()) return refusal;
        auto operations = nlohmann::json::array();
        for (const auto& item : page->value("items", nlohmann::json::array())) {
            operations.push_back({{"delete", {{"key", text_of(item, "key")}}}});
            if (operations.size() < transaction_parts) continue;
            if (auto failure = transact(std::exchange(operations, nlohmann::json::array()))) {
                return failure;
            }
        }
        return operations.empty() ? std::nullopt : transact(operations);
    }

    std::optional<Failure> transact(const nlohmann::json& operations) {
        Call call{.method = "POST",
                  .target = "/v1/transactions",
                  .body = nlohmann::json{{"then", operations}}.dump(),
                  .needs_key = true};
        add_guard(call, options_.guard, context_);
        add_note(call, context_, options_.note);
        const auto answer = call_json(client_, call);
        if (!answer) return answer.error();
        for (const auto& each : answer->value("results", nlohmann::json::array())) {
            removed_ += each.value("delete", nlohmann::json::object()).value("deleted", 0U);
        }
        return std::nullopt;
    }

    int print(nlohmann::json answer) const {
        const auto count = answer.value("deleted", std::uint64_t{0}) + removed_;
        answer["deleted"] = count;
        return print_change(
            context_, answer,
            "removed " + count_of(count) + ": revision " + text_of(answer, "revision"));
    }

    int fail(const Failure& failure) const {
        if (removed_ > 0) context_.say("removed " + count_of(removed_) + ", and then:");
        return context_.fail(failure);
    }

    std::string count_of(std::uint64_t count) const {
        return std::to_string(count) + (count == 1 ? " key of " : " keys of ") + options_.key;
    }

    const Context& context_;
    const RemoveOptions& options_;
    Client client_;
    std::uint64_t removed_ = 0;  // Before what is left could go at once.
};

int list(const Context& context, const std::string& prefix, std::optional<std::uint64_t> revision) {
    Client client(context.endpoints);
    // Values are left out where nobody would see them.
    const bool keys_only = context.format == Format::value;
    std::string target = "/v1/config?prefix=" + encode_query(prefix);
    if (keys_only) target += "&keys_only=true";
    if (revision) target += "&revision=" + std::to_string(*revision);
    const auto items = fetch_all(client, target, "items");
    if (!items) return context.fail(items.error());
    const Column value{"VALUE", [](const nlohmann::json& item) {
                           return value_cell(item, value_columns_in_table);
                       }};
    print_list(
        context, *items,
        {column("KEY", "key"), value, column("REVISION", "revision"), column("VERSION", "version"),
         column("MODIFIED", "modified_at"), column("AUTHOR", "author")},
        "key");
    return exit_success;
}

void add_get(CLI::App& app, Action& action) {
    auto options = std::make_shared<GetOptions>();
    auto* command = app.add_subcommand("get", "Print the value of a key");
    command->add_option("KEY", options->key, "The key")->required();
    command->add_flag("--stale", options->stale, "Answer from one member's state at once");
    add_number(*command, "--min-revision", options->min_revision,
               "Wait until the member has applied this revision");
    add_number(*command, "--revision", options->revision, "What it was as of this revision");
    command->callback([&action, options] {
        action = [options](Context& context) { return get(context, *options); };
    });
}

void add_put(CLI::App& app, Action& action) {
    auto options = std::make_shared<PutOptions>();
    auto* command = app.add_subcommand("put", "Set a key to a value");
    command->add_option("KEY", options->key, "The key")->required();
    auto* value = command->add_option("VALUE", options->value,
                                      "The value; without it, or as '-', from standard input");
    command->add_option("--file", options->file, "Take the value from this file")->excludes(value);
    command
        ->add_option("--content-type", options->content_type,
                     "Default: found from the value (JSON, text or bytes)")
        ->check([](const std::string& text) {
            return text == printable(text) ? std::string() : "it has a control character";
        });
    auto* revision = add_number(*command, "--if-revision", options->if_revision,
                                "Only if the key was last changed at this revision");
    command->add_flag("--if-absent", options->if_absent, "Only if there is no such key")
        ->excludes(revision);
    command->add_option("--session", options->session,
                        "Make the key ephemeral: it is deleted when this session ends");
    add_guard_options(*command, options->guard);
    add_note_options(*command, options->note);
    command->callback([&action, options] {
        action = [options](Context& context) { return put(context, *options); };
    });
}

void add_remove(CLI::App& app, Action& action) {
    auto options = std::make_shared<RemoveOptions>();
    auto* command = app.add_subcommand("rm", "Remove a key");
    command->add_option("KEY", options->key, "The key")->required();
    auto* recursive =
        command->add_flag("-r,--recursive", options->recursive, "And all keys below it, KEY/…");
    add_number(*command, "--if-revision", options->if_revision,
               "Only if the key was last changed at this revision")
        ->excludes(recursive);
    add_guard_options(*command, options->guard);
    add_note_options(*command, options->note);
    command->callback([&action, options] {
        action = [options](Context& context) {
            return options->recursive ? RemoveTree(context, *options).run()
                                      : remove(context, *options);
        };
    });
}

}  // namespace

void add_config_commands(CLI::App& app, Action& action) {
    add_get(app, action);
    add_put(app, action);
    add_remove(app, action);

    struct ListOptions {
        std::string prefix{};
        std::optional<std::uint64_t> revision{};
    };
    auto options = std::make_shared<ListOptions>();
    auto* command = app.add_subcommand("ls", "List the keys that begin with a prefix");
    command->add_option("PREFIX", options->prefix, "Default: all keys");
    add_number(*command, "--revision", options->revision, "What they were as of this revision");
    command->callback([&action, options] {
        action = [options](Context& context) {
            return list(context, options->prefix, options->revision);
        };
    });
}

}  // namespace gavel::cli
