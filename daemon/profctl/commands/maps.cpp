// `maps`: where a process uses maps, and how often.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "profctl/answer_text.h"
#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/exit_code.h"
#include "profctl/interrupt.h"
#include "profctl/number_text.h"
#include "profctl/table.h"
#include "profctl/terminal.h"
#include "profctl/time_text.h"

namespace profd::profctl {
namespace {

const std::vector<std::string> kSortKeys{"share", "rate", "entries", "caller"};

using Sites = std::vector<v1::MapSite>;

void Sort(Sites& sites, size_t key) {
  switch (key) {
    case 1:
      std::ranges::stable_sort(sites, std::greater(), [](const v1::MapSite& site) { return site.rate().per_second(); });
      break;
    case 2: std::ranges::stable_sort(sites, std::greater(), &v1::MapSite::entries); break;
    case 3: std::ranges::stable_sort(sites, {}, &v1::MapSite::caller); break;
    default: break;
  }
}

std::string CountText(double count) {
  if (count >= 10e6) return fmt::format("{:.0f}M", count / 1e6);
  if (count >= 1e6) return fmt::format("{:.1f}M", count / 1e6);
  if (count >= 10e3) return fmt::format("{:.0f}k", count / 1e3);
  return fmt::format("{:.0f}", count);
}

// `>1.2M`, `85k ±9%`; `?` if next to nothing is known.
std::string RateText(const v1::MapRate& rate) {
  if (rate.at_least()) return rate.low() < 0.5 ? "?" : ">" + CountText(rate.low());
  if (rate.per_second() <= 0) return "0";
  const double error = std::max(rate.high() - rate.per_second(), rate.per_second() - rate.low()) / rate.per_second();
  return fmt::format("{} ±{:.0f}%", CountText(rate.per_second()), 100 * error);
}

std::string PlaceText(const v1::MapSite& site) {
  if (site.file().empty()) return "";
  return fmt::format("{}:{}", site.file().substr(site.file().rfind('/') + 1), site.line());
}

std::string KeyText(const v1::MapSite& site) {
  if (site.top_key_hash().empty()) return "";
  const std::string key = site.has_top_key() ? "'" + site.top_key() + "'" : "#" + site.top_key_hash().substr(0, 8);
  return fmt::format("{} {:.0f}%", key, site.top_key_percent());
}

std::string HazardText(const v1::MapSite& site) { return fmt::format("{}", fmt::join(site.hazards(), "; ")); }

Table TableOf(const Sites& sites, bool wide) {
  std::vector<Column> columns{{"SHARE", true}, {"ACCESSES/S", true}, {"OP"}, {"ENTRIES", true}, {"MAP TYPE"}};
  if (wide) columns.push_back({"TOP KEY"});
  columns.insert(columns.end(), {{"CALLER"}, {"LINE"}, {"HAZARDS"}});
  Table table(std::move(columns));
  for (const v1::MapSite& site : sites) {
    std::vector<std::string> cells{fmt::format("{:.1f}%", site.share_percent()), RateText(site.rate()),
                                   site.operation(), site.has_entries() ? FormatCount(site.entries()) : "?",
                                   site.map_type().empty() ? "?" : site.map_type()};
    if (wide) cells.push_back(KeyText(site));
    cells.insert(
        cells.end(),
        {site.caller(), wide && !site.file().empty() ? fmt::format("{}:{}", site.file(), site.line()) : PlaceText(site),
         HazardText(site)});
    table.Add(std::move(cells));
  }
  return table;
}

Json RateJson(double rate) { return std::isfinite(rate) ? Json(rate) : Json(nullptr); }

Json JsonOf(const v1::ListMapSitesResponse& response, const Sites& sites) {
  Json list = Json::array();
  for (const v1::MapSite& site : sites) {
    Json hazards = Json::array();
    for (const std::string& hazard : site.hazards()) hazards.push_back(hazard);
    list.push_back({{"caller", site.caller()},
                    {"file", site.file()},
                    {"line", site.line()},
                    {"operation", site.operation()},
                    {"map_type", site.map_type()},
                    {"accesses_per_second", site.rate().per_second()},
                    {"accesses_per_second_low", site.rate().low()},
                    {"accesses_per_second_high", RateJson(site.rate().high())},
                    {"at_least", site.rate().at_least()},
                    {"share_percent", site.share_percent()},
                    {"entries", site.has_entries() ? Json(site.entries()) : Json(nullptr)},
                    {"top_key_hash", site.top_key_hash().empty() ? Json(nullptr) : Json(site.top_key_hash())},
                    {"top_key", site.has_top_key() ? Json(site.top_key()) : Json(nullptr)},
                    {"top_key_percent", site.top_key_percent()},
                    {"hazards", std::move(hazards)}});
  }
  return {{"schema", "profctl.maps/v1"},
          {"pid", response.process().pid()},
          {"command", response.process().command()},
          {"hits", response.hits()},
          {"cost_ns", ToNanoseconds(response.cost()).count()},
          {"accesses_per_second", response.rate().per_second()},
          {"at_least", response.rate().at_least()},
          {"in_long_bursts", response.in_long_bursts()},
          {"why_not", response.why_not().empty() ? Json(nullptr) : Json(response.why_not())},
          {"sites", std::move(list)}};
}

void Print(const v1::ListMapSitesResponse& response, const Sites& sites, const Options& options) {
  const std::string process = ProcessText(response.process());
  if (sites.empty()) {
    fmt::print("{}: {}\n", process,
               response.why_not().empty() ? "no access to a map was seen in 5 s" : response.why_not());
    return;
  }
  PrintLines({fmt::format("{}: {} map accesses/s, known from {}, which took {} of its time", process,
                          RateText(response.rate()), FormatCount(response.hits(), "probe hit"),
                          FormatDuration(ToNanoseconds(response.cost())))},
             false);
  if (response.in_long_bursts()) {
    fmt::print(
        "it uses maps in bursts whose ends were not seen: what comes late in one is shown too seldom, or not at all\n");
  }
  PrintLines(TableOf(sites, options.wide()).Render(), UseColor(options.color));
}

}  // namespace

int RunMaps(const Options& options) {
  const auto sort = SortIndex(options, kSortKeys);
  if (!sort.ok()) return Fail(sort.status());
  v1::ListMapSitesRequest request;
  auto selector = options.Selector();
  if (!selector.ok()) return Fail(selector.status());
  *request.mutable_selector() = *std::move(selector);
  const auto client = Client::Connect(options.address);
  if (!client.ok()) return Fail(client.status());
  const Interrupt interrupt;
  const auto response = (*client)->ListMapSites(request, [] { return !Interrupt::Requested(); });
  if (!response.ok()) return Fail(response.status());
  Sites sites(response->sites().begin(), response->sites().end());
  Sort(sites, *sort);
  if (options.limit > 0 && sites.size() > static_cast<size_t>(options.limit)) {
    sites.resize(static_cast<size_t>(options.limit));
  }
  if (options.json()) {
    PrintJson(JsonOf(*response, sites));
  } else {
    Print(*response, sites, options);
  }
  return kExitOk;
}

}  // namespace profd::profctl
