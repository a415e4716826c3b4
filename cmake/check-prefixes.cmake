# SPDX-License-Identifier: BSD-2-Clause
#
# cmake [-DSEL4_PREFIX=...] [-DMUSLC_PREFIX=...] -P check-prefixes.cmake: the checks of the configuration, for prefixes that the build
# itself makes.
include("${CMAKE_CURRENT_LIST_DIR}/CheckSel4Prefix.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/CheckMuslcPrefix.cmake")
if(DEFINED SEL4_PREFIX)
    check_sel4_prefix("${SEL4_PREFIX}")
endif()
if(DEFINED MUSLC_PREFIX)
    check_muslc_prefix("${MUSLC_PREFIX}")
endif()
