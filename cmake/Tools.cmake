# Compiler cache, linker and warnings, the same for every target of the project.
find_program(CCACHE ccache)
if(CCACHE)
  # It may keep what was compiled with a precompiled header: nobody here looks at __DATE__, or for
  # macros that a header would have defined.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
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

option(GAVEL_BATCHES "Compile several sources at a time, where a target is fit for it" ON)

# For a target whose sources take longer to read and to generate what a library's headers make of
# them than to compile themselves. They share one namespace then: names in it have to differ, and a
# header that a source lacks may be another's. The presets for the sanitizers compile each by itself.
function(gavel_batch target)
  if(GAVEL_BATCHES)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
  endif()
endfunction()

# Headers of libraries that most sources of a target include and that take longer than the source
# itself: compiled once for the target. Sources go on including what they use.
function(gavel_precompile target)
  target_precompile_headers(${target} PRIVATE ${ARGN})
endfunction()
