#include "tidy/source_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mlguard::tidy {
namespace {

// "head first-last" of every function found.
std::vector<std::string> found(const std::string& text) {
  std::vector<std::string> result;
  for (const Function& function : functions(text)) {
    result.push_back(function.head + " " + std::to_string(function.first_line) + "-" +
                     std::to_string(function.last_line));
  }
  return result;
}
using Found = std::vector<std::string>;

TEST(SourceTextTest, CommentsLiteralsAndDirectivesAreBlankedAndLinesStay) {
  EXPECT_EQ(code_only("a // {\nb /* {\n} */ c"), "a     \nb     \n     c");
  EXPECT_EQ(code_only("x = \"{ \\\" {\"; y = '{';"), "x =         ; y =    ;");
  EXPECT_EQ(code_only("#define OPEN { \\\n  more\nint a;"), "                \n      \nint a;");
  EXPECT_EQ(code_only("n = 1'000'000; c = '\\'';"), "n = 1'000'000; c =     ;");
}

TEST(SourceTextTest, RawStringsEndAtTheirOwnDelimiter) {
  EXPECT_EQ(code_only("R\"(} \" {)\" a"), "R          a");
  EXPECT_EQ(code_only("R\"sql({ )\" { )sql\" a"), "R                  a");
}

TEST(SourceTextTest, FunctionsAreFoundWithTheirLines) {
  EXPECT_EQ(found("int f() {\n  return 1;\n}\n"), (Found{"int f() 1-3"}));
  EXPECT_EQ(found("namespace a {\nclass B {\n public:\n  int g() const {\n  }\n};\n}"),
            (Found{"int g() const 4-5"}));
  EXPECT_EQ(found("auto h(int a,\n       int b)\n    -> std::string {\n}\n"),
            (Found{"auto h(int a,        int b)     -> std::string 1-4"}));
}

TEST(SourceTextTest, BracesThatAreNoBodiesAreNoFunctions) {
  EXPECT_EQ(found("int a{1};\nconst std::vector<int> v = {1, 2};\nenum class E : int { x, y };"),
            Found{});
  EXPECT_EQ(found("struct S {\n  int a = f(1);\n  unsigned char b[2] = {};\n};"), Found{});
}

TEST(SourceTextTest, ConstructorsWithInitialisersAreOneFunctionEach) {
  EXPECT_EQ(found("A::A(int a) : a_{a}, b_(a) {\n}\n"), (Found{"A::A(int a) : a_{}, b_(a) 1-2"}));
  EXPECT_EQ(found("A::A(int a)\n    : a_(a), b_{a} {\n  f();\n}\n"),
            (Found{"A::A(int a)     : a_(a), b_{} 1-4"}));
}

TEST(SourceTextTest, LambdasLoopsAndLocalClassesBelongToTheirFunction) {
  EXPECT_EQ(found("void f() {\n  auto g = [] { if (a) { } };\n  struct L { void m() {} };\n}\n"
                  "void h() {}\n"),
            (Found{"void f() 1-4", "void h() 5-5"}));
  EXPECT_EQ(found("void f(int a = std::max({1, 2})) {\n}\n"),
            (Found{"void f(int a = std::max({})) 1-2"}));
}

TEST(SourceTextTest, UnbalancedBracesInTextDoNotConfuseTheCount) {
  EXPECT_EQ(found("void f() {\n  s = \"}}}\";  // }\n  c = '}';\n}\nvoid g() {\n}\n"),
            (Found{"void f() 1-4", "void g() 5-6"}));
}

TEST(SourceTextTest, TestsAndTemplatesAreFunctions) {
  EXPECT_EQ(found("TEST_F(StoreTest, Works) {\n}\n"), (Found{"TEST_F(StoreTest, Works) 1-2"}));
  EXPECT_EQ(found("template <class T>\nvoid f(T t) {\n}\n"),
            (Found{"template <class T> void f(T t) 1-3"}));
}

TEST(SourceTextTest, IncludesInCommentsDoNotCount) {
  const std::vector<Include> all = includes(
      "// #include \"a.h\"\n#include <b.h>  // why\n/* #include <c> */\n# include \"d.h\"");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].path, "b.h");
  EXPECT_FALSE(all[0].quoted);
  EXPECT_EQ(all[0].line, 2u);
  EXPECT_EQ(all[1].path, "d.h");
  EXPECT_TRUE(all[1].quoted);
}

}  // namespace
}  // namespace mlguard::tidy
