#!/bin/sh
# Makes nathop run on a Debian or Ubuntu machine, in a chroot of one, or in a container image:
#
#   provision.sh [--group GROUP]... [NATHOP]
#
# Installs what packages.txt beside this script lists in the group runtime, and in each GROUP besides; Node where there
# is none that is new enough; and NATHOP, a tarball of `npm pack`, or a checkout that is packed here (with npm's packages
# in it). What is there already is left as it is: a second run changes nothing but nathop.
set -eu

OLDEST_NODE=20.19.0 # as package.json says
NODE_MAJOR=24       # where the distribution's is older
PLACE=/usr/local

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

main() {
    groups=runtime
    while [ "${1-}" = --group ]; do
        groups="$groups ${2?GROUP is missing}"
        shift 2
    done
    [ $# -le 1 ] || fail "at most one thing is installed as nathop, not $*"
    [ "$(id -u)" = 0 ] || fail 'installing takes root: run it with sudo'
    command -v apt-get >/dev/null || fail 'this is for Debian, Ubuntu and their kin: there is no apt-get'

    packages=
    for group in $groups; do
        packages="$packages $(packages_of "$group")" || fail "packages.txt has no group $group"
    done
    # shellcheck disable=SC2086 # a list of words
    install_packages $packages
    install_node
    [ $# -eq 0 ] || install_nathop "$1"
}

packages_of() {
    sed -n "s/^$1: //p" "$here/packages.txt" | grep .
}

install_packages() {
    missing=
    for package in "$@"; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    update_lists
    # shellcheck disable=SC2086
    apt_get install --no-install-recommends $missing
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Lists of packages, once.
update_lists() {
    [ -z "${updated-}" ] || return 0
    apt_get update
    updated=yes
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 "$@" >&2 </dev/null
}

# The distribution's if it is new enough, else the binaries that stand in npm's registry as packages.
install_node() {
    ! is_new_enough "$(node --version 2>/dev/null)" || return 0
    update_lists
    if is_new_enough "$(candidate nodejs)"; then
        say 'installing nodejs'
        apt_get install --no-install-recommends nodejs
    else
        say "installing Node $NODE_MAJOR by npm"
        command -v npm >/dev/null || apt_get install --no-install-recommends npm
        npm install --global --prefix "$PLACE" --no-audit --no-fund "node-linux-$(architecture)@$NODE_MAJOR" >&2
        link "lib/node_modules/node-linux-$(architecture)/bin/node" node
    fi
    hash -r
    is_new_enough "$(node --version)" || fail "Node $(node --version) comes first in PATH, and is too old"
}

# Of a package, as apt would install it.
candidate() {
    apt-cache policy "$1" | sed -n 's/^ *Candidate: //p'
}

is_new_enough() {
    [ -n "$1" ] && dpkg --compare-versions "${1#v}" ge "$OLDEST_NODE"
}

# As Node calls it.
architecture() {
    case $(dpkg --print-architecture) in
    amd64) echo x64 ;;
    *) dpkg --print-architecture ;;
    esac
}

# Everything but Node and Debian's packages stands in the tarball: there is nothing to fetch, and nothing to compile.
install_nathop() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    tarball=$1
    if [ -d "$1" ]; then
        (cd "$1" && npm pack --silent --pack-destination "$work" >&2)
        tarball=$(echo "$work"/nathop-*.tgz)
    fi
    tar -xzf "$tarball" --directory "$work" --no-same-owner package
    rm -rf "$PLACE/lib/nathop"
    mkdir -p "$PLACE/lib"
    mv "$work/package" "$PLACE/lib/nathop"
    link lib/nathop/dist/nathop.js nathop
    say "nathop $("$PLACE/bin/nathop" --version) is at $PLACE/bin/nathop"
}

# $1 below $PLACE, to be found as $2.
link() {
    mkdir -p "$PLACE/bin"
    ln -sf "../$1" "$PLACE/bin/$2"
}

say() {
    echo "provision: $*" >&2
}

fail() {
    say "$*"
    exit 1
}

main "$@"
