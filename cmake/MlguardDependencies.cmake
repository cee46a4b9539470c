# Third-party packages, all from Debian 12 (cmake/install-deps.sh installs them).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Protobuf REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(LIBEVENT REQUIRED IMPORTED_TARGET libevent libevent_pthreads)
pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
pkg_check_modules(BPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(NFTABLES REQUIRED IMPORTED_TARGET libnftables)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(LIBEDIT REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)

# SQLiteCpp ships neither a .pc nor a CMake file in Debian; the preupdate hook must be declared.
find_library(SQLITECPP_LIBRARY SQLiteCpp REQUIRED)
add_library(mlguard_sqlite INTERFACE)
target_link_libraries(mlguard_sqlite INTERFACE ${SQLITECPP_LIBRARY} PkgConfig::SQLITE3)
target_compile_definitions(mlguard_sqlite INTERFACE
  SQLITE_ENABLE_SESSION SQLITE_ENABLE_PREUPDATE_HOOK)

# XGBoost comes without a .pc and without a CMake file.
find_library(XGBOOST_LIBRARY xgboost REQUIRED)
find_path(XGBOOST_INCLUDE_DIR xgboost/c_api.h REQUIRED)
add_library(mlguard_xgboost INTERFACE)
target_link_libraries(mlguard_xgboost INTERFACE ${XGBOOST_LIBRARY})
target_include_directories(mlguard_xgboost SYSTEM INTERFACE "${XGBOOST_INCLUDE_DIR}")

find_program(MLGUARD_BPF_CLANG NAMES clang-14 REQUIRED)
find_program(MLGUARD_BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)
