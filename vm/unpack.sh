# unpack PACKAGE[=VERSION]...: unpacks Debian packages that can't be installed, because others exclude them, into the
# cache, where labs that need them have them on their PATH: that of all users if root does it, unless XDG_CACHE_HOME
# says which. Of one that is there already the new takes the place.
unpack() (
  umask 022
  cache=$HOME/.cache
  ((EUID)) || cache=/var/cache
  cache=${XDG_CACHE_HOME:-$cache}/labrun/unpacked
  mkdir -p "$cache" && new=$(mktemp -d "$cache/new.XXXXXX") && trap 'rm -rf "$new"' EXIT && cd "$new" || exit
  for package; do
    apt-get -qq -o APT::Sandbox::User=root download "$package" && dpkg-deb -x ./*.deb tree && chmod 755 tree && rm ./*.deb || exit
    # A colon would part the PATH.
    folder=$cache/${package//:/%3a}
    rm -rf "$folder" && mv -T tree "$folder" || exit
    lacks=$(ldd "$folder"/{usr/local/,usr/,}{sbin,bin}/* 2>/dev/null | sed -n 's/^\s*\(.*\) => not found$/\1/p' | sort -u | xargs)
    [[ -z $lacks ]] || echo "the programs of $package need libraries that are not there: $lacks"
  done
)
