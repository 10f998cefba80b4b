# The readers.
ts_unit_test(reader_damage LINK compiler)
ts_unit_test(reader_text LINK compiler)
ts_unit_test(reader_check LINK compiler)
ts_unit_test(magnitude LINK compiler)
# The compiler. Each file of tests/compiler is one test.
add_executable(compiler_runner unit/compiler_runner.c unit/compiler_reference.c unit/reference_window.c)
target_link_libraries(compiler_runner PRIVATE ts_compiler ts_clock ts_machine)
file(GLOB TS_COMPILER_FILES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/compiler/*.mlir)
foreach(file IN LISTS TS_COMPILER_FILES)
  get_filename_component(name ${file} NAME_WE)
  add_test(NAME compiler/${name} COMMAND compiler_runner ${file})
  set_tests_properties(compiler/${name} PROPERTIES LABELS short)
endforeach()
# Accuracy of elementwise functions, and the page that states it.
add_executable(compiler_accuracy unit/compiler_accuracy.c)
target_link_libraries(compiler_accuracy PRIVATE ts_compiler ts_machine)
add_test(NAME unit/compiler_accuracy COMMAND compiler_accuracy ${CMAKE_SOURCE_DIR}/docs/accuracy.md)
if(NOT TS_SANITIZE) # the same code as above on more points
  add_test(NAME unit/compiler_accuracy_dense COMMAND compiler_accuracy --dense)
  set_tests_properties(unit/compiler_accuracy_dense PROPERTIES LABELS medium RUN_SERIAL ON TIMEOUT 900)
endif()
set_tests_properties(unit/compiler_accuracy PROPERTIES LABELS short)
