// Text in columns.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace profd::profctl {

struct Column {
  std::string title;
  bool right = false;  ///< numbers
};

/// Cells are escaped here, so any text may be put in.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void Add(std::vector<std::string> cells);

  /// One line each, without line ends: the titles, then the rows. Columns are two apart; a line longer than `max_width`
  /// columns (0: no limit) is cut.
  std::vector<std::string> Render(size_t max_width = 0) const;

 private:
  std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths, size_t max_width) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace profd::profctl
