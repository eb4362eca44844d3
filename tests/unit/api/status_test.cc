#include <gtest/gtest.h>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using nlohmann::json;
using testing::Desk;

TEST(StatusResource, TellsWhatTheMemberKnowsOfItself) {
    Desk desk;
    desk.gateway.edit_status().alarms = {"the disk is slow"};
    desk.gateway.edit_status().log_bytes_max = 12;
    desk.gateway.edit_status().state_bytes_max = 22;
    desk.gateway.edit_status().commits = 31;
    desk.gateway.edit_status().proposals = 32;
    desk.gateway.edit_status().reads = 33;
    const auto status = desk.get("/v1/status")->json();
    for (const auto* field : {"member_id", "name", "role", "leader_id", "applied", "chosen",
                              "epoch", "alpha", "ballot", "cluster_id", "version"}) {
        EXPECT_TRUE(status.contains(field)) << field;
    }
    EXPECT_EQ(status["role"], "leader");
    EXPECT_EQ(status["alarms"], json::array({"the disk is slow"}));
    EXPECT_EQ(status["log_bytes_max"], 12);
    EXPECT_EQ(status["state_bytes_max"], 22);
    EXPECT_EQ(status["commits"], 31);
    EXPECT_EQ(status["proposals"], 32);
    EXPECT_EQ(status["reads"], 33);
    EXPECT_EQ(status["watches"], 0);
    EXPECT_EQ(status["time"].get<std::string>().size(), std::size("2026-01-31T12:00:00.000Z") - 1);
}

TEST(MembersResource, TellsWhatIsKnownAndWhatIsNot) {
    Desk desk;
    for (int i = 0; i < 5; ++i) desk.gateway.put("a", "v");
    EXPECT_EQ(desk.get("/v1/members")->json(), json::parse(R"({"epoch":1,"alpha":64,"leader_id":1,
        "members":[
        {"member_id":1,"name":"n1","role":"voter","wants_vote":false,"peer_address":"127.0.0.1:7500",
         "client_address":"127.0.0.1:7400","applied":3,"lag":2,"last_contact":"120ms",
         "version":"0.1.0"},
        {"member_id":2,"name":"n2","role":"voter","wants_vote":false,"peer_address":"127.0.0.1:7501",
         "client_address":null,"applied":null,"lag":null,"last_contact":null,"version":null}],
        "pending":[]})"));
}

TEST(Probes, TellAliveFromReady) {
    Desk desk;
    EXPECT_EQ(desk.get("/livez")->answer->body, "ok\n");
    EXPECT_EQ(desk.get("/readyz")->answer->body, "ok\n");

    desk.gateway.edit_status().ready = false;
    desk.gateway.edit_status().not_ready_reason = "catching up";
    desk.gateway.edit_status().leader_id = 0;
    EXPECT_EQ(desk.get("/livez")->status(), 200U);
    const auto ready = desk.get("/readyz");
    EXPECT_EQ(ready->status(), 503U);
    EXPECT_EQ(ready->json()["detail"], "catching up");
    const auto verbose = desk.get("/livez?verbose")->answer->body;
    EXPECT_NE(verbose.find("[-] ready: catching up\n"), std::string::npos);
    EXPECT_NE(verbose.find("[-] leader: none known\n"), std::string::npos);
}

TEST(MetricsResource, TellHowMuchOfTheDiskIsInUseAndHowMuchMayBe) {
    Desk desk;
    desk.gateway.edit_status().log_bytes = 11;
    desk.gateway.edit_status().log_bytes_max = 12;
    desk.gateway.edit_status().log_oldest = 13;
    desk.gateway.edit_status().state_bytes = 21;
    desk.gateway.edit_status().state_bytes_max = 22;

    const auto text = desk.get("/metrics")->answer->body;

    for (const auto* line :
         {"gavel_log_bytes 11\n", "gavel_log_bytes_max 12\n", "gavel_log_oldest_slot 13\n",
          "gavel_state_bytes 21\n", "gavel_state_bytes_max 22\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    }
}

TEST(MetricsResource, CountsAnswers) {
    Desk desk;
    desk.metrics.count(0, 200, std::chrono::microseconds(90));
    desk.metrics.count(0, 200, std::chrono::microseconds(2'400));
    desk.metrics.count(routes().size(), 404, std::chrono::seconds(60));
    desk.metrics.count(1, 299, std::chrono::microseconds(100));

    const auto text = desk.get("/metrics")->answer->body;

    for (const auto* line :
         {"gavel_http_requests_total{method=\"GET\",route=\"/v1/config/{key}\",status=\"200\"} 2\n",
          "gavel_http_requests_total{method=\"\",route=\"none\",status=\"404\"} 1\n",
          "gavel_http_requests_total{method=\"PUT\",route=\"/v1/config/{key}\",status=\"0\"} 1\n",
          "gavel_http_request_seconds_bucket{le=\"0.000100\"} 2\n",
          "gavel_http_request_seconds_bucket{le=\"0.002500\"} 3\n",
          "gavel_http_request_seconds_bucket{le=\"10.000000\"} 3\n",
          "gavel_http_request_seconds_bucket{le=\"+Inf\"} 4\n",
          "gavel_http_request_seconds_count 4\n", "gavel_is_leader 1\n", "gavel_ready 1\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    }
}

}  // namespace
}  // namespace gavel::api
