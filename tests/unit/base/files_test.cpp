#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace mlguard::base {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    std::string pattern = ::testing::TempDir() + "mlguard-files-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~FilesTest() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(FilesTest, AWrittenFileReadsBackAndHasItsMode) {
  const std::string path = folder_ + "/secret";
  ASSERT_TRUE(write_file_atomic(path, "hello", 0600).ok());
  EXPECT_EQ(*read_file(path, 100), "hello");
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(FilesTest, AFileOverTheLimitIsTooLargeAndAnAbsentOneIsNotFound) {
  const std::string path = folder_ + "/big";
  ASSERT_TRUE(write_file_atomic(path, std::string(200'000, 'x'), 0600).ok());
  EXPECT_EQ(read_file(path, 199'999).error().code, ErrorCode::too_large);
  EXPECT_TRUE(read_file(path, 200'000).ok());
  EXPECT_EQ(read_file(folder_ + "/none", 10).error().code, ErrorCode::not_found);
}

TEST_F(FilesTest, OfManyExclusiveCreatorsOneWinsAndNoTemporaryStays) {
  const std::string path = folder_ + "/once";
  std::vector<int> won(8, 0);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < won.size(); ++i) {
    threads.emplace_back([&, i] {
      won[i] = create_file_exclusive(path, "by " + std::to_string(i), 0600).ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  int winners = 0;
  for (const int one : won) winners += one;
  EXPECT_EQ(winners, 1);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++files;
  EXPECT_EQ(files, 1u);
}

TEST_F(FilesTest, AFileWrittenInPiecesAppearsOnlyWhenItIsPublished) {
  const std::string path = folder_ + "/pieces";
  {
    auto given_up = AtomicFile::create(path, 0600);
    ASSERT_TRUE(given_up.ok());
    ASSERT_TRUE(given_up->append("half").ok());
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "its temporary went with it";
  auto file = AtomicFile::create(path, 0600);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->append("one ").ok());
  ASSERT_TRUE(file->append("two").ok());
  ASSERT_TRUE(file->replace().ok());
  EXPECT_EQ(*read_file(path, 100), "one two");
  EXPECT_EQ(AtomicFile::create(folder_ + "/none/x", 0600).error().code, ErrorCode::not_found);
}

TEST_F(FilesTest, TheFolderOfAPathIsWhatStandsBeforeItsLastSlash) {
  EXPECT_EQ(folder_of("a/b/c"), "a/b");
  EXPECT_EQ(folder_of("a"), ".");
  EXPECT_EQ(folder_of("/a"), "/");
}

TEST_F(FilesTest, FoldersAreMadeWithTheirParents) {
  ASSERT_TRUE(make_folders(folder_ + "/a/b/c", 0700).ok());
  EXPECT_TRUE(std::filesystem::is_directory(folder_ + "/a/b/c"));
  EXPECT_TRUE(make_folders(folder_ + "/a/b/c", 0700).ok());
  ASSERT_TRUE(write_file_atomic(folder_ + "/file", "", 0600).ok());
  EXPECT_FALSE(make_folders(folder_ + "/file", 0700).ok());
}

}  // namespace
}  // namespace mlguard::base
