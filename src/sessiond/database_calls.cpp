#include "sessiond/database_calls.h"

namespace orrery::sessiond {
namespace {

struct Caller {
  pg::SessionApi& api;
  pg::Answer answer;

  void operator()(const GetStartInfo&) { api.server_start_info(std::move(answer)); }
  void operator()(const GetKeys&) { api.cluster_keys(std::move(answer)); }
  void operator()(const PublishKeys& r) { api.cluster_key_publish(r.public_keys, std::move(answer)); }
  void operator()(const Sync& r) { api.server_sync(r.taken, r.news_after, std::move(answer)); }
  void operator()(const EndSessions& r) { api.session_end(r.ends, std::move(answer)); }
  void operator()(const BeginLogins& r) { api.login_begin(r.attempts, std::move(answer)); }
  void operator()(const OpenSessions& r) { api.session_open(r.opens, std::move(answer)); }
  void operator()(const SelectSessions& r) { api.session_select(r.selects, std::move(answer)); }
  void operator()(const RenewSessions& r) { api.session_renew(r.renewals, std::move(answer)); }
  void operator()(const ResolveSessions& r) { api.session_resolve(r.resolves, std::move(answer)); }
  void operator()(const HandOffSessions& r) { api.session_hand_off(r.hands, std::move(answer)); }
  void operator()(const RunCommands& r) { api.session_command(r.commands, std::move(answer)); }
  void operator()(const Checkpoint& r) { api.server_checkpoint(r.world, r.sessions, std::move(answer)); }
  void operator()(const AskChannels& r) { api.chat_channels(r.sessions, std::move(answer)); }
  void operator()(const JoinChannels& r) { api.chat_join(r.joins, std::move(answer)); }
  void operator()(const LeaveChannels& r) { api.chat_leave(r.leaves, std::move(answer)); }
  void operator()(const SayChat& r) { api.chat_say(r.messages, std::move(answer)); }
  void operator()(const ReadChat& r) { api.chat_read(r.after, std::move(answer)); }
  void operator()(const GetChatPeers&) { api.chat_peers(std::move(answer)); }
  void operator()(const SetPassword& r) {
    api.account_password_set(r.name, r.one_time_code, r.password_hash, r.client_address, std::move(answer));
  }
  void operator()(const EnrolDevice& r) {
    api.device_enrol(r.session, r.epoch, r.public_key_hex, r.name, std::move(answer));
  }
  void operator()(const ForgetDevice& r) { api.device_forget(r.session, r.epoch, r.public_key_hex, std::move(answer)); }
};

}  // namespace

void ask(pg::SessionApi& api, const DatabaseRequest& request, pg::Answer answer) {
  std::visit(Caller{api, std::move(answer)}, request);
}

}  // namespace orrery::sessiond
