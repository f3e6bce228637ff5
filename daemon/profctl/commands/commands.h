// The verbs. Each does what its line in `--help` says and returns the exit code.
#pragma once

#include <string>

#include "profctl/options.h"

namespace profd::profctl {

struct TopOptions {
  std::string duration;  ///< a fresh window of that length; empty: the last ten seconds
  bool once = false;
};

struct RecordOptions {
  std::string duration;
  std::string since, until;
  std::string format;
  std::string file;
  bool goroutines = false;
  bool labels = false;
};

struct RecursionOptions {
  bool all = false;  ///< also what is only observed
  bool active = false;
  std::string id;  ///< of `show`; its beginning will do
};

int RunTop(const Options& options, const TopOptions& top);
int RunRecord(const Options& options, const RecordOptions& record);
int RunRecursionList(const Options& options, const RecursionOptions& recursion);
int RunRecursionWatch(const Options& options);
int RunRecursionShow(const Options& options, const RecursionOptions& recursion);
int RunMaps(const Options& options);
int RunPs(const Options& options);
int RunUrl(const Options& options);
int RunStatus(const Options& options);
int RunDoctor(const Options& options);
/// `state`: on or off.
int RunProbes(const Options& options, const std::string& state);
int RunVersion(const Options& options);

}  // namespace profd::profctl
