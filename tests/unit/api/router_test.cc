#include "api/router.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/unit/api/contract.h"
#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Contract;
using testing::Desk;

TEST(Router, KnowsWhatThereIs) {
    Desk desk;
    for (const auto* target :
         {"/", "/v1", "/v2/config/a", "/v1/configs", "/v1/sessions/", "/v1/sessions/s1/x",
          "/v1/sessions//keepalive", "//v1/config/a", "/v1/members/1/promote/x",
          "/v1/transactions/a", "/v1/history/a", "/livez/"}) {
        EXPECT_EQ(desk.get(target)->code(), "not-found") << target;
    }
}

TEST(Router, SaysWhichMethodsAreAllowed) {
    Desk desk;
    const auto call = desk.post("/v1/config/a", "x");
    EXPECT_EQ(call->status(), 405U);
    EXPECT_EQ(call->field("Allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    const auto options = desk.ask(Method::options, "/v1/sessions");
    EXPECT_EQ(options->status(), 204U);
    EXPECT_EQ(options->field("Allow"), "POST, GET, HEAD, OPTIONS");
    EXPECT_EQ(desk.ask(Method::other, "/v1/status")->status(), 405U);
    EXPECT_EQ(desk.ask(Method::options, "/nothing")->status(), 404U);
    const auto all = desk.ask(Method::options, "*");
    EXPECT_EQ(all->status(), 204U);
    EXPECT_EQ(all->field("Allow"), "GET, HEAD, PUT, DELETE, POST, OPTIONS");
}

TEST(Router, AnswersHeadLikeGet) {
    Desk desk;
    desk.put("/v1/config/a", "x");
    const auto call = desk.ask(Method::head, "/v1/config/a");
    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(call->field("ETag"), "\"1\"");
}

TEST(Router, RefusesABodyWhereNoneIsTaken) {
    Desk desk;
    EXPECT_EQ(desk.ask(Method::get, "/v1/status", "x")->code(), "malformed-body");
    EXPECT_EQ(desk.ask(Method::remove, "/v1/config/a", "x")->code(), "malformed-body");
}

TEST(Router, RefusesABodyThatIsEncoded) {
    Desk desk;
    for (const auto* coding : {"gzip", "br", "GZIP", "identity, gzip", "identity gzip", "x"}) {
        const auto call = desk.put("/v1/config/a", "\x1f\x8b", {{"content-encoding", coding}});
        EXPECT_EQ(call->status(), 415U) << coding;
        EXPECT_EQ(call->code(), "unsupported-encoding") << coding;
        EXPECT_EQ(call->field("Accept-Encoding"), "identity") << coding;
    }
    EXPECT_TRUE(desk.gateway.submissions.empty());
    for (const auto* coding : {"identity", "Identity", "", "identity, identity", ", identity"}) {
        const auto call = desk.put("/v1/config/a", "x", {{"content-encoding", coding}});
        EXPECT_LT(call->status(), 300U) << coding;
    }
    EXPECT_EQ(desk.get("/v1/config/a", {{"content-encoding", "gzip"}})->status(), 200U)
        << "there is nothing that could be encoded";
}

TEST(OpenApi, HasEachRouteAndNoOther) {
    const auto& document = Contract::document();
    std::set<std::string> documented, served;
    for (const auto& [path, item] : document.at("paths").items()) {
        for (const auto& [method, operation] : item.items()) {
            if (method != "parameters") documented.insert(method + ' ' + path);
        }
    }
    for (const auto& route : routes()) {
        std::string method(to_string(route.method));
        for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
        served.insert(method + ' ' + route.template_text());
    }
    EXPECT_EQ(documented, served);
}

TEST(OpenApi, HasEachQueryParameterAndNoOther) {
    const auto& document = Contract::document();
    const auto resolve = [&](json value) {
        if (!value.contains("$ref")) return value;
        return document.at(json::json_pointer(std::string(value["$ref"]).substr(1)));
    };
    for (const auto& route : routes()) {
        std::string method(to_string(route.method));
        for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
        const auto& operation = document.at("paths").at(route.template_text()).at(method);
        std::set<std::string> documented;
        for (const auto& given : operation.value("parameters", json::array())) {
            const auto parameter = resolve(given);
            if (parameter["in"] == "query") documented.insert(parameter["name"]);
        }
        const std::set<std::string> served(route.parameters.begin(), route.parameters.end());
        EXPECT_EQ(documented, served) << method << ' ' << route.template_text();
        EXPECT_EQ(operation.contains("requestBody"), route.takes_body) << route.template_text();
    }
}

// Asks for everything that can become of each route, and notes what did.
class Rounds {
public:
    void see(Desk& desk, Method method, const std::string& target, const std::string& body = "",
             Desk::Headers headers = {}) {
        const auto call = desk.ask(method, target, body, std::move(headers));
        ASSERT_LT(call->route, routes().size()) << target;
        ASSERT_NE(call->status(), 0U) << target;
        seen[call->route].insert(std::to_string(call->status()));
    }
    // Those that any request meets which asks the state.
    void see_failures(Desk& desk, Method method, const std::string& target,
                      const std::string& body = "") {
        see(desk, method, target + "?nonsense=1", body);
        desk.gateway.failure = Failure{Failure::Kind::no_leader};
        see(desk, method, target, body);
        desk.gateway.failure = Failure{Failure::Kind::timed_out};
        see(desk, method, target, body);
        desk.gateway.failure.reset();
    }
    // Those that any write meets, by its Idempotency-Key.
    void see_keys(Method method, const std::string& target, const std::string& body = "") {
        Desk desk({}, {.idempotency_keys = 1});
        desk.ask(Method::put, "/v1/config/other", "1", {{"idempotency-key", "k"}});
        see(desk, method, target, body, {{"idempotency-key", "k"}});
        see(desk, method, target, body, {{"idempotency-key", "another"}});
    }

    std::map<std::size_t, std::set<std::string>> seen{};
};

void see_sessions_and_locks(Rounds& rounds) {
    using M = Method;
    Desk desk({}, {.sessions = 2, .locks_held = 1});
    rounds.see(desk, M::post, "/v1/sessions");
    rounds.see(desk, M::post, "/v1/sessions");
    rounds.see(desk, M::post, "/v1/sessions");
    rounds.see(desk, M::get, "/v1/sessions");
    rounds.see(desk, M::get, "/v1/sessions/s1");
    rounds.see(desk, M::get, "/v1/sessions/s9");
    rounds.see(desk, M::post, "/v1/sessions/s1/keepalive");
    rounds.see(desk, M::post, "/v1/sessions/s9/keepalive");
    const std::string one = R"({"session":"s1"})", two = R"({"session":"s2"})";
    rounds.see(desk, M::put, "/v1/locks/a", one);
    rounds.see(desk, M::put, "/v1/locks/a", one);
    rounds.see(desk, M::put, "/v1/locks/a", two);
    rounds.see(desk, M::put, "/v1/locks/a", R"({"session":"s9"})");
    rounds.see(desk, M::put, "/v1/locks/b", two);
    rounds.see(desk, M::put, "/v1/locks/b", two, {{"content-encoding", "gzip"}});
    rounds.see(desk, M::post, "/v1/sessions", "", {{"content-encoding", "gzip"}});
    rounds.see(desk, M::get, "/v1/locks/a");
    rounds.see(desk, M::get, "/v1/locks/a?token=1");
    rounds.see(desk, M::get, "/v1/locks");
    rounds.see(desk, M::remove, "/v1/locks/a?session=s1");
    rounds.see(desk, M::remove, "/v1/locks/a?session=s1");
    desk.gateway.spares_room = true;
    rounds.see(desk, M::put, "/v1/locks/c", one);
    rounds.see(desk, M::post, "/v1/sessions");
    desk.gateway.spares_room = false;
    rounds.see(desk, M::remove, "/v1/sessions/s1");
    rounds.see(desk, M::remove, "/v1/sessions/s1");

    rounds.see_failures(desk, M::post, "/v1/sessions");
    rounds.see_failures(desk, M::get, "/v1/sessions");
    rounds.see_failures(desk, M::get, "/v1/sessions/s1");
    rounds.see_failures(desk, M::remove, "/v1/sessions/s1");
    rounds.see_failures(desk, M::post, "/v1/sessions/s1/keepalive");
    rounds.see_failures(desk, M::get, "/v1/locks");
    rounds.see_failures(desk, M::get, "/v1/locks/a");
    rounds.see_failures(desk, M::put, "/v1/locks/a", one);
    desk.gateway.failure = Failure{Failure::Kind::outcome_unknown};
    rounds.see(desk, M::remove, "/v1/locks/a?session=s1");
    desk.gateway.failure = Failure{Failure::Kind::no_leader};
    rounds.see(desk, M::remove, "/v1/locks/a?session=s1");
    rounds.see(desk, M::remove, "/v1/locks/a");
    rounds.see_keys(M::post, "/v1/sessions");
    rounds.see_keys(M::remove, "/v1/sessions/s1");
    rounds.see_keys(M::put, "/v1/locks/a", one);
    rounds.see_keys(M::remove, "/v1/locks/a?session=s1");
}

void see_several_locks(Rounds& rounds) {
    Desk desk({}, {.locks_held = 2});
    desk.gateway.open_session("one");
    desk.gateway.open_session("two");
    const auto ask = [](const std::string& session, const std::string& names) {
        return R"({"session":")" + session + R"(","locks":[)" + names + "]}";
    };
    const std::string both = ask("s1", R"({"name":"a"},{"name":"b"})");
    const std::string other = ask("s2", R"({"name":"c"})");
    rounds.see(desk, Method::post, "/v1/locks", both);
    rounds.see(desk, Method::post, "/v1/locks", both);
    rounds.see(desk, Method::post, "/v1/locks", ask("s2", R"({"name":"a"})"));
    rounds.see(desk, Method::post, "/v1/locks", ask("s9", R"({"name":"a"})"));
    rounds.see(desk, Method::post, "/v1/locks", other);
    rounds.see(desk, Method::post, "/v1/locks", other, {{"content-encoding", "gzip"}});
    rounds.see_failures(desk, Method::post, "/v1/locks", other);
    rounds.see_keys(Method::post, "/v1/locks", other);
}

void see_keys_and_watches(Rounds& rounds) {
    using M = Method;
    Desk desk({}, {.keys = 1, .history_changes = 2});
    rounds.see(desk, M::put, "/v1/config/a", "1");
    rounds.see(desk, M::put, "/v1/config/a", "2");
    rounds.see(desk, M::put, "/v1/config/b", "1");
    rounds.see(desk, M::put, "/v1/config/a", "3", {{"if-match", "\"9\""}});
    rounds.see(desk, M::put, "/v1/config/a", std::string((1 << 20) + 1, 'x'));
    rounds.see(desk, M::put, "/v1/config/a", "x", {{"content-encoding", "gzip"}});
    rounds.see(desk, M::get, "/v1/config/a");
    rounds.see(desk, M::get, "/v1/config/a", "", {{"if-none-match", "*"}});
    rounds.see(desk, M::get, "/v1/config/a", "", {{"if-match", "\"9\""}});
    rounds.see(desk, M::get, "/v1/config/b");
    rounds.see(desk, M::get, "/v1/config");
    rounds.see(desk, M::remove, "/v1/config/a", "", {{"if-match", "\"9\""}});
    rounds.see(desk, M::remove, "/v1/config/a");
    rounds.see(desk, M::remove, "/v1/config/a");
    rounds.see(desk, M::get, "/v1/watch?prefix=");
    rounds.see(desk, M::get, "/v1/watch");
    rounds.see(desk, M::get, "/v1/watch?prefix=&since=99");
    for (int i = 0; i < 3; ++i) desk.gateway.put("a", "v");
    rounds.see(desk, M::get, "/v1/watch?prefix=&since=1");
    desk.gateway.failure = Failure{Failure::Kind::overloaded};
    rounds.see(desk, M::get, "/v1/watch?prefix=");
    desk.gateway.failure.reset();

    rounds.see_failures(desk, M::get, "/v1/config");
    rounds.see_failures(desk, M::get, "/v1/config/a");
    rounds.see_failures(desk, M::put, "/v1/config/a", "1");
    rounds.see_failures(desk, M::remove, "/v1/config/a");
    rounds.see_keys(M::put, "/v1/config/a", "1");
    rounds.see_keys(M::remove, "/v1/config/a");
}

void see_transactions(Rounds& rounds) {
    using M = Method;
    const Desk::Headers guarded{{"gavel-lock", "l;token=9"}};
    const std::string target = "/v1/transactions";
    const std::string put = R"({"then":[{"put":{"key":"a","value":"1"}}]})";
    Desk desk({}, {.keys = 1});
    rounds.see(desk, M::post, target, put);
    rounds.see(desk, M::post, target, "{}");
    rounds.see(desk, M::post, target, put, {{"content-encoding", "gzip"}});
    rounds.see(desk, M::post, target, put, guarded);
    rounds.see(desk, M::post, target, R"({"then":[{"put":{"key":"b","value":"1"}}]})");
    rounds.see(desk, M::post, target,
               R"({"then":[{"put":{"key":"a","value":"1","session":"s9"}}]})");
    rounds.see(
        desk, M::post, target,
        R"({"then":[{"put":{"key":"a","value":")" + std::string((1 << 20) + 1, 'x') + R"("}}]})");
    rounds.see_failures(desk, M::post, target, put);
    rounds.see_keys(M::post, target, put);

    rounds.see(desk, M::put, "/v1/config/a?session=s9", "1");
    rounds.see(desk, M::put, "/v1/config/a", "1", guarded);
    rounds.see(desk, M::remove, "/v1/config/a", "", guarded);
    rounds.see(desk, M::remove, "/v1/config/a?recursive=true");
}

void see_history(Rounds& rounds) {
    using M = Method;
    Desk desk({}, {.keys = 2, .versions_per_key = 2, .rolled_back_keys = 1});
    desk.put("/v1/config/a", "1");
    for (int i = 0; i < 4; ++i) desk.put("/v1/config/b", "1");
    rounds.see(desk, M::get, "/v1/config/b?revision=2");
    rounds.see(desk, M::get, "/v1/config?revision=2");
    rounds.see(desk, M::get, "/v1/history?key=b");
    rounds.see(desk, M::get, "/v1/history?key=b&from=4&to=5");
    rounds.see(desk, M::get, "/v1/history?key=b&from=2");
    rounds.see(desk, M::get, "/v1/history?key=never");
    rounds.see(desk, M::get, "/v1/history?key=b&from=99");
    rounds.see(desk, M::get, "/v1/config/b?revision=99");
    rounds.see(desk, M::get, "/v1/config?revision=99");
    rounds.see(desk, M::post, "/v1/rollback", R"({"key":"b","to_revision":99})");
    rounds.see_failures(desk, M::get, "/v1/history");
    desk.gateway.failure = Failure{Failure::Kind::no_leader};
    rounds.see(desk, M::get, "/v1/history?key=b");
    desk.gateway.failure = Failure{Failure::Kind::timed_out};
    rounds.see(desk, M::get, "/v1/history?key=b");
    desk.gateway.failure.reset();

    const std::string a = R"({"key":"a","to_revision":1})";
    rounds.see(desk, M::post, "/v1/rollback", a);
    rounds.see(desk, M::post, "/v1/rollback?dry_run", a);
    rounds.see(desk, M::post, "/v1/rollback", a, {{"content-encoding", "gzip"}});
    rounds.see(desk, M::post, "/v1/rollback", R"({"key":"b","to_revision":2})");
    rounds.see(desk, M::post, "/v1/rollback?dry_run", R"({"prefix":"","to_revision":0})");
    rounds.see_failures(desk, M::post, "/v1/rollback", a);
    rounds.see_keys(M::post, "/v1/rollback", a);
    // Nothing may come back where there is no room.
    const auto gone = desk.put("/v1/config/b", "1")->json().at("revision").get<int>();
    desk.remove("/v1/config/b");
    desk.put("/v1/config/c", "1");
    rounds.see(desk, M::post, "/v1/rollback",
               R"({"key":"b","to_revision":)" + std::to_string(gone) + "}");
}

void see_schemas(Rounds& rounds) {
    using M = Method;
    const std::string target = "/v1/schemas/app/", numbers = R"({"type":"integer"})";
    const Desk::Headers as_json{{"content-type", "application/json"}};
    Desk desk;
    rounds.see(desk, M::get, target);
    rounds.see(desk, M::remove, target);
    rounds.see(desk, M::put, "/v1/config/app/a", "x");
    rounds.see(desk, M::put, target, numbers);
    rounds.see(desk, M::put, target + "?check", numbers);
    rounds.see(desk, M::put, target + "?force", numbers);
    rounds.see(desk, M::put, target, "nonsense");
    rounds.see(desk, M::put, target, std::string(70'000, ' '));
    rounds.see(desk, M::put, target, numbers, {{"content-encoding", "gzip"}});
    rounds.see(desk, M::put, "/v1/config/app/a", "\"x\"", as_json);
    rounds.see(desk, M::get, target);
    rounds.see(desk, M::get, "/v1/schemas");
    rounds.see(desk, M::remove, target);
    rounds.see_failures(desk, M::get, target);
    rounds.see_failures(desk, M::get, "/v1/schemas");
    rounds.see_failures(desk, M::put, target + "?force", numbers);
    rounds.see_failures(desk, M::remove, target);
    rounds.see_keys(M::put, target, numbers);
    rounds.see_keys(M::remove, target);
    desk.gateway.spares_room = true;
    rounds.see(desk, M::put, target + "?force", numbers);
}

void see_quotas(Rounds& rounds) {
    using M = Method;
    const std::string bounds = R"({"keys":1})";
    for (const std::string target : {"/v1/quotas", "/v1/quotas/app/"}) {
        Desk desk;
        rounds.see(desk, M::remove, target);
        rounds.see(desk, M::put, target, bounds);
        rounds.see(desk, M::put, target, bounds, {{"content-encoding", "gzip"}});
        rounds.see(desk, M::remove, target);
        desk.gateway.spares_room = true;
        rounds.see(desk, M::put, target, bounds);
        rounds.see_failures(desk, M::put, target, bounds);
        rounds.see_failures(desk, M::remove, target);
        rounds.see_keys(M::put, target, bounds);
        rounds.see_keys(M::remove, target);
    }
    Desk desk;
    rounds.see(desk, M::get, "/v1/quotas");
    rounds.see_failures(desk, M::get, "/v1/quotas");
}

void see_operations(Rounds& rounds) {
    Desk desk;
    for (const auto* target : {"/v1/members", "/v1/status", "/livez", "/readyz", "/metrics",
                               "/openapi.yaml", "/openapi.json", "/v1/backup"}) {
        rounds.see(desk, Method::get, target);
        rounds.see(desk, Method::get, std::string(target) + "?nonsense=1");
    }
    rounds.see_failures(desk, Method::get, "/v1/backup");
    desk.gateway.edit_status().ready = false;
    rounds.see(desk, Method::get, "/readyz");
}

void see_members(Rounds& rounds) {
    using M = Method;
    const std::string n3 = R"({"name":"n3","peer_address":"db3:7500"})", one = R"({"voters":[1]})";
    const std::pair<M, std::string> changes[] = {{M::post, "/v1/members"},
                                                 {M::put, "/v1/members"},
                                                 {M::remove, "/v1/members/2"},
                                                 {M::post, "/v1/members/1/promote"},
                                                 {M::post, "/v1/members/2/demote"}};
    for (const auto& [method, target] : changes) {
        const std::string body = target != "/v1/members" ? "" : method == M::post ? n3 : one;
        Desk desk;
        rounds.see(desk, method, target + "?dry_run", body);
        rounds.see(desk, method, target + "?epoch=9", body);
        rounds.see_failures(desk, method, target, body);
        rounds.see_keys(method, target, body);
        desk.gateway.fills = false;
        rounds.see(desk, method, target, body);
    }
    Desk desk;
    for (const auto& [method, target] :
         {std::pair{M::remove, "/v1/members/9"}, std::pair{M::post, "/v1/members/9/promote"},
          std::pair{M::post, "/v1/members/9/demote"}, std::pair{M::get, "/v1/members/9"},
          std::pair{M::get, "/v1/members/1"}, std::pair{M::get, "/v1/members/1?nonsense=1"}}) {
        rounds.see(desk, method, target);
    }
    rounds.see(desk, M::put, "/v1/members", R"({"voters":[9]})");
    rounds.see(desk, M::put, "/v1/members", one, {{"content-encoding", "gzip"}});
    rounds.see(desk, M::post, "/v1/members", n3, {{"content-encoding", "gzip"}});
    for (const auto* body :
         {"", "{}", "[]", R"({"member_id":1})", R"({"member_id":2})", R"({"member_id":9})"}) {
        rounds.see(desk, M::post, "/v1/leader", body);
    }
    rounds.see(desk, M::post, "/v1/leader", "{}", {{"content-encoding", "gzip"}});
    rounds.see_failures(desk, M::post, "/v1/leader");
    // Promoting changes something, too.
    Desk learner({}, {}, {testing::a_member(1), testing::a_member(2, statemachine::Role::learner)});
    learner.gateway.fills = false;
    rounds.see(learner, M::post, "/v1/members/2/promote?force");
    // Added, removed, and asked for once more.
    Desk::Headers key{{"idempotency-key", "k"}};
    rounds.see(desk, M::post, "/v1/members", n3, key);
    rounds.see(desk, M::remove, "/v1/members/3");
    rounds.see(desk, M::post, "/v1/members", n3, key);
}

TEST(OpenApi, HasEachStatusThatComesUpAndNoOther) {
    Rounds rounds;

    see_sessions_and_locks(rounds);
    see_several_locks(rounds);
    see_keys_and_watches(rounds);
    see_transactions(rounds);
    see_history(rounds);
    see_schemas(rounds);
    see_quotas(rounds);
    see_operations(rounds);
    see_members(rounds);

    for (std::size_t i = 0; i < routes().size(); ++i) {
        const auto& route = routes()[i];
        std::set<std::string> documented;
        for (const auto& [status, response] : Contract::operation(route).at("responses").items()) {
            if (status != "default") documented.insert(status);
        }
        EXPECT_EQ(documented, rounds.seen[i]) << to_string(route.method) << route.template_text();
        EXPECT_TRUE(Contract::operation(route).at("responses").contains("default"));
    }
}

// Each of these values is wrong, so who looks at the field refuses the request.
TEST(OpenApi, HasEachHeaderFieldThatIsLookedAtAndNoOther) {
    const std::pair<std::string, std::string> wrong[] = {{"Idempotency-Key", std::string(256, 'x')},
                                                         {"If-Match", "x"},
                                                         {"If-None-Match", "x"},
                                                         {"Gavel-Lock", "x"},
                                                         {"Gavel-Author", "\x01"},
                                                         {"Gavel-Reason", "\xff"},
                                                         {"Last-Event-ID", "x"}};
    for (const auto& route : routes()) {
        std::set<std::string> documented, looked_at;
        for (const auto& given : Contract::operation(route).value("parameters", json::array())) {
            const auto& parameter = Contract::resolve(given);
            if (parameter["in"] == "header") documented.insert(parameter["name"]);
        }
        Desk desk;
        const std::string path = route.template_text();
        auto target = path.substr(0, path.find('{'));
        const bool members = path.starts_with("/v1/members");
        if (target != path) target += (members ? "1" : "s1") + std::string(route.tail);
        if (members && route.method != Method::get) target += "?force";
        if (path == "/v1/watch") target += "?prefix=";
        if (path == "/v1/history") target += "?key=a";
        if (route.method == Method::remove)
            target += path.starts_with("/v1/locks") ? "?token=1" : "";
        const std::string body = path == "/v1/locks" ? R"({"session":"s1","locks":[{"name":"a"}]})"
                                 : path.starts_with("/v1/locks") ? R"({"session":"s1"})"
                                 : path == "/v1/transactions" ? R"({"then":[{"get":{"key":"a"}}]})"
                                 : path == "/v1/rollback"     ? R"({"key":"a","to_revision":0})"
                                 : path.starts_with("/v1/quotas")  ? R"({"keys":1})"
                                 : path.starts_with("/v1/schemas") ? "{}"
                                 : !members                        ? ""
                                 : route.method == Method::put
                                     ? R"({"voters":[1]})"
                                     : R"({"name":"n3","peer_address":"db3:7500"})";
        for (const auto& [name, value] : wrong) {
            std::string lower = name;
            for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            const auto call =
                desk.ask(route.method, target, route.takes_body ? body : "", {{lower, value}});
            if (call->status() == 400 && call->code() == "bad-header") looked_at.insert(name);
        }
        EXPECT_EQ(documented, looked_at) << to_string(route.method) << path;
    }
}

TEST(OpenApi, IsServedAsYamlAndAsJson) {
    Desk desk;
    EXPECT_EQ(desk.get("/openapi.json")->json()["openapi"], "3.1.0");
    const auto yaml = desk.get("/openapi.yaml");
    EXPECT_EQ(yaml->field("Content-Type"), "application/yaml");
    EXPECT_TRUE(yaml->answer->body.starts_with("openapi: 3.1.0\n"));
}

}  // namespace
}  // namespace gavel::api
