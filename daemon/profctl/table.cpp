#include "profctl/table.h"

#include <algorithm>

#include "profctl/escape.h"

namespace profd::profctl {

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = Escape(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                        size_t max_width) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - DisplayWidth(cells[i]), ' ');
    if (i > 0) line += "  ";
    line += columns_[i].right ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return max_width == 0 ? line : Truncate(line, max_width);
}

std::vector<std::string> Table::Render(size_t max_width) const {
  std::vector<std::string> titles;
  std::vector<size_t> widths;
  for (const Column& column : columns_) titles.push_back(column.title);
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = DisplayWidth(titles[i]);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i]));
    widths.push_back(width);
  }
  std::vector<std::string> lines{Line(titles, widths, max_width)};
  for (const auto& row : rows_) lines.push_back(Line(row, widths, max_width));
  return lines;
}

}  // namespace profd::profctl
