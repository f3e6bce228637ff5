#include "symbols/object_table.h"

#include <algorithm>

namespace profd {
namespace {

constexpr size_t kMaxOpenFiles = 64;
constexpr std::chrono::minutes kMaxIdle{5};
constexpr std::chrono::seconds kOpenRetry{10};
constexpr std::chrono::seconds kPerfMapInterval{1};
constexpr std::chrono::seconds kLongestPerfMapInterval{64};
constexpr std::chrono::seconds kKernelInterval{60};
constexpr uint64_t kFourGiB = uint64_t{1} << 32;

ProcessId IdOf(const ProcessDetails& process) {
  return {process.process.pid, process.process.exec_id, process.process.start_time_ns};
}

bool IsReal(const MappedFile& file) { return file.inode != 0; }

}  // namespace

MemoryKind KindOf(const MappedFile& file) {
  const std::string_view path = file.path;
  if (path == "[vdso]") return MemoryKind::kVdso;
  // .NET keeps its code in a file of memory that it maps twice; shared memory of nobody's name is a file to the kernel.
  for (const std::string_view prefix :
       {"//anon", "[anon", "[heap]", "[stack", "/memfd:doublemapper", "/dev/zero", "/anon_hugepage", "/SYSV"}) {
    if (path.starts_with(prefix)) return MemoryKind::kAnonymous;
  }
  if (path.empty()) return IsReal(file) ? MemoryKind::kFile : MemoryKind::kAnonymous;
  return path.starts_with('/') ? MemoryKind::kFile : MemoryKind::kNothing;
}

size_t ObjectTable::IdentityHash::operator()(const FileIdentity& identity) const {
  uint64_t hash = identity.size;
  for (const uint64_t part : {identity.device, identity.inode, static_cast<uint64_t>(identity.mtime_ns)}) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  return hash;
}

/// A map that grows is read anew as a whole, so a large one has to wait longer.
bool ObjectTable::PerfMap::Due(BootTime now) const {
  return now >= last_look + std::max(interval, object ? object->cost() * 20 : BootTime(0));
}

std::shared_ptr<Object> ObjectTable::At(const ProcessDetails& process, const ResolvedAddress& address) {
  if (address.file == nullptr) return nullptr;
  switch (KindOf(*address.file)) {
    case MemoryKind::kFile: return AtFile(process, address);
    case MemoryKind::kVdso: return AtVdso(address);
    case MemoryKind::kAnonymous: return AtAnonymous(process);
    case MemoryKind::kNothing: break;
  }
  return nullptr;
}

std::shared_ptr<Object> ObjectTable::AtFile(const ProcessDetails& process, const ResolvedAddress& address) {
  const BindingKey key = {IdOf(process), address.mapping_start};
  const MappedFile& file = *address.file;
  {
    std::lock_guard lock(mutex_);
    const Binding* binding = bindings_.Find(key);
    const bool same_file = binding && (binding->file == address.file || *binding->file == file);
    if (same_file && (binding->object || clock_->Boot() < binding->retry_at)) return binding->object;
  }
  absl::StatusOr<OpenedFile> opened = OpenMappedFile(*proc_fs_, process, address);
  std::lock_guard lock(mutex_);
  std::shared_ptr<Object> object;
  if (opened.ok()) {
    object = ObjectFor(*std::move(opened));
    if (IsReal(file)) known_.Put(file, {object, ""});
  } else {
    if (!process.exited) ++open_failures_;
    // Files that have no number of their own are known by nobody else's word.
    if (const KnownFile* known = IsReal(file) ? known_.Find(file) : nullptr) {
      object = known->object;
    } else if (IsReal(file) && !process.exited) {
      known_.Put(file, {nullptr, Message(opened.status())});
    }
  }
  bindings_.Put(key, {address.file, object, clock_->Boot() + kOpenRetry});
  return object;
}

std::shared_ptr<Object> ObjectTable::AtVdso(const ResolvedAddress& address) {
  std::lock_guard lock(mutex_);
  if (!std::exchange(vdso_tried_, true)) {
    if (absl::StatusOr<VdsoImage> image = CopyVdso(); image.ok()) {
      vdso_ = NewObject(ObjectKind::kElf, image->file.identity);
      vdso_->SetFile(std::move(image->file.fd));
      vdso_size_ = image->size;
    } else {
      ++open_failures_;
    }
  }
  // A 32-bit process has another one.
  const bool same = address.mapping_limit - address.mapping_start == vdso_size_ && address.mapping_start >= kFourGiB;
  return same ? vdso_ : nullptr;
}

std::shared_ptr<Object> ObjectTable::AtAnonymous(const ProcessDetails& process) {
  const ProcessId id = IdOf(process);
  const BootTime now = clock_->Boot();
  {
    std::lock_guard lock(mutex_);
    if (const PerfMap* known = perf_maps_.Find(id); known && !known->Due(now)) return known->object;
  }
  absl::StatusOr<OpenedFile> opened = OpenPerfMap(*proc_fs_, *clock_, process);
  std::lock_guard lock(mutex_);
  PerfMap* map = perf_maps_.Find(id);
  if (map == nullptr) map = &perf_maps_.Put(id, {});
  map->last_look = now;
  if (!opened.ok()) {
    // Most processes with such memory never write a map.
    map->interval = std::clamp<BootTime>(map->interval * 2, kPerfMapInterval, kLongestPerfMapInterval);
    return map->object;
  }
  // A map whose parsing fails is no better for having grown.
  const bool failing = map->object && !map->object->failure().ok();
  map->interval =
      std::clamp<BootTime>(failing ? map->interval * 2 : kPerfMapInterval, kPerfMapInterval, kLongestPerfMapInterval);
  if (!map->object || map->object->identity() != opened->identity) {
    if (map->object) Close(*map->object);
    map->object = NewObject(ObjectKind::kPerfMap, opened->identity);
  }
  KeepOpen(map->object, std::move(opened->fd));
  return map->object;
}

std::shared_ptr<Object> ObjectTable::NewObject(ObjectKind kind, const FileIdentity& identity) {
  return std::make_shared<Object>(next_id_++, kind, identity);
}

std::shared_ptr<Object> ObjectTable::ObjectFor(OpenedFile opened) {
  std::shared_ptr<Object> object;
  if (const auto* known = objects_.Find(opened.identity)) object = *known;
  if (object == nullptr) {
    object = NewObject(ObjectKind::kElf, opened.identity);
    objects_.Put(opened.identity, object);
  }
  KeepOpen(object, std::move(opened.fd));
  return object;
}

void ObjectTable::KeepOpen(const std::shared_ptr<Object>& object, UniqueFd fd) {
  if (!object->HasFile()) object->SetFile(std::move(fd));
  open_files_.Put(object->id(), {object, clock_->Boot()});
  while (open_files_.size() > kMaxOpenFiles) Close(*std::shared_ptr<Object>(open_files_.Oldest()->object));
}

void ObjectTable::Close(Object& object) {
  object.CloseFile();
  open_files_.Erase(object.id());
}

void ObjectTable::CloseIdleFiles() {
  std::lock_guard lock(mutex_);
  const BootTime now = clock_->Boot();
  while (open_files_.size() > 0 && open_files_.Oldest()->used + kMaxIdle < now) {
    Close(*std::shared_ptr<Object>(open_files_.Oldest()->object));
  }
}

bool ObjectTable::EnsureFile(Object& object, const ProcessDetails& process, const ResolvedAddress& address) {
  {
    std::lock_guard lock(mutex_);
    if (object.HasFile()) {
      if (OpenFile* open = open_files_.Find(object.id())) open->used = clock_->Boot();
      return true;
    }
  }
  if (KindOf(*address.file) == MemoryKind::kAnonymous) {
    absl::StatusOr<OpenedFile> opened = OpenPerfMap(*proc_fs_, *clock_, process);
    std::lock_guard lock(mutex_);
    PerfMap* map = perf_maps_.Find(IdOf(process));
    if (!opened.ok() || map == nullptr || map->object.get() != &object) return false;
    if (opened->identity != object.identity()) return false;  // the next look finds the new one
    KeepOpen(map->object, std::move(opened->fd));
    return true;
  }
  absl::StatusOr<OpenedFile> opened = OpenMappedFile(*proc_fs_, process, address);
  if (!opened.ok() || opened->identity != object.identity()) return false;
  std::lock_guard lock(mutex_);
  return ObjectFor(*std::move(opened)).get() == &object;
}

std::shared_ptr<Object> ObjectTable::Known(const MappedFile& file, std::string* failure) const {
  std::lock_guard lock(mutex_);
  const KnownFile* known = known_.Peek(file);
  if (known == nullptr) return nullptr;
  *failure = known->failure;
  return known->object;
}

void ObjectTable::OpenKernel() {
  kernel_next_look_ = clock_->Boot() + kKernelInterval;
  absl::StatusOr<UniqueFd> fd = proc_fs_->Open("kallsyms");
  if (!fd.ok()) {
    ++open_failures_;
    return;
  }
  absl::StatusOr<FileFacts> facts = Examine(fd->get());
  if (!facts.ok()) return;
  // The file has no size and no time of its own; each look at it is another content.
  facts->identity.mtime_ns = clock_->Boot().count();
  kernel_ = NewObject(ObjectKind::kKallsyms, facts->identity);
  kernel_->SetFile(*std::move(fd));
}

std::shared_ptr<Object> ObjectTable::Kernel() {
  std::lock_guard lock(mutex_);
  if (kernel_ == nullptr && clock_->Boot() >= kernel_next_look_) OpenKernel();
  return kernel_;
}

bool ObjectTable::RefreshKernel() {
  std::lock_guard lock(mutex_);
  if (clock_->Boot() < kernel_next_look_) return false;
  const std::shared_ptr<Object> before = kernel_;
  OpenKernel();
  return kernel_ != before;
}

}  // namespace profd
