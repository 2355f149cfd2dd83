#include "sessiond/redirect.h"

#include "base/log.h"

namespace orrery::sessiond {
namespace {

template <class Take>
void each_target(const Json& answer, Take&& take) {
  for (const char* role : {"owner", "chat"}) {
    const auto target = answer.find(role);
    if (target != answer.end() && target->is_object()) take(role, *target);
  }
}

}  // namespace

proto::ServerControl redirect_of(const Json& answer) {
  proto::ServerControl message;
  auto& redirect = *message.mutable_redirect();
  each_target(answer, [&](const char* role, const Json& target) {
    auto& out = *redirect.add_targets();
    out.set_role(role);
    out.set_server_id(target.at("server_id").get<std::uint64_t>());
    out.set_epoch(target.at("epoch").get<std::uint64_t>());
    out.set_host(target.at("public_host").get<std::string>());
    out.set_port(target.at("public_port").get<std::uint32_t>());
    out.set_kind(text_of(target, "kind"));
    out.set_key(text_of(target, "key"));
  });
  return message;
}

std::vector<ArrivalLink> arrivals_of(const Json& answer, SessionId session) {
  std::vector<ArrivalLink> links;
  each_target(answer, [&](const char*, const Json& target) {
    const auto key = key_from_hex(text_of(target, "link_key"));
    const auto port = target.find("private_port");
    const auto to =
        Address::parse(text_of(target, "private_host"),
                       port != target.end() && port->is_number() ? port->get<std::uint16_t>() : std::uint16_t{0});
    if (!key || !to || to->port == 0) {
      // It finds the arrival by itself, only later.
      spdlog::warn("no private address or key for server {}", target.at("server_id").dump());
      return;
    }
    ArrivalLink link{*to, *key, {}};
    link.message.mutable_arrival()->set_session_id(session.value);
    link.message.mutable_arrival()->set_epoch(target.at("epoch").get<std::uint64_t>());
    links.push_back(std::move(link));
  });
  return links;
}

}  // namespace orrery::sessiond
