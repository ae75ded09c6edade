# shellcheck shell=bash
# What the programs of this folder share. It is sourced, never run, and only needs bash, apt and,
# for everybody but root, sudo.

# A checkout that root made under a strict umask could not be read by the tests' ordinary users.
umask 022
PASSED=0 FAILED=0 SKIPPED=0
# What a program of this folder tries, if it may be that it can try nothing.
ALL=()
UNDO=()

# Whatever a program of this folder changed for its own use is taken back however it ends.
defer() { UNDO=("$(printf '%q ' "$@")" "${UNDO[@]}"); }
undo() {
  local status=$? command
  for command in "${UNDO[@]}"; do eval "$command" || :; done
  exit "$status"
}
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '\n== %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 3
}
have() { command -v "$1" >/dev/null; }

# as_root COMMAND...: sudo forgets the proxies of the environment, so they are handed on by name.
as_root() {
  local name words=()
  for name in http_proxy https_proxy no_proxy; do
    [[ -z ${!name-} ]] || words+=("$name=${!name}")
  done
  if ((EUID == 0)); then
    "$@"
  elif have sudo; then
    sudo env "${words[@]}" "$@"
  else
    die "this must be done by root, and there is no sudo: $*"
  fi
}

# apt_get ARGUMENT...: never asks anything, and waits for another apt that is at work.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# refresh: one repository that does not answer (some third party's) need not hinder the others.
refresh() { apt_get update || echo 'some package lists could not be refreshed' >&2; }

# fresh_lists: a new machine has no package lists at all.
fresh_lists() { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || refresh; }

# packages NAME...: install those that are missing. Old lists name versions that the servers no
# longer have, which only shows when the installation fails; so it is tried again with new ones.
packages() {
  local name missing=()
  for name; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed* ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  have apt-get || die "this machine has no apt-get; install by its own means: ${missing[*]}"
  say "installing ${missing[*]}"
  fresh_lists
  without_services install_twice "${missing[@]}"
}
install_twice() {
  apt_get install -y --no-install-recommends "$@" >/dev/null || {
    refresh
    apt_get install -y --no-install-recommends "$@" >/dev/null
  }
}

# without_services COMMAND...: run COMMAND while no package may start a service. The policy holds
# only as long as this process lives: left behind by a `kill -9` it would forbid nothing.
without_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [[ ! -e $policy ]]; then
    defer as_root rm -f "$policy"
    printf '#!/bin/sh\n[ ! -d /proc/%s ] || exit 101\nexit 0\n' "$$" | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    "$@" || status=$?
    as_root rm -f "$policy"
    UNDO=("${UNDO[@]:1}")
    return "$status"
  fi
  "$@"
}

# find_cargo: rustup's folder is on PATH only after a new login.
find_cargo() {
  have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  have cargo || die 'there is no cargo; install Rust 1.89 or newer, for example from https://rustup.rs'
}

# need_linker: Rust links through a C compiler.
need_linker() { have cc || packages gcc libc6-dev; }

# agents: build what labrun brings to other machines; whatever builds labrun from here on gives it to it.
agents() {
  local status=0
  LABRUN_AGENTS=$(.ci/agents) || status=$?
  case $status in
    0) export LABRUN_AGENTS ;;
    3) unset LABRUN_AGENTS && skip 'labrun with its agents' 'this Rust has no targets to build them for' ;;
    *) die 'the agents cannot be built' ;;
  esac
}

# debug_build: a labrun to test. With an example cargo chooses features as it does for tests, so that what these
# have built serves here, too: by itself, labrun and much of what it needs would be compiled twice.
debug_build() { cargo build --quiet --locked --bins --example floor; }

# target_folder: where cargo builds, whatever its configuration says.
target_folder() { cargo metadata --no-deps --format-version 1 --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'; }

# tracked: the names of the files that belong to the project, NUL-separated. Root may read a
# checkout that is somebody else's, which git by itself refuses.
tracked() {
  if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
    git -c safe.directory='*' ls-files -z | while IFS= read -r -d '' name; do
      [[ ! -e $name ]] || printf '%s\0' "$name"
    done
  else
    find . -path ./target -prune -o -type f -print0
  fi
}

# copy_tracked FOLDER
copy_tracked() { tracked | tar -c --null -T - | tar -x --no-same-owner -C "$1"; }

# debian_archive CACHE SUITE: a minimal SUITE as CACHE/SUITE.tar. An old one is better than none.
debian_archive() {
  local cache=$1 suite=$2 file=$1/$2.tar mirrors=() lock
  mkdir -p "$cache"
  exec {lock}>"$cache/lock"
  flock "$lock"
  if [[ -z $(find "$cache" -name "$suite.tar" -mtime -7) ]]; then
    # A Debian host's own mirror is near, and known to be reachable.
    # shellcheck disable=SC2016 # for apt to fill in
    mapfile -t mirrors < <(LC_ALL=C apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
      sed -n 's/ Debian Debian$//p' | sort -u | head -n 1)
    mmdebstrap --quiet --format=tar --variant=minbase --include=git,ca-certificates --components=main \
      "$suite" "$file.new" "${mirrors[@]}" && mv "$file.new" "$file"
  fi
  exec {lock}>&-
  [[ -e $file ]]
}

# way_to_network ROOT: the host's way to the network for the Debian in ROOT. Succeeds if that has certificates now
# which it must be told of.
way_to_network() {
  cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
  apt-config dump Acquire | grep -Ei '^Acquire::(https?::Proxy|Check-)' >"$1/etc/apt/apt.conf.d/99host" || :
  compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null || return
  cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/"
}

# check NAME COMMAND...: one check, counted, its output shown as it comes.
check() {
  local name=$1
  shift
  say "$name"
  if "$@" </dev/null; then
    PASSED=$((PASSED + 1))
  else
    FAILED=$((FAILED + 1))
    printf 'FAILED: %s\n' "$name"
  fi
}

# skip NAME REASON
skip() {
  SKIPPED=$((SKIPPED + 1))
  printf '\nSKIP  %s: %s\n' "$1" "$2"
}

# skip_all REASON: nothing can be tried here, so each of $ALL is skipped by name, and that is the end.
skip_all() {
  local name
  for name in "${ALL[@]}"; do skip "$name" "$1"; done
  printf '\n0 passed, 0 failed, %s skipped\n' "$SKIPPED"
  exit 0
}

# labrun_and_root REASON NAME...: this program has a labrun to test, $LABRUN_BUILT, that was built by who began it, and goes on
# as root, with the variables NAME; without sudo all is skipped for that REASON.
labrun_and_root() {
  local reason=$1 name words=()
  if [[ -z ${LABRUN_BUILT-} ]]; then
    find_cargo
    debug_build
    LABRUN_BUILT=$(target_folder)/debug/labrun
    export LABRUN_BUILT
  fi
  ((EUID)) || return 0
  sudo -n true 2>/dev/null || skip_all "$reason"
  for name in LABRUN_BUILT http_proxy https_proxy no_proxy "${@:2}"; do
    [[ -z ${!name-} ]] || words+=("$name=${!name}")
  done
  exec sudo env "${words[@]}" bash ".ci/${0##*/}"
}

# beside LOG COMMAND...: run COMMAND while this program goes on, with what it says in LOG. One at a time.
beside() {
  local log=$1
  shift
  # A group of its own, so that all of it can be ended.
  set -m
  "$@" </dev/null >"$log" 2>&1 &
  BESIDE=$!
  set +m
  defer kill -- "-$BESIDE"
}
# beside_ended: wait for it; its exit status.
beside_ended() {
  local status=0
  wait "$BESIDE" || status=$?
  UNDO=("${UNDO[@]:1}")
  return "$status"
}

# fenced FILE COMMAND...: what COMMAND says comes between the lines of the first fence of text in FILE, by way of $WORK.
fenced() {
  local file=$1
  { sed '/^[`]*text$/q' "$file" && "${@:2}" && sed -n '/^[`][`]*$/,$p' "$file"; } >"$WORK/page" || die "$file stays as it was"
  cp "$WORK/page" "$file"
}

# summary: the last line, and the exit status that goes with it.
summary() {
  local skipped=
  ((!SKIPPED)) || skipped=", $SKIPPED skipped"
  printf '\n%s passed, %s failed%s\n' "$PASSED" "$FAILED" "$skipped"
  ((!FAILED && PASSED))
}
