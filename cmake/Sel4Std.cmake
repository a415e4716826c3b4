# SPDX-License-Identifier: BSD-2-Clause
#
# Programs for seL4: what they are linked with, and the image they boot from.
#
#   sel4std           a library to name in target_link_libraries(): the sysroot's headers, C library, start files and
#                     layout, and libsel4's headers; where the project has a target sel4runtime, that starts the
#                     program, which calls sel4_std_init (sel4std_hosted.h) before anything of muslc or Rust
#
#   sel4_image(program [ARGS arg...] [ENV NAME=VALUE...] [ROM folder | ARCHIVE file.cpio] [MOUNT folder])
#                     program.boot.elf: boot loader, kernel, the program as the root task, its arguments, its environment and
#                     its files; and the target simulate-program, which boots it in QEMU
#
#                     ROM       a folder, with all that is in it; the image is packed again when anything in it changed, was
#                               added or removed
#                     ARCHIVE   or a CPIO archive in newc format
#                     MOUNT     where the program finds the files; default: ROM_MOUNT

include_guard(GLOBAL)

add_library(sel4std INTERFACE)
math(EXPR _stack "${ROOT_STACK} * 1024")
if(SEL4_STD_HOSTED AND COMMAND DeclareRootserver)
    # seL4's own CMake functions say how programs are compiled and linked: muslcsys's object comes before all libraries, the
    # unwinder before gcc's.
    target_include_directories(sel4std INTERFACE "${SYSROOT}/include")
    set_source_files_properties("${SYSROOT}/lib/muslcsys-hosted.o" PROPERTIES EXTERNAL_OBJECT YES GENERATED YES)
    target_sources(sel4std INTERFACE "${SYSROOT}/lib/muslcsys-hosted.o")
    target_link_options(sel4std INTERFACE LINKER:--eh-frame-hdr)
    target_link_libraries(sel4std INTERFACE "${SYSROOT}/lib/libunwind.a" sel4 sel4runtime muslc)
else()
    target_include_directories(sel4std INTERFACE "${SEL4_PREFIX}/libsel4/include")
    # What the sysroot's own bin/aarch64-sel4-musl-gcc says to gcc.
    target_compile_options(sel4std INTERFACE "--sysroot=${SYSROOT}" "-specs=${SYSROOT}/lib/sel4.specs")
    target_link_options(sel4std INTERFACE "--sysroot=${SYSROOT}" "-specs=${SYSROOT}/lib/sel4.specs" "LINKER:-z,stack-size=${_stack}")
    if(SEL4_STD_HOSTED)
        target_link_options(sel4std INTERFACE "-specs=${SYSROOT}/lib/sel4-hosted.specs")
        target_link_libraries(sel4std INTERFACE sel4runtime)
    endif()
endif()
if(SEL4_STD_HOSTED)
    # For programs that can be started in both ways.
    target_compile_definitions(sel4std INTERFACE SEL4_STD_HOSTED)
endif()
set_property(TARGET sel4std PROPERTY INTERFACE_LINK_DEPENDS ${SYSROOT_STAMP})
if(TARGET sysroot)
    add_dependencies(sel4std sysroot)
endif()

# What of a program comes from cargo_build(): its library, or the program itself. Two Rust libraries in one program bring
# two standard libraries, and the linker would say so in a hundred lines.
function(_sel4_rust_parts out program)
    set(found "")
    get_target_property(libraries ${program} LINK_LIBRARIES)
    foreach(part IN LISTS program libraries)
        if(TARGET "${part}")
            get_target_property(rust ${part} SEL4_RUST)
            if(rust)
                list(APPEND found ${part})
            endif()
        endif()
    endforeach()
    list(LENGTH found count)
    if(count GREATER 1)
        list(JOIN found ", " names)
        message(FATAL_ERROR " ${program} links ${count} Rust libraries (${names}): make one crate that depends on the others")
    endif()
    set(${out} "${found}" PARENT_SCOPE)
endfunction()

function(sel4_image program)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "ROM;ARCHIVE;MOUNT" "ARGS;ENV")
    if(NOT TARGET ${program} OR arg_UNPARSED_ARGUMENTS OR (arg_ROM AND arg_ARCHIVE))
        message(FATAL_ERROR " sel4_image(program [ARGS ...] [ENV ...] [ROM folder | ARCHIVE file] [MOUNT folder]): "
            "wrong arguments ${ARGV}")
    endif()
    set(image "${CMAKE_CURRENT_BINARY_DIR}/${program}.boot.elf")
    set(options "")
    foreach(argument IN LISTS arg_ARGS)
        list(APPEND options "--arg=${argument}")
    endforeach()
    foreach(variable IN LISTS arg_ENV)
        list(APPEND options "--env=${variable}")
    endforeach()
    if(arg_ARCHIVE)
        cmake_path(ABSOLUTE_PATH arg_ARCHIVE BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
        list(APPEND options "--archive=${arg_ARCHIVE}")
    endif()
    set(depfile "")
    if(arg_ROM)
        cmake_path(ABSOLUTE_PATH arg_ROM BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
        list(APPEND options "--rom=${arg_ROM}" "--deps=${image}.d")
        set(depfile DEPFILE "${image}.d")
    endif()
    if(NOT arg_MOUNT)
        set(arg_MOUNT "${ROM_MOUNT}")
    endif()
    list(APPEND options "--mount=${arg_MOUNT}")
    add_custom_command(
        OUTPUT "${image}"
        COMMAND "${mkimage_PROGRAM}" --loader "${LOADER_PROGRAM}" --kernel "${SEL4_PREFIX}/bin/kernel.elf"
            --root-task "$<TARGET_FILE:${program}>" --arg0 "${program}" --qemu ${options} --output "${image}"
        DEPENDS ${program} "${mkimage_PROGRAM}" "${LOADER_PROGRAM}" "${SEL4_PREFIX}/bin/kernel.elf" ${SEL4_PREFIX_STAMP} ${arg_ARCHIVE}
        ${depfile}
        COMMENT "Packing ${program}.boot.elf" VERBATIM)
    add_custom_target(${program}-image ALL DEPENDS "${image}")
    _sel4_rust_parts(rust ${program})
    if(rust)
        set_property(TARGET ${rust} APPEND PROPERTY SEL4_IMAGES "${image}")
    endif()

    add_custom_target(simulate-${program}
        COMMAND "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../tools/qemu" --level ${ENTRY_LEVEL} --memory ${QEMU_MEMORY} --prefix "${SEL4_PREFIX}" "${image}" ${QEMU_OPTIONS}
        DEPENDS "${image}" COMMENT "Booting ${program}.boot.elf (leave QEMU with Ctrl-A X)" USES_TERMINAL VERBATIM)
endfunction()
