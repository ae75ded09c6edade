# shellcheck shell=bash
# What the steps of the action share. It is sourced, never run.

# command_line TYPE MESSAGE: one of GitHub's workflow commands, with the escapes that these have.
command_line() {
  local text=${2//'%'/%25}
  text=${text//$'\r'/%0D}
  printf '::%s title=labrun::%s\n' "$1" "${text//$'\n'/%0A}"
}
note() { command_line notice "$1"; }
warn() { command_line warning "$1"; }
die() {
  command_line error "$1"
  exit "${2:-1}"
}

# words TEXT: TEXT in the array $WORDS as a shell would split it, with quotes and backslashes but without
# any expansion: xargs(1) knows these rules, and has no others.
words() {
  local file
  WORDS=()
  [[ -n ${1//[[:space:]]/} ]] || return 0
  file=$(mktemp)
  if ! xargs printf '%s\0' <<<"$1" >"$file" 2>/dev/null; then
    rm -f "$file"
    die "the quotes of the input \`args\` do not match: $1" 2
  fi
  # shellcheck disable=SC2034 # for those who call this
  mapfile -d '' -t WORDS <"$file"
  rm -f "$file"
}

# names TEXT: the names in TEXT in the array $NAMES.
names() {
  local name
  # read fails at the end of the text, having read it.
  read -r -d '' -a NAMES <<<"$1" || :
  for name in "${NAMES[@]}"; do
    [[ $name != -* ]] || die "\`$name\` in the input \`test\` is no test; options belong into \`args\`" 2
  done
}

# subjects TEXT: the arguments in the array $TESTED that name the programs under test, a line in TEXT each.
subjects() {
  local line
  TESTED=()
  while IFS= read -r line; do
    [[ -z ${line//[[:space:]]/} ]] || TESTED+=("--subject=$line")
  done <<<"$1"
}
