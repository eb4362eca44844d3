#include "base/manual_page.h"

namespace gavel {

namespace {

// A backslash would begin an escape, a dot or an apostrophe at the start of a line a request. A
// hyphen of a literal is to be a minus, so that it can be copied.
std::string escape(std::string_view text, bool literal) {
    std::string escaped;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool begins = i == 0 || text[i - 1] == '\n';
        if (begins && (c == '.' || c == '\'')) escaped += "\\&";
        if (c == '\\') {
            escaped += "\\e";
        } else if (c == '-' && (literal || i + 1 == text.size() || text[i + 1] == '-' ||
                                (i > 0 && text[i - 1] == '-'))) {
            escaped += "\\-";
        } else if (text.compare(i, 3, "…") == 0) {
            escaped += begins ? "\\&..." : "...";
            i += 2;
        } else {
            escaped += c;
        }
    }
    return escaped;
}

// As one argument of a request.
std::string quoted(std::string_view text) {
    std::string escaped;
    for (const char c : escape(text, true)) {
        if (c == '"') {
            escaped += "\\(dq";
        } else {
            escaped += c == '\n' ? ' ' : c;
        }
    }
    return "\"" + escaped + "\"";
}

}  // namespace

ManualPage::ManualPage(const Title& title) {
    std::string upper(title.name);
    for (char& c : upper) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    text_ = ".TH " + quoted(upper) + " " + std::to_string(title.section) + " " + "\"" +
            std::string(title.date) + "\" " + quoted(title.version) + " \"Gavel\"\n.SH NAME\n" +
            escape(title.name, true) + " \\- " + escape(title.summary, false) + "\n";
}

void ManualPage::section(std::string_view heading) { text_ += ".SH " + quoted(heading) + "\n"; }

void ManualPage::subsection(std::string_view heading) { text_ += ".SS " + quoted(heading) + "\n"; }

void ManualPage::command(std::string_view line) {
    if (!text_.ends_with(".SH \"SYNOPSIS\"\n")) text_ += ".br\n";
    text_ += ".B " + quoted(line) + "\n";
}

void ManualPage::paragraph(std::string_view text) {
    begin_paragraph();
    text_ += escape(text, false) + "\n";
}

void ManualPage::item(std::string_view term, std::string_view text) {
    text_ += ".TP\n.B " + quoted(term) + "\n" +
             (text.empty() ? std::string("\\&") : escape(text, false)) + "\n";
}

void ManualPage::lines(std::string_view text) {
    begin_paragraph();
    text_ +=
        ".nf\n.RS 4\n" + escape(text, true) + (text.ends_with('\n') ? "" : "\n") + ".RE\n.fi\n";
}

// A heading begins one by itself.
void ManualPage::begin_paragraph() {
    const auto line = text_.rfind('\n', text_.size() - 2) + 1;
    const bool after_heading =
        text_.compare(line, 4, ".SH ") == 0 || text_.compare(line, 4, ".SS ") == 0;
    if (!after_heading) text_ += ".PP\n";
}

}  // namespace gavel
