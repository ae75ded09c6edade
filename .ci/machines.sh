# shellcheck shell=bash
# Clean machines: minimal Debian roots, made by mmdebstrap and kept for a week. It is sourced by .ci/fresh, which says where they
# are: $WORK, $CACHE, $CARGO, $SYSROOT and $TARGET.
#
# A clean machine is a mount and a PID namespace of its own. All its mounts and processes end with
# the first process in it, so there is nothing to unmount; it uses the host's network.

# image SUITE
image() { debian_archive "$CACHE" "$1"; }

# machine NAME SUITE: a new root in $WORK/NAME, with the host's way to the network.
machine() {
  local root=$WORK/$1
  mkdir "$root"
  tar -x -C "$root" -f "$CACHE/$2.tar"
  ! way_to_network "$root" || inside "$1" root update-ca-certificates >/dev/null 2>&1
}

# project NAME USER: the checkout in USER's home, and what cargo has downloaded already.
project() {
  local root=$WORK/$1 home part folder
  home=$(home "$2")
  mkdir -p "$root/opt/rust" "$root$home/labrun/target" "$root$CARGO/registry"
  copy_tracked "$root$home/labrun"
  for part in config.toml registry/index registry/cache; do
    [[ ! -e $CARGO/$part ]] || cp -a "$CARGO/$part" "$root$CARGO/$part"
  done
  # What was compiled of other projects for tests need not be compiled again: for cargo it is the same, because the
  # sources have the same path. What users build is, on the first machine; and labrun itself is everywhere.
  if [[ $1 != demo && -d $WORK/demo/root/labrun/target ]]; then
    rmdir "$root$home/labrun/target"
    mv "$WORK/demo/root/labrun/target" "$root$home/labrun/"
  else
    for part in "$TARGET"/{debug,agent,*-musl/agent}/{.fingerprint,build,deps}; do
      folder=$root$home/labrun/target${part#"$TARGET"}
      # Of labrun itself, which is compiled again, files may vanish meanwhile: another cargo may be at work there.
      if [[ -d $part ]]; then mkdir -p "${folder%/*}" && { cp -a "$part" "$folder" 2>/dev/null || :; }; fi
    done
  fi
  rm -rf "$root$home"/labrun/target/{,*-musl/}{debug,agent}/.fingerprint/labrun-*
  [[ $2 == root ]] || {
    inside "$1" root chown -R "$2:" "$home" "$CARGO"
    folder=$CARGO
    while folder=${folder%/*} && [[ -n $folder ]]; do chmod a+x "$root$folder"; done
  }
}
home() { if [[ $1 == root ]]; then printf /root; else printf '/home/%s' "$1"; fi; }

# What the first process of a clean machine does. A root that was only changed by chroot(2) could
# not make user namespaces, so this pivots; what was the root before is gone then.
# shellcheck disable=SC2016 # expanded by the shell that runs it
FIRST='set -e
root=$1 sysroot=$2 user=$3
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
if [ -d opt/rust ]; then mount --bind -o ro "$sysroot" opt/rust; fi
pivot_root . mnt
umount -l /mnt
cd /
shift 3
if [ "$user" != root ]; then set -- setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"; fi
"$@"'

# inside NAME USER COMMAND...: on a clean machine, in the checkout if it is there.
inside() {
  local name=$1 user=$2 home proxies=() variable
  home=$(home "$2")
  shift 2
  for variable in http_proxy https_proxy no_proxy; do
    [[ -z ${!variable-} ]] || proxies+=("$variable=${!variable}")
  done
  # shellcheck disable=SC2016 # expanded inside
  env -i HOME="$home" USER="$user" LANG=C.UTF-8 CI=true CARGO_HOME="$CARGO" CARGO_INCREMENTAL=0 "${proxies[@]}" \
    PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    unshare --mount --pid --fork --kill-child -- \
    bash -c "$FIRST" first "$WORK/$name" "$SYSROOT" "$user" bash -c 'cd ~/labrun 2>/dev/null || cd; "$@"' inside "$@" </dev/null
}

# ordinary NAME [PACKAGE...]: give it a user `guest` who may use sudo, and packages.
ordinary() {
  # shellcheck disable=SC2016 # expanded inside
  inside "$1" root bash -c 'apt-get -qq update && apt-get -qq install -y --no-install-recommends sudo "$@" &&
    useradd --create-home --shell /bin/bash guest && echo "guest ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/guest &&
    apt-get -qq clean && rm -rf /var/lib/apt/lists/*' ordinary "${@:2}"
}

# lacks NAME COMMAND...: the proof is worth nothing on a machine that has what it should install.
lacks() {
  local name=$1 command
  shift
  for command; do
    ! inside "$name" root bash -c "command -v $command" || {
      echo "the machine is not clean: it has $command"
      return 1
    }
  done
}

# Run inside, right after the command, so that what still runs is its doing.
# shellcheck disable=SC2016,SC2034 # expanded inside, by .ci/fresh
NOTHING_LEFT='
failed=0
for file in /run/labrun /tmp/labrun-* /usr/sbin/policy-rc.d; do
  if [ -e "$file" ]; then echo "left behind: $file"; failed=1; fi
done
for process in /proc/[0-9]*; do
  name=$(cat "$process/comm" 2>/dev/null) || continue
  case $name in dnsmasq | dhcrelay | dhclient | dhcpcd | labrun | unshare) echo "still runs: $name"; failed=1 ;; esac
done
exit $failed'
