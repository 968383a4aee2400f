# SPDX-License-Identifier: MIT
# For a CMake project that takes the library's sources into its own target:
#
#     include(path/to/libvmbus.cmake)
#     target_sources(kernel PRIVATE ${VMBUS_SOURCES})
#     target_include_directories(kernel PRIVATE ${VMBUS_INCLUDE_DIR} ${VMBUS_PRIVATE_DIR})

set(VMBUS_DIR ${CMAKE_CURRENT_LIST_DIR})
set(VMBUS_INCLUDE_DIR ${VMBUS_DIR}/include)
set(VMBUS_PRIVATE_DIR ${VMBUS_DIR}/src) # Only the library's own sources need it.

file(STRINGS ${VMBUS_DIR}/sources.list VMBUS_SOURCES REGEX "^[^#]")
list(TRANSFORM VMBUS_SOURCES STRIP)
list(TRANSFORM VMBUS_SOURCES PREPEND ${VMBUS_DIR}/)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${VMBUS_DIR}/sources.list)
