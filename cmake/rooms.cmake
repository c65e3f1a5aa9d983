# A room is a folder of src/ with a CMakeLists.txt. What links the library of a room includes its headers, and
# nothing else can: each room has an include root of its own in the build tree, with links to its files. An
# arrow between rooms that is not in a LINK line therefore fails to compile (tests/rooms proves it).

# Makes the include root of the current folder, without the rooms inside it.
function(vitro_include_root result)
  file(RELATIVE_PATH room ${PROJECT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})
  string(MAKE_C_IDENTIFIER ${room} name)
  set(root ${PROJECT_BINARY_DIR}/rooms/${name})
  file(REMOVE_RECURSE ${root})
  file(GLOB inner_rooms CONFIGURE_DEPENDS */CMakeLists.txt)
  if(inner_rooms)
    file(GLOB headers RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS *.h)
    file(MAKE_DIRECTORY ${root}/${room})
    foreach(header ${headers})
      file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${root}/${room}/${header} SYMBOLIC)
    endforeach()
  else()
    cmake_path(GET room PARENT_PATH above)
    file(MAKE_DIRECTORY ${root}/${above})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${room} SYMBOLIC)
  endif()
  set(${result} ${root} PARENT_SCOPE)
endfunction()

# What most files include, parsed once for all of them: the headers take longer than what the files say themselves.
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/empty.cpp CONTENT "")
add_library(vitro_headers OBJECT ${PROJECT_BINARY_DIR}/empty.cpp)
# ccache needs the first; without the others GCC 12 warns inside std::string, which it then no longer knows to be of
# the system.
set(precompiled_options
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess;-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>)
target_compile_options(vitro_headers PRIVATE ${precompiled_options})
target_link_libraries(vitro_headers PRIVATE vitro_flags fmt::fmt)
target_precompile_headers(vitro_headers PRIVATE <algorithm> <array> <charconv> <chrono> <cmath> <cstring> <filesystem>
  <fmt/ranges.h> <functional> <map> <memory> <numeric> <optional> <set> <span> <string> <string_view> <unordered_map>
  <vector>)

# vitro_library(NAME SOURCES... [LINK targets...] [PRIVATE_LINK targets...] [PRECOMPILE headers...]): an internal
# static library of the room in the current folder. What links it sees the rooms of LINK too, but not those of
# PRIVATE_LINK. PRECOMPILE names what is parsed once for this library in place of vitro_headers, or is OFF.
function(vitro_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK;PRECOMPILE" ${ARGN})
  vitro_include_root(root)
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${root})
  target_link_libraries(${name} PUBLIC vitro_flags ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
  if(NOT DEFINED ARG_PRECOMPILE)
    set(ARG_PRECOMPILE REUSE_FROM vitro_headers)
  elseif(ARG_PRECOMPILE)
    list(PREPEND ARG_PRECOMPILE PRIVATE)
  else()
    return()
  endif()
  target_compile_options(${name} PRIVATE ${precompiled_options})
  target_precompile_headers(${name} ${ARG_PRECOMPILE})
endfunction()
