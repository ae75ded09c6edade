//! The `http` step with a real web server, plain and with TLS, and what keeps it from passing.

use crate::common;
use crate::common::labs;

use common::users;
use labs::{Done, Lab, have, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const LAB: &str = r#"
bridges: [br0]
nodes:
  client: {links: {eth0: {bridge: br0, port: p-c, addresses: 10.0.0.1/24}}}
  server:
    links: {eth0: {bridge: br0, port: p-s, addresses: 10.0.0.2/24}}
    services:
      plain:
        command: exec busybox httpd -f -p 80 -h .
        files: {state.json: '{"state": "up", "peers": [1, 2]}', index.html: hello}
        ready: {tcp: 80}
      secure:
        command: exec openssl s_server -quiet -WWW -accept 443 -cert FOLDER/cert.pem -key FOLDER/key.pem
        files: {page: secret}
        ready: {tcp: 443}
tests:
TESTS
"#;

/// A lab whose one-step tests are `tests`: each a name and the fields of its step.
fn lab(user: common::User, tests: &[(&str, &str)]) -> Lab {
    let steps = tests.iter().map(|(name, fields)| {
        format!("  {name}: {{steps: [{{http: {{node: client, {fields}}}}}]}}\n")
    });
    let mut lab = Lab::new(user, &LAB.replace("TESTS", &steps.collect::<String>()));
    let folder = lab.folder.path();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=lab",
            "-addext",
            "subjectAltName=IP:10.0.0.2",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", common::text(&made));
    fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let text = fs::read_to_string(&lab.file).unwrap().replace("FOLDER", folder.to_str().unwrap());
    lab.file = common::write(folder, "lab.yaml", &text);
    lab
}

/// Runs the tests of `lab` in its folder, where the certificates are.
fn there(lab: &Lab) -> Done {
    let mut command = lab.command(&["test"]);
    command.current_dir(lab.folder.path());
    run(command)
}

#[test]
fn requests_are_answered_as_the_lab_file_says() {
    if !have("http", &["curl", "openssl", "busybox"]) {
        return;
    }
    for user in users() {
        let lab = lab(
            user,
            &[
                ("found", r#"url: "http://10.0.0.2/", body: hello"#),
                (
                    "json",
                    r#"url: "http://10.0.0.2/state.json", json: {peers: [2]}, match: 'st.te'"#,
                ),
                ("absent", r#"url: "http://10.0.0.2/nothing", status: 404"#),
                ("head", r#"url: "http://10.0.0.2/", method: HEAD, status: 200"#),
                (
                    "secure",
                    r#"url: "https://10.0.0.2/page", cacert: FOLDER/cert.pem, body: secret"#,
                ),
                ("unknown-authority", r#"url: "https://10.0.0.2/page", fails: true"#),
                ("refused", r#"url: "http://10.0.0.2:81/", fails: true"#),
            ],
        );
        let done = there(&lab);
        assert_eq!(done.exit, 0, "{}", done.all);
        assert!(done.all.contains("7 passed, 0 failed"), "{}", done.all);
    }
}

#[test]
fn what_is_not_as_wanted_fails_and_is_named() {
    if !have("http", &["curl", "openssl", "busybox"]) {
        return;
    }
    let wrong = [
        (
            "status",
            r#"url: "http://10.0.0.2/nothing""#,
            "GET http://10.0.0.2/nothing was answered with status 404, not 200 to 299",
        ),
        (
            "other-status",
            r#"url: "http://10.0.0.2/", status: 204"#,
            "was answered with status 200, not 204",
        ),
        (
            "body",
            r#"url: "http://10.0.0.2/", body: bye"#,
            "step 1, http in client: the body of GET http://10.0.0.2/ is `hello`, not `bye`",
        ),
        (
            "json",
            r#"url: "http://10.0.0.2/state.json", json: {state: down}"#,
            "JSON: .state is \"up\", not \"down\"",
        ),
        ("no-json", r#"url: "http://10.0.0.2/", json: {}"#, "is not JSON"),
        ("authority", r#"url: "https://10.0.0.2/page""#, "curl ended with exit status 60"),
        ("nobody", r#"url: "http://10.0.0.2:81/""#, "curl ended with exit status 7"),
        (
            "answered",
            r#"url: "http://10.0.0.2/", fails: true"#,
            "was answered with status 200, but was not to be",
        ),
        // Nothing was sent: that nobody answered proves nothing.
        (
            "no-route",
            r#"url: "http://10.9.9.9/", fails: true"#,
            "could not even be asked, which proves nothing",
        ),
    ];
    let tests: Vec<(&str, &str)> = wrong.iter().map(|(name, fields, _)| (*name, *fields)).collect();
    let lab = lab(common::User::Own, &tests);
    let done = there(&lab);
    assert_eq!(done.exit, 1, "{}", done.all);
    for (name, _, words) in wrong {
        assert!(done.all.contains(words), "{name}: no `{words}` in\n{}", done.all);
    }
    assert!(done.all.contains("0 passed, 9 failed"), "{}", done.all);
}
