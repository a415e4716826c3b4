# SPDX-License-Identifier: BSD-2-Clause
#
# In a CMake project of seL4's classic kind, which builds kernel, libsel4, musllibc and sel4runtime itself, these are targets. Where
# they are there, they are used instead of prefixes (docs/c-systems.md):
#
#   sel4         its include folders, with those of kernel_Config, sel4_Config and sel4_autoconf; with kernel.elf and the
#                variable platform_json, which seL4's own build sets, they are SEL4_PREFIX
#   muslc        the folder beside its include folder is MUSLC_PREFIX
#   sel4runtime  starts the programs: sel4std links it, and a program calls sel4_std_init (sel4std_hosted.h)
#
# Given to the caller: SEL4_PREFIX with SEL4_PREFIX_STAMP, MUSLC_PREFIX with MUSLC_TARGET, SEL4_STD_HOSTED. What is made only when the
# project is built is checked then.

set(SEL4_STD_HOSTED NO)
set(_folder "${CMAKE_CURRENT_LIST_DIR}")

if(TARGET sel4 AND NOT SEL4_PREFIX)
    if(NOT TARGET kernel.elf OR NOT platform_json)
        message(FATAL_ERROR " the target sel4 is there, kernel.elf or the variable platform_json is not: set SEL4_PREFIX to an installed seL4")
    endif()
    set(SEL4_PREFIX "${CMAKE_CURRENT_BINARY_DIR}/sel4-prefix")
    set(SEL4_PREFIX_STAMP "${CMAKE_CURRENT_BINARY_DIR}/sel4-prefix.stamp")
    set(_includes "")
    foreach(_target sel4 kernel_Config sel4_Config sel4_autoconf)
        if(TARGET ${_target})
            list(APPEND _includes "$<TARGET_PROPERTY:${_target},INTERFACE_INCLUDE_DIRECTORIES>")
        endif()
    endforeach()
    add_custom_command(
        OUTPUT "${SEL4_PREFIX_STAMP}" BYPRODUCTS "${SEL4_PREFIX}/bin/kernel.elf"
        COMMAND "${_folder}/collect-prefix" "${SEL4_PREFIX}" "$<TARGET_FILE:kernel.elf>" "${platform_json}" "${_includes}"
        COMMAND "${CMAKE_COMMAND}" -DSEL4_PREFIX=${SEL4_PREFIX} -P "${_folder}/check-prefixes.cmake"
        COMMAND "${CMAKE_COMMAND}" -E touch "${SEL4_PREFIX_STAMP}"
        DEPENDS sel4 kernel.elf "$<TARGET_FILE:kernel.elf>" "${platform_json}" "${_folder}/collect-prefix"
        COMMENT "Collecting the project's seL4" VERBATIM COMMAND_EXPAND_LISTS)
endif()

if(TARGET muslc AND NOT MUSLC_PREFIX)
    get_target_property(_include muslc INTERFACE_INCLUDE_DIRECTORIES)
    list(GET _include 0 _include)
    cmake_path(GET _include PARENT_PATH MUSLC_PREFIX)
    set(MUSLC_TARGET muslc)
endif()

if(TARGET sel4runtime)
    set(SEL4_STD_HOSTED YES)
endif()
