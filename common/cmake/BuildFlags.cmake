# Warnings and hardening for our own code, as an INTERFACE target: nothing global, nothing exported.
add_library(sluice_build_flags INTERFACE)
add_library(sluice::build_flags ALIAS sluice_build_flags)
target_compile_options(sluice_build_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers
  -fstack-protector-strong -D_GLIBCXX_ASSERTIONS)
if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()
