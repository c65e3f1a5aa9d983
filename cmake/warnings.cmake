# Flags every target of the project is compiled with.
add_library(vitro_flags INTERFACE)
target_compile_options(vitro_flags INTERFACE
  $<$<COMPILE_LANGUAGE:C,CXX>:-Wall;-Wextra;-Wshadow>
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>)  # GCC 12 warns inside std::string (bug 105651)
target_link_libraries(vitro_flags INTERFACE Threads::Threads)
target_include_directories(vitro_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
if(VITRO_SANITIZE STREQUAL "ADDRESS")
  set(sanitizers address,undefined)
elseif(VITRO_SANITIZE STREQUAL "THREAD")
  set(sanitizers thread)
elseif(VITRO_SANITIZE)
  message(FATAL_ERROR "VITRO_SANITIZE is '${VITRO_SANITIZE}', expected ADDRESS, THREAD or OFF")
endif()
if(VITRO_SANITIZE)
  target_compile_options(vitro_flags INTERFACE
    -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(vitro_flags INTERFACE -fsanitize=${sanitizers})
endif()
