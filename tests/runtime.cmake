foreach(name runtime_options runtime_cache runtime_pair runtime_scratch pjrt_client pjrt_buffer pjrt_execute pjrt_ranks pjrt_processes pjrt_threads)
  ts_unit_test(${name} LINK pjrt)
endforeach()
