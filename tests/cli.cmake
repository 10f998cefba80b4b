ts_unit_test(cli_options LINK cli)
# Generated pages are those that the command prints.
foreach(verb isa chip)
  add_test(NAME cli/${verb}_page
           COMMAND ${CMAKE_COMMAND} -DCOMMAND=$<TARGET_FILE:trainstone> -DVERB=${verb}
                   -DPAGE=${CMAKE_SOURCE_DIR}/docs/${verb}.md -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/${verb}.md
                   -P ${CMAKE_SOURCE_DIR}/tests/cli/same_page.cmake)
  set_tests_properties(cli/${verb}_page PROPERTIES LABELS short)
endforeach()
