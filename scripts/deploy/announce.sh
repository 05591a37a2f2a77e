#!/bin/sh
# Run on a node: answers for ADDRESS on DEVICE as a layer-2 announcer does, without having the address itself. What
# comes for it is kube-proxy's.
#
#   announce.sh ADDRESS DEVICE
set -eu

address=${1?ADDRESS is missing}
device=${2?DEVICE is missing}

# The kernel answers for another only if it would send what comes out by another device (arp_process()).
ip route replace "$address/32" dev lo
ip neigh replace proxy "$address" dev "$device"
sysctl -q -w "net.ipv4.conf.$device.forwarding=1" "net.ipv4.neigh.$device.proxy_delay=0"
