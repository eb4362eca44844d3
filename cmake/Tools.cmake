# Compiler cache, linker and warnings, the same for every target of the project.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
add_link_options(-Wl,--as-needed)
include_directories(${CMAKE_SOURCE_DIR})

# gavel_room(NAME LINKS...): a static library of every source in this folder. The globs are
# re-checked by the build, so a new file needs no change here.
function(gavel_room name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  add_library(gavel-${name} STATIC ${sources})
  target_link_libraries(gavel-${name} PUBLIC ${ARGN})
endfunction()
