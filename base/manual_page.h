#pragma once

#include <string>
#include <string_view>

namespace gavel {

// A page of the manual, in man(7). Texts are plain UTF-8: whatever they hold is shown as it is.
class ManualPage {
public:
    struct Title {
        std::string_view name;  // "gavel-lock"
        int section = 1;
        std::string_view date{};     // "2026-01-31"
        std::string_view version{};  // "gavel 0.1.0"
        std::string_view summary{};
    };
    explicit ManualPage(const Title& title);

    void section(std::string_view heading);
    void subsection(std::string_view heading);
    // A command line, which is not filled.
    void command(std::string_view line);
    void paragraph(std::string_view text);
    // What is explained, and the explanation.
    void item(std::string_view term, std::string_view text);
    // Lines as they are.
    void lines(std::string_view text);

    const std::string& text() const { return text_; }

private:
    void begin_paragraph();

    std::string text_{};
};

}  // namespace gavel
