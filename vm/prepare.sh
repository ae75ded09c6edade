# Run in the VM before labs are: sets its clock and installs what the labs lack.
#
#   prepare NOW [command=PACKAGE | module:NAME]...    NOW in seconds since 1970
#
# It prints `clock SECONDS` if the clock was wrong and `install PACKAGE...` before it installs, and
# ends with a line on standard error if it cannot.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

prepare() {
  local packages=() extra
  clock "$1"
  lacking "${@:2}"
  ((${#packages[@]} + ${#UNPACKED[@]})) || return 0
  extra=$(df --output=avail -k / | tail -n 1)
  ((extra > 200000)) || give_up "its disk is full, $((extra / 1024)) MiB are free: make it anew with a larger one, \`labrun vm up --recreate --disk 40\`"
  echo install "${packages[@]}" "${UNPACKED[@]}"
  as_root sh -c "printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d"
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || refresh
  # Old lists name versions that the servers no longer have, which only shows when it fails.
  install_all || { refresh && install_all; } || give_up "installing ${packages[*]} failed: $(tail -n 3 "$LOG" | tr '\n' ' ')"
  unpack_all || { refresh && unpack_all; } || give_up "unpacking ${UNPACKED[*]} failed: $(tail -n 3 "$LOG" | tr '\n' ' ')"
}

# clock NOW: a machine that slept, and its VM with it, wakes up in the past, and no certificate or
# lease is right then. What was on its way for less than five seconds may stay.
clock() {
  local drift=$((EPOCHSECONDS - $1))
  ((drift < -5 || drift > 5)) || return 0
  as_root date -s "@$1" >/dev/null && echo "clock $drift"
}

# lacking NEED...: the packages of what is not there, into the caller's $packages; those that are only unpacked into
# $UNPACKED.
lacking() {
  local need command package
  for need; do
    command=${need%%=*} package=${need#*=}
    if [[ $need == module:* ]]; then
      # Ubuntu's kernel for clouds comes without the rarer modules, which are in a package of their own.
      modinfo "${need#module:}" >/dev/null 2>&1 && continue
      package=linux-modules-extra-$(uname -r)
      apt-cache show "$package" >/dev/null 2>&1 || continue
    elif [[ $package == unpack/* ]]; then
      unpacked "$command" "${package#unpack/}" || UNPACKED+=("${package#unpack/}")
      continue
    else
      command -v "$command" >/dev/null && pinned "$package" && continue
    fi
    # What has no package is by hand, and the lab says so where it is not.
    [[ $package == none || " ${packages[*]} " == *" $package "* ]] || packages+=("$package")
  done
}

# unpacked COMMAND PACKAGE: it is there, the machine's own or that of the package.
unpacked() {
  local folder=/var/cache/labrun/unpacked/${2//:/%3a}
  (PATH+=$(printf ':%s' "$folder"/{usr/local/,usr/,}{sbin,bin}) && command -v "$1" >/dev/null)
}

# pinned PACKAGE[=VERSION]: that version is installed, if it must be that one.
pinned() { [[ $1 != *=* || $(dpkg-query --show --showformat='${Version}' "${1%%=*}" 2>/dev/null) == "${1#*=}" ]]; }

refresh() { apt_get update; }
unpack_all() {
  ((!${#UNPACKED[@]})) ||
    as_root env "${PROXIES[@]}" bash -c "$(declare -f unpack); unpack \"\$@\"" unpack "${UNPACKED[@]}" </dev/null >"$LOG" 2>&1
}
install_all() { ((!${#packages[@]})) || apt_get install -y --no-install-recommends --allow-downgrades "${packages[@]}"; }

# apt_get ARGUMENT...: waits for another apt; the lists' lock knows no waiting, so that is done here.
apt_get() {
  local i
  for ((i = 0; i < 30; i++)); do
    as_root env "${PROXIES[@]}" DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
      apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >"$LOG" 2>&1 && return
    grep -q 'lists/lock' "$LOG" || return
    sleep 2
  done
  return 1
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n -- "$@"; fi
}

give_up() {
  echo "$1" >&2
  exit 3
}

UNPACKED=()
# sudo forgets them.
PROXIES=()
for name in http_proxy https_proxy no_proxy; do [[ -z ${!name-} ]] || PROXIES+=("$name=${!name}"); done
LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT
prepare "$@"
