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
  if(NOT sources)  # Headers only.
    add_library(gavel-${name} INTERFACE)
    target_link_libraries(gavel-${name} INTERFACE ${ARGN})
    return()
  endif()
  add_library(gavel-${name} STATIC ${sources})
  target_link_libraries(gavel-${name} PUBLIC ${ARGN})
endfunction()

# What only a room's own sources may see.
function(gavel_room_private name)
  get_target_property(type gavel-${name} TYPE)
  if(NOT type STREQUAL INTERFACE_LIBRARY)
    target_link_libraries(gavel-${name} PRIVATE ${ARGN})
  endif()
endfunction()
