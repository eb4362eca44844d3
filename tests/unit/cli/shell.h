#pragma once

#include <stdio.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace gavel::cli::test {

// What a shell prints that runs this script. It is given 20 seconds.
inline std::string shell(const std::string& program, const std::string& script) {
    std::string file = std::filesystem::temp_directory_path() / "gavel-script-XXXXXX";
    const int descriptor = ::mkstemp(file.data());
    std::ofstream(file) << script;
    FILE* pipe =
        ::popen(("exec </dev/null; timeout 20 " + program + " " + file + " 2>&1").c_str(), "r");
    std::string out;
    char piece[4096];
    for (std::size_t count = 0; (count = ::fread(piece, 1, sizeof piece, pipe)) > 0;) {
        out.append(piece, count);
    }
    ::pclose(pipe);
    ::close(descriptor);
    std::filesystem::remove(file);
    return out;
}

inline std::string folder_of(const std::string& program) {
    return std::filesystem::path(program).parent_path().string();
}

}  // namespace gavel::cli::test
