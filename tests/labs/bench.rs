//! The `bench` step with a real service and real proxies: what every report says of it, and what keeps it from
//! passing without having measured a proxy.

use crate::common;
use crate::common::labs;

use common::users;
use labrun::record::run::Run;
use labrun::report::merge;
use labs::{Lab, have, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A service at 10.0.0.1:80 and what claims to be a proxy of it, each at a port of 10.0.0.2.
const LAB: &str = r#"
bridges: [br0]
nodes:
  client: {links: {eth0: {bridge: br0, port: p-c, addresses: 10.0.0.9/24}}}
  server:
    links: {eth0: {bridge: br0, port: p-s, addresses: [10.0.0.1/24, 10.0.0.7/24]}}
    services:
      web:
        command: exec busybox httpd -f -p 80 -h www
        files: {www/index.html: "hello\n"}
        started: head -c 300000 /dev/zero >www/large
        ready: {tcp: 80}
  proxy:
    links: {eth0: {bridge: br0, port: p-p, addresses: 10.0.0.2/24}}
    services:
      good:
        command: exec socat TCP-LISTEN:8080,fork,reuseaddr,backlog=512 TCP:10.0.0.1:80
        ready: {tcp: 8080}
      mute:
        command: exec socat TCP-LISTEN:8081,fork,reuseaddr,backlog=512 SYSTEM:'head -n 2 >/dev/null'
        ready: {tcp: 8081}
      hanging:
        command: exec socat TCP-LISTEN:8082,fork,reuseaddr,backlog=512 SYSTEM:'exec sleep 60'
        ready: {tcp: 8082}
      # The right protocol and status, another page.
      other:
        command: exec busybox httpd -f -p 8083 -h www
        files: {www/index.html: "what hello?\n"}
        ready: {tcp: 8083}
      # The first connection is all that it takes.
      once:
        command: exec socat TCP-LISTEN:8084,fork,reuseaddr,backlog=512 SYSTEM:'mkdir taken && exec socat - TCP\:10.0.0.1\:80'
        ready: {tcp: 8084}
tests:
TESTS
"#;

/// The lab with these one-step tests, each a name, where the proxy is and what else the step has.
fn lab(user: common::User, tests: &[(&str, &str, &str)]) -> Lab {
    let steps = tests.iter().map(|(name, through, more)| {
        format!(
            "  {name}: {{steps: [{{bench: {{node: client, direct: \"10.0.0.1:80\", through: \"{through}\", \
             send: \"GET / HTTP/1.0\\r\\n\\r\\n\", time: 200ms{more}}}}}]}}\n"
        )
    });
    Lab::new(user, &LAB.replace("TESTS", &steps.collect::<String>()))
}

#[test]
fn what_is_measured_stands_in_every_report() {
    if !have("what_is_measured", &["busybox", "socat"]) {
        return;
    }
    for user in users() {
        let loose = ", expect: {connections: {at-least: 1, ratio: 0-100000}, p99: {at-most: 5s}}";
        let lab = lab(user, &[("speed", "10.0.0.2:8080", loose)]);
        let out = lab.folder.path().join("out");
        fs::create_dir(&out).unwrap();
        fs::set_permissions(&out, fs::Permissions::from_mode(0o777)).unwrap();
        let report = |kind: &str| format!("--report={kind}={}", out.join(kind).display());
        let kept = format!("--artifacts-dir={}", out.join("kept").display());
        let reports = ["html", "junit", "json"].map(report);
        let mut command = lab.command(&["test", "--artifacts=always", &kept]);
        command.args(&reports).env("GITHUB_ACTIONS", "true");
        let done = run({
            command.env("GITHUB_STEP_SUMMARY", out.join("summary"));
            command
        });
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();

        let document: Run = merge::read("json", &read("json")).unwrap();
        let [bench] = document.tests[0].benches.as_slice() else { panic!("{}", done.all) };
        assert_eq!(
            [&bench.node, &bench.direct_to, &bench.through_to],
            ["client", "10.0.0.1:80", "10.0.0.2:8080"]
        );
        for figures in [&bench.direct, &bench.through, &bench.ratio] {
            assert!(figures.connections > 0.0 && figures.throughput > 0.0, "{bench:?}");
            assert!(figures.p50 > 0.0, "{bench:?}");
        }
        for figures in [&bench.direct, &bench.through] {
            assert!(figures.p50 <= figures.p90 && figures.p90 <= figures.p99, "{bench:?}");
        }
        // The same numbers everywhere.
        for row in &bench.table()[1..] {
            for (name, text) in [
                ("terminal", done.stdout.clone()),
                ("html", read("html")),
                ("junit", read("junit")),
                ("summary", read("summary")),
            ] {
                let lost: Vec<_> = row.iter().filter(|cell| !text.contains(*cell)).collect();
                assert!(lost.is_empty(), "{user:?}: {lost:?} are not in {name}: {text}");
            }
        }
        assert!(read("html").contains("class=\"bench\""), "there is a chart");
        let files = &document.tests[0].files;
        let captured = files.iter().any(|file| file.contains("pcap"));
        assert!(!files.is_empty() && !captured, "it was captured: {files:?}");
    }
}

#[test]
fn what_moved_nothing_through_a_proxy_has_measured_none() {
    if !have("what_moved_nothing", &["busybox", "socat"]) {
        return;
    }
    for user in users() {
        let lab = lab(
            user,
            &[
                ("good", "10.0.0.2:8080", ""),
                ("matching", "10.0.0.2:8083", ", match: 200 OK"),
                ("nobody", "10.0.0.2:9", ""),
                ("nowhere", "10.9.9.9:80", ""),
                ("mute", "10.0.0.2:8081", ""),
                ("hanging", "10.0.0.2:8082", ", timeout: 500ms"),
                ("other", "10.0.0.2:8083", ""),
                ("mismatch", "10.0.0.2:8080", ", match: 404 Not"),
                ("once", "10.0.0.2:8084", ""),
                ("itself", "10.0.0.7:80", ""),
                ("short", "10.0.0.2:8080", ", reply: 100000"),
                ("slow", "10.0.0.2:8080", ", expect: {connections: {at-least: 100000000}}"),
                ("dear", "10.0.0.2:8080", ", expect: {throughput: {ratio: 100000-200000}}"),
                ("late", "10.0.0.2:8080", ", expect: {p50: {at-least: 1h}}"),
            ],
        );
        let (done, results) = lab.results(&[]);
        assert_eq!((done.exit, results.len()), (1, 14), "{user:?}: {}", done.all);
        for (name, result) in &results {
            let wanted = match name.as_str() {
                "good" | "matching" => {
                    assert_eq!(result["outcome"], "pass", "{user:?}: {result}");
                    assert!(result["benches"][0]["through"]["connections"].as_f64() > Some(0.0));
                    continue;
                }
                "nobody" => "through: 10.0.0.2:9 cannot be connected to: connection refused",
                "nowhere" => "through: 10.9.9.9:80 cannot be connected to: network is unreachable",
                "mute" => "through: 10.0.0.2:8081 closed the connection without a byte",
                "hanging" => {
                    "through: 10.0.0.2:8082 gave no whole reply within 500ms: 0 bytes of it came"
                }
                "other" => "through: 10.0.0.2:8083 gave a reply of ",
                "mismatch" => "direct: 10.0.0.1:80 gave a reply that does not match `404 Not`",
                "once" => "10.0.0.2:8084 ",
                "itself" => "get to 10.0.0.1:80 as they are: no proxy takes them",
                "short" => "closed the connection after ",
                "slow" => "/s, not at least 100000000/s",
                "dear" => ", not 100000 to 200000 %",
                "late" => "p50 through the proxy: ",
                other => panic!("{other}"),
            };
            assert_eq!(result["outcome"], "fail", "{user:?} {name}: {result}");
            let said = result["lines"][0].as_str().unwrap();
            assert!(said.contains(wanted), "{user:?} {name}: {said}");
            // What it measured is told, too, if it did.
            let measured = ["slow", "dear", "late"].contains(&name.as_str());
            assert_eq!(result.get("benches").is_some(), measured, "{user:?} {name}: {result}");
        }
    }
}

#[test]
fn a_bench_is_over_in_time_and_moves_what_is_large() {
    if !have("a_bench_is_over", &["busybox", "socat"]) {
        return;
    }
    let user = users()[0];
    let step = |time: &str, page: &str| {
        format!(
            "{{steps: [{{bench: {{node: client, direct: \"10.0.0.1:80\", through: \"10.0.0.2:8080\", \
             send: \"GET /{page} HTTP/1.0\\r\\n\\r\\n\", match: 200 OK, time: {time}}}}}]}}\n"
        )
    };
    let large = format!("  large: {}", step("400ms", "large"));
    let long = format!("  long: {}", step("60s", "").replacen('{', "{timeout: 1s, ", 1));
    let lab = Lab::new(user, &LAB.replace("TESTS", &(large + &long)));
    let (done, results) = lab.results(&[]);
    assert_eq!(results["large"]["outcome"], "pass", "{}", done.all);
    // Each connection moves 300 kB, 2.4 Mbit.
    let through = &results["large"]["benches"][0]["through"];
    let [rate, throughput] =
        ["connections", "throughput"].map(|name| through[name].as_f64().unwrap());
    assert!((2.4..2.5).contains(&(throughput / rate)), "{through}");
    assert_eq!(results["long"]["outcome"], "fail", "{}", done.all);
    assert!(results["long"]["lines"][0].as_str().unwrap().contains("of the test (`timeout`)"));
    // A turn of it alone would take 15 s.
    let took = results["long"]["ms"].as_f64().unwrap();
    assert!(took < 10_000.0, "{took} ms");
}

#[test]
fn a_service_that_leaves_connections_open_is_measured_by_the_length_of_its_reply() {
    if !have("a_service_that_leaves_connections_open", &["socat"]) {
        return;
    }
    // The service is at the client's own node, the proxy is not, and all of it is IPv6.
    let body = r#"
nodes:
  a:
    links: {eth0: {peer: b/eth0, addresses: "fd00::1/64"}}
    services: {echo: {command: "exec socat TCP6-LISTEN:7,fork,reuseaddr,backlog=512 EXEC:cat", ready: {tcp: 7}}}
  b:
    links: {eth0: {peer: a/eth0, addresses: "fd00::2/64"}}
    services: {proxy: {command: "exec socat TCP6-LISTEN:8,fork,reuseaddr,backlog=512 TCP6:[fd00::1]:7", ready: {tcp: 8}}}
x-bench: &bench {node: a, direct: "[fd00::1]:7", through: "[fd00::2]:8", send: "hello there\n", time: 200ms, timeout: 2s}
tests:
  whole: {steps: [bench: {<<: *bench, reply: 12, match: hello}]}
  more: {steps: [bench: {<<: *bench, reply: 5}]}
  open: {steps: [bench: *bench]}
"#;
    for user in users() {
        let lab = Lab::new(user, body);
        let (done, results) = lab.results(&[]);
        assert_eq!(results["whole"]["outcome"], "pass", "{user:?}: {}", done.all);
        for (name, words) in [
            ("more", "[fd00::1]:7 sent 12 bytes, and only 5 are a reply"),
            ("open", "[fd00::1]:7 gave no whole reply within 2s: 12 bytes of it came"),
        ] {
            let said = results[name]["lines"][0].as_str().unwrap_or_default();
            assert!(said.contains(words), "{user:?} {name}: {said}");
        }
    }
}
