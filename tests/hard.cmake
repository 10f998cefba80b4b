# What a hostile host does: requests that are refused, full disks, kills, many processes, long lives.
# ts_counted_test(name LINK <folders>): a unit test whose requests for memory go through failing_host.h.
set(TS_WRAPPED malloc calloc realloc aligned_alloc free strdup strndup realpath mmap munmap pthread_create newlocale)
function(ts_counted_test name)
  ts_unit_test(${name} ${ARGN})
  foreach(call IN LISTS TS_WRAPPED)
    target_link_options(${name} PRIVATE -Wl,--wrap=${call})
  endforeach()
  set_tests_properties(unit/${name} PROPERTIES LABELS medium TIMEOUT 1800)
endfunction()
ts_counted_test(allocation_failures LINK runtime report compiler clock machine arch base)
ts_counted_test(pjrt_failures LINK pjrt)
ts_counted_test(nki_plans LINK runtime arch base)
set_tests_properties(unit/nki_plans PROPERTIES LABELS short)
target_sources(allocation_failures PRIVATE ${CMAKE_SOURCE_DIR}/src/base/arena.c)
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/base/arena.c PROPERTIES COMPILE_DEFINITIONS TS_ARENA_LARGEST_BLOCK=16)
# What ThreadSanitizer looks at (make tsan).
foreach(name base_pool machine_collective machine_hbm machine_deferred machine_homes machine_loads machine_meeting machine_processes machine_run machine_segment machine_turned nki_plans pjrt_buffer pjrt_client pjrt_execute pjrt_processes pjrt_ranks pjrt_threads runtime_cache
        runtime_options)
  set_property(TEST unit/${name} APPEND PROPERTY LABELS threads)
  list(APPEND TS_THREADED ${name})
endforeach()
add_custom_target(threaded_tests DEPENDS ${TS_THREADED})
# A sanitizer keeps what was freed, so that resident memory says nothing.
if(NOT TS_SANITIZE AND NOT TS_FUZZ AND NOT CMAKE_C_FLAGS MATCHES "-fsanitize")
  ts_counted_test(long_life LINK runtime compiler machine arch base)
endif()
