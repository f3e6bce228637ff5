// A file that is there whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace profd::profctl {

/// Writes beside the target and renames, so that whatever stood there stays until the new content is complete. Standard
/// output (`-`), devices and pipes are written as they are.
class OutputFile {
 public:
  /// Makes the temporary file now, so that a directory that cannot be written is found out before the work, not after.
  static absl::StatusOr<OutputFile> Create(const std::string& path);
  OutputFile(OutputFile&&) = default;
  OutputFile& operator=(OutputFile&&) = delete;
  /// Removes what was not finished.
  ~OutputFile();

  absl::Status Finish(std::string_view content);

 private:
  OutputFile(std::string path, std::string temporary, UniqueFd fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

  std::string path_;
  std::string temporary_;  // empty: fd_ is the target itself
  UniqueFd fd_;
};

}  // namespace profd::profctl
