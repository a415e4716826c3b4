# SPDX-License-Identifier: BSD-2-Clause
#
# C for seL4: included before project(), or given as CMAKE_TOOLCHAIN_FILE. CMAKE_C_COMPILER is Debian's cross compiler; what
# is linked with sel4std gets the sysroot's headers, libraries and layout. For another gcc set CROSS_COMPILE, here and in the
# environment of ninja, where the scripts of musl-target/ look for it.

set(CROSS_COMPILE "aarch64-linux-gnu-" CACHE STRING "prefix of the cross compiler's programs, with path or without")
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
# There may be no sysroot to link with when CMake tries the compiler.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_COMPILER "${CROSS_COMPILE}gcc")
set(CMAKE_EXECUTABLE_SUFFIX_C ".elf")
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "how C is compiled: Debug, Release, RelWithDebInfo, MinSizeRel")
endif()
