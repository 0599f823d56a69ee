# shellcheck shell=bash
# Sourced by scripts/test.sh and tools/cluster/build.sh: installs Debian packages.

# install_as_root PACKAGE: installs it without starting services, because tests and clusters start their own servers. Debian runs
# policy-rc.d before it starts a service; an existing one is not replaced. The package's services do not start with the machine either.
install_as_root() {
  local policy=/usr/sbin/policy-rc.d ours='' services
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    ours=$policy
  fi
  local output result=0
  output=$({
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$1"
  } 2>&1 </dev/null) || result=$?
  [[ -z $ours ]] || rm -f "$ours"
  mapfile -t services < <(dpkg-query --listfiles "$1" 2>/dev/null | sed -nE 's|.*/systemd/system/([^/@]+\.service)$|\1|p')
  ((${#services[@]} == 0)) || systemctl disable "${services[@]}" >/dev/null 2>&1 || true
  ((result == 0)) || tail -n 20 <<<"$output" >&2
  return "$result"
}
