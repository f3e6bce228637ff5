find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# profd_module(NAME [DEPENDS targets...]): the folder it is called in becomes the library profd_NAME. A module sees only
# what it names, so a stray dependency fails to compile or to link.
function(profd_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS")
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  if(sources)
    add_library(profd_${name} STATIC ${sources})
    target_include_directories(profd_${name} PUBLIC ${CMAKE_SOURCE_DIR}/daemon)
    target_link_libraries(profd_${name} PUBLIC ${arg_DEPENDS})
  else()
    add_library(profd_${name} INTERFACE)
    target_include_directories(profd_${name} INTERFACE ${CMAKE_SOURCE_DIR}/daemon)
    target_link_libraries(profd_${name} INTERFACE ${arg_DEPENDS})
  endif()
endfunction()

# profd_unit_test(MODULE [DEPENDS targets...]): tests/unit/MODULE/*_test.cpp becomes MODULE_test, on MODULE alone.
function(profd_unit_test module)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${module}/*.cpp)
  add_executable(${module}_test ${sources})
  target_link_libraries(${module}_test PRIVATE profd_${module} ${arg_DEPENDS} GTest::gmock_main)
  target_include_directories(${module}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  gtest_discover_tests(${module}_test TEST_PREFIX ${module}. DISCOVERY_TIMEOUT 60)
endfunction()
