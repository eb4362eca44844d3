#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/api_call.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/render.h"

namespace gavel::cli {
namespace {

struct QuotaOptions {
    std::string prefix{};
    std::optional<std::uint64_t> bytes{};
    std::optional<std::uint64_t> keys{};
    std::optional<std::uint64_t> sessions{};
};

std::string quota_target(const std::string& prefix) {
    return prefix.empty() ? "/v1/quotas" : "/v1/quotas/" + encode_path(prefix);
}

// "64MiB", or a plain number of bytes.
std::optional<std::uint64_t> parse_size(const std::string& text) {
    struct Unit {
        std::string_view name{};
        std::uint64_t bytes{};
    };
    constexpr std::array<Unit, 5> units{
        {{"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}};
    constexpr std::uint64_t most = 1ULL << 53U;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    for (const auto& unit : units) {
        if (error == std::errc{} && rest == unit.name && number < most / unit.bytes) {
            return number * unit.bytes;
        }
    }
    return std::nullopt;
}

// "12 of 4096"; empty where there is no bound.
Column use_column(std::string heading, const std::string& member) {
    return {std::move(heading), [member](const nlohmann::json& quota) {
                const auto use = quota.find(member);
                if (use == quota.end()) return std::string();
                return text_of(*use, "used") + " of " + text_of(*use, "limit");
            }};
}

int list_quotas(const Context& context) {
    Client client(context.endpoints);
    const auto answer = call_json(client, {.target = "/v1/quotas"});
    if (!answer) return context.fail(answer.error());
    const Column prefix{"PREFIX", [](const nlohmann::json& quota) {
                            const std::string text = text_of(quota, "prefix");
                            return text.empty() ? "(everything)" : text;
                        }};
    print_list(context, answer->value("quotas", nlohmann::json::array()),
               {prefix, use_column("BYTES", "bytes"), use_column("KEYS", "keys"),
                use_column("SESSIONS", "sessions")},
               "prefix");
    return exit_success;
}

int change(const Context& context, const Call& call, const std::string& done) {
    Client client(context.endpoints);
    const auto answer = call_json(client, call);
    if (!answer) return context.fail(answer.error());
    if (context.format == Format::json || context.format == Format::jsonl) {
        print_json(context, *answer);
    } else if (context.format == Format::value) {
        context.out << text_of(*answer, "revision") << '\n';
    } else {
        context.out << done << ": revision " << text_of(*answer, "revision") << '\n';
    }
    return exit_success;
}

std::string whose(const std::string& prefix) { return prefix.empty() ? "everything" : prefix; }

int set_quota(const Context& context, const QuotaOptions& options) {
    nlohmann::json bounds = nlohmann::json::object();
    if (options.bytes) bounds["bytes"] = *options.bytes;
    if (options.keys) bounds["keys"] = *options.keys;
    if (options.sessions) bounds["sessions"] = *options.sessions;
    return change(context,
                  {.method = "PUT",
                   .target = quota_target(options.prefix),
                   .body = bounds.dump(),
                   .content_type = "application/json",
                   .needs_key = true},
                  "set the quota of " + whose(options.prefix));
}

int remove(const Context& context, const QuotaOptions& options) {
    return change(context,
                  {.method = "DELETE", .target = quota_target(options.prefix), .needs_key = true},
                  "removed the quota of " + whose(options.prefix));
}

void add_set(CLI::App& group, Action& action) {
    auto options = std::make_shared<QuotaOptions>();
    auto* command = group.add_subcommand("set", "Set a quota, in place of the one there was");
    command->add_option("PREFIX", options->prefix, "Of the keys with it; default: of everything");
    command
        ->add_option_function<std::string>(
            "--bytes",
            [options](const std::string& text) {
                options->bytes = parse_size(text);
                if (!options->bytes) {
                    throw CLI::ValidationError("--bytes", "'" + text + "' is no size, as 64MiB is");
                }
            },
            "Of keys and values together, as 64MiB")
        ->type_name("SIZE");
    add_number(*command, "--keys", options->keys, "How many keys");
    add_number(*command, "--sessions", options->sessions, "How many sessions; not with a prefix");
    command->callback([&action, options] {
        if (!options->bytes && !options->keys && !options->sessions) {
            throw CLI::RequiredError("--bytes, --keys or --sessions");
        }
        action = [options](Context& context) { return set_quota(context, *options); };
    });
}

}  // namespace

void add_quota_commands(CLI::App& app, Action& action) {
    auto* group = app.add_subcommand("quota", "Look at quotas, set them");
    group->require_subcommand(1);
    group->add_subcommand("ls", "List the quotas and what is in use")->callback([&action] {
        action = list_quotas;
    });
    add_set(*group, action);

    auto options = std::make_shared<QuotaOptions>();
    auto* rm = group->add_subcommand("rm", "Remove a quota");
    rm->add_option("PREFIX", options->prefix, "Of the keys with it; default: of everything");
    rm->callback([&action, options] {
        action = [options](Context& context) { return remove(context, *options); };
    });
}

}  // namespace gavel::cli
