# Writes a source that names the commit it is built from, and only when that is another one than
# before. Run at each build, for a commit changes nothing that a build would notice:
#   cmake -D SOURCE=FOLDER -D INTO=FILE -P commit.cmake
cmake_minimum_required(VERSION 3.25)

set(commit unknown)
execute_process(COMMAND git -C ${SOURCE} rev-parse --show-cdup
  OUTPUT_VARIABLE up RESULT_VARIABLE failed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
# Sources that were unpacked inside another repository have none of its commits.
if(NOT failed AND up STREQUAL "")
  execute_process(COMMAND git -C ${SOURCE} describe --always --exclude=* --abbrev=12 --dirty=+
    OUTPUT_VARIABLE found RESULT_VARIABLE failed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT failed)
    set(commit ${found})
  endif()
endif()
file(CONFIGURE OUTPUT ${INTO} CONTENT "#include \"tests/simulation/commit.h\"

const char* gavel::simulation::commit() { return \"${commit}\"; }
")
