#!/bin/sh
# Makes this machine a node of a small Kubernetes, by k3s's own installer and with the lab's networks of IPv4:
#
#   k3s.sh LABEL ADDRESS [SERVER]     joins the node at SERVER; without it, is the first
#
# LABEL is what the workloads know the node by, ADDRESS is its own on the network that the nodes share.
set -eu

CHANNEL=v1.33
TOKEN=nathop

label=${1?LABEL is missing}
address=${2?ADDRESS is missing}
server=${3-}

device=$(ip -o -4 address show to "$address" | awk '{ print $2; exit }')
set -- --node-ip "$address" --node-label "nathop-node=$label" --flannel-iface "$device"
if [ -n "$server" ]; then
    set -- agent --server "https://$server:6443" "$@"
else
    # Pods' packets are routed from node to node; addresses of LoadBalancers are announced by announce.sh.
    set -- server --cluster-cidr 10.0.0.0/16 --service-cidr 10.3.240.0/20 --cluster-dns 10.3.240.10 \
        --flannel-backend host-gw --disable traefik --disable servicelb --disable metrics-server "$@"
fi

command -v curl >/dev/null || apt-get -qq -y install curl
installer=$(mktemp)
trap 'rm -f "$installer"' EXIT
curl -sSfL -o "$installer" https://get.k3s.io
INSTALL_K3S_CHANNEL=$CHANNEL K3S_TOKEN=$TOKEN sh "$installer" "$@"
