#!/usr/bin/env bash
# Finds or installs what tests of operations run beside the services, from Debian's packages (as root): Prometheus with
# promtool. Without it those tests are skipped and say so; it never fails the run.
set -u

wanted=()
command -v promtool >/dev/null || wanted+=(prometheus)
[ "${#wanted[@]}" = 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing ${wanted[*]} from the system's packages for the tests of operations ..."
  if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${wanted[@]}"; } >/dev/null 2>&1; then exit 0; fi
fi
echo "Not installed: ${wanted[*]}. The tests that need them will be skipped."
exit 0
