#!/usr/bin/env bash
# Network namespaces for test_interfaces.py: run under `unshare --user --map-root-user --net --fork --kill-child`.
# This namespace is the switch: bridges pub (192.0.2.0/24) and priv (10.77.0.0/24). a1 and a2 have an interface on each, the
# client only on pub. Prints "name pid" a line for each, then "ready", and lasts until its standard input ends.
set -euo pipefail

ip link set lo up
for bridge in pub priv; do
  ip link add "br-$bridge" type bridge
  ip link set "br-$bridge" up
done

host() { # name: a namespace held by a process of its own
  unshare --net sleep infinity &
  echo "$1 $!"
  local own
  own=$(readlink /proc/self/ns/net)
  until [ "$(readlink "/proc/$!/ns/net" 2>/dev/null)" != "$own" ]; do sleep 0.02; done
  nsenter --target $! --net ip link set lo up
  last=$!
}
plug() { # pid bridge interface address
  ip link add "v$3$1" type veth peer name "$3" netns "$1"
  ip link set "v$3$1" master "br-$2" up
  nsenter --target "$1" --net ip addr add "$4" dev "$3"
  nsenter --target "$1" --net ip link set "$3" up
}

for number in 1 2; do
  host "a$number"
  plug "$last" pub public0 "192.0.2.1$number/24"
  plug "$last" priv private0 "10.77.0.1$number/24"
done
host client
plug "$last" pub public0 192.0.2.100/24
echo ready
cat >/dev/null
kill $(jobs -p)
