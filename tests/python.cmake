# Tests written in Python: each file of pytest is one CTest, run by the .venv that `make` prepares.
# They judge the ordinary build; the sanitizer builds run the C tests only.
if(TS_SANITIZE OR TS_FUZZ OR CMAKE_C_FLAGS MATCHES "-fsanitize")
  return()
endif()
# ts_pytest(file LABEL short|medium|long): tests/<file>.py. Those that run models use every core.
function(ts_pytest file)
  cmake_parse_arguments(ARG "" "LABEL" "" ${ARGN})
  add_test(NAME ${file}
           COMMAND ${CMAKE_SOURCE_DIR}/.venv/bin/python -m pytest -q -p no:cacheprovider
                   --junitxml=${CMAKE_BINARY_DIR}/junit/${file}.xml ${CMAKE_SOURCE_DIR}/tests/${file}.py)
  set_tests_properties(${file} PROPERTIES LABELS "${ARG_LABEL};python" TIMEOUT 900
                       ENVIRONMENT "TRAINSTONE_BUILD=${CMAKE_BINARY_DIR};TRAINSTONE_LIBRARY=${CMAKE_BINARY_DIR}/libtrainstone.so;JAX_PLATFORMS=neuron,cpu")
  if(NOT ARG_LABEL STREQUAL short)
    set_tests_properties(${file} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
ts_pytest(project/test_checks LABEL short)
ts_pytest(project/test_setup LABEL short)
ts_pytest(project/test_conformance LABEL short)
ts_pytest(cli/test_command LABEL short)
ts_pytest(cli/test_terminal LABEL short)
ts_pytest(cli/test_examples LABEL medium)
ts_pytest(cli/test_steps LABEL medium)
ts_pytest(models/test_harness LABEL short)
ts_pytest(models/test_mlp LABEL medium)
ts_pytest(models/test_gpt LABEL medium)
ts_pytest(models/test_sorting LABEL medium)
ts_pytest(models/test_repeat LABEL medium)
ts_pytest(models/test_faithful LABEL medium)
ts_pytest(models/test_errors LABEL medium)
ts_pytest(models/test_demo LABEL medium)
ts_pytest(api/test_programs LABEL medium)
ts_pytest(api/test_plugin LABEL medium)
