//! What services, steps and rules of a lab file can say does for real what it says.

use crate::common;
use crate::common::labs;

use common::{User, users};
use labs::{Lab, have, lines};

/// Runs the tests of the lab `body`: all of `good` pass, and each of `bad` fails and says why.
fn outcomes(user: User, body: &str, good: &[&str], bad: &[(&str, &str)]) {
    let (done, results) = Lab::new(user, body).results(&[]);
    for test in good {
        assert_eq!(results[*test]["outcome"], "pass", "{user:?} {test}: {}", done.all);
    }
    for (test, message) in bad {
        assert_eq!(results[*test]["outcome"], "fail", "{user:?} {test}: {}", done.all);
        assert!(lines(&results[*test]).contains(message), "{user:?} {test}: {}", done.all);
    }
}

#[test]
fn services_of_several_nodes_share_a_name_and_a_description() {
    if !have("services_of_several_nodes", &["busybox"]) {
        return;
    }
    let body = r#"
needs: {commands: {busybox: busybox}}
x-web: &web
  web:
    command: echo "$LABRUN_NODE is ${node}, ${name}"; exec busybox httpd -f -p 80 -h www
    files: {www/index.html: "I am ${node}"}
    ready: {tcp: 80, log: "^${node} is ${node}, web"}
nodes:
  left:
    links: {eth0: {peer: right/eth0, addresses: 10.0.0.1/24}}
    services: {<<: *web, last: {command: exec sleep 1000, ready: {running: 1ms}, after: [left/web, right/web]}}
  right: {links: {eth0: {peer: left/eth0, addresses: 10.0.0.2/24}}, services: *web}
tests:
  each-answers:
    steps:
      - run: {node: left, command: busybox wget -qO- http://10.0.0.2/, stdout: I am right}
      - run: {node: right, command: busybox wget -qO- http://10.0.0.1/, stdout: I am left}
      - run: {node: right, command: 'echo ${node}', stdout: right}
  one-is-stopped:
    steps:
      - service: {stop: right/web}
      - run: {node: left, command: busybox wget -qO- http://10.0.0.2/, fails: true}
      - run: {node: right, command: busybox wget -qO- http://10.0.0.1/, stdout: I am left}
      - service: {start: right/web}
      - wait: {service: right/web, log: right is right}
      - run: {node: left, command: busybox wget -qO- http://10.0.0.2/, stdout: I am right}
  one-dies:
    steps:
      - run: {node: right, command: kill -9 $(pgrep -x httpd || pgrep -f 'httpd -f' | head -n 1), within: 2s}
"#;
    for user in users() {
        let lab = Lab::new(user, body);
        let (done, results) = lab.results(&[]);
        for test in ["each-answers", "one-is-stopped"] {
            assert_eq!(results[test]["outcome"], "pass", "{user:?} {test}: {}", done.all);
        }
        assert_eq!(results["one-dies"]["outcome"], "fail", "{}", done.all);
        let said = lines(&results["one-dies"]);
        assert!(said.contains("t/web (node "), "{}", done.all);
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        let logs = |words: &[&str]| lab.run(&[&["logs", &lab.name], words].concat());
        assert_eq!(logs(&["left/web"]).stdout, "left/web | left is left, web\n");
        assert_eq!(logs(&["left/last", "last"]).exit, 0);
        let both = logs(&["web"]);
        assert_eq!(both.exit, 2, "{}", both.all);
        assert!(both.all.contains("`left/web`, `right/web`"), "{}", both.all);
    }
}

#[test]
fn what_a_step_prints_is_known_to_later_ones() {
    if !have("what_a_step_prints", &["busybox", "curl"]) {
        return;
    }
    let body = r#"
needs: {commands: {busybox: busybox, curl: curl}}
nodes:
  a: {links: {eth0: {peer: b/eth0, addresses: 10.0.0.1/24}}}
  b:
    links: {eth0: {peer: a/eth0, addresses: 10.0.0.2/24}}
    services:
      http:
        command: test "$PWD" -ef ${dir} && exec busybox httpd -f -p 80 -h ${dir}/www
        files: {www/x7: "page of x7", conf: "${dir}/www"}
        environment: {KIND: "of ${name}"}
        ready: {tcp: 80, file: "${dir}/www"}
tests:
  saved:
    steps:
      - run: {service: http, command: 'echo "{\"items\": [{\"id\": \"x7\"}], \"n\": 3}"', save: {id: .items.0.id, n: .n}}
      - run: {node: a, command: "echo '  a  $b `c`;'", save: {all: .}, stdout: 'a  $b `c`;'}
      - run: {node: a, command: 'echo "<$all><${id}><$n>"', stdout: '<${all}><x7><3>'}
      - run: {node: a, command: 'echo "$id"', environment: {id: own}, stdout: own}
      - http: {node: a, url: "http://10.0.0.2/${id}", body: "page of ${id}"}
      - wait: {node: a, command: 'test "$n" = 3'}
      - run: {node: a, command: "n=$(cat $TMPDIR/n || echo 0); echo $((n + 1)) >$TMPDIR/n; test $n = 0 || echo $n", save: {tries: .}, within: 5s, every: 20ms}
      - run: {node: a, command: 'echo $tries', stdout: 1}
  forgotten:
    steps:
      - run: {node: a, command: 'echo "<$id>"', stdout: <>}
  of-the-service:
    steps:
      - run: {service: http, command: 'echo "$KIND"; cat www/x7 "$(cat conf)/x7"; echo; echo $LABRUN_NODE', stdout: "of http\npage of x7page of x7\nb"}
  not-there:
    steps:
      - run: {node: a, command: 'echo "{\"n\": null}"', save: {n: .n}}
  nothing:
    steps:
      - run: {node: a, command: 'true', save: {n: .}}
  no-document:
    steps:
      - run: {node: a, command: 'echo x', save: {n: .n}}
"#;
    for user in users() {
        outcomes(
            user,
            body,
            &["saved", "forgotten", "of-the-service"],
            &[
                ("not-there", "nothing to save as `n`: there is no `.n` in `{\"n\": null}`"),
                ("nothing", "nothing to save as `n`: it is empty"),
                ("no-document", "nothing to save as `n`: `x` is not JSON"),
            ],
        );
    }
}

#[test]
fn what_a_step_tells_is_what_reports_say_of_its_test() {
    let body = r#"
nodes: {a: {}}
tests:
  telling: {steps: [run: {node: a, command: "echo ' 297 leases/s'; echo more", tell: true}, run: {node: a, command: echo no}]}
  silent: {steps: [run: {node: a, command: "echo; echo more", tell: true}]}
"#;
    for user in users() {
        let lab = Lab::new(user, body);
        let (done, results) = lab.results(&[]);
        assert_eq!(results["telling"]["outcome"], "pass", "{}", done.all);
        assert_eq!(results["telling"]["detail"], "297 leases/s", "{}", done.all);
        assert_eq!(results["silent"]["outcome"], "fail", "{}", done.all);
        let said = results["silent"]["lines"].to_string();
        assert!(said.contains("printed nothing to tell"), "{said}");
    }
}

#[test]
fn services_do_something_after_a_start_and_read_their_configuration_again() {
    let body = r#"
nodes:
  a:
    services:
      daemon:
        command: |
          trap 'cp conf read; echo again' HUP; cp conf read; touch up; echo first
          while :; do sleep 0.02; done
        environment: {WHAT: a start}
        files: {conf: "one\n"}
        ready: {file: up, log: first}
        started: ['test -e up && echo "after $WHAT in $LABRUN_NODE" >>notes', "cat notes"]
        reload: 'kill -HUP $(cat ${dir}/../../log/daemon.pid) && until cmp -s conf read; do sleep 0.02; done'
      later: {command: "cp ../daemon/notes .; exec sleep 1000", ready: {file: notes}, after: daemon}
      handler: {command: "trap 'touch hup' HUP; touch up; while :; do sleep 0.02; done", ready: {file: up}}
      deaf: {command: "exec sleep 1000", ready: {running: 1ms}}
      refusing: {command: "exec sleep 1000", ready: {running: 1ms}, reload: "echo no; exit 3"}
      weak: {command: "exec sleep 1000", ready: {running: 1ms}, started: "echo run >>runs; echo too weak; test $(wc -l <runs) = 1"}
tests:
  a-start:
    steps:
      - run: {service: later, command: cat notes, stdout: after a start in a}
      - run: {service: daemon, command: cat notes, stdout: after a start in a}
      - service: {restart: daemon}
      - run: {service: daemon, command: cat notes, stdout: "after a start in a\nafter a start in a"}
      - service: {start: daemon}
      - run: {service: daemon, command: wc -l <notes, stdout: 2}
  b-reload:
    fresh: true
    steps:
      - run: {service: daemon, command: echo two >conf}
      - service: {reload: daemon}
      - run: {service: daemon, command: cat read, stdout: two}
      - service: {reload: handler}
      - wait: {node: a, command: "test -e /run/service/handler/hup"}
  c-deaf: {steps: [service: {reload: deaf}]}
  d-refusing: {steps: [service: {reload: refusing}]}
  e-dead: {steps: [service: {stop: handler}, service: {reload: handler}]}
  f-weak: {steps: [service: {restart: weak}]}
"#;
    for user in users() {
        outcomes(
            user,
            body,
            &["a-start", "b-reload"],
            &[
                ("c-deaf", "its first process, sleep, does not handle SIGHUP"),
                ("d-refusing", "ended with exit status 3"),
                ("e-dead", "it does not run"),
                (
                    "f-weak",
                    "service weak (node a) was ready, but a command of its `started` failed",
                ),
                ("f-weak", "| too weak"),
            ],
        );
        // The same when it is set up.
        let failing = body.replace("= 1\"}", "= 0\"}");
        let lab = Lab::new(user, &failing);
        let done = lab.run(&["test"]);
        assert_eq!(done.exit, 4, "{}", done.all);
        for part in [
            "service weak (node a) was ready, but a command of its `started` failed: echo run",
            "| too weak",
        ] {
            assert!(done.all.contains(part), "{}", done.all);
        }
    }
}

#[test]
fn packets_are_counted_and_shared_out() {
    if !have("packets_are_counted", &["ping"]) {
        return;
    }
    let body = r#"
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: pa, addresses: 10.0.0.1/24}}}
  b: {links: {eth0: {bridge: br0, port: pb, addresses: 10.0.0.2/24}}}
  c: {links: {eth0: {bridge: br0, port: pc, addresses: 10.0.0.3/24}}}
x-steps: &steps
  - ping: {node: a, to: 10.0.0.2, count: 2}
  - ping: {node: a, to: 10.0.0.3, size: 100}
tests:
  good:
    steps: *steps
    path:
      - {packet: icmp echo-request, at-least: 3, at-most: 3}
      - {packet: icmp echo-request, at: pb, count: 2}
      - {packet: icmp echo-request, share: {pb: 60-70, pc: 30-40}}
      - {packet: icmp echo-request, fields: {destination: 10.0.0.3}, some: true}
  few: {steps: *steps, path: [{packet: icmp echo-request, at: [pa, pb], at-least: 3}]}
  many: {steps: *steps, path: [{packet: icmp echo-request, count: 1-2}]}
  uneven: {steps: *steps, path: [{packet: icmp echo-request, share: {pb: 50, pc: 50}}]}
  none: {steps: *steps, path: [{packet: icmp echo-request, fields: {destination: 10.0.0.4}, some: true}]}
"#;
    for user in users() {
        outcomes(
            user,
            body,
            &["good"],
            &[
                ("few", "must be seen at least 3 times at pb in one direction, but was 2 times"),
                ("many", "must be seen 1 to 2 times in one direction, but was 3 times"),
                ("uneven", "50 to 50 per cent must be seen at pb, but were 66 per cent (2 of 3)"),
                ("none", "one icmp echo-request must have destination 10.0.0.4, but none has"),
            ],
        );
    }
}

#[test]
fn a_step_is_judged_by_what_was_sent_while_it_ran() {
    if !have("a_step_is_judged", &["ping"]) {
        return;
    }
    let body = r#"
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: pa, addresses: 10.0.0.1/24}}}
  b: {links: {eth0: {bridge: br0, port: pb, addresses: 10.0.0.2/24}}}
  c: {links: {eth0: {bridge: br0, port: pc, addresses: 10.0.0.3/24}}}
tests:
  good:
    steps:
      - {ping: {node: a, to: 10.0.0.2}, path: [{packet: icmp echo-request, crosses: [a, b]}, {packet: icmp, avoids: c}]}
      - {ping: {node: a, to: 10.0.0.3}, path: [{packet: icmp echo-request, at: pc, count: 1}, {packet: icmp, avoids: b}]}
      - {ping: {node: a, to: 10.0.0.2}, path: [{packet: icmp, avoids: c}]}
      - run: {node: a, command: sleep 0.1}
    path: [{packet: icmp echo-request, at: a, count: 3}]
  before:
    steps:
      - ping: {node: a, to: 10.0.0.2}
      - {run: {node: a, command: 'true'}, path: [{packet: icmp echo-request}]}
      - ping: {node: a, to: 10.0.0.2}
  idle:
    steps:
      - ping: {node: a, to: 10.0.0.2}
      - {run: {node: a, command: 'true'}, path: [{packet: icmp echo-request, avoids: c}]}
  wrong:
    steps:
      - ping: {node: a, to: 10.0.0.2}
      - {ping: {node: a, to: 10.0.0.3}, path: [{packet: icmp echo-request, avoids: c}]}
  retried:
    steps:
      - {run: {node: a, command: "ping -c 1 10.0.0.2; n=$(cat $TMPDIR/n || echo 0); echo $((n + 1)) >$TMPDIR/n; test $n = 2", within: 5s, every: 20ms}, path: [{packet: icmp echo-request, at: pa, count: 3}]}
"#;
    for user in users() {
        outcomes(
            user,
            body,
            &["good", "retried"],
            &[
                ("before", "no icmp echo-request was seen"),
                (
                    "idle",
                    "a never sent a packet, so that what the rule forbids was not seen proves nothing",
                ),
                ("wrong", "icmp echo-request must avoid c, but was there"),
            ],
        );
    }
}

#[test]
fn so_many_lines_are_waited_for() {
    let body = r#"
nodes:
  a:
    services:
      loud:
        command: trap 'echo heard' HUP; echo heard; touch up; while :; do sleep 0.01; done
        ready: {file: up}
tests:
  a-three:
    steps:
      - service: {reload: loud}
      - wait: {service: loud, log: ^heard$, count: 1}
      - service: {reload: loud}
      - wait: {service: loud, log: ^heard$, count: 2}
  b-too-few:
    steps:
      - service: {reload: loud}
      - wait: {service: loud, log: ^heard$}
      - wait: {service: loud, log: ^heard$, count: 2, within: 300ms}
"#;
    for user in users() {
        outcomes(
            user,
            body,
            &["a-three"],
            &[("b-too-few", "2 lines of loud that match `^heard$`, there are 1")],
        );
    }
}

#[test]
fn a_lab_has_files_and_folders_of_its_own() {
    let body = r#"
private: [/opt, /run/made/here, /var/cache]
files: {/opt/deep/a: "of the lab\n", /run/lab/b: "b", /etc/labrun-lab-test: c}
nodes:
  a:
    services:
      reads: {command: "cat /opt/deep/a /run/lab/b /etc/labrun-lab-test >all; echo x >/var/cache/x; exec sleep 1000", ready: {file: all}}
tests:
  a-there:
    steps:
      - run: {service: reads, command: "cat all /var/cache/x; ls /opt /run/made", stdout: "of the lab\nbcx\n/opt:\ndeep\n\n/run/made:\nhere"}
      - run: {node: a, command: "echo other >/opt/deep/a; echo new >/opt/new"}
  b-as-it-was:
    steps:
      - run: {node: a, command: "cat /opt/deep/a; ls /opt", stdout: "of the lab\ndeep"}
"#;
    let host = || {
        (std::path::Path::new("/opt/deep").exists(), std::path::Path::new("/var/cache/x").exists())
    };
    for user in users() {
        assert_eq!(host(), (false, false));
        Lab::new(user, body).passes(&[]);
        assert_eq!(host(), (false, false), "the machine has what only the lab has");
        let lab = Lab::new(
            user,
            &body.replace("/var/cache]", "/opt-of-nobody]").replace("/var/cache/x", "x"),
        );
        let done = lab.run(&["test"]);
        assert!(done.exit == 4 && done.all.contains("/opt-of-nobody"), "{}", done.all);
        assert!(!std::path::Path::new("/opt-of-nobody").exists());
    }
}

#[test]
fn parameters_differ_from_run_to_run() {
    let body = r#"
params: {many: 2, word: plain}
bridges: [br0]
nodes:
  n-${each}: {each: "${many}", links: {eth0: {bridge: br0, port: "p${each}"}}}
tests:
  t: {steps: [{run: {node: global, command: "ls /run/netns | wc -l; echo ${word}", stdout: "2\nplain"}}]}
"#;
    for user in users() {
        let lab = Lab::new(user, body);
        let run = |words: &[&str]| lab.run(words);
        assert_eq!(run(&["test"]).exit, 0);
        let done = run(&["test", "--set", "many=3", "--set", "word=other"]);
        assert!(done.exit == 1 && done.all.contains("`3"), "{}", done.all);
        // One that is up is made anew where they differ.
        assert_eq!(run(&["setup", &lab.name, "--set", "many=3"]).exit, 0);
        let nodes = || run(&["exec", &lab.name, "global", "ls", "/run/netns"]).stdout;
        assert_eq!(nodes(), "n-1\nn-2\nn-3\n");
        assert_eq!(run(&["test"]).exit, 0);
        assert_eq!(nodes(), "n-1\nn-2\n");
        let script = run(&["script", &lab.name, "--set", "many=4"]).stdout;
        assert!(script.contains("netns add n-4\n") && !script.contains("netns add n-5\n"));
        assert!(run(&["graph", &lab.name, "--set", "many=4"]).stdout.contains("n-4"));
        let file = lab.file.to_str().unwrap();
        assert!(run(&["check", file, "--set", "many=4"]).stdout.contains("4 nodes"));
        for (words, message) in [
            (
                vec!["test", "--set", "mny=4"],
                "--set mny: there is no parameter `mny`, did you mean `many`?",
            ),
            (
                vec!["setup", &lab.name, "--set", "x=4"],
                "there is no parameter `x`, there is `many`, `word`",
            ),
            (vec!["script", &lab.name, "--set", "x=4"], "there is no parameter `x`"),
            (vec!["graph", &lab.name, "--set", "x=4"], "there is no parameter `x`"),
            (vec!["check", file, "--set", "x=4"], "there is no parameter `x`"),
            (vec!["test", "--set", "many=x"], "--set many: expected a number, found `x`"),
            (vec!["test", "--set", "many"], "expected NAME=VALUE"),
        ] {
            let done = run(&words);
            assert!(done.exit == 2 && done.all.contains(message), "{words:?}: {}", done.all);
        }
    }
}

#[test]
fn a_silent_link_stays_up_and_carries_nothing() {
    if !have("a_silent_link", &["ping"]) {
        return;
    }
    let body = r#"
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: pa, addresses: 10.0.0.1/24}, p2p: {peer: b/p2p, addresses: 10.1.0.1/24}}}
  b: {links: {eth0: {bridge: br0, port: pb, addresses: 10.0.0.2/24}, p2p: {peer: a/p2p, addresses: 10.1.0.2/24}}}
  c: {links: {eth0: {bridge: br0, port: pc, addresses: 10.0.0.3/24}}}
x-silent: &silent {command: "ip -j link show up; ip route get 10.0.0.2; ip route get 10.1.0.2", match: LOWER_UP, not-match: NO-CARRIER}
tests:
  a-port:
    steps:
      - ping: {node: a, to: 10.0.0.2}
      - link: {silence: a/eth0}
      - run: {node: a, <<: *silent}
      - ping: {node: a, to: 10.0.0.2, timeout: 400ms, fails: true}
      - ping: {node: c, to: 10.0.0.1, timeout: 400ms, fails: true}
      - ping: {node: c, to: 10.0.0.2}
      - ping: {node: a, to: 10.1.0.2}
      - link: {up: a/eth0}
      - ping: {node: a, to: 10.0.0.2}
  b-cable:
    steps:
      - ping: {node: a, to: 10.1.0.2}
      - link: {silence: b/p2p}
      - run: {node: a, <<: *silent}
      - ping: {node: a, to: 10.1.0.2, timeout: 400ms, fails: true}
      - ping: {node: b, to: 10.1.0.1, timeout: 400ms, fails: true}
      - link: {up: a/p2p}
      - ping: {node: a, to: 10.1.0.2, count: 2}
  c-leaves-both:
    steps:
      - link: {silence: a/eth0}
      - link: {silence: a/p2p}
  d-finds-neither:
    steps:
      - run: {node: global, command: "test ! -e /run/was; touch /run/was"}
      - ping: {node: a, to: 10.0.0.2}
      - ping: {node: b, to: 10.1.0.1}
"#;
    for user in users() {
        let lab = Lab::new(user, body);
        lab.passes(&[]);
        // Put back, not made anew.
        let done = lab.run(&[
            "test",
            "-v",
            &format!("{}-c-leaves-both", lab.name),
            &format!("{}-d-finds-neither", lab.name),
        ]);
        assert!(done.exit == 0 && !done.all.contains("anew"), "{}", done.all);
    }
}

#[test]
fn what_a_router_advertises_is_known() {
    if !have("what_a_router_advertises", &["dnsmasq"]) {
        return;
    }
    let body = r#"
needs: {commands: {dnsmasq: dnsmasq-base}}
bridges: [br0]
nodes:
  router:
    links: {eth0: {bridge: br0, port: pr, addresses: "fd00:1::1/64"}}
    services:
      ra:
        command: exec dnsmasq --keep-in-foreground --log-facility=- --port=0 --user= --group= --conf-file=/dev/null --interface=eth0 --enable-ra --dhcp-range=fd00:1::,ra-stateless --ra-param=eth0,60,1200 --dhcp-option=option6:dns-server,[fd00:1::53] --dhcp-leasefile=${dir}/leases
        ready: {log: "router advertisement on fd00:1::"}
  host: {links: {eth0: {bridge: br0, port: ph}}}
tests:
  good:
    steps:
      - run: {node: host, command: ip -6 address flush dev eth0 scope global}
      - service: {restart: ra}
      - wait: {node: host, command: "ip -6 address show dev eth0 | grep -q fd00:1:"}
    path:
      - packet: icmp6 router-advertisement
        crosses: [router, host]
        fields: {router-lifetime: 1200, managed: 0, other: 1, prefix: "fd00:1::/64", dns: "fd00:1::53"}
  wrong:
    steps:
      - run: {node: host, command: ip -6 address flush dev eth0 scope global}
      - service: {restart: ra}
      - wait: {node: host, command: "ip -6 address show dev eth0 | grep -q fd00:1:"}
    path: [{packet: icmp6 router-advertisement, fields: {managed: 1}}]
"#;
    for user in users() {
        outcomes(user, body, &["good"], &[("wrong", "managed must be 1, but it is 0")]);
    }
}

#[test]
fn files_that_are_fetched_by_tftp_are_seen() {
    if !have("files_that_are_fetched", &["dnsmasq", "busybox"]) {
        return;
    }
    let body = r#"
needs: {commands: {dnsmasq: dnsmasq-base, busybox: busybox}}
bridges: [br0]
nodes:
  client: {links: {eth0: {bridge: br0, port: pc, addresses: 10.0.0.1/24}}}
  server:
    links: {eth0: {bridge: br0, port: ps, addresses: 10.0.0.2/24}}
    services:
      tftp:
        command: exec dnsmasq --keep-in-foreground --log-facility=- --port=0 --user= --group= --conf-file=/dev/null --enable-tftp --tftp-root=${dir}/files
        files: {files/boot: "some text\n"}
        ready: {udp: 69}
tests:
  good:
    steps:
      - run: {node: client, command: "cd $TMPDIR && busybox tftp -g -r boot 10.0.0.2 && cat boot", stdout: some text}
      - run: {node: client, command: "cd $TMPDIR && busybox tftp -g -r none 10.0.0.2", fails: true}
    path:
      - {packet: tftp read, crosses: [client, server], fields: {file: boot}, some: true}
      - {packet: tftp data, crosses: [server, client], count: 1, fields: {block: 1}}
      - {packet: tftp acknowledgement, crosses: [client, server]}
      - {packet: tftp error, crosses: [server, client], fields: {code: 1}}
  wrong:
    steps:
      - run: {node: client, command: "cd $TMPDIR && busybox tftp -g -r boot 10.0.0.2"}
    path: [{packet: tftp read, fields: {file: other}}]
"#;
    for user in users() {
        outcomes(user, body, &["good"], &[("wrong", "file must be `other`, but it is `boot`")]);
    }
}

#[test]
fn what_goes_through_vxlan_is_seen() {
    let can = std::process::Command::new("unshare")
        .args(["-rn", "ip", "link", "add", "vx", "type", "vxlan", "id", "1", "dstport", "4789"])
        .output();
    if !have("what_goes_through_vxlan", &["ping"])
        || !can.is_ok_and(|output| output.status.success())
    {
        return;
    }
    let body = r#"
needs: {kernel: [vxlan]}
bridges: [br0]
x-tunnel: &tunnel
  command: ip link add vx0 type vxlan id 42 dstport 4789 remote 10.0.0.$peer local 10.0.0.$own && ip addr add 10.9.0.$own/24 dev vx0 && ip link set vx0 up
  ready: {exit: 0}
nodes:
  a: {links: {eth0: {bridge: br0, port: pa, addresses: 10.0.0.1/24}}, services: {tunnel: {<<: *tunnel, environment: {own: 1, peer: 2}}}}
  b: {links: {eth0: {bridge: br0, port: pb, addresses: 10.0.0.2/24}}, services: {tunnel: {<<: *tunnel, environment: {own: 2, peer: 1}}}}
tests:
  good:
    steps: [ping: {node: a, to: 10.9.0.2, within: 5s}]
    path:
      - {packet: vxlan, at: pa, fields: {vni: 42}}
      - {packet: icmp echo-request, crosses: [a, b], fields: {destination: 10.9.0.2}}
  wrong:
    steps: [ping: {node: a, to: 10.9.0.2, within: 5s}]
    path: [{packet: vxlan, fields: {vni: 43}}]
"#;
    for user in users() {
        outcomes(user, body, &["good"], &[("wrong", "vni must be 43, but it is 42")]);
    }
}

#[test]
fn a_packet_is_waited_for_until_it_is_seen() {
    if !have("a_packet_is_waited_for", &["ping"]) {
        return;
    }
    let body = r#"
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: pa, addresses: 10.0.0.1/24}, p2p: {peer: b/p2p, addresses: 10.1.0.1/24}}}
  b: {links: {eth0: {bridge: br0, port: pb, addresses: 10.0.0.2/24}, p2p: {peer: a/p2p, addresses: 10.1.0.2/24}}}
tests:
  good:
    steps:
      - run: {node: a, command: "(sleep 0.5; ping -c 1 -s 77 10.0.0.2; sleep 0.5; ping -c 1 10.1.0.2) >/dev/null 2>&1 &"}
      - {wait: {packet: icmp echo-request, at: pb, fields: {source: 10.0.0.1, ttl: 64}}, path: [{packet: icmp, fields: {source: 10.0.0.0/24}, some: true}]}
      - wait: {packet: icmp echo-reply, fields: {source: [10.1.0.2, 10.3.0.2]}}
      - wait: {packet: icmp echo-request, at: b/p2p, within: 1s}
  never:
    steps:
      - ping: {node: a, to: 10.0.0.2}
      - wait: {packet: icmp echo-request, at: pb, fields: {source: 10.0.0.2}, within: 300ms}
  elsewhere:
    steps:
      - ping: {node: a, to: 10.0.0.2}
      - wait: {packet: icmp, at: b/p2p, within: 300ms}
"#;
    for user in users() {
        outcomes(
            user,
            body,
            &["good"],
            &[
                ("never", "waited 300ms for icmp echo-request"),
                ("never", "one icmp echo-request at pb must have source 10.0.0.2, but none has"),
                ("elsewhere", "no icmp was seen at b/p2p"),
            ],
        );
    }
}
