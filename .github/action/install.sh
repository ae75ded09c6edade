#!/usr/bin/env bash
# Puts labrun on PATH: the binary of the release that the action is of, checked against its checksum, or
# one built from the action's own source where there is no such release.
#
# From the environment: VERSION (empty, a release, or `source`), ACTION_REPOSITORY and ACTION_REF (both
# empty when a workflow uses the action of its own repository), and GitHub's own variables.
set -euo pipefail
# shellcheck source=.github/action/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

folder=$RUNNER_TEMP/labrun

# target: the name that Rust has for this machine.
target() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo x86_64-unknown-linux-musl ;;
    Linux-aarch64) echo aarch64-unknown-linux-musl ;;
    Darwin-x86_64) echo x86_64-apple-darwin ;;
    Darwin-arm64) echo aarch64-apple-darwin ;;
    *) return 1 ;;
  esac
}

# release: the release to install. The action's own is named in its Cargo.toml, because `v1` is a name
# that moves. A commit is of a release if that has the commit's hash; a branch never is.
release() {
  local tag
  case $VERSION in
    '') ;;
    source) return 1 ;;
    *) echo "$VERSION" && return ;;
  esac
  [[ -n $ACTION_REPOSITORY ]] || return
  tag=v$(sed -n 's/^version = "\(.*\)"$/\1/p' "$GITHUB_ACTION_PATH/Cargo.toml" | head -n 1)
  if [[ $ACTION_REF =~ ^[0-9a-f]{40}$ ]]; then
    # An annotated tag has a hash of its own beside that of its commit.
    git ls-remote "$GITHUB_SERVER_URL/$ACTION_REPOSITORY" "refs/tags/$tag" "refs/tags/$tag^{}" | grep -q "^$ACTION_REF" || return
  else
    [[ $tag == "$ACTION_REF" || $tag == "$ACTION_REF".* ]] || return
  fi
  echo "$tag"
}

# download TAG: fetch and unpack; fails if there is nothing to fetch.
download() {
  local name url sum
  name=labrun-$(target).tar.gz || return
  url=$GITHUB_SERVER_URL/${ACTION_REPOSITORY:-$GITHUB_REPOSITORY}/releases/download/$1/$name
  curl --fail --silent --show-error --location --retry 3 --output "$folder/$name" "$url" || return
  curl --fail --silent --show-error --location --retry 3 --output "$folder/$name.sha256" "$url.sha256" || return
  read -r sum _ <"$folder/$name.sha256" || :
  # What was tampered with, or cut short, is no reason to go on by another way.
  [[ $sum == "$(checksum "$folder/$name")" ]] || die "$url does not have the checksum that its release says"
  tar -xzf "$folder/$name" -C "$folder/bin" labrun
}

checksum() {
  local sum
  if command -v sha256sum >/dev/null; then sum=$(sha256sum -- "$1"); else sum=$(shasum -a 256 -- "$1"); fi
  echo "${sum%% *}"
}

build() {
  command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  command -v cargo >/dev/null ||
    die 'there is no released labrun for this machine, and no cargo to build one: install Rust 1.89 or newer first'
  cargo install --quiet --locked --no-track --force --path "$GITHUB_ACTION_PATH" --root "$folder"
}

rm -rf "$folder"
mkdir -p "$folder/bin"
if tag=$(release) && download "$tag"; then
  echo "labrun $tag, as released"
else
  [[ -z $VERSION || $VERSION == source ]] || die "there is no labrun $VERSION for this machine"
  note 'labrun is built from the source of the action: a release of it for this machine is not to be had'
  build
fi
"$folder/bin/labrun" --version
echo "$folder/bin" >>"$GITHUB_PATH"
