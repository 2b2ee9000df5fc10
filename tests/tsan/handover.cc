// SPDX-License-Identifier: Apache-2.0
// What gRPC promises and the thread sanitizer cannot see: all that was done before an operation was begun
// with a tag has happened when a queue gives that tag back. The queue is made of atomics inside libgrpc,
// which is compiled without the sanitizer. These two stand before the library's own and say so; linked into
// every test of the tsan preset, nowhere else.
#include <dlfcn.h>
#include <grpc/grpc.h>

extern "C" {

void __tsan_release(void* address);
void __tsan_acquire(void* address);

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag,
                                      void* reserved) {
  static const auto own =
      reinterpret_cast<decltype(&grpc_call_start_batch)>(dlsym(RTLD_NEXT, "grpc_call_start_batch"));
  __tsan_release(tag);
  return own(call, ops, count, tag, reserved);
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline, void* reserved) {
  static const auto own =
      reinterpret_cast<decltype(&grpc_completion_queue_next)>(dlsym(RTLD_NEXT, "grpc_completion_queue_next"));
  const grpc_event event = own(queue, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

}  // extern "C"
