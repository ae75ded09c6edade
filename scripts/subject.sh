# The program under test: the one given, else the one on PATH, else the lab's stand-in.

# subject_choose: settle which program the lab tests, in $SUBJECT (empty for the stand-in) and $HOW;
# fails, naming it, when there is none.
subject_choose() {
  local program stand_in
  HOW=
  declare -F lab_subject >/dev/null || return 0
  lab_subject
  # It is yet to be brought here, or built: all that is asked is what else is missing.
  [[ -n $SUBJECT || -z $SUBJECT_HOW ]] || { HOW=$SUBJECT_HOW && return; }
  # A lab that was set up with a named program keeps it until another is named.
  if [[ -z $SUBJECT && -f $STATE/subject ]]; then
    { read -r HOW && IFS= read -r SUBJECT; } <"$STATE/subject"
    [[ $HOW == given || $HOW == built ]] && [[ -x $SUBJECT ]] || SUBJECT='' HOW=''
  fi
  if [[ -n $SUBJECT ]]; then
    HOW=${HOW:-${SUBJECT_HOW:-given}}
    [[ -f $SUBJECT && -x $SUBJECT ]] || fail "the subject $SUBJECT is not an executable file" 2
  elif SUBJECT=$(command -v "$program"); then
    HOW=path
  elif [[ -n $stand_in && $STRICT == 0 ]]; then
    HOW=stand-in
  else
    emit missing kind=subject "name=$program" "stand_in=$stand_in"
    return 1
  fi
}

# subject_say: tell which program it is.
subject_say() {
  local program stand_in
  [[ -n $HOW ]] || return 0
  lab_subject
  emit subject "program=$program" "how=$HOW" "path=${SUBJECT:-$stand_in}"
}

# subject_install: put it where the lab's commands find it under its own name.
subject_install() {
  local program stand_in
  [[ -n $HOW ]] || return 0
  lab_subject
  try "cannot write to $STATE" write "$STATE/subject" "$HOW"$'\n'"$SUBJECT" || return
  # A copy, because the program may be rebuilt while the lab is up.
  if [[ $HOW == stand-in ]]; then : >"$STATE/stand-in"; else
    try 'cannot copy the subject' cp -L -- "$SUBJECT" "$STATE/bin/$program" && chmod 755 "$STATE/bin/$program"
  fi
}

# identity: what a lab is made from, in $REPLY; a running lab is made anew when this differs. Hashing
# the program would cost more than the whole set-up. Size and modification time alone don't tell two
# programs apart, because reproducible builds give all files one time; inode and change time do.
identity() {
  REPLY="$LAB_HASH $HOW $LABRUN_CWD $ALLOW"
  [[ -z $SUBJECT ]] || REPLY+=" $(exec stat -L -c '%d:%i %s %y %z' -- "$SUBJECT")"
}
