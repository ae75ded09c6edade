# What the verbs of main.sh have done inside the sandbox: the set-up, and commands by hand.

# lab_up: PID 1's work, until the lab is ready.
lab_up() {
  local name names network later
  lab_services
  sandbox_mounts
  lab_network
  apply "$REPLY$network" && sandbox_again && sandbox_connected && { [[ -z $later ]] || apply "$later"; } && lab_files && lab_rules || return
  for name in "${names[@]}"; do service_files "$name" || return; done
  services_up "${names[@]}"
}

# execute NODE COMMAND...: without a command, an interactive shell.
execute() {
  local node IN
  lab_handle "$1" || fail "the lab $LAB has no node $1$REPLY" 2
  node=$REPLY
  prefix "$node"
  in_lab
  IN+=(env -i -- "${OWN[@]}")
  cd "$LABRUN_CWD" 2>/dev/null || cd / || :
  exec {EVENTS}>&-
  # `ip netns exec` would end with status 1 where there is no such command; a shell says 127.
  # shellcheck disable=SC2016 # expanded by the shell that reads it
  if (($# > 1)); then exec -- "${IN[@]}" "$BASH" -c 'exec -- "$@"' labrun "${@:2}"; fi
  # shellcheck disable=SC2016 # expanded by the shell that reads it
  printf '[ ! -f ~/.bashrc ] || . ~/.bashrc\nPS1=%q\n' "($LAB $1) \\w # " >"$STATE/tmp/.shellrc"
  exec -- "${IN[@]}" bash --rcfile "$STATE/tmp/.shellrc" -i
}
