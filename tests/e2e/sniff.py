#!/usr/bin/python3
"""sniff.py NETWORK=NET,NET… …: what the hosts of a lab send over its bridges, judged below UDP; run in the lab's switch.

Prints a JSON object when its standard input ends: {port: {"packets", "bytes_max" (UDP's payload), "may_be_cut" (IPv4 without DF),
"fragments", "foreign": ["source > target"…]}}, a port being NETWORK.host as lab.sh names them. Foreign is what has an address
that is not its network's. Only UDP and fragments are counted.
"""

import ipaddress
import json
import select
import socket
import struct
import sys

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
PACKET_OUTGOING = 4
UDP, FRAGMENT = 17, 44
KEPT_BYTES = 96
FOREIGN_MAX = 5

networks = {name: [ipaddress.ip_network(net) for net in nets.split(",")] for name, nets in (word.split("=") for word in sys.argv[1:])}
ports, verdicts = {}, {}


def is_foreign(network, source, target):
    key = network, source, target
    if key not in verdicts:
        verdicts[key] = not all(any(ipaddress.ip_address(address) in net for net in networks[network]) for address in (source, target))
    return verdicts[key]


def judge(port, packet):
    if packet[0] >> 4 == 4:
        at, cut = 4 * (packet[0] & 15), struct.unpack_from(">H", packet, 6)[0]
        kind, may_be_cut, is_fragment = packet[9], not cut & 0x4000, bool(cut & 0x3FFF)
        source, target = packet[12:16], packet[16:20]
    else:
        kind, at, may_be_cut, is_fragment = packet[6], 40, False, packet[6] == FRAGMENT
        source, target = packet[8:24], packet[24:40]
    if kind != UDP and not is_fragment:
        return
    count = ports.setdefault(port, {"packets": 0, "bytes_max": 0, "may_be_cut": 0, "fragments": 0, "foreign": []})
    count["packets"] += 1
    count["may_be_cut"] += may_be_cut
    count["fragments"] += is_fragment
    if kind == UDP:
        count["bytes_max"] = max(count["bytes_max"], struct.unpack_from(">H", packet, at + 4)[0] - 8)
    if is_foreign(port.split(".")[0], source, target) and len(count["foreign"]) < FOREIGN_MAX:
        count["foreign"].append(f"{ipaddress.ip_address(source)} > {ipaddress.ip_address(target)}")


with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as wire:
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
    wire.setblocking(False)
    buffer = bytearray(KEPT_BYTES)
    print("ready", flush=True)
    while sys.stdin not in select.select([wire, sys.stdin], [], [])[0]:
        while True:
            try:
                _, (port, ethertype, direction, _, _) = wire.recvfrom_into(buffer)
            except BlockingIOError:
                break
            # What a host sends comes in at its port; it goes out at another, and through the bridge.
            if direction != PACKET_OUTGOING and ethertype in (ETH_P_IP, ETH_P_IPV6) and port.split(".")[0] in networks:
                judge(port, bytes(buffer))
    seen, dropped = struct.unpack("II", wire.getsockopt(263, 6, 8))  # SOL_PACKET, PACKET_STATISTICS
print(json.dumps({"ports": ports, "seen": seen, "dropped": dropped}), flush=True)
