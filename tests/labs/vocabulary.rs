//! What services, steps and rules of a lab file can say does for real what it says.

use crate::common;
use crate::common::labs;

use common::users;
use labs::{Lab, have, lines};

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
