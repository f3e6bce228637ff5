// Which object is behind an address: opens it, recognises it, keeps it open for a while.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "process/mapped_file_pool.h"
#include "symbols/lru_map.h"
#include "symbols/object.h"
#include "symbols/object_file.h"

namespace profd {

/// What lies at an address, by the name of its mapping.
enum class MemoryKind { kFile, kVdso, kAnonymous, kNothing };
MemoryKind KindOf(const MappedFile& file);

/// Thread safe; opens files without holding its lock. Bounded in everything it remembers.
class ObjectTable {
 public:
  ObjectTable(const ProcFs* proc_fs, const Clock* clock) : proc_fs_(proc_fs), clock_(clock) {}

  /// Null when there is none that could be asked. A file is opened once for each process and mapping, so that one that
  /// was replaced under the same name and number is noticed; what cannot be opened is known by (device, inode, path).
  std::shared_ptr<Object> At(const ProcessDetails& process, const ResolvedAddress& address);
  /// /proc/kallsyms; null when it cannot be opened.
  std::shared_ptr<Object> Kernel();
  /// Looks again for modules and programs loaded since; at most once a minute. False when it is the same object still.
  bool RefreshKernel();

  /// Opens the object's file again when it was closed meanwhile. False when that cannot be done.
  bool EnsureFile(Object& object, const ProcessDetails& process, const ResolvedAddress& address);
  void CloseIdleFiles();

  /// The object of a file, null when not known; `failure` says why when it could not be opened.
  std::shared_ptr<Object> Known(const MappedFile& file, std::string* failure) const;
  uint64_t open_failures() const { return open_failures_; }

 private:
  struct Binding {  // of one mapping of one process
    std::shared_ptr<const MappedFile> file;
    std::shared_ptr<Object> object;  // null: could not be opened
    BootTime retry_at{0};
  };
  struct BindingKey {
    ProcessId process;
    uint64_t mapping_start = 0;
    bool operator==(const BindingKey&) const = default;
  };
  struct BindingHash {
    size_t operator()(const BindingKey& key) const {
      return ProcessIdHash()(key.process) ^ key.mapping_start * 0x9E3779B97F4A7C15u >> 7;
    }
  };
  struct KnownFile {
    std::shared_ptr<Object> object;
    std::string failure;
  };
  struct PerfMap {
    std::shared_ptr<Object> object;  // null: none so far
    BootTime last_look{0};
    BootTime interval{0};
    bool Due(BootTime now) const;
  };
  struct OpenFile {
    std::shared_ptr<Object> object;
    BootTime used{0};
  };
  struct IdentityHash {
    size_t operator()(const FileIdentity& identity) const;
  };

  std::shared_ptr<Object> AtFile(const ProcessDetails& process, const ResolvedAddress& address);
  std::shared_ptr<Object> AtVdso(const ResolvedAddress& address);
  std::shared_ptr<Object> AtAnonymous(const ProcessDetails& process);
  // The rest is called with the lock held.
  std::shared_ptr<Object> ObjectFor(OpenedFile opened);
  void KeepOpen(const std::shared_ptr<Object>& object, UniqueFd fd);
  void Close(Object& object);
  std::shared_ptr<Object> NewObject(ObjectKind kind, const FileIdentity& identity);
  void OpenKernel();

  const ProcFs* proc_fs_;
  const Clock* clock_;
  std::atomic<uint64_t> open_failures_ = 0;

  mutable std::mutex mutex_;
  uint32_t next_id_ = 1;
  LruMap<FileIdentity, std::shared_ptr<Object>, IdentityHash> objects_{4096};
  LruMap<MappedFile, KnownFile, MappedFileHash> known_{4096};
  LruMap<BindingKey, Binding, BindingHash> bindings_{16'384};
  LruMap<ProcessId, PerfMap, ProcessIdHash> perf_maps_{512};
  LruMap<uint32_t, OpenFile, std::hash<uint32_t>> open_files_{65};  // one more than kept, so that none drops unclosed
  std::shared_ptr<Object> vdso_;
  uint64_t vdso_size_ = 0;
  bool vdso_tried_ = false;
  std::shared_ptr<Object> kernel_;
  BootTime kernel_next_look_{0};
};

}  // namespace profd
