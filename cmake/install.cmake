# `cmake --install` gives bin/vitro, one shared library with the public API, its headers and a package
# for find_package(vitro).
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# The internal static libraries become one shared object; the version script exports include/vitro/*.h only.
set(exports ${PROJECT_SOURCE_DIR}/cmake/vitro.map)
add_library(vitro_shared SHARED ${PROJECT_BINARY_DIR}/empty.cpp)
set_target_properties(vitro_shared PROPERTIES
  OUTPUT_NAME vitro EXPORT_NAME vitro
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS ${exports})
# The archives that define the public API go in whole: nothing in the library itself calls, for example,
# preprocess(), and the linker would leave it out.
target_link_libraries(vitro_shared PRIVATE
  -Wl,--whole-archive vitro_capi vitro_calibration vitro_runtime vitro_image vitro_core -Wl,--no-whole-archive)
target_link_options(vitro_shared PRIVATE -Wl,--version-script=${exports})
target_include_directories(vitro_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(vitro_shared INTERFACE cxx_std_20)

install(TARGETS vitro_shared EXPORT vitro_targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET vitro)
  install(TARGETS vitro RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/vitro DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT vitro_targets NAMESPACE vitro:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/vitro)

set(package_dir ${PROJECT_BINARY_DIR}/package)
file(WRITE ${package_dir}/vitro-config.cmake
  "include(\"\${CMAKE_CURRENT_LIST_DIR}/vitro_targets.cmake\")\n")
write_basic_package_version_file(${package_dir}/vitro-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${package_dir}/vitro-config.cmake ${package_dir}/vitro-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/vitro)
