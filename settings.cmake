# SPDX-License-Identifier: BSD-2-Clause
#
# Every setting a user may change: default, unit, meaning. Change one with -DNAME=VALUE on cmake's command line; the build
# folder remembers it. SEL4_PREFIX and MUSLC_PREFIX are also taken from the environment, when a build folder is new.

# setting(NAME DEFAULT MEANING [VALUES...]): a setting, and the values it may have where there are only some
macro(setting name default meaning)
    set(${name} "${default}" CACHE STRING "${meaning}")
    set(_values ${ARGN})
    if(_values)
        set_property(CACHE ${name} PROPERTY STRINGS ${_values})
        if(NOT "${${name}}" IN_LIST _values)
            list(JOIN _values ", " _values)
            message(FATAL_ERROR " ${name} is \"${${name}}\", it must be one of: ${_values}")
        endif()
    endif()
endmacro()

# number(NAME MINIMUM): stops unless the setting is a whole number of at least MINIMUM
macro(number name minimum)
    if(NOT "${${name}}" MATCHES "^[0-9]+$" OR "${${name}}" LESS "${minimum}")
        message(FATAL_ERROR " ${name} is \"${${name}}\", it must be a whole number of at least ${minimum}")
    endif()
endmacro()

# ---- what it runs on ----

setting(PLATFORM zynqmp "board: zynqmp, which is the ZCU102 and QEMU's xlnx-zcu102" zynqmp)
setting(ENTRY_LEVEL 1 "exception level that QEMU enters the boot loader at" 1 2 3)
setting(QEMU_MEMORY 4096 "RAM of the board under QEMU, in MiB; the memory map of kernel/ is made for 4096")
number(QEMU_MEMORY 1)
setting(QEMU_OPTIONS "" "further options of qemu-system-aarch64, separated by semicolons")

# ---- the two seams: kernel and C library ----

setting(SEL4_PREFIX "$ENV{SEL4_PREFIX}" "folder of an installed seL4 for AArch64; empty: kernel/ makes one")
setting(KERNEL_VARIANT debug "kernel that kernel/ makes: debug (checks, prints on UART 0) or release" debug release)
setting(MUSLC_PREFIX "$ENV{MUSLC_PREFIX}" "folder of an installed muslc with calls through __sysinfo; empty: musl-target/ makes one")

# ---- Rust ----

setting(PANIC unwind "what a Rust panic does in components: unwind (can be caught) or abort (ends the program)" unwind abort)
setting(RUST_PROFILE release "cargo profile of components: release, dev, or one of the component's own")

# ---- the program ----

setting(ROOT_STACK 8192 "stack of the root task's first thread, in KiB")
number(ROOT_STACK 64)
setting(ROOT_ARGS "" "arguments of the root task after its name, separated by semicolons")
setting(ROOT_ENV "" "environment of the root task, NAME=VALUE, separated by semicolons")
setting(ROOT_FILES "" "folder of this machine whose files the root task finds, read-only; a relative path is one in this tree; empty: none")
if(ROOT_FILES)
    cmake_path(ABSOLUTE_PATH ROOT_FILES BASE_DIRECTORY "${CMAKE_SOURCE_DIR}" OUTPUT_VARIABLE ROOT_FILES_FOLDER)
    if(NOT IS_DIRECTORY "${ROOT_FILES_FOLDER}")
        message(FATAL_ERROR " ROOT_FILES is \"${ROOT_FILES}\", there is no such folder")
    endif()
endif()
setting(ROM_MOUNT /rom "folder that a program finds the files of its image in; an absolute path")
if(NOT ROM_MOUNT MATCHES "^/+[^/]")
    message(FATAL_ERROR " ROM_MOUNT is \"${ROM_MOUNT}\", it must be an absolute path and not /")
endif()

# ---- this machine ----

cmake_host_system_information(RESULT _cores QUERY NUMBER_OF_LOGICAL_CORES)
setting(JOBS ${_cores} "compilers that cargo and make run at a time")
number(JOBS 1)
setting(CARGO_TARGET_FOLDER "${CMAKE_BINARY_DIR}/cargo" "folder of what cargo compiles; build folders of the same sources may share one, and compile std once")
