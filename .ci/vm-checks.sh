# shellcheck shell=bash disable=SC2034,SC2153 # .ci/vm uses some of what is set here, and sets what is used
# What .ci/vm checks in a real VM. Each of these is given a VM in the state in which the one before it
# left it, uses `labrun` and `expect` of .ci/vm, and fails with a word on why.

no_vm() {
  labrun vm status && expect 0 'there is no VM .labrun.' || return
  TEMPLATE='' labrun test trunk --no-strict && expect 0 'SKIP +trunk-reach this kernel has no vlan' || return
  labrun status --host lima && expect 0 'no lab is up: there is no VM'
}
as_root_refused() {
  STATUS=0
  env PATH="$WORK/bin:$PATH" HOME="$WORK/home" labrun vm up >"$OUT" 2>&1 || STATUS=$?
  cat "$OUT"
  expect 3 'Lima refuses to run as root'
}
no_lima() {
  mv "$WORK/bin/limactl" "$WORK/bin/away"
  labrun vm up
  mv "$WORK/bin/away" "$WORK/bin/limactl"
  expect 3 'Lima.*not installed' 'https://lima-vm.io'
}
# Two at once: one makes the VM, the other waits for it.
first_boot() {
  local other
  as_tester timeout 400 labrun vm up >"$WORK/other" 2>&1 </dev/null &
  other=$!
  labrun vm up
  sed 's/^/  2 | /' "$WORK/other"
  wait "$other" || { echo 'the other one failed' && return 1; }
  expect 0 'the VM .labrun. is up' || return
  cat "$OUT" "$WORK/other" >"$OUT.both"
  grep -q 'waiting for another labrun' "$OUT.both" && [[ $(grep -c 'starting.* the VM' "$OUT.both") == 1 ]]
}
# The project's own. Static, because the VM may have another C library; emulated, the compiler would take ten
# times as long.
own_subject() {
  local FOLDER=$WORK/project
  RUSTFLAGS='-C target-feature=+crt-static' cargo build --quiet --release --manifest-path tests/subject/Cargo.toml \
    --target-dir "$WORK/subject" || return
  install "$WORK/subject/release/dhcplb" "$WORK/home/"
  labrun test relay server --host lima --subject "$WORK/home/dhcplb" --strict && expect 0 '4 passed, 0 failed'
}
real_dhcplb() {
  local labs=(relay)
  cp -r "$LABRUN_TEST_DHCPLB" "$WORK/dhcplb"
  # Emulated, the compiler would take ten times as long.
  (cd "$WORK/dhcplb" && CGO_ENABLED=0 go build -buildvcs=false -o "$WORK/home/dhcplb" .) || return
  chown -R "$TESTER" "$WORK/dhcplb"
  # Without its range handler it cannot be the server.
  ! grep -rqs '"range"' --include='*.go' "$WORK/dhcplb" || labs+=(server)
  FOLDER=$WORK/dhcplb labrun test "${labs[@]}" --host lima --subject "$WORK/home/dhcplb" --strict &&
    expect 0 "$((2 * ${#labs[@]})) passed, 0 failed"
}
synced() {
  local FOLDER=$WORK/project
  labrun test small-data small-guest --host lima && expect 0 '2 passed, 0 failed' || return
  echo two >"$WORK/project/data.txt"
  labrun test small-data --host lima && expect 1 'stdout|two' || return
  rm "$WORK/project/data.txt"
  labrun test small-data --host lima && expect 1 'No such file' || return
  echo one | as_maker tee "$WORK/project/data.txt" >/dev/null
  labrun test small-data --host lima && expect 0 '1 passed'
}
built() {
  local FOLDER=$WORK/project
  labrun test made --host lima --strict && expect 0 'installing build-essential' '1 passed' || return
  echo 'int main(void) { return 0 }' | as_maker tee "$WORK/project/answer.c" >/dev/null
  labrun test made --host lima --strict && expect 4 'answer.c:1:.*error:'
}
pinned() {
  local FOLDER=$WORK/project
  local version
  pin 0.1 && expect 3 "installing hello=0.1 failed: .*Version '0.1' for 'hello' was not found" || return
  version=$(as_tester labrun vm shell apt-cache show hello </dev/null | sed -n 's/^Version: //p' | head -n 1)
  pin "$version" && expect 0 "installing hello=$version in" '1 passed' || return
  pin "$version" && expect 0 '1 passed' || return
  ! grep installing "$OUT" || return
  # What is installed is another version now.
  pin 0.1 && expect 3 "Version '0.1' for 'hello' was not found"
}
# pin VERSION: a lab that needs this version of a package.
pin() {
  cat <<Y | as_maker tee "$WORK/project/labs/pinned.yaml" >/dev/null
lab: pinned
needs: {commands: {hello: "hello=$1"}}
nodes: {a: {}}
tests:
  hello: {steps: [{run: {node: a, command: hello, stdout: "Hello, world!"}}]}
Y
  labrun test pinned --host lima
}
failing() {
  local FOLDER=$WORK/project
  labrun test small-fails --host lima && expect 1 'FAIL +small-fails' 'labs/small.yaml:' || return
  find "$WORK/project/labrun-artifacts/small-fails" -maxdepth 2 -type f -printf '  %P %s\n'
  [[ -s $WORK/project/labrun-artifacts/small-fails/1/capture.pcapng ]] || { echo 'there is no capture' && return 1; }
  rm -rf "$WORK/project/labrun-artifacts"
}
foreign() {
  local FOLDER=$WORK/project agent
  # Its rules for the path need every packet.
  labrun test server-v4 --host lima --no-strict && expect 0 '1 passed' || return
  labrun test small-fails --host lima && expect 1 'ARP REQUEST' || return
  rm -rf "$WORK/project/labrun-artifacts"
  # shellcheck disable=SC2016 # expanded there
  agent=$(as_tester labrun vm shell sh -c 'cat ~/.cache/labrun/agent-*/agent | sha256sum' </dev/null)
  [[ $agent == "$(sha256sum <"$LABRUN_AGENTS/labrun-agent-x86_64")" ]] || { echo 'its agent is not there' && return 1; }
  labrun test server-v4 --host lima --subject "$WORK/bin/labrun" && expect 2 'a program for another system'
}
wrong_clock() {
  local FOLDER=$WORK/project
  as_tester labrun vm shell sudo date -s '-1 hour' >/dev/null </dev/null || return
  labrun test small-data --host lima && expect 0 'the clock of the VM .labrun. was 3[56][0-9][0-9] s behind, and has been set' || return
  local drift
  drift=$(($(as_tester labrun vm shell date +%s </dev/null) - $(date +%s)))
  echo "its clock is $drift s off"
  ((drift > -10 && drift < 10))
}
full_disk() {
  local FOLDER=$WORK/project
  # shellcheck disable=SC2016 # expanded there
  as_tester labrun vm shell bash -c 'sudo fallocate -l $(($(df --output=avail -B1 / | tail -n 1) - (100 << 20))) /full' </dev/null || return
  # One lab needs a package, the other a large file.
  labrun test balance --host lima && expect 3 'its disk is full.*vm up --recreate --disk' || return
  head -c 150000000 /dev/zero | as_maker tee "$WORK/project/large" >/dev/null
  labrun test small-data --host lima && expect 4 'the disk is full: cannot write to' || return
  rm "$WORK/project/large"
  as_tester labrun vm shell sudo rm /full </dev/null
  labrun test small-data --host lima && expect 0 '1 passed'
}
verbs() {
  local FOLDER=$WORK/project
  labrun setup small --host lima && expect 0 'labrun clean small --host lima$' || return
  labrun status --host lima && expect 0 'small +ready' 'talker +running' || return
  labrun exec --host lima small a -- sh -c 'ip -brief addr; exit 7' && expect 7 '10.0.0.1/24' || return
  [[ $(printf 'a\0b\n' | as_tester labrun exec --host lima small a -- od -An -c) == *'a  \0   b  \n' ]] || { echo 'its input did not arrive' && return 1; }
  labrun logs --host lima small && expect 0 'talker . hello from b' || return
  STATUS=0
  # shellcheck disable=SC2016 # expanded there
  echo 'test -t 0 && echo terminal-$((40 + 2)); exit 5' |
    as_tester script -qec 'labrun shell --host lima small a' /dev/null >"$OUT" 2>&1 || STATUS=$?
  expect 5 'terminal-42' || return
  as_tester labrun capture --host lima small b >"$OUT" 2>"$OUT.words" </dev/null &
  # Until it captures: then it shows the pings.
  while ! grep -q 'ECHO-REQUEST' "$OUT" && kill -0 $!; do
    as_tester labrun exec --host lima small a -- ping -c 1 10.0.0.2 </dev/null >/dev/null || return
  done
  kill -INT "$(pgrep -P $!)"
  wait $! || :
  sed 's/^/  | /' "$OUT"
  grep -q '^[0-9]* packets$' "$OUT.words" || return
  labrun clean --host lima && expect 0 'cleaned small' || return
  labrun status --host lima && expect 0 'no lab is up'
}
# slow_begun: a test that takes minutes runs in the background, $SLOW.
slow_begun() {
  local deadline=$((SECONDS + 120))
  as_tester labrun test small-slow --host lima >"$OUT" 2>&1 </dev/null &
  SLOW=$!
  until grep -q 'ready small' "$OUT"; do
    ((SECONDS < deadline)) || { cat "$OUT" && echo 'its lab never was ready' && return 1; }
    sleep 0.2
  done
}
# slow_ended: waits for it; its words and exit status are as those of `labrun` here.
slow_ended() {
  STATUS=0
  wait "$SLOW" || STATUS=$?
  sed 's/^/  | /' "$OUT"
}
interrupted() {
  local FOLDER=$WORK/project
  slow_begun || return
  kill -INT "$(pgrep -P "$SLOW")"
  slow_ended
  expect 130 || return
  labrun status --host lima && expect 0 'no lab is up'
}
abandoned() {
  local FOLDER=$WORK/project
  local deadline
  slow_begun || return
  kill -KILL "$(pgrep -P "$SLOW")"
  slow_ended
  deadline=$((SECONDS + 120))
  until labrun status --host lima && expect 0 'no lab is up'; do
    ((SECONDS < deadline)) || return
  done
}
killed() {
  local FOLDER=$WORK/project
  slow_begun || return
  kill -KILL "$(cat "$WORK/lima/labrun/qemu.pid")"
  slow_ended
  expect 3 'the VM .labrun.' || return
  labrun test small-data --host lima && expect 0 '1 passed'
}
broken() {
  local FOLDER=$WORK/project
  kill -KILL "$(cat "$WORK/lima/labrun/ha.pid")"
  labrun vm status && expect 0 'labrun +broken' || return
  labrun test small-data --host lima && expect 0 'is in a bad state: it is ended by force and started again' '1 passed'
}
changed() {
  labrun vm up --memory 1 && expect 0 'is used as it is, but it has 2 GiB of memory, not 1: .labrun vm up --recreate' || return
  labrun vm up --memory 1 --recreate && expect 0 'removing the VM' 'is up, after' || return
  labrun vm status && expect 0 'labrun +running .* 1 GiB of memory'
}
older() {
  local FOLDER=$WORK/project
  ln -sfn "$CACHE/lima-$OLDER/bin/limactl" "$WORK/bin/limactl"
  as_tester limactl --version
  labrun test small-data small-guest --host lima && expect 0 'making the VM' '2 passed' || return
  labrun vm stop && expect 0 || return
  labrun test small-data --host lima && expect 0 'starting the VM' '1 passed' || return
  labrun vm delete && expect 0 'is gone' && [[ ! -e $WORK/lima/labrun ]]
}
# Nobody says where it is: this kernel cannot run it, so it can only be in the VM.
trunk() {
  labrun test trunk vrf-vlan wireguard --strict && expect 0 '9 passed, 0 failed' || return
  labrun setup trunk && expect 0 'labrun clean trunk --host lima$' || return
  labrun exec trunk router -- ip -brief link && expect 0 '^eth0.20@eth0' || return
  labrun clean trunk && expect 0 'cleaned trunk'
}
# Of links that this kernel lacks, too, and with the same result whether the agent makes them or ip(8).
kinds() {
  local FOLDER=$WORK/project node
  labrun test kinds --host lima --strict && expect 0 '5 passed, 0 failed' || return
  as_tester labrun script kinds </dev/null >"$WORK/kinds.sh"
  as_tester labrun vm shell bash -c 'cat >/tmp/kinds.sh && bash /tmp/kinds.sh </dev/null' <"$WORK/kinds.sh" || return
  for node in a b c d; do links labrun vm shell bash /tmp/kinds.sh exec kinds "$node" >"$WORK/links-$node"; done
  as_tester labrun vm shell bash /tmp/kinds.sh clean </dev/null || return
  labrun setup kinds --host lima && expect 0 || return
  grep -q bond0 "$WORK/links-a" && grep -q bond0 "$WORK/links-b" || return
  grep -q 'netem 1:' "$WORK/links-c" && grep -q 'tbf 1:' "$WORK/links-d" || return
  for node in a b c d; do
    diff "$WORK/links-$node" <(links labrun exec --host lima kinds "$node" --) || return
  done
  labrun clean kinds --host lima && expect 0 'cleaned kinds'
}
# links COMMAND...: how the kernel has the links, addresses, routes and queues of the node that COMMAND enters, without
# numbers of no meaning.
links() {
  local what
  for what in 'ip -d address' 'ip -4 route show table all' 'ip -6 route show table all' 'ip rule' 'tc qdisc'; do
    # shellcheck disable=SC2086 # words
    as_tester "$@" $what </dev/null
  done | sed -E 's/ seed [0-9]+//; s/^[0-9]+: //; s/@if[0-9]+//; s/link-netnsid [0-9]+//; s/(valid|preferred)_lft [^ ]+//g; s/expires [0-9]+sec//; s/[a-z]+_timer +[0-9.]+//g' | sort
}
# Of what only a kernel with netem does to packets.
impaired() {
  local FOLDER=$WORK/project
  labrun test netem --host lima --strict -v && expect 0 '2 passed, 0 failed' || return
  # The lab is put back after a test, not made anew.
  ! grep -q anew "$OUT" || return
  labrun test impair --host lima --subject "$WORK/home/dhcplb" --strict && expect 0 '5 passed, 0 failed'
}
# Only root may open /dev/ppp there, and run pppd: so it is tried by root, for whom that is like any other machine. The
# packages are installed when the others try.
pppoe() {
  labrun test pppoe --host lima --no-strict && expect 0 'SKIP +pppoe-session ppp may not be used by this user' || return
  as_tester labrun vm shell sh -c 'cat >/tmp/labrun && chmod +x /tmp/labrun' <"$WORK/bin/labrun" || return
  labrun vm shell sudo /tmp/labrun test pppoe --host native --no-strict --artifacts never && expect 0 '4 passed, 0 failed'
}
ended() {
  labrun vm stop && expect 0 || return
  labrun vm status && expect 0 stopped || return
  labrun exec --host lima small a -- true && expect 2 'the VM .labrun. is stopped' || return
  labrun vm delete && expect 0 || return
  labrun vm status && expect 0 'there is no VM .labrun.' && [[ ! -e $WORK/lima/labrun ]]
}
