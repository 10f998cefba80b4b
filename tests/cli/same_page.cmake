# Fails unless `${COMMAND} ${VERB} --markdown` prints exactly ${PAGE}.
execute_process(COMMAND ${COMMAND} ${VERB} --markdown OUTPUT_FILE ${OUTPUT} RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "trainstone ${VERB} --markdown: exit ${code}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${OUTPUT} ${PAGE} RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "${PAGE} is stale: build/trainstone ${VERB} --markdown > docs/${VERB}.md")
endif()
