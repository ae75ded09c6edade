# Completion of labrun's words: labrun itself is asked for them.
_labrun() {
  local words=() word joined='' line index prefix
  # bash takes words apart at `@`, `=` and `:`, as in LAB@INSTANCE and --format=json.
  for ((index = 0; index <= COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    # Only what is before the cursor. To bash, an `@` is an end and a beginning.
    ((index < COMP_CWORD)) || [[ $word && $word != *[!@=:]* ]] || word=${2#"${joined:+@}"}
    if [[ $joined || ($word && $word != *[!@=:]*) ]] && ((index)); then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    joined=
    [[ -z $word || $word == *[!@=:]* ]] || joined=1
  done
  index=$((${#words[@]} - 1))
  # What bash holds for a word of its own stays; only the rest is replaced.
  prefix=${words[index]%"$2"}
  COMPREPLY=()
  while IFS= read -r line || [[ $line ]]; do
    COMPREPLY+=("${line#"$prefix"}")
  done < <(LABRUN_COMPLETE=bash _CLAP_COMPLETE_INDEX=$index _CLAP_IFS=$'\n' labrun -- "${words[@]}" 2>/dev/null)
  [[ ${COMPREPLY[*]} != *[/=] ]] || compopt -o nospace 2>/dev/null
}
complete -o bashdefault -o default -F _labrun labrun
