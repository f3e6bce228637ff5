// Programs that know what is true: children of the test, forked.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "kernel/process_monitor.h"

namespace profd {

/// A forked process that runs `body` on a thread with a stack of `stack_bytes`, ended with the object.
class Child {
 public:
  Child(std::function<void()> body, size_t stack_bytes) {
    pid_ = fork();
    if (pid_ != 0) return;
    void* stack =
        mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, stack_bytes);
    pthread_t thread;
    pthread_create(
        &thread, &attributes,
        [](void* context) -> void* {
          (*static_cast<std::function<void()>*>(context))();
          return nullptr;
        },
        &body);
    pthread_join(thread, nullptr);
    _exit(0);
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  uint32_t pid() const { return static_cast<uint32_t>(pid_); }

 private:
  pid_t pid_;
};

/// Of a process that lives; nothing in it: there is none.
inline ProcessId IdOf(uint32_t pid) {
  const auto monitor = ProcessMonitor::Create();
  if (!monitor.ok()) return {};
  const auto tasks = (*monitor)->ListTasks();
  if (!tasks.ok()) return {};
  const auto found = std::ranges::find_if(*tasks, [pid](const auto& task) { return task.process.tgid == pid; });
  return found == tasks->end() ? ProcessId() : found->process;
}

}  // namespace profd
