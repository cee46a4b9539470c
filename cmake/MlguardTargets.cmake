# Helpers that every folder's CMakeLists.txt stands on: mlguard_library, mlguard_executable,
# mlguard_test, mlguard_embed and mlguard_bpf_program. Options reach our own targets only, never third-party code.
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

option(MLGUARD_WERROR "Treat warnings as errors" ON)
option(MLGUARD_FUZZ "Build the libFuzzer targets (clang only)" OFF)
set(MLGUARD_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them (address,undefined or thread)")
set(MLGUARD_SHARED_DIR "${CMAKE_SOURCE_DIR}/../shared" CACHE PATH "Published test vectors and traffic")

find_program(MLGUARD_CCACHE ccache)
if(MLGUARD_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${MLGUARD_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${MLGUARD_CCACHE}")
endif()

# Several sources of a target as one: third-party headers are read once for all of them, which halves
# the time of a whole build. Names of one file that another has as well are kept apart by
# mlguard_compile_apart. The preset `dev` compiles each by itself: faster after a small change.
option(MLGUARD_MERGE_SOURCES "Compile sources together, for a fast whole build" OFF)
if(MLGUARD_MERGE_SOURCES)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 10)
endif()
function(mlguard_compile_apart)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

add_library(mlguard_options INTERFACE)
target_compile_options(mlguard_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual>
  # g++ 12 sees uninitialised members in the unused arms of std::variant and std::optional at -O2
  # (GCC bugs 105562 and 80635), and overlapping copies in std::string::insert (105651); clang's
  # warnings and the sanitizer runs watch instead.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict>
  # A merged source is an included file to g++, and what one `using` names another may call its own.
  $<$<AND:$<BOOL:${MLGUARD_MERGE_SOURCES}>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage -Wno-shadow>
  # LIBBPF_OPTS is made of them.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-gnu-statement-expression>
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-c99-extensions>
  $<$<BOOL:${MLGUARD_WERROR}>:-Werror>)
target_include_directories(mlguard_options INTERFACE
  "${CMAKE_SOURCE_DIR}" "${CMAKE_SOURCE_DIR}/components")
# Not optimised, by clang: g++ takes three times as long for the instrumented code. Fuzzing wants
# speed instead.
if(MLGUARD_SANITIZE AND NOT MLGUARD_FUZZ)
  target_compile_options(mlguard_options INTERFACE -O0)
endif()
if(MLGUARD_SANITIZE)
  target_compile_options(mlguard_options INTERFACE
    -fsanitize=${MLGUARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_compile_definitions(mlguard_options INTERFACE MLGUARD_SANITIZED)
  target_link_options(mlguard_options INTERFACE -fsanitize=${MLGUARD_SANITIZE})
endif()
if(MLGUARD_FUZZ)
  target_compile_options(mlguard_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What the build writes and clang-tidy has to find.
add_custom_target(generated_sources)

# mlguard_library(NAME SOURCES ... [PUBLIC targets...] [PRIVATE targets...])
# Makes the static library mlguard_NAME with the alias mlguard::NAME.
function(mlguard_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(mlguard_${name} STATIC ${ARG_SOURCES})
  add_library(mlguard::${name} ALIAS mlguard_${name})
  target_link_libraries(mlguard_${name}
    PUBLIC ${ARG_PUBLIC} PRIVATE $<BUILD_INTERFACE:mlguard_options> ${ARG_PRIVATE})
endfunction()

# mlguard_executable(NAME SOURCES ... [LIBS targets...]): a binary in build/bin, installed.
function(mlguard_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE mlguard_options ${ARG_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# mlguard_test(NAME SOURCES ... [LIBS targets...] [LABELS unit|sim|cluster|e2e|fuzz|bench|root ...]
#              [TIMEOUT seconds]): a GoogleTest binary, one ctest entry (its test count is checked
# by the binary itself: a run that executes no test fails).
function(mlguard_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 240)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  # What they test is optimised whole; they themselves are built a quarter faster so.
  if(ARG_LABELS MATCHES "unit|e2e|cluster" AND NOT MLGUARD_SANITIZE)
    target_compile_options(${name} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  target_link_libraries(${name} PRIVATE mlguard_options ${ARG_LIBS} GTest::gtest GTest::gmock
    GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    MLGUARD_SHARED_DIR="${MLGUARD_SHARED_DIR}"
    MLGUARD_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
    MLGUARD_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  # tests_LABEL builds what `ctest -L LABEL` runs.
  foreach(label IN LISTS ARG_LABELS)
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${name})
  endforeach()
endfunction()

# mlguard_embed(TARGET VARIABLE FILES ...): compiles the files' contents into TARGET as
# `const EmbeddedFile VARIABLE[]` (name, content), declared in components/base/embedded.h.
function(mlguard_embed target variable)
  cmake_parse_arguments(ARG "" "" "FILES" ${ARGN})
  set(out "${CMAKE_CURRENT_BINARY_DIR}/${variable}.cpp")
  add_custom_command(OUTPUT "${out}"
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DVARIABLE=${variable} "-DFILES=${ARG_FILES}"
      -P "${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake"
    DEPENDS ${ARG_FILES} "${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake" VERBATIM)
  target_sources(${target} PRIVATE "${out}")
  add_custom_target(${variable}_source DEPENDS "${out}")
  add_dependencies(generated_sources ${variable}_source)
endfunction()

# mlguard_bpf_program(NAME): compiles NAME.bpf.c of this folder for the kernel and makes the target
# mlguard::bpf_NAME, which has <bpf/NAME.skel.h> (bpftool's skeleton, with the object inside it).
# Kernel programs are built by clang 14 whatever compiles the rest; its asm/ headers are the host's.
function(mlguard_bpf_program name)
  set(folder "${CMAKE_BINARY_DIR}/skeletons/bpf")
  set(object "${folder}/${name}.bpf.o")
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(OUTPUT "${object}"
    COMMAND ${MLGUARD_BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror
      -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -MD -MF "${object}.d"
      -c "${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c" -o "${object}"
    DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c"
    DEPFILE "${object}.d" VERBATIM)
  add_custom_command(OUTPUT "${folder}/${name}.skel.h"
    COMMAND sh -c "${MLGUARD_BPFTOOL} gen skeleton '${object}' name ${name}_bpf >'${folder}/${name}.skel.h'"
    DEPENDS "${object}" VERBATIM)
  add_custom_target(${name}_skeleton DEPENDS "${folder}/${name}.skel.h")
  add_dependencies(generated_sources ${name}_skeleton)
  add_library(mlguard_bpf_${name} INTERFACE)
  add_library(mlguard::bpf_${name} ALIAS mlguard_bpf_${name})
  add_dependencies(mlguard_bpf_${name} ${name}_skeleton)
  target_include_directories(mlguard_bpf_${name} SYSTEM INTERFACE "${CMAKE_BINARY_DIR}/skeletons")
  target_link_libraries(mlguard_bpf_${name} INTERFACE PkgConfig::BPF)
endfunction()
