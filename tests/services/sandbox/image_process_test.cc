// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/image_process.h"

#include <gd.h>

#include <memory>

#include "common/crypto/encoding.h"
#include "gtest/gtest.h"

namespace sluice::sandbox {
namespace {

using ImagePtr = std::unique_ptr<gdImage, decltype(&gdImageDestroy)>;

std::string Png(int width, int height, int color) {
  const ImagePtr image(gdImageCreateTrueColor(width, height), gdImageDestroy);
  gdImageFilledRectangle(image.get(), 0, 0, width - 1, height - 1, color);
  int size = 0;
  void* bytes = gdImagePngPtr(image.get(), &size);
  std::string out(static_cast<char*>(bytes), static_cast<size_t>(size));
  gdFree(bytes);
  return out;
}

std::string Url64(const std::string& text) { return crypto::Base64UrlEncode(text); }

class ImageProcessTest : public ::testing::Test {
 protected:
  OrFault<Picture> Run(const std::string& spec) {
    return Process(spec, red_, [&](const std::string& key) -> std::optional<std::string> {
      if (key == "uploads/alice/mark.png") return blue_;
      return std::nullopt;
    });
  }
  // `WxH` of the result, or the fault's code.
  std::string Size(const std::string& spec) {
    auto done = Run(spec);
    if (auto* fault = std::get_if<Fault>(&done)) return fault->code;
    std::string& bytes = std::get<Picture>(done).bytes;
    const ImagePtr image(gdImageCreateFromPngPtr(static_cast<int>(bytes.size()), bytes.data()),
                         gdImageDestroy);
    if (!image) return "no picture";
    corner_ =
        gdImageGetTrueColorPixel(image.get(), gdImageSX(image.get()) - 12, gdImageSY(image.get()) - 12) &
        0xFFFFFF;
    return std::to_string(gdImageSX(image.get())) + "x" + std::to_string(gdImageSY(image.get()));
  }
  const std::string red_ = Png(200, 100, 0xFF0000);
  const std::string blue_ = Png(40, 20, 0x0000FF);
  int corner_ = 0;
};

TEST_F(ImageProcessTest, ResizesAsEachModeSays) {
  EXPECT_EQ(Size("image/resize,w_100"), "100x50");
  EXPECT_EQ(Size("image/resize,h_50"), "100x50");
  EXPECT_EQ(Size("image/resize,w_100,h_100"), "100x50");
  EXPECT_EQ(Size("image/resize,m_mfit,w_50,h_50"), "100x50");
  EXPECT_EQ(Size("image/resize,m_fill,w_50,h_50"), "50x50");
  EXPECT_EQ(Size("image/resize,m_pad,w_50,h_50"), "50x50");
  EXPECT_EQ(Size("image/resize,m_fixed,w_30,h_90"), "30x90");
  EXPECT_EQ(Size("image/resize,p_50"), "100x50");
  EXPECT_EQ(Size("image/resize,l_50"), "50x25");
  EXPECT_EQ(Size("image/resize,w_400"), "200x100");
  EXPECT_EQ(Size("image/resize,w_400,limit_0"), "400x200");
  EXPECT_EQ(Size("image/resize,w_100/resize,w_10"), "10x5");
}

TEST_F(ImageProcessTest, MarksWithTextOrPicture) {
  EXPECT_EQ(Size("image/watermark,text_" + Url64("Sluice") + ",size_20,color_00FF00,t_90"), "200x100");
  EXPECT_EQ(Size("image/watermark,image_" + Url64("uploads/alice/mark.png")), "200x100");
  EXPECT_EQ(corner_, 0x0000FF);
  EXPECT_EQ(Size("image/watermark,g_nw,image_" + Url64("uploads/alice/mark.png")), "200x100");
  EXPECT_EQ(corner_, 0xFF0000);
  EXPECT_EQ(Size("image/watermark,image_" + Url64("uploads/alice/mark.png?x-oss-process=image/resize,w_4")),
            "200x100");
  EXPECT_EQ(Size("image/watermark,image_" + Url64("uploads/bob/mark.png")), "NoSuchKey");
}

TEST_F(ImageProcessTest, HostileRequestsAreRefused) {
  for (const char* spec :
       {"", "image/", "resize,w_1", "image/resize", "image/resize,w_0", "image/resize,w_-1",
        "image/resize,w_99999", "image/resize,w_1x", "image/resize,m_evil,w_1", "image/resize,w",
        "image/resize,p_1001", "image/watermark", "image/watermark,text_!!", "image/watermark,text_",
        "image/watermark,text_QQ,size_0", "image/watermark,text_QQ,g_up",
        "image/watermark,text_QQ,color_red"})
    EXPECT_TRUE(Size(spec) == "InvalidArgument" || Size(spec) == "NotImplemented")
        << spec << " " << Size(spec);
  EXPECT_EQ(Size("image/resize,m_fixed,limit_0,w_16384,h_16384"), "ImageTooLarge");
  EXPECT_EQ(Size("image/resize,p_1000,limit_0/resize,p_1000,limit_0"), "ImageTooLarge");
  EXPECT_EQ(Size("image/blur,r_3,s_2"), "NotImplemented");
  EXPECT_EQ(Size("style/thumb"), "NotImplemented");
}

TEST_F(ImageProcessTest, APictureIsJudgedByItsHeaderBeforeItIsDecoded) {
  std::string huge = red_;
  huge.replace(16, 8, std::string("\x00\x01\x00\x00\x00\x01\x00\x00", 8));
  const auto none = [](const std::string&) { return std::optional<std::string>(); };
  EXPECT_EQ(std::get<Fault>(Process("image/resize,w_1", huge, none)).code, "ImageTooLarge");
  for (size_t size : {size_t{0}, size_t{8}, size_t{31}, size_t{40}, red_.size() / 2})
    EXPECT_EQ(std::get<Fault>(Process("image/resize,w_1", red_.substr(0, size), none)).code, "BadRequest")
        << size;
  EXPECT_EQ(std::get<Fault>(Process("image/resize,w_1", "<svg>" + std::string(100, ' '), none)).code,
            "BadRequest");
}

}  // namespace
}  // namespace sluice::sandbox
