// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "common/http/server.h"
#include "common/telemetry/log.h"
#include "services/sandbox/oss_operation.h"
#include "services/sandbox/world.h"

namespace sluice::sandbox {

// Whether a request is a form upload: `POST` of `multipart/form-data`, or of anything else that OSS would
// take for one, on the bucket itself.
bool IsPostObject(const OssCall& call);

// A form as it arrives, and the object it becomes (PostObject). Who signed, and what the policies say, is
// judged from the form's own fields, V1 or V4; signatures elsewhere in the request are ignored, as OSS does.
// Nothing is stored unless all of it holds.
class PostObject {
 public:
  PostObject(OssCall call, const World& world, ObjectShelf& shelf);
  ~PostObject();
  // False once the rest need not be read.
  bool Feed(std::string_view piece);
  Outcome Finish(Time now);

 private:
  struct Form;
  const std::unique_ptr<Form> form_;
};

}  // namespace sluice::sandbox
