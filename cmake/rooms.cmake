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

# vitro_library(NAME SOURCES... [LINK targets...] [PRIVATE_LINK targets...]): an internal static library of the
# room in the current folder. What links it sees the rooms of LINK too, but not those of PRIVATE_LINK.
function(vitro_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  vitro_include_root(root)
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${root})
  target_link_libraries(${name} PUBLIC vitro_flags ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
endfunction()
