# Writes OUT: a C++ file that defines `VARIABLE`, the contents of FILES in the order of their names.
# Run by mlguard_embed as a script: cmake -DOUT= -DVARIABLE= -DFILES= -P EmbedFiles.cmake
list(SORT FILES)
set(rows "")
set(literal_max 60000)
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" content)
  # A string literal may hold 64 KiB at most by the standard, whatever is joined to it: longer files
  # are several strings, cut between lines.
  set(literals "")
  string(LENGTH "${content}" rest)
  while(rest GREATER literal_max)
    string(SUBSTRING "${content}" 0 ${literal_max} piece)
    string(FIND "${piece}" "\n" cut REVERSE)
    string(SUBSTRING "${content}" 0 ${cut} piece)
    string(SUBSTRING "${content}" ${cut} -1 content)
    string(APPEND literals "std::string(R\"__embed__(${piece})__embed__\") +\n        ")
    string(LENGTH "${content}" rest)
  endwhile()
  string(APPEND rows "    {\"${name}\", ${literals}R\"__embed__(${content})__embed__\"},\n")
endforeach()
file(WRITE "${OUT}"
"#include \"base/embedded.h\"\n\nnamespace mlguard::base {\nextern const std::vector<EmbeddedFile> ${VARIABLE};\nconst std::vector<EmbeddedFile> ${VARIABLE} = {\n${rows}};\n}  // namespace mlguard::base\n")
