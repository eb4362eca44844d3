#include "api/response_head.h"

#include <charconv>

namespace gavel::api {
namespace {

void append_number(std::string& out, std::uint64_t number) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
}

bool has_content(unsigned status) { return status != 204 && status != 304; }

}  // namespace

void append_head(std::string& out, const Response& response, const CommonFields& common) {
    out += "HTTP/1.1 ";
    append_number(out, response.status);
    out.append(" ").append(reason_phrase(response.status)).append("\r\nDate: ");
    out.append(common.date).append("\r\n").append(response.fields);
    if (!common.streamed && has_content(response.status)) {
        out += "Content-Length: ";
        append_number(out, response.content().size());
        out += "\r\n";
    }
    out += "Gavel-Revision: ";
    append_number(out, common.applied);
    out += "\r\nGavel-Leader: ";
    if (common.leader == 0) {
        out += "none";
    } else {
        append_number(out, common.leader);
    }
    out.append("\r\nX-Request-Id: ").append(common.request_id).append("\r\n");
    if (common.depends_on_origin) out += "Vary: Origin\r\n";
    if (!common.origin.empty()) {
        out.append("Access-Control-Allow-Origin: ").append(common.origin);
        out += "\r\nAccess-Control-Expose-Headers: *\r\n";
    }
    if (!common.keep_alive) {
        out += "Connection: close\r\n";
    } else if (common.http_1_0) {
        out += "Connection: keep-alive\r\n";
    }
    out += "\r\n";
}

}  // namespace gavel::api
