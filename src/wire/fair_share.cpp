#include "wire/fair_share.h"

namespace orrery::wire {

void FairShare::add(const Address& from, std::uint64_t place) {
  const Address network = from.network();
  Line& line = lines_[network];
  if (!line.empty()) ranks_.erase(rank(network, line));
  line.insert(place);
  ranks_.insert(rank(network, line));
}

void FairShare::remove(const Address& from, std::uint64_t place) {
  const Address network = from.network();
  const auto found = lines_.find(network);
  if (found == lines_.end() || !found->second.contains(place)) return;
  Line& line = found->second;
  ranks_.erase(rank(network, line));
  line.erase(place);
  if (line.empty())
    lines_.erase(found);
  else
    ranks_.insert(rank(network, line));
}

std::size_t FairShare::held_by(const Address& from) const {
  const auto found = lines_.find(from.network());
  return found == lines_.end() ? 0 : found->second.size();
}

std::optional<std::uint64_t> FairShare::gives_way_to(const Address& newcomer, std::size_t ahead) const {
  if (ranks_.empty()) return std::nullopt;
  const auto& [held, oldest, network] = *ranks_.begin();
  return ~held > held_by(newcomer) + ahead ? std::optional(oldest) : std::nullopt;
}

}  // namespace orrery::wire
