#!/usr/bin/env bash
# lab.sh HOST…: network namespaces for lab.py; run under `unshare --user --map-root-user --net --fork --kill-child`.
# A HOST is "name network interface address[,address…] [network interface address…]…". This namespace is the switch: a bridge
# br-NETWORK a network, whose ports are called NETWORK.name. Prints "name pid" a line for each, the switch too, then "ready", and
# lasts until its standard input ends.
set -euo pipefail

ip link set lo up
echo "switch $$"

host() { # name: a namespace held by a process of its own
  unshare --net sleep infinity &
  echo "$1 $!"
  local own
  own=$(readlink /proc/self/ns/net)
  until [ "$(readlink "/proc/$!/ns/net" 2>/dev/null)" != "$own" ]; do sleep 0.02; done
  nsenter --target $! --net ip link set lo up
  last=$!
}
plug() { # pid name network interface addresses
  local address
  if ! ip link show "br-$3" >/dev/null 2>&1; then
    ip link add "br-$3" type bridge mcast_snooping 0
    ip link set "br-$3" up
  fi
  ip link add "$3.$2" type veth peer name "$4" netns "$1"
  ip link set "$3.$2" master "br-$3" up
  for address in ${5//,/ }; do
    case $address in
      *:*) nsenter --target "$1" --net ip addr add "$address" dev "$4" nodad ;;
      *) nsenter --target "$1" --net ip addr add "$address" dev "$4" ;;
    esac
  done
  nsenter --target "$1" --net ip link set "$4" up
}

for described in "$@"; do
  read -ra words <<<"$described"
  host "${words[0]}"
  for ((i = 1; i + 2 < ${#words[@]}; i += 3)); do
    plug "$last" "${words[0]}" "${words[@]:i:3}"
  done
done
echo ready
cat >/dev/null
kill $(jobs -p)
