// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/image_process.h"

#include <gd.h>
#include <gdfontg.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdarg>
#include <map>
#include <memory>
#include <vector>

#include "common/base/text.h"
#include "common/crypto/encoding.h"
#include "services/sandbox/image_header.h"

namespace sluice::sandbox {
namespace {

constexpr size_t kLargestSource = 20u << 20;
constexpr uint64_t kMostSourcePixels = 40'000'000;
constexpr int kLongestSide = 16384;
constexpr uint64_t kMostResultPixels = 16'777'216;

struct ReleaseImage {
  void operator()(gdImage* image) const { gdImageDestroy(image); }
};
using Image = std::unique_ptr<gdImage, ReleaseImage>;
using Parameters = std::map<std::string, std::string>;

Fault Invalid(const std::string& what) {
  return {400, "InvalidArgument", "The image process is invalid: " + what, "", what, {}};
}
Fault TooLarge(const std::string& what) {
  return {400, "ImageTooLarge", "The image is too large.", "", what, {}};
}
Fault NoPicture() {
  return {400,
          "BadRequest",
          "The object is not an image that can be processed.",
          "",
          "PNG, JPEG, GIF and WebP are known here",
          {}};
}

OrFault<Image> Decode(std::string_view bytes, ImageFormat& format) {
  // gd would write to standard error what a broken picture lacks; the fault says it.
  [[maybe_unused]] static const bool quiet = (gdSetErrorMethod([](int, const char*, va_list) {}), true);
  if (bytes.size() > kLargestSource) return TooLarge("a source has at most 20 MB");
  const auto header = ReadImageHeader(bytes);
  if (!header || header->width == 0 || header->height == 0) return NoPicture();
  if (header->width > kMostSourcePixels || header->height > kMostSourcePixels ||
      header->width * header->height > kMostSourcePixels)
    return TooLarge("a source has at most 40 million pixels");
  format = header->format;
  const int size = static_cast<int>(bytes.size());
  void* data = const_cast<char*>(bytes.data());  // gd only reads it
  Image out;
  switch (format) {
    case ImageFormat::kPng:
      out.reset(gdImageCreateFromPngPtr(size, data));
      break;
    case ImageFormat::kJpeg:
      out.reset(gdImageCreateFromJpegPtr(size, data));
      break;
    case ImageFormat::kGif:
      out.reset(gdImageCreateFromGifPtr(size, data));
      break;
    case ImageFormat::kWebp:
      out.reset(gdImageCreateFromWebpPtr(size, data));
      break;
  }
  if (!out || gdImagePaletteToTrueColor(out.get()) == 0) return NoPicture();
  gdImageSaveAlpha(out.get(), 1);
  return out;
}

Picture Encode(gdImage* image, ImageFormat format) {
  int size = 0;
  void* bytes = nullptr;
  const char* type = "image/png";
  switch (format) {
    case ImageFormat::kPng:
      bytes = gdImagePngPtr(image, &size);
      break;
    case ImageFormat::kJpeg:
      bytes = gdImageJpegPtr(image, &size, 90);
      type = "image/jpeg";
      break;
    case ImageFormat::kGif:
      bytes = gdImageGifPtr(image, &size);
      type = "image/gif";
      break;
    case ImageFormat::kWebp:
      bytes = gdImageWebpPtr(image, &size);
      type = "image/webp";
      break;
  }
  Picture out{std::string(static_cast<char*>(bytes), static_cast<size_t>(std::max(size, 0))), type};
  gdFree(bytes);
  return out;
}

Image Canvas(int width, int height, int color) {
  Image out(gdImageCreateTrueColor(width, height));
  if (!out) return out;
  gdImageAlphaBlending(out.get(), 0);
  gdImageSaveAlpha(out.get(), 1);
  gdImageFilledRectangle(out.get(), 0, 0, width - 1, height - 1, color);
  return out;
}

// Takes `width` by `height` at (x, y) of `from` to the size of a new picture.
Image Scale(gdImage* from, int x, int y, int width, int height, int to_width, int to_height) {
  Image out = Canvas(to_width, to_height, gdTrueColorAlpha(0, 0, 0, gdAlphaTransparent));
  if (out) gdImageCopyResampled(out.get(), from, 0, 0, x, y, to_width, to_height, width, height);
  return out;
}

// A whole number of `low` to `high`; `otherwise` when absent.
OrFault<int> Number(const Parameters& parameters, const char* name, int otherwise, int low, int high) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return otherwise;
  int value = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
    return Invalid(std::string(name) + "_ is " + std::to_string(low) + " to " + std::to_string(high));
  return value;
}

// `RRGGBB`
OrFault<int> Color(const Parameters& parameters, int otherwise) {
  const auto found = parameters.find("color");
  if (found == parameters.end()) return otherwise;
  int value = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 6 || error != std::errc() || end != text.data() + text.size() || value < 0)
    return Invalid("color_ is six hex digits");
  return value;
}

std::optional<Fault> CheckResult(int64_t width, int64_t height) {
  if (width > kLongestSide || height > kLongestSide ||
      static_cast<uint64_t>(width) * static_cast<uint64_t>(height) > kMostResultPixels)
    return TooLarge("a result has at most 16384 a side and 16777216 pixels");
  return std::nullopt;
}

int Rounded(double value) { return std::max(1, static_cast<int>(std::lround(std::min(value, 1e6)))); }

// The box asked for, as OSS fills in what is missing.
struct Box {
  int width = 0;
  int height = 0;
  bool limit = true;
  std::string mode;
};

OrFault<Box> ReadBox(const Parameters& parameters, const gdImage* image) {
  Box out;
  const std::tuple<const char*, int, int> names[] = {{"w", 1, kLongestSide}, {"h", 1, kLongestSide},
                                                     {"l", 1, kLongestSide}, {"s", 1, kLongestSide},
                                                     {"limit", 0, 1},        {"p", 1, 1000}};
  std::map<std::string, int> values;
  for (const auto& [name, low, high] : names) {
    auto value = Number(parameters, name, -1, low, high);
    if (auto* fault = std::get_if<Fault>(&value)) return *fault;
    values[name] = std::get<int>(value);
  }
  out.mode = parameters.contains("m") ? parameters.at("m") : "lfit";
  const std::vector<std::string> modes = {"lfit", "mfit", "fill", "pad", "fixed"};
  if (std::find(modes.begin(), modes.end(), out.mode) == modes.end())
    return Invalid("m_ is one of lfit, mfit, fill, pad, fixed");
  out.limit = values["limit"] != 0;
  if (values["p"] > 0) {
    out.width = Rounded(image->sx * values["p"] / 100.0);
    out.height = Rounded(image->sy * values["p"] / 100.0);
    out.mode = "fixed";
    return out;
  }
  const bool wide = image->sx >= image->sy;
  out.width = std::max(values["w"], 0);
  out.height = std::max(values["h"], 0);
  if (values["l"] > 0) (wide ? out.width : out.height) = values["l"];
  if (values["s"] > 0) (wide ? out.height : out.width) = values["s"];
  if (out.width == 0 && out.height == 0) return Invalid("resize needs w_, h_, l_, s_ or p_");
  if (out.width == 0 || out.height == 0) {
    // One side: the other follows, whatever the mode.
    const double ratio = static_cast<double>(image->sx) / image->sy;
    if (out.width == 0) out.width = Rounded(out.height * ratio);
    if (out.height == 0) out.height = Rounded(out.width / ratio);
    out.mode = "fixed";
  }
  return out;
}

OrFault<Image> Resize(Image image, const Parameters& parameters) {
  auto read = ReadBox(parameters, image.get());
  if (auto* fault = std::get_if<Fault>(&read)) return *fault;
  const Box& box = std::get<Box>(read);
  auto color = Color(parameters, 0xFFFFFF);
  if (auto* fault = std::get_if<Fault>(&color)) return *fault;
  const double across = static_cast<double>(box.width) / image->sx;
  const double down = static_cast<double>(box.height) / image->sy;
  const bool cover = box.mode == "mfit" || box.mode == "fill";
  const double factor = cover ? std::max(across, down) : std::min(across, down);
  int width = box.width;
  int height = box.height;
  if (box.mode != "fixed") {
    width = Rounded(image->sx * factor);
    height = Rounded(image->sy * factor);
  }
  // Unless told otherwise nothing grows: the source is answered as it is.
  if (box.limit && (box.mode == "fixed" ? width > image->sx && height > image->sy : factor > 1)) return image;
  if (auto fault = CheckResult(std::max(width, box.width), std::max(height, box.height))) return *fault;
  Image out;
  if (box.mode == "fill") {
    const int cut_width = std::min(image->sx, Rounded(box.width / factor));
    const int cut_height = std::min(image->sy, Rounded(box.height / factor));
    out = Scale(image.get(), (image->sx - cut_width) / 2, (image->sy - cut_height) / 2, cut_width, cut_height,
                box.width, box.height);
  } else if (box.mode == "pad") {
    out = Canvas(box.width, box.height, std::get<int>(color));
    if (out) {
      gdImageCopyResampled(out.get(), image.get(), (box.width - width) / 2, (box.height - height) / 2, 0, 0,
                           width, height, image->sx, image->sy);
    }
  } else {
    out = Scale(image.get(), 0, 0, image->sx, image->sy, width, height);
  }
  if (!out) return TooLarge("no memory for the result");
  return out;
}

// Where a mark of this size goes: the corner or side of `g_`, `x_` and `y_` from the edge.
std::optional<std::pair<int, int>> Place(const gdImage* image, const gdImage* mark, const std::string& where,
                                         int x, int y, int voffset) {
  const std::map<std::string, std::pair<int, int>> places = {
      {"nw", {0, 0}},   {"north", {1, 0}}, {"ne", {2, 0}},    {"west", {0, 1}}, {"center", {1, 1}},
      {"east", {2, 1}}, {"sw", {0, 2}},    {"south", {1, 2}}, {"se", {2, 2}}};
  const auto found = places.find(where);
  if (found == places.end()) return std::nullopt;
  const auto along = [](int step, int room, int gap, int middle) {
    return step == 0 ? gap : step == 1 ? room / 2 + middle : room - gap;
  };
  return std::pair(along(found->second.first, image->sx - mark->sx, x, 0),
                   along(found->second.second, image->sy - mark->sy, y, voffset));
}

std::optional<std::string> DecodeUrl(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  return crypto::Base64UrlDecode(text);
}

OrFault<Image> DrawText(const Parameters& parameters) {
  const auto text = DecodeUrl(parameters.at("text"));
  if (!text || text->empty() || text->size() > 64 * 4)
    return Invalid("text_ is base64 for URLs, of 1 to 64 characters");
  auto size = Number(parameters, "size", 40, 1, 1000);
  if (auto* fault = std::get_if<Fault>(&size)) return *fault;
  auto color = Color(parameters, 0x000000);
  if (auto* fault = std::get_if<Fault>(&color)) return *fault;
  std::string latin;
  for (unsigned char c : *text) {
    if ((c & 0xC0) != 0x80) latin += c >= 32 && c < 127 ? static_cast<char>(c) : '?';
  }
  if (latin.size() > 64) return Invalid("text_ has at most 64 characters");
  gdFont* face = gdFontGetGiant();
  const int clear = gdTrueColorAlpha(0, 0, 0, gdAlphaTransparent);
  Image plain = Canvas(face->w * static_cast<int>(latin.size()), face->h, clear);
  if (!plain) return TooLarge("no memory for the text");
  gdImageString(plain.get(), face, 0, 0, reinterpret_cast<unsigned char*>(latin.data()),
                std::get<int>(color));
  const double factor = static_cast<double>(std::get<int>(size)) / face->h;
  const int width = Rounded(plain->sx * factor);
  const int height = Rounded(plain->sy * factor);
  if (auto fault = CheckResult(width, height)) return *fault;
  Image out = Scale(plain.get(), 0, 0, plain->sx, plain->sy, width, height);
  if (!out) return TooLarge("no memory for the text");
  return out;
}

OrFault<Image> Apply(Image image, std::string_view spec, const PictureSource* source);

OrFault<Image> FetchMark(const Parameters& parameters, const gdImage* under, const PictureSource& source) {
  const auto decoded = DecodeUrl(parameters.at("image"));
  if (!decoded) return Invalid("image_ is base64 for URLs");
  constexpr std::string_view kProcess = "?x-oss-process=image/";
  const size_t question = decoded->find('?');
  const auto bytes = source(decoded->substr(0, question));
  if (!bytes)
    return Fault{404, "NoSuchKey", "The specified key does not exist.", "0026-00000001", "no such watermark",
                 {}};
  ImageFormat format{};
  auto mark = Decode(*bytes, format);
  if (std::holds_alternative<Fault>(mark)) return mark;
  if (question != std::string::npos) {
    const std::string_view rest = std::string_view(*decoded).substr(question);
    if (!rest.starts_with(kProcess)) return Invalid("the query of image_ is x-oss-process=image/...");
    return Apply(std::get<Image>(std::move(mark)), rest.substr(kProcess.size()), nullptr);
  }
  auto percent = Number(parameters, "P", 0, 1, 100);
  if (auto* fault = std::get_if<Fault>(&percent)) return *fault;
  if (std::get<int>(percent) == 0) return mark;
  const gdImage* whole = std::get<Image>(mark).get();
  const int width = Rounded(under->sx * std::get<int>(percent) / 100.0);
  const int height = Rounded(static_cast<double>(whole->sy) * width / whole->sx);
  if (auto fault = CheckResult(width, height)) return *fault;
  return Scale(std::get<Image>(mark).get(), 0, 0, whole->sx, whole->sy, width, height);
}

OrFault<Image> Watermark(Image image, const Parameters& parameters, const PictureSource& source) {
  const bool text = parameters.contains("text");
  if (text == parameters.contains("image")) {
    return text ? Fault{400,
                        "NotImplemented",
                        "Mixed watermarks are not implemented.",
                        "",
                        "this sandbox draws a text or a picture, not both",
                        {}}
                : Invalid("watermark needs text_ or image_");
  }
  for (const char* name : {"fill", "rotate", "order", "align", "interval"}) {
    if (parameters.contains(name))
      return Fault{400,
                   "NotImplemented",
                   "The watermark parameter is not implemented.",
                   "",
                   std::string("this sandbox does not imitate ") + name + "_",
                   {}};
  }
  auto mark = text ? DrawText(parameters) : FetchMark(parameters, image.get(), source);
  if (std::holds_alternative<Fault>(mark)) return mark;
  const Image drawn = std::get<Image>(std::move(mark));
  auto x = Number(parameters, "x", 10, 0, 4096);
  auto y = Number(parameters, "y", 10, 0, 4096);
  auto voffset = Number(parameters, "voffset", 0, -1000, 1000);
  auto opacity = Number(parameters, "t", 100, 0, 100);
  auto shadow = Number(parameters, "shadow", 0, 0, 100);
  for (auto* number : {&x, &y, &voffset, &opacity, &shadow}) {
    if (auto* fault = std::get_if<Fault>(number)) return *fault;
  }
  const auto at = Place(image.get(), drawn.get(), parameters.contains("g") ? parameters.at("g") : "se",
                        std::get<int>(x), std::get<int>(y), std::get<int>(voffset));
  if (!at) return Invalid("g_ is nw, north, ne, west, center, east, sw, south or se");
  // Every pixel of the mark grows as transparent as asked for, then they are blended.
  for (int row = 0; row < drawn->sy; ++row) {
    for (int column = 0; column < drawn->sx; ++column) {
      const int pixel = drawn->tpixels[row][column];
      const int alpha = gdAlphaMax - (gdAlphaMax - gdTrueColorGetAlpha(pixel)) * std::get<int>(opacity) / 100;
      drawn->tpixels[row][column] = gdTrueColorAlpha(gdTrueColorGetRed(pixel), gdTrueColorGetGreen(pixel),
                                                     gdTrueColorGetBlue(pixel), alpha);
    }
  }
  gdImageAlphaBlending(image.get(), 1);
  gdImageCopy(image.get(), drawn.get(), at->first, at->second, 0, 0, drawn->sx, drawn->sy);
  gdImageAlphaBlending(image.get(), 0);
  return image;
}

// Without a `source` only resizes are known: a watermark's picture has no watermark.
OrFault<Image> Apply(Image image, std::string_view spec, const PictureSource* source) {
  for (const std::string& step : Split(spec, '/')) {
    const auto words = Split(step, ',');
    Parameters parameters;
    for (size_t i = 1; i < words.size(); ++i) {
      const size_t underscore = words[i].find('_');
      if (underscore == std::string::npos || underscore == 0) return Invalid("a parameter is key_value");
      parameters[words[i].substr(0, underscore)] = words[i].substr(underscore + 1);
    }
    if (words[0] != "resize" && !(words[0] == "watermark" && source != nullptr))
      return Fault{400,
                   "NotImplemented",
                   "The image action is not implemented.",
                   "",
                   "this sandbox imitates resize and watermark",
                   {}};
    auto next = words[0] == "resize" ? Resize(std::move(image), parameters)
                                     : Watermark(std::move(image), parameters, *source);
    if (std::holds_alternative<Fault>(next)) return next;
    image = std::get<Image>(std::move(next));
  }
  return image;
}

}  // namespace

OrFault<Picture> Process(std::string_view spec, std::string_view picture, const PictureSource& source) {
  constexpr std::string_view kImage = "image/";
  if (spec.size() > 4096) return Invalid("it is longer than 4096 bytes");
  if (spec.starts_with("style/"))
    return Fault{
        400, "NotImplemented", "Saved styles are not implemented.", "", "this sandbox keeps no styles", {}};
  if (!spec.starts_with(kImage)) return Invalid("it begins with image/");
  ImageFormat format{};
  auto image = Decode(picture, format);
  if (auto* fault = std::get_if<Fault>(&image)) return *fault;
  auto done = Apply(std::get<Image>(std::move(image)), spec.substr(kImage.size()), &source);
  if (auto* fault = std::get_if<Fault>(&done)) return *fault;
  return Encode(std::get<Image>(done).get(), format);
}

}  // namespace sluice::sandbox
