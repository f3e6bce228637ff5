#include "api/map_convert.h"

#include "api/proto_convert.h"
#include "base/utf8.h"

namespace profd {
namespace {

void ToProto(const MapRate& rate, v1::MapRate& out) {
  out.set_per_second(rate.estimate);
  out.set_low(rate.low);
  out.set_high(rate.high);
  out.set_at_least(rate.bound);
}

void ToProto(const NamedMapSite& named, v1::MapSite& out) {
  const MapSite& site = named.site;
  out.set_caller(ToUtf8(named.function));
  out.set_file(ToUtf8(named.file));
  out.set_line(named.line);
  out.set_operation(ToWord(site.operation));
  out.set_map_type(ToUtf8(named.map_type));
  ToProto(site.rate, *out.mutable_rate());
  out.set_share_percent(100 * site.share);
  if (site.entries_known) out.set_entries(site.entries);
  out.set_top_key_percent(100 * site.top_key_share);
  if (site.top_key_hash != 0) out.set_top_key_hash(fmt::format("{:016x}", site.top_key_hash));
  if (!site.top_key.empty()) out.set_top_key(ToUtf8(site.top_key));
  for (const std::string& hazard : site.hazards) out.add_hazards(hazard);
}

}  // namespace

void ToProto(const ProcessMaps& maps, const Clock& clock, v1::ListMapSitesResponse& out) {
  ToProto(maps.process, clock, *out.mutable_process());
  for (const NamedMapSite& site : maps.answer.sites) ToProto(site, *out.add_sites());
  ToProto(maps.answer.rate, *out.mutable_rate());
  out.set_hits(maps.answer.hits);
  ToProto(maps.answer.cost, *out.mutable_cost());
  out.set_why_not(maps.answer.why_not);
  out.set_in_long_bursts(maps.answer.in_long_bursts);
}

}  // namespace profd
