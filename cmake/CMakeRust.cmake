# SPDX-License-Identifier: BSD-2-Clause
#
# Rust in a CMake project for seL4, in the spirit of Devolutions' CMakeRust.
#
#   cargo_build(NAME crate [PROGRAM] [MANIFEST folder] [TARGET file.json] [PROFILE name] [FEATURES feature...]
#               [ENVIRONMENT NAME=VALUE...])
#
# builds the static library of a crate with std for seL4 and gives the imported target `crate`, to be named in
# target_link_libraries(): the library, and the folder of its C header crate.h, which cbindgen writes from what the crate
# exports with extern "C".
#
#   PROGRAM       the crate is a program with a Rust main instead: the target is an executable, to be named in sel4_image()
#   NAME          name of the cargo package; a `-` in it is a `_` in the names of library and header
#   MANIFEST      folder of its Cargo.toml; default: the folder NAME beside the CMakeLists.txt
#   TARGET        target specification; default: the sysroot's, unwinding or aborting as PANIC says
#   PROFILE       cargo profile; default: RUST_PROFILE
#   FEATURES      features of the crate
#   ENVIRONMENT   variables for cargo and for what it runs, besides SEL4_PREFIX, MUSLC_PREFIX, SYSROOT and the C compiler of
#                 the target as the crate `cc` looks for it
#
# cargo is run when a source of the crate, of a crate it contains, or a manifest of these changed, and not otherwise. Its
# messages are visible, its compilers are JOBS at most, and one cargo runs at a time. When it fails, the library and the
# images that contain it are removed: an old image cannot be taken for a new one.
#
# A program can contain one such library: two would bring two standard libraries. Rust crates are joined by one that
# depends on them.

include_guard(GLOBAL)
find_program(PYTHON3 python3 REQUIRED)

# _cargo_command(OUTPUT file ARTIFACT file BYPRODUCT file CARGO args... SCRIPT args... DEPENDS files... ENVIRONMENT ...
#                COMMENT text): one run of cargo that makes OUTPUT of ARTIFACT, cargo's name for it below its target folder
function(_cargo_command)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUTPUT;ARTIFACT;BYPRODUCT;COMMENT;MANIFEST" "CARGO;SCRIPT;DEPENDS;ENVIRONMENT")
    add_custom_command(
        OUTPUT "${arg_OUTPUT}" ${arg_BYPRODUCT}
        COMMAND "${CMAKE_COMMAND}" -E env "CARGO=${CARGO}" "CARGO_TARGET_DIR=${CARGO_TARGET_FOLDER}" ${arg_ENVIRONMENT}
            "${PYTHON3}" "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/cargo-build" --output "${arg_OUTPUT}"
            --artifact "${CARGO_TARGET_FOLDER}/${arg_ARTIFACT}" --depfile "${arg_OUTPUT}.d" ${arg_SCRIPT}
            -- build --manifest-path "${arg_MANIFEST}" --jobs ${JOBS} ${arg_CARGO}
        DEPENDS "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/cargo-build" "${CARGO}" "${arg_MANIFEST}" ${arg_DEPENDS}
        DEPFILE "${arg_OUTPUT}.d"
        COMMENT "${arg_COMMENT}" USES_TERMINAL VERBATIM COMMAND_EXPAND_LISTS)
endfunction()

# cargo_host_program(NAME): a program of this tree that runs on the building machine; its path in NAME_PROGRAM
function(cargo_host_program name manifest)
    set(program "${CMAKE_BINARY_DIR}/bin/${name}")
    _cargo_command(OUTPUT "${program}" ARTIFACT "host/${name}" MANIFEST "${manifest}"
        CARGO --profile host --package ${name} COMMENT "Building ${name} for this machine")
    add_custom_target(${name} DEPENDS "${program}")
    set(${name}_PROGRAM "${program}" PARENT_SCOPE)
endfunction()

# cargo_below_libc(NAME kind FEATURES... ENVIRONMENT...): code that does not use std, optimised whole and aborting; its file
# (libNAME.a, or the program NAME) in NAME_FILE
function(cargo_below_libc name kind)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "MANIFEST" "FEATURES;ENVIRONMENT;DEPENDS")
    set(file "${name}")
    set(cargo --bin ${name})
    if(kind STREQUAL "library")
        set(file "lib${name}.a")
        set(cargo --lib)
    endif()
    set(target "${RUST_TARGET_FOLDER}/aarch64-sel4-musl-abort.json")
    list(JOIN arg_FEATURES "," features)
    # Nothing unwinds through it: it calls nothing of the program's, whose signal handlers have frames of their own. Its tables would be half
    # of all that a program has.
    set(flags "target.aarch64-sel4-musl-abort.rustflags=[\"-Cforce-unwind-tables=no\"]")
    _cargo_command(OUTPUT "${CMAKE_BINARY_DIR}/below-libc/${file}" ARTIFACT "aarch64-sel4-musl-abort/sel4/${file}"
        MANIFEST "${arg_MANIFEST}"
        CARGO --package ${name} ${cargo} "--features=${features}" --config "${flags}" --profile sel4 --target "${target}" -Zjson-target-spec
            -Zbuild-std=core,alloc,compiler_builtins -Zbuild-std-features=compiler-builtins-mem
        ENVIRONMENT ${arg_ENVIRONMENT} DEPENDS "${target}" ${arg_DEPENDS}
        COMMENT "Building ${name} for seL4, without std")
    add_custom_target(${name} DEPENDS "${CMAKE_BINARY_DIR}/below-libc/${file}")
    set(${name}_FILE "${CMAKE_BINARY_DIR}/below-libc/${file}" PARENT_SCOPE)
endfunction()

function(cargo_build)
    cmake_parse_arguments(PARSE_ARGV 0 arg "PROGRAM" "NAME;MANIFEST;TARGET;PROFILE" "FEATURES;ENVIRONMENT")
    if(NOT arg_NAME OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR " cargo_build(NAME crate [PROGRAM] [MANIFEST folder] [TARGET file] [PROFILE name] [FEATURES ...] [ENVIRONMENT ...]): "
            "wrong arguments ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT arg_MANIFEST)
        set(arg_MANIFEST "${arg_NAME}")
    endif()
    cmake_path(ABSOLUTE_PATH arg_MANIFEST BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    if(NOT EXISTS "${arg_MANIFEST}/Cargo.toml")
        message(FATAL_ERROR " cargo_build(NAME ${arg_NAME}): there is no ${arg_MANIFEST}/Cargo.toml, name its folder with MANIFEST")
    endif()
    if(NOT arg_TARGET)
        set(arg_TARGET "${SYSROOT}/targets/aarch64-sel4-musl.json")
        if(PANIC STREQUAL "abort")
            set(arg_TARGET "${SYSROOT}/targets/aarch64-sel4-musl-abort.json")
        endif()
    endif()
    if(NOT arg_PROFILE)
        set(arg_PROFILE "${RUST_PROFILE}")
    endif()
    set(profile_folder "${arg_PROFILE}")
    if(arg_PROFILE STREQUAL "dev")
        set(profile_folder debug)
    endif()
    cmake_path(GET arg_TARGET STEM target)
    # What std is built with must be what the target specification says, and its name tells in this tree.
    set(std "std,panic_unwind")
    if(target MATCHES "-abort$")
        set(std "std,panic_abort")
    endif()
    string(REPLACE "-" "_" file "${arg_NAME}")
    string(REPLACE "-" "_" target_id "${target}")
    string(TOUPPER "${target_id}" target_upper)
    list(JOIN arg_FEATURES "," features)

    set(folder "${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.rust/${target}-${arg_PROFILE}")
    if(arg_PROGRAM)
        set(artifact "${arg_NAME}")
        # Not the target's own name: CMake takes a file of that name for the target.
        set(output "${folder}/${arg_NAME}.elf")
        set(byproduct "")
        set(kind --bin ${arg_NAME})
        math(EXPR stack "${ROOT_STACK} * 1024")
        set(script --sysroot "${SYSROOT}" --stack ${stack})
    else()
        set(artifact "lib${file}.a")
        set(output "${folder}/${artifact}")
        set(byproduct "${folder}/include/${file}.h")
        set(kind --lib)
        set(script --header "${byproduct}" --header-program "${c-header_PROGRAM}")
    endif()
    _cargo_command(OUTPUT "${output}" ARTIFACT "${target}/${profile_folder}/${artifact}" BYPRODUCT "${byproduct}"
        MANIFEST "${arg_MANIFEST}/Cargo.toml"
        CARGO --package ${arg_NAME} ${kind} "--features=${features}" --profile ${arg_PROFILE} --target "${arg_TARGET}"
            -Zjson-target-spec -Zbuild-std=${std}
        SCRIPT ${script} --check "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../musl-target/check-target" --target "${arg_TARGET}"
            --images "${folder}/images"
        ENVIRONMENT "RUSTC=${RUSTC}" "SEL4_PREFIX=${SEL4_PREFIX}" "MUSLC_PREFIX=${MUSLC_PREFIX}" "SYSROOT=${SYSROOT}"
            "CARGO_TARGET_${target_upper}_LINKER=${SYSROOT}/bin/aarch64-sel4-musl-gcc"
            # rustix has system call instructions of its own otherwise, which fault on seL4.
            "CARGO_TARGET_${target_upper}_RUSTFLAGS=--cfg=rustix_use_libc"
            "CC_${target_id}=${SYSROOT}/bin/aarch64-sel4-musl-gcc" "AR_${target_id}=${CROSS_COMPILE}ar"
            ${arg_ENVIRONMENT}
        DEPENDS "${c-header_PROGRAM}" ${SYSROOT_STAMP} ${SEL4_PREFIX_STAMP}
        COMMENT "Building ${arg_NAME} with std (${target}, ${arg_PROFILE})")

    add_custom_target(${arg_NAME}-cargo DEPENDS "${output}" ${byproduct})
    if(arg_PROGRAM)
        add_executable(${arg_NAME} IMPORTED GLOBAL)
    else()
        file(MAKE_DIRECTORY "${folder}/include")
        add_library(${arg_NAME} STATIC IMPORTED GLOBAL)
        target_include_directories(${arg_NAME} INTERFACE "${folder}/include")
    endif()
    add_dependencies(${arg_NAME} ${arg_NAME}-cargo)
    set_target_properties(${arg_NAME} PROPERTIES IMPORTED_LOCATION "${output}" SEL4_RUST YES SEL4_IMAGES "")
    # The images that contain it, a line each: sel4_image() adds to them later.
    file(GENERATE OUTPUT "${folder}/images" CONTENT "$<JOIN:$<TARGET_PROPERTY:${arg_NAME},SEL4_IMAGES>,\n>\n")
endfunction()
