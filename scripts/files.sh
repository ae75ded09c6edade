# The files of a run on another machine, behind remote.sh: copies of the user's folders, and programs
# built in them. They lie in $FILES, which goes when no lab is up and no run uses it any more,
# except on a machine of labrun's own ($OWN), where the next run finds what this one copied:
#
#   ID/NAME/       the copy of a folder or program;  ID/manifest: the names of what was copied
#
# Requests are read from standard input, each a line, some followed by chunks:
#   folder ID NAME            copy: the answer is how what was copied before looks now (stat -c '%f %s %.9Y
#                             %n'), each after a NUL, and an empty one; then come, in chunks, the names of
#                             what has gone, the new manifest, and a tar archive
#   built BUILD PROGRAM       whether BUILD is in the cache
#   put BUILD PROGRAM         put the program that follows in chunks into the cache
#   works BUILD PROGRAM       whether BUILD is in the cache and PROGRAM starts here
#   runs PATH                 whether the program that is there already starts here
#   build BUILD PROGRAM COPY  build it in a copy by the command that follows in chunks
#   end                       the run is over
# Answers are lines: `path PATH`, `absent`, `output STATUS LENGTH` and as many bytes, `failed REASON`.

remote_files() {
  local USE OVER=0 CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/labrun request
  # When labrun is killed, an answer must not end this shell before it has cleaned up.
  trap : PIPE
  umask 022
  until files_open; do :; done
  # Who has no home has what is built, and the agent, for as long as the copies.
  mkdir -p -- "$CACHE" 2>/dev/null || CACHE=$FILES/cache
  trap files_end EXIT
  printf 'labrun %s %s\n' "$HOW" "$(uname -m)"
  while read -ra request; do
    case ${request[0]-} in
      folder) files_folder "${request[@]:1}" ;;
      built) files_built "${request[@]:1}" || echo absent ;;
      build) files_build "${request[@]:1}" ;;
      put) files_put "${request[@]:1}" ;;
      runs) "${request[1]}" --version </dev/null >/dev/null 2>&1 && printf 'path %s\n' "${request[1]}" || echo absent ;;
      works) files_works "${request[@]:1}" || echo absent ;;
      end) OVER=1 && break ;;
      *) files_fail "unknown request ${request[*]}" ;;
    esac
  done
  # Here, where what the trap needs is still known.
  exit
}

# files_open: make $FILES and hold it by a shared lock; fails if it was removed in the meantime.
files_open() {
  mkdir -m 700 "$FILES" 2>/dev/null
  [[ $(stat -c '%F %u' -- "$FILES" 2>/dev/null) == "directory $EUID" ]] || {
    [[ ! -e $FILES && ! -L $FILES && -w ${FILES%/*} ]] && return 1
    echo "$FILES is not a folder of this user's; remove it" >&2
    exit 3
  }
  { exec {USE}<"$FILES"; } 2>/dev/null || return
  flock --shared "$USE" && [[ $FILES -ef /proc/self/fd/$USE ]] && return
  exec {USE}<&-
  return 1
}

# files_end: without a word from labrun it was killed or the connection broke. Then its sessions are
# being ended at the same time, and the last who leaves must be the one who removes the files.
files_end() {
  local deadline=$((SECONDS + 10))
  ((OVER)) || while files_owned && ((SECONDS < deadline)); do sleep 0.05; done
  exec {USE}<&-
  files_remove
}

# files_owned: some labrun's session is at work in a lab.
files_owned() {
  local pid start
  while read -r pid start; do
    [[ -n $pid ]] && remote_start "$pid" && [[ $REPLY == "$start" ]] && return
  done < <("${SUDO[@]}" find "$ROOT" -mindepth 2 -maxdepth 2 -type f -name owner -exec cat {} + 2>/dev/null)
  return 1
}

# files_remove: remove all of it unless a lab is up or a run uses it.
files_remove() {
  local lock
  ((!OWN)) || return 0
  [[ -z $("${SUDO[@]}" ls -- "$ROOT" 2>/dev/null) ]] && { exec {lock}<"$FILES"; } 2>/dev/null || return 0
  flock --nonblock "$lock" && [[ $FILES -ef /proc/self/fd/$lock ]] && rm -rf -- "$FILES"
  exec {lock}<&-
}

files_fail() {
  local free
  free=$(df --output=avail -k -- "$FILES" 2>/dev/null | tail -n 1)
  # What a program says of that, if it says anything, is seldom as clear.
  [[ -z $free ]] || ((free > 1024)) || set -- "the disk is full: $1"
  printf 'failed %s\n' "${1//$'\n'/; }"
  exit 4
}

# files_chunks: what comes as `LENGTH`, a line, and as many bytes, until a length is 0.
files_chunks() {
  local length
  while read -r length; do
    ((length)) || return 0
    head -c "$length" || return
  done
  return 1
}

files_folder() {
  local place=$FILES/$1 tree=$FILES/$1/$2 lock error
  mkdir -p "$place" || files_fail "cannot make $place"
  exec {lock}<"$place" && flock "$lock" || files_fail "cannot use $place"
  # Without it nobody knows what lies there: the machine died before it was on the disk.
  # The folder itself stays: labs that are up have it mounted.
  [[ -s $place/manifest || ! -d $tree ]] || find "$tree" -mindepth 1 -delete
  mkdir -p "$tree" && cd -- "$tree" || files_fail "cannot use $tree"
  [[ ! -e ../manifest ]] || files_unlink ../manifest
  [[ ! -e ../manifest ]] || xargs -0 -r -a ../manifest stat --printf '%f %s %.9Y %n\0' -- 2>/dev/null
  printf '\0'
  files_chunks >../gone && files_chunks >../manifest.new || exit 4
  files_unlink ../manifest.new
  # Removed before the manifest forgets them, and noted there before they are written: whenever this
  # is cut short, the next time finds out.
  xargs -0 -r -a ../gone rm -rf --
  xargs -0 -r -a ../gone dirname -z -- | sort -zu | xargs -0 -r rmdir -p --ignore-fail-on-non-empty -- 2>/dev/null
  mv ../manifest.new ../manifest || files_fail "cannot write to $place"
  error=$(files_chunks | tar -x -p --no-same-owner --recursive-unlink -f - 2>&1) || files_fail "cannot write to $tree: $error"
  exec {lock}<&-
  cd /
  printf 'path %s\n' "$tree"
}

# files_unlink NAMES: remove links where NAMES, a list of files, has folders: a lab put them there, and what
# is removed or written below them would lie elsewhere.
files_unlink() {
  local folder part
  xargs -0 -r -a "$1" dirname -z -- | sort -zu | while IFS= read -rd '' folder; do
    part='' folder+=/
    while [[ -n $folder ]]; do
      part+=${folder%%/*}
      [[ ! -L $part ]] || rm -f -- "$part"
      part+=/ folder=${folder#*/}
    done
  done
}

files_built() {
  [[ -s $CACHE/$1/$2 && -x $CACHE/$1/$2 ]] && touch -c -- "$CACHE/$1" && printf 'path %s\n' "$CACHE/$1/$2"
}

# files_works: tried once, as a program that asks for another C library, or an interpreter that is not
# there, will not start.
files_works() {
  [[ -e $CACHE/$1/works ]] || { "$CACHE/$1/$2" --version && : >"$CACHE/$1/works"; } </dev/null >/dev/null 2>&1 || return
  files_built "$@"
}

files_put() {
  local out
  mkdir -p "$CACHE" && out=$(mktemp -d "$CACHE/.building-XXXXXX") || files_fail "cannot write to $CACHE"
  if files_chunks >"$out/$2"; then
    # Of older versions one is enough.
    files_prune "$2" 1
    chmod 755 "$out/$2" && files_keep "$out" "$1" "$2"
  else
    rm -rf -- "$out"
  fi
  files_built "$1" "$2" || files_fail "cannot write to $CACHE"
}

# files_prune PROGRAM NUMBER: remove from the cache all but so many of its builds, and what nobody has used
# for a month. What is younger than an hour may be about to start for somebody else, and is not counted.
files_prune() {
  find "$CACHE" -mindepth 1 -maxdepth 1 -name "$1-*" -mmin +60 -printf '%T@ %p\0' | sort -zrn | tail -zn "+$(($2 + 1))" | cut -zd ' ' -f 2- | xargs -0 -r rm -rf --
  find "$CACHE" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf -- {} +
}

# files_keep FOLDER BUILD PROGRAM: into the cache, on the disk before it has its name: else a machine that
# dies soon after would have an empty file of that name. Another run may have been quicker: then its
# program, which may have been started already, is the same and stays.
files_keep() {
  if chmod 755 "$1" && sync -f "$1"; then
    mv -T -- "$1" "$CACHE/$2" 2>/dev/null || files_built "$2" "$3" >/dev/null || { rm -rf -- "${CACHE:?}/$2" && mv -T -- "$1" "$CACHE/$2"; }
  fi
  rm -rf -- "$1"
}

files_build() {
  local build=$1 program=$2 tree=$3 command out log status over=0
  command=$(files_chunks) || exit 4
  # Built beside and renamed, so that a build that was cut short is never taken for a whole one.
  mkdir -p "$CACHE" && out=$(mktemp -d "$CACHE/.building-XXXXXX") && log=$(mktemp "$FILES/log-XXXXXX") ||
    files_fail "cannot write to $CACHE"
  # As after a login, because a toolchain's folder is often only on that PATH. In a group of its own,
  # so that the compilers end with it.
  set -m
  # shellcheck disable=SC2016 # expanded by the shell that reads it
  (cd -- "$tree" && OUT=$out exec bash -lc 'PATH=$PATH:$1; eval "$2"' labrun "$PATH" "$command") </dev/null >"$log" 2>&1 &
  set +m
  # No request comes before the answer: what can be read is the end of the input.
  while [[ -n $(jobs -r) ]]; do
    read -rt 0.05 || (($? > 128)) || { over=1 && kill -KILL -- "-$!"; }
  done
  wait $!
  status=$?
  if ((over)); then
    rm -rf -- "$out"
    exit 4
  fi
  if ((!status)) && [[ -x $out/$program ]]; then
    files_keep "$out" "$build" "$program"
    files_prune "$program" 5
    files_built "$build" "$program" || files_fail "cannot write to $CACHE"
  else
    rm -rf -- "$out"
    printf 'output %s %s\n' "$status" "$(stat -c %s "$log")"
    cat "$log"
  fi
  rm -f "$log"
}
