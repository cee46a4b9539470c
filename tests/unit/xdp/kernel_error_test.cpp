#include "xdp/kernel_error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace mlguard::xdp {
namespace {

TEST(KernelErrorTest, AMissingCapabilityIsOneLineThatNamesIt) {
  const base::Error error = kernel_error("cannot load the kernel programs", -EPERM);
  EXPECT_EQ(error.code, base::ErrorCode::permission_denied);
  EXPECT_NE(error.message.find("cap_bpf"), std::string::npos) << error.message;
  EXPECT_EQ(error.message.find('\n'), std::string::npos);
}

TEST(KernelErrorTest, AKernelWithoutTheFeatureIsUnsupported) {
  EXPECT_EQ(kernel_error("x", EOPNOTSUPP).code, base::ErrorCode::unsupported);
  EXPECT_EQ(kernel_error("x", ENOMEM).code, base::ErrorCode::resource_exhausted);
  EXPECT_EQ(kernel_error("x", EIO).code, base::ErrorCode::io);
}

TEST(KernelErrorTest, KernelsBefore518AreRefusedByTheirVersion) {
  EXPECT_TRUE(check_kernel_release("5.18.0").ok());
  EXPECT_TRUE(check_kernel_release("6.1.0-18-amd64").ok());
  EXPECT_TRUE(check_kernel_release("10.0").ok());
  for (const char* old : {"5.17.9", "4.19.0-26-amd64", "5.1", "", "unknown"}) {
    const base::Status checked = check_kernel_release(old);
    ASSERT_FALSE(checked.ok()) << old;
    EXPECT_EQ(checked.error().reason, "kernel_too_old");
  }
}

}  // namespace
}  // namespace mlguard::xdp
