# What `cmake --install BUILD --prefix P` puts where. The component `wheel` is what a wheel carries beside the
# package's Python files (pyproject.toml).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(trainstone_library PROPERTIES
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} EXPORT_NAME trainstone)
target_include_directories(trainstone_library INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS trainstone_library EXPORT trainstoneTargets LIBRARY)
install(TARGETS trainstone)
install(DIRECTORY include/trainstone TYPE INCLUDE)

# For C programs: pkg-config and CMake. The folder is found from the file, so that the prefix may be chosen late
# and the tree moved.
file(RELATIVE_PATH TS_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" TS_PC_TO_PREFIX "${TS_PC_TO_PREFIX}")
configure_file(tools/install/trainstone.pc.in trainstone.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/trainstone.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(TS_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/trainstone)
install(EXPORT trainstoneTargets NAMESPACE trainstone:: DESTINATION ${TS_CMAKE_FOLDER})
configure_package_config_file(tools/install/trainstoneConfig.cmake.in ${CMAKE_BINARY_DIR}/trainstoneConfig.cmake
                              INSTALL_DESTINATION ${TS_CMAKE_FOLDER})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/trainstoneConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/trainstoneConfig.cmake ${CMAKE_BINARY_DIR}/trainstoneConfigVersion.cmake
        DESTINATION ${TS_CMAKE_FOLDER})

# Pages and completion, made from the verbs' own tables.
install(DIRECTORY ${TS_PAGES}/man1 TYPE MAN)
install(FILES ${TS_PAGES}/trainstone.bash RENAME trainstone
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)

# The Python package of a prefix loads the prefix's library through a link.
find_package(Python3 3.11 QUIET COMPONENTS Interpreter)
set(TS_PYTHON_FOLDER ${CMAKE_INSTALL_LIBDIR}/python${Python3_VERSION_MAJOR}.${Python3_VERSION_MINOR}/site-packages
    CACHE STRING "Where the Python package goes, from the prefix")
if(Python3_FOUND)
  install(DIRECTORY python/trainstone python/jax_plugins DESTINATION ${TS_PYTHON_FOLDER} FILES_MATCHING PATTERN "*.py")
  file(RELATIVE_PATH TS_PYTHON_TO_LIBRARY /prefix/${TS_PYTHON_FOLDER}/trainstone /prefix/${CMAKE_INSTALL_LIBDIR})
  install(CODE "file(CREATE_LINK \"${TS_PYTHON_TO_LIBRARY}libtrainstone.so.${PROJECT_VERSION_MAJOR}\"
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${TS_PYTHON_FOLDER}/trainstone/libtrainstone.so\" SYMBOLIC)")
endif()

if(TARGET trainstone_nki)
  install(TARGETS trainstone_nki LIBRARY DESTINATION ${TS_PYTHON_FOLDER}/trainstone)
endif()

if(SKBUILD)
  install(TARGETS trainstone_nki LIBRARY DESTINATION trainstone COMPONENT wheel EXCLUDE_FROM_ALL)
  install(FILES $<TARGET_FILE:trainstone_library> DESTINATION trainstone RENAME libtrainstone.so
          PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE
          COMPONENT wheel EXCLUDE_FROM_ALL)
  install(PROGRAMS $<TARGET_FILE:trainstone> DESTINATION ${SKBUILD_SCRIPTS_DIR} COMPONENT wheel EXCLUDE_FROM_ALL)
endif()
