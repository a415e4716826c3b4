# check_muslc_prefix(FOLDER): stops the configuration with one line if FOLDER is not a muslc that programs for seL4 can be
# linked with: empty or incomplete, for another architecture, or not built with calls through __sysinfo. The check itself
# is musl-target/check-muslc-prefix, which works without CMake too.

include_guard(GLOBAL)
cmake_path(SET _check_muslc_prefix NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../musl-target/check-muslc-prefix)
set_property(GLOBAL PROPERTY CHECK_MUSLC_PREFIX ${_check_muslc_prefix})

function(check_muslc_prefix folder)
    get_property(check GLOBAL PROPERTY CHECK_MUSLC_PREFIX)
    execute_process(COMMAND ${check} "${folder}"
        RESULT_VARIABLE wrong ERROR_VARIABLE message ERROR_STRIP_TRAILING_WHITESPACE)
    if(NOT wrong STREQUAL "0")
        message(FATAL_ERROR "${message}")
    endif()
endfunction()
