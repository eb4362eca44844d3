#include <chrono>

#include "api/durations.h"
#include "api/json.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

Response described(const Call& call, const Status& status) {
    using namespace std::chrono;
    const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
    JsonWriter json;
    json.open('{').number("member_id", status.member_id).text("name", status.name);
    json.text("role", status.role).number("leader_id", status.leader_id);
    json.number("ballot", status.ballot).number("applied", status.applied);
    json.number("chosen", status.chosen).number("durable_applied", status.durable_applied);
    json.number("epoch", status.epoch).number("alpha", status.alpha);
    json.text("cluster_id", status.cluster_id).text("version", status.version);
    json.text("time", format_time(now.count()));
    json.number("boot", status.boot).flag("ready", status.ready);
    json.number("sessions", status.sessions).number("waiting", status.waiting);
    json.number("idempotency_keys", status.idempotency_keys);
    json.number("keys", status.keys).number("key_bytes", status.key_bytes);
    json.number("watches", call.services.watches.taken());
    json.number("log_bytes", status.log_bytes).number("log_bytes_max", status.log_bytes_max);
    json.number("state_bytes", status.state_bytes);
    json.number("state_bytes_max", status.state_bytes_max);
    json.number("commits", status.commits).number("proposals", status.proposals);
    json.number("reads", status.reads);
    json.number("history_floor", status.history_floor).number("versions", status.versions);
    json.number("version_bytes", status.version_bytes);
    json.number("versions_floor", status.versions_floor).number("elections", status.elections);
    json.key("alarms").open('[');
    for (const auto& alarm : status.alarms) json.text(alarm);
    return json_response(200, json.close(']').close('}').take());
}

Response text_response(std::string text) {
    Response response;
    response.add("Content-Type", "text/plain; charset=utf-8").add("Cache-Control", "no-store");
    response.body = std::move(text);
    return response;
}

// What a person wants to see when a probe fails, or just before it does.
std::string checks(const Status& status) {
    std::string text;
    const auto line = [&](bool good, std::string_view what) {
        text.append(good ? "[+] " : "[-] ").append(what).append("\n");
    };
    line(status.leader_id != 0, status.leader_id != 0
                                    ? "leader: member " + std::to_string(status.leader_id)
                                    : std::string("leader: none known"));
    line(status.ready, status.ready ? "ready" : "ready: " + status.not_ready_reason);
    for (const auto& alarm : status.alarms) line(false, "alarm: " + alarm);
    return text;
}

}  // namespace

void with_status(const CallPtr& call, std::function<Response(const Call&, const Status&)> render) {
    call->services.gateway.status([call, render = std::move(render)](Status status) mutable {
        auto& mailbox = call->services.mailbox;
        mailbox.post([call, render = std::move(render), status = std::move(status)] {
            call->respond(render(*call, status));
        });
    });
}

void get_status(const CallPtr& call) {
    with_status(call,
                [](const Call& back, const Status& status) { return described(back, status); });
}

// Alive is who answers through its core thread; a probe of one that does not times out.
void get_livez(const CallPtr& call) {
    const auto verbose = call->parameters.flag("verbose");
    if (!verbose) return respond(call, verbose.error());
    with_status(call, [verbose = *verbose](const Call&, const Status& status) {
        return text_response(verbose ? checks(status) + "alive\n" : "ok\n");
    });
}

void get_readyz(const CallPtr& call) {
    const auto verbose = call->parameters.flag("verbose");
    if (!verbose) return respond(call, verbose.error());
    with_status(call, [verbose = *verbose](const Call& back, const Status& status) {
        if (!status.ready) {
            return problem_response(back, {ProblemCode::not_ready, status.not_ready_reason});
        }
        return text_response(verbose ? checks(status) : "ok\n");
    });
}

}  // namespace gavel::api
