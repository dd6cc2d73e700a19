# Cross-compiles with Zig's clang for any platform, from any machine; scripts/prebuilds.mjs fills in what the environment
# names: the folder of compiler wrappers, and the platform in CMake's words. The environment, since CMake reads this file
# again for its own small checks, without the cache of the project.
set(CMAKE_SYSTEM_NAME $ENV{CONVOLITH_SYSTEM_NAME})
set(CMAKE_SYSTEM_PROCESSOR $ENV{CONVOLITH_SYSTEM_PROCESSOR})
set(CMAKE_CXX_COMPILER $ENV{CONVOLITH_WRAPPERS}/c++)
set(CMAKE_AR $ENV{CONVOLITH_WRAPPERS}/ar)
set(CMAKE_RANLIB $ENV{CONVOLITH_WRAPPERS}/ranlib)
set(CMAKE_RC_COMPILER $ENV{CONVOLITH_WRAPPERS}/rc)
set(CMAKE_SHARED_LINKER_FLAGS_RELEASE_INIT -s)
# The linker writes its own names; nothing is renamed afterwards, but CMake asks for the tool.
set(CMAKE_INSTALL_NAME_TOOL true)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
