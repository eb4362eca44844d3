# What `cmake --install` puts where. The manual and what shells read to complete are written by the
# programs themselves, from the very options that they take.
include(GNUInstallDirs)

set(manual ${CMAKE_BINARY_DIR}/manual)
set(completion ${CMAKE_BINARY_DIR}/completion)
add_custom_command(OUTPUT ${manual}/written
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${manual} ${completion}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${manual} ${completion}
  COMMAND gavel __manual ${manual}
  COMMAND gaveld __manual > ${manual}/gaveld.8
  COMMAND gavel completion bash > ${completion}/gavel
  COMMAND gavel completion zsh > ${completion}/_gavel
  COMMAND gavel completion fish > ${completion}/gavel.fish
  COMMAND ${CMAKE_COMMAND} -E touch ${manual}/written
  DEPENDS gavel gaveld VERBATIM)
add_custom_target(manual ALL DEPENDS ${manual}/written)

install(TARGETS gavel gaveld DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${manual}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
  FILES_MATCHING PATTERN "*.1")
install(FILES ${manual}/gaveld.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${completion}/gavel
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${completion}/_gavel DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${completion}/gavel.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES systemd/gaveld.service DESTINATION lib/systemd/system)
file(GLOB pages CONFIGURE_DEPENDS docs/*.md docs/openapi.yaml)
install(FILES README.md CHANGELOG.md ${pages} DESTINATION ${CMAKE_INSTALL_DOCDIR})
