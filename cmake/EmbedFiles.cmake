# Writes OUT: a C++ file that defines `VARIABLE`, the contents of FILES in the order of their names.
# Run by mlguard_embed as a script: cmake -DOUT= -DVARIABLE= -DFILES= -P EmbedFiles.cmake
list(SORT FILES)
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" content)
  # A string literal may hold 64 KiB at most by the standard; adjacent ones are joined.
  string(APPEND rows "    {\"${name}\", R\"__embed__(${content})__embed__\"},\n")
endforeach()
file(WRITE "${OUT}"
"#include \"base/embedded.h\"\n\nnamespace mlguard::base {\nextern const std::vector<EmbeddedFile> ${VARIABLE};\nconst std::vector<EmbeddedFile> ${VARIABLE} = {\n${rows}};\n}  // namespace mlguard::base\n")
