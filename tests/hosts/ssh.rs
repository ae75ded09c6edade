//! Labs on another machine, by ssh: everything is as on this one, nothing is left there, and what
//! goes wrong on the way is told from what goes wrong in a lab.
//!
//! The other machine is a real sshd (tests/common/sshd.rs).

use crate::common;
use crate::common::labs;

use common::host::{self, finish_within, private, processes};
use common::sshd::{self, Login, Sshd};
use common::{folder, text, wait_for, write};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// Runs `body` with a machine, for everybody who may log in there, on a host of its own.
fn with_machine(name: &str, body: impl Fn(&Sshd, &Login)) {
    if !sshd::have(name) {
        return;
    }
    private(name, || {
        let machine = Sshd::start();
        for login in machine.logins() {
            println!("as {}", login.name);
            body(&machine, &login);
        }
        if std::thread::panicking() {
            println!("{}", fs::read_to_string(machine.folder.path().join("log")).unwrap());
        }
    });
}

/// Runs labrun, which must exit with `code`; what it printed.
fn expect(machine: &Sshd, login: &Login, words: &[&str], code: i32) -> String {
    expect_of(&mut machine.labrun(login, words), code)
}

fn expect_of(command: &mut Command, code: i32) -> String {
    let output = host::run_within(LIMIT, command);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(code), "{command:?}: {text}");
    text
}

fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "there is no {word:?} in {text}");
    }
}

#[test]
fn labs_run_there_as_they_do_here() {
    with_machine("labs_run_there_as_they_do_here", |machine, login| {
        let trace = login.trace();
        let done = expect(machine, login, &["test", "relay", "server"], 0);
        has(
            &done,
            &[
                "PASS  relay-v4",
                "PASS  relay-v6",
                "PASS  server-v4",
                "PASS  server-v6",
                "cleaned relay",
                "4 passed, 0 failed",
            ],
        );
        login.assert_clean(&trace, "after a run");

        has(
            &expect(machine, login, &["logs", "server"], 2),
            &[&format!("`labrun setup server --host {}`", login.host())],
        );
        let done = expect(machine, login, &["setup", "server"], 0);
        has(&done, &["ready server", &format!("labrun clean server --host {}\n", login.host())]);
        has(
            &expect(machine, login, &["status"], 0),
            &["server           ready", "dhcp-v4        running"],
        );
        has(
            &expect(machine, login, &["test", "server-v4"], 0),
            &["ready server: was up already", "PASS  server-v4"],
        );
        has(&expect(machine, login, &["logs", "server", "dhcp-v4"], 0), &["dhcp-v4 | dnsmasq"]);
        has(&expect(machine, login, &["clean", "serve"], 0), &["no lab `serve` is up"]);
        has(&expect(machine, login, &["clean"], 0), &["cleaned server"]);
        has(&expect(machine, login, &["status"], 0), &["no lab is up"]);
        login.assert_clean(&trace, "after a lab that stayed up");
    });
}

#[test]
fn a_failing_test_says_there_what_it_says_here() {
    with_machine("a_failing_test_says_there_what_it_says_here", |machine, login| {
        let trace = login.trace();
        let folder = folder();
        let lab = write(
            folder.path(),
            "lab.yaml",
            "lab: wrong\nabout: a test that fails, and a service that dies\nnodes:\n  a: {}\ntests:\n  fails:\n    about: it says something else\n    \
             steps:\n      - run: {node: a, command: 'echo this; exit 3', stdout: that}\n",
        );
        let lab = lab.to_str().unwrap();
        let mut command = machine.labrun(login, &["--file", lab, "test", "--artifacts", "never"]);
        let there = expect_of(command.current_dir(folder.path()), 1);
        let mut command = host::labrun(common::User::Own);
        let here = expect_of(
            command
                .args(["--file", lab, "test", "--artifacts", "never"])
                .current_dir(folder.path()),
            1,
        );
        let result = |text: &str| {
            text.lines()
                .skip_while(|line| !line.starts_with("FAIL"))
                .take(4)
                .map(without_time)
                .collect::<Vec<_>>()
        };
        assert_eq!(result(&there), result(&here), "{there}\n{here}");
        has(&there, &["lab.yaml:9", "exit status 3"]);
        has(&expect(machine, login, &["test", "no-such-lab"], 2), &["no-such-lab"]);
        login.assert_clean(&trace, "after a failure");
    });
}

fn without_time(line: &str) -> String {
    line.split(' ').filter(|word| word.parse::<f64>().is_err()).collect::<Vec<_>>().join(" ")
}

#[test]
fn exec_hands_input_output_and_exit_status_on() {
    with_machine("exec_hands_input_output_and_exit_status_on", |machine, login| {
        let trace = login.trace();
        expect(machine, login, &["setup", "vpn"], 0);
        for code in [0, 1, 2, 7, 42, 124, 255] {
            expect(
                machine,
                login,
                &["exec", "vpn", "pc1", "--", "sh", "-c", &format!("exit {code}")],
                code,
            );
        }
        expect(machine, login, &["exec", "vpn", "pc1", "--", "no-such-command"], 127);
        let words = [
            "--",
            "printf",
            "%s|",
            "a b",
            "it's",
            "$HOME",
            "`x`",
            "\\",
            "*",
            "",
            "new\nline",
            "-n",
            "é",
        ];
        let output = machine.labrun(login, &["exec", "vpn", "pc1"]).args(words).output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "a b|it's|$HOME|`x`|\\|*||new\nline|-n|é|"
        );

        // Every byte, and more than a pipe holds.
        let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect();
        let mut child = machine
            .labrun(login, &["exec", "vpn", "pc1", "--", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stdin, copy) = (child.stdin.take().unwrap(), bytes.clone());
        let writer = std::thread::spawn(move || stdin.write_all(&copy).unwrap());
        let output = finish_within(LIMIT, child, "exec cat");
        writer.join().unwrap();
        assert!(output.stdout == bytes, "{} bytes came back", output.stdout.len());

        has(
            &expect(machine, login, &["exec", "vp", "pc1", "--", "true"], 2),
            &["no lab `vp` is up, did you mean `vpn`?"],
        );
        has(
            &expect(machine, login, &["exec", "vpn", "nobody", "--", "true"], 2),
            &["no node nobody"],
        );
        has(&expect(machine, login, &["exec", "../vpn", "pc1", "--", "true"], 2), &["is up"]);
        let name = expect(machine, login, &["exec", "vpn", "pc1", "--", "ip", "-o", "link"], 0);
        assert!(!name.contains("host0"), "that is the host: {name}");
        expect(machine, login, &["clean", "vpn"], 0);
        login.assert_clean(&trace, "after exec");
    });
}

#[test]
fn a_shell_there_has_a_terminal() {
    if which::which("script").is_err() || !common::is_root() {
        return eprintln!(
            "SKIP a_shell_there_has_a_terminal: it needs script (bsdutils), and a sshd that may make terminals, so root"
        );
    }
    with_machine("a_shell_there_has_a_terminal", |machine, login| {
        let trace = login.trace();
        expect(machine, login, &["setup", "vpn"], 0);
        let labrun = machine.labrun(login, &["shell", "vpn", "pc1"]);
        let mut child = host::on_terminal(&labrun);
        child
            .stdin
            .take()
            .unwrap()
            .write_all(b"test -t 0 && echo terminal-$((40 + 2)); exit 5\n")
            .unwrap();
        let output = finish_within(LIMIT, child, "shell");
        let text = text(&output);
        assert!(text.contains("terminal-42") && text.contains("(vpn pc1)"), "{text}");
        assert_eq!(output.status.code(), Some(5), "{text}");
        expect(machine, login, &["clean", "vpn"], 0);
        login.assert_clean(&trace, "after a shell");
    });
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Whether a process of this name runs with `word` in its command line.
fn runs(name: &str, word: &str) -> bool {
    processes().values().any(|process| process.name == name && process.command.contains(word))
}

#[test]
fn followed_logs_end_with_an_interrupt() {
    with_machine("followed_logs_end_with_an_interrupt", |machine, login| {
        let trace = login.trace();
        expect(machine, login, &["setup", "server"], 0);
        let child = spawn(machine.labrun(login, &["logs", "-f", "server"]));
        wait_for("tail", || runs("tail", "-F"));
        host::kill("INT", child.id());
        let output = finish_within(LIMIT, child, "logs -f");
        assert_eq!(output.status.code(), Some(130), "{}", text(&output));
        wait_for("the end of tail", || !runs("tail", "-F"));
        expect(machine, login, &["clean", "server"], 0);
        login.assert_clean(&trace, "after logs -f");
    });
}

/// A lab whose test takes long, in a repository that is copied.
fn slow(folder: &Path) {
    fs::create_dir_all(folder.join("labs")).unwrap();
    write(
        &folder.join("labs"),
        "slow.yaml",
        "lab: slow\nabout: a test that takes long\nnodes:\n  a: {}\ntests:\n  sleeps:\n    about: it sleeps\n    steps:\n      \
         - run: {node: a, command: exec sleep 71, timeout: 80s}\n",
    );
}

#[test]
fn whoever_ends_labrun_or_ssh_ends_the_lab() {
    with_machine("whoever_ends_labrun_or_ssh_ends_the_lab", |machine, login| {
        let trace = login.trace();
        let folder = folder();
        slow(folder.path());
        let start = || {
            let mut command = machine.labrun(login, &["test", "slow", "--artifacts", "never"]);
            command.current_dir(folder.path());
            let child = spawn(command);
            wait_for("the test", || runs("sleep", "71"));
            assert!(login.files().exists());
            child
        };
        for (signal, code) in [("INT", Some(130)), ("TERM", Some(130)), ("KILL", None)] {
            let child = start();
            host::kill(signal, child.id());
            let output = finish_within(LIMIT, child, signal);
            assert_eq!(output.status.code(), code, "{}", text(&output));
            login.assert_clean(&trace, &format!("after SIG{signal}"));
        }
        let child = start();
        // The session's ssh; the other one holds the files.
        let ssh = processes().into_values().find(|p| p.name == "ssh" && is_session(p.pid)).unwrap();
        host::kill("KILL", ssh.pid);
        let output = finish_within(LIMIT, child, "killed ssh");
        let text = text(&output);
        assert_eq!(output.status.code(), Some(3), "{text}");
        has(&text, &[&format!("the connection to {}@lab broke", login.name)]);
        login.assert_clean(&trace, "after a killed ssh");
        has(&expect(machine, login, &["test", "vpn"], 0), &["0 failed"]);
        login.assert_clean(&trace, "after the next run");
    });
}

/// Whether this ssh runs a script: then its command, in base64, is not that of the files.
fn is_session(pid: u32) -> bool {
    use base64::Engine;
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).into_owned();
    let code =
        words.split("echo ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let program = base64::engine::general_purpose::STANDARD.decode(code).unwrap_or_default();
    String::from_utf8_lossy(&program)
        .lines()
        .last()
        .is_some_and(|line| line.starts_with("remote run"))
}

#[test]
fn a_command_there_ends_with_its_connection() {
    with_machine("a_command_there_ends_with_its_connection", |machine, login| {
        let trace = login.trace();
        expect(machine, login, &["setup", "vpn"], 0);
        let child = spawn(machine.labrun(login, &["exec", "vpn", "pc1", "--", "sleep", "73"]));
        wait_for("the command", || runs("sleep", "73"));
        let ssh = processes().into_values().find(|p| p.name == "ssh").unwrap();
        host::kill("KILL", ssh.pid);
        finish_within(LIMIT, child, "exec");
        wait_for("the end of sleep", || !runs("sleep", "73"));
        has(&expect(machine, login, &["status"], 0), &["vpn              ready"]);
        expect(machine, login, &["clean", "vpn"], 0);
        login.assert_clean(&trace, "after exec");
    });
}

#[test]
fn what_is_wrong_with_the_way_there_is_named() {
    with_machine("what_is_wrong_with_the_way_there_is_named", |machine, login| {
        let name = &login.name;
        let port = machine.port;
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let refused = format!(
            "cannot reach {name}@127.0.0.1:{free}: ssh: connect to host 127.0.0.1 port {free}: Connection refused"
        );
        for words in [
            &["status"][..],
            &["test", "vpn"],
            &["setup", "vpn"],
            &["exec", "vpn", "pc1", "true"],
            &["doctor"],
            &["clean"],
            &["logs", "vpn"],
        ] {
            let text = expect_of(
                &mut machine.labrun_on(&format!("ssh://{name}@127.0.0.1:{free}"), words),
                3,
            );
            has(&text, &[&refused]);
        }
        // No key of his is there; the machine shows another key than it had.
        let text = expect_of(&mut machine.labrun_on("ssh://no-such-user@lab", &["status"]), 3);
        has(&text, &["cannot reach no-such-user@lab", "Permission denied", "log in once by hand"]);
        let known = machine.folder.path().join("known_hosts");
        let right = fs::read_to_string(&known).unwrap();
        let other = fs::read_to_string(machine.folder.path().join("key.pub")).unwrap();
        fs::write(&known, format!("[127.0.0.1]:{port} {other}")).unwrap();
        has(
            &expect(machine, login, &["status"], 3),
            &[&format!("cannot reach {name}@lab"), "Host key verification failed"],
        );
        fs::write(&known, right).unwrap();
        for wrong in
            ["ssh://-oProxyCommand=x", "ssh://", "ssh://lab:x", "telnet://lab", "ssh://lab/folder"]
        {
            let text = expect_of(&mut machine.labrun_on(wrong, &["status"]), 2);
            has(&text, &["--host", "ssh://[user@]machine[:port]"]);
        }
        // The option beats the variable.
        let elsewhere = format!("ssh://{name}@127.0.0.1:{free}");
        expect_of(machine.labrun(login, &["status"]).env("LABRUN_HOST", &elsewhere), 0);
        let path =
            format!("{}/bin:{}", machine.folder.path().display(), std::env::var("PATH").unwrap());
        let mut command = host::labrun(common::User::Own);
        has(
            &expect_of(command.arg("status").env("PATH", path).env("LABRUN_HOST", &elsewhere), 3),
            &[&refused],
        );
    });
}

/// A repository with a program under test whose build is a few lines of shell, and a lab that shows
/// the files its steps find.
fn repository(folder: &Path) -> PathBuf {
    let root = folder.join("my project");
    fs::create_dir_all(root.join("labs")).unwrap();
    write(&root, ".gitignore", "ignored\n");
    write(&root, "program.in", "#!/bin/sh\necho version 1\n");
    write(
        &root.join("labs"),
        "own.yaml",
        "lab: own\nabout: the repository's files, and a program built from them\nsubject:\n  program: hello\n  \
         repository: {files: [program.in]}\n  build: 'cp program.in \"$OUT/hello\" && chmod 755 \"$OUT/hello\" && echo built'\nnodes:\n  a: {}\n\
         tests:\n  files:\n    about: what is there\n    steps:\n      - run: {node: a, command: 'find . -type f -printf \"%m %P|\" -o -type l -printf \
         \"l %P=%l|\" | sort -z >/tmp/labrun-test-files; cat /tmp/labrun-test-files; rm /tmp/labrun-test-files', match: program.in}\n  says:\n    \
         about: the program runs\n    steps:\n      - run: {node: a, command: hello, match: version}\n",
    );
    root
}

/// What the lab's first test printed.
fn seen(machine: &Sshd, login: &Login, root: &Path) -> String {
    let mut command = machine.labrun(login, &["test", "own", "-v", "--artifacts", "never"]);
    expect_of(command.env("XDG_CACHE_HOME", "/nonexistent").current_dir(root), 0)
}

#[test]
fn the_repository_there_is_as_it_is_here() {
    with_machine("the_repository_there_is_as_it_is_here", |machine, login| {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let trace = login.trace();
        let folder = folder();
        let root = repository(folder.path());
        // What a run that failed may have left.
        remove_builds(login, "hello-");
        for name in
            ["-rf", "a b", "it's", "$(touch x)", "tab\there", "quote\"", "back\\slash", "ü", "*"]
        {
            write(&root, name, name);
        }
        write(&root, "script", "");
        fs::set_permissions(root.join("script"), fs::Permissions::from_mode(0o750)).unwrap();
        fs::set_permissions(root.join("a b"), fs::Permissions::from_mode(0o400)).unwrap();
        fs::create_dir(root.join("ignored")).unwrap();
        write(&root.join("ignored"), "big", "x");
        symlink("a b", root.join("link")).unwrap();
        symlink("/nonexistent/x", root.join("dangling")).unwrap();
        // A name with a line break would end labrun's lines; the property test has those.
        let text = seen(machine, login, &root);
        has(
            &text,
            &[
                "400 a b|",
                "644 -rf|",
                "644 it's|",
                "644 $(touch x)|",
                "644 tab\there|",
                "644 quote\"|",
                "644 back\\slash|",
                "644 ü|",
                "644 *|",
            ],
        );
        has(
            &text,
            &[
                "750 script|",
                "l link=a b|",
                "l dangling=/nonexistent/x|",
                "copied ",
                "version 1",
                "built hello in",
            ],
        );
        assert!(!text.contains("ignored/big"), "{text}");
        login.assert_clean(&trace, "after a run that copied");

        // While a lab is up, only changes travel.
        let mut setup = machine.labrun(login, &["setup", "own"]);
        expect_of(setup.current_dir(&root), 0);
        let text = seen(machine, login, &root);
        assert!(!text.contains("copied"), "{text}");
        fs::remove_file(root.join("it's")).unwrap();
        fs::remove_file(root.join("link")).unwrap();
        symlink("-rf", root.join("link")).unwrap();
        fs::set_permissions(root.join("script"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir(root.join("sub")).unwrap();
        write(&root.join("sub"), "new", "");
        write(&root, "program.in", "#!/bin/sh\necho version 2\n");
        let text = seen(machine, login, &root);
        has(
            &text,
            &[
                "copied 4 files of ",
                ", removed 1 in ",
                "l link=-rf|",
                "700 script|",
                "644 sub/new|",
                "version 2",
            ],
        );
        assert!(!text.contains("it's"), "{text}");
        // What was a folder becomes a file, and what a lab changes there is mended.
        fs::remove_dir_all(root.join("sub")).unwrap();
        write(&root, "sub", "");
        let copy = fs::read_dir(login.files())
            .unwrap()
            .flatten()
            .map(|e| e.path().join("my_project"))
            .find(|p| p.exists())
            .unwrap();
        write(&copy, "program.in", "changed there");
        fs::remove_file(copy.join("a b")).unwrap();
        let text = seen(machine, login, &root);
        has(&text, &["644 sub|", "400 a b|", "version 2"]);
        assert_eq!(
            fs::read_to_string(copy.join("program.in")).unwrap(),
            "#!/bin/sh\necho version 2\n"
        );
        // A machine that died may have left an empty manifest, which knows of none of the files.
        write(copy.parent().unwrap(), "manifest", "");
        write(&copy, "forgotten", "");
        let text = seen(machine, login, &root);
        has(&text, &["644 sub|", "version 2"]);
        assert!(!text.contains("forgotten"), "{text}");
        expect(machine, login, &["clean", "own"], 0);
        login.assert_clean(&trace, "after clean");
        remove_builds(login, "hello-");
    });
}

/// What was built stays in the login's cache, as it does here.
fn remove_builds(login: &Login, prefix: &str) {
    for entry in fs::read_dir(login.cache()).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        assert!(!name.starts_with(".building"), "{name}");
        if name.starts_with(prefix) {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
}

/// As tests/hosts/reuse.rs has it of builds here.
#[test]
fn of_two_that_build_the_same_content_there_the_first_ones_stays() {
    with_machine(
        "of_two_that_build_the_same_content_there_the_first_ones_stays",
        |machine, login| {
            use std::os::unix::fs::PermissionsExt;
            let trace = login.trace();
            let folder = folder();
            let root = repository(folder.path());
            remove_builds(login, "hello-");
            let lab = root.join("labs/own.yaml");
            // What the two wait for lies beside the repository, where the build runs in a copy of
            // it.
            let right = fs::read_to_string(&lab).unwrap();
            let place = folder.path().display();
            let waits = format!(
                "build: 'n=one; mkdir {place}/one || n=two; : >{place}/$n.begun; until [ -e {place}/$n.go ]; do sleep 0.01; done; "
            );
            fs::write(&lab, right.replace("build: '", &waits)).unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
            let begin = |name: &str| {
                let mut command = machine.labrun(login, &["test", "own-says"]);
                command.current_dir(&root);
                let child = spawn(command);
                wait_for("the build", || folder.path().join(format!("{name}.begun")).exists());
                child
            };
            let end = |child, name: &str| {
                write(folder.path(), &format!("{name}.go"), "");
                let output = finish_within(LIMIT, child, "a build beside another");
                assert!(output.status.success(), "{}", common::text(&output));
                common::builds(&login.cache(), "hello")
            };
            let (first, second) = (begin("one"), begin("two"));
            let built = end(first, "one");
            assert_eq!((end(second, "two"), built.len()), (built, 1));
            remove_builds(login, "hello-");
            login.assert_clean(&trace, "after two builds");
        },
    );
}

#[test]
fn a_build_there_that_goes_wrong_says_so() {
    with_machine("a_build_there_that_goes_wrong_says_so", |machine, login| {
        let trace = login.trace();
        let folder = folder();
        let root = repository(folder.path());
        let lab = root.join("labs/own.yaml");
        let right = fs::read_to_string(&lab).unwrap();
        let build = |command: &str| {
            let (before, rest) = right.split_once("  build: ").unwrap();
            let (_, after) = rest.split_once('\n').unwrap();
            fs::write(&lab, format!("{before}  build: {command}\n{after}")).unwrap();
            expect_of(machine.labrun(login, &["test", "own"]).current_dir(&root), 4)
        };
        let at = format!("{}@lab", login.name);
        has(
            &build("no-such-compiler -o x"),
            &[
                "cannot build hello in",
                "my project",
                &at,
                "lacks a program",
                "no-such-compiler: command not found",
            ],
        );
        has(&build("'echo the reason; exit 3'"), &["it failed on", &at, "| the reason"]);
        has(&build("'true'"), &["left no $OUT/hello"]);
        login.assert_clean(&trace, "after builds that failed");

        fs::write(&lab, right.replace("cp program.in", "sleep 79; cp program.in")).unwrap();
        let mut command = machine.labrun(login, &["test", "own"]);
        command.current_dir(&root);
        let child = spawn(command);
        wait_for("the build", || runs("sleep", "79"));
        host::kill("INT", child.id());
        assert_eq!(finish_within(LIMIT, child, "build").status.code(), Some(130));
        login.assert_clean(&trace, "after a build that was interrupted");
    });
}

#[test]
fn a_program_for_another_machine_is_refused() {
    with_machine("a_program_for_another_machine_is_refused", |machine, login| {
        let trace = login.trace();
        let folder = folder();
        let program = folder.path().join("dhcplb");
        let mut elf = fs::read("/bin/sh").unwrap();
        // e_machine of elf(5): s390x, which no test runs on.
        elf[18..20].copy_from_slice(&[22, 0]);
        executable(&program, &elf);
        let text = expect(
            machine,
            login,
            &["test", "server-v4", "--subject", program.to_str().unwrap()],
            2,
        );
        has(
            &text,
            &[
                "is a program for s390x",
                &format!("{}@lab runs Linux on {}", login.name, std::env::consts::ARCH),
            ],
        );
        login.assert_clean(&trace, "after a refusal");
    });
}

#[test]
fn labs_run_through_sudo_there_if_they_must() {
    let name = "labs_run_through_sudo_there_if_they_must";
    let user = std::env::var("LABRUN_TEST_USER").unwrap_or_else(|_| "nobody".into());
    if !common::is_root() || which::which("sudo").is_err() || user == "nobody" || !sshd::have(name)
    {
        return eprintln!(
            "SKIP {name}: it needs root, sudo, and a LABRUN_TEST_USER who may log in"
        );
    }
    host::without_user_namespaces(name, &user, || {
        let machine = Sshd::start();
        let login = machine.logins().into_iter().find(|login| login.name == user).unwrap();
        has(&expect(&machine, &login, &["doctor", "vpn"], 0), &["ok    sandbox  through sudo"]);
        let folder = folder();
        let root = repository(folder.path());
        has(&seen(&machine, &login, &root), &["644 program.in|", "version 1", "2 passed"]);
        expect(&machine, &login, &["setup", "vpn"], 0);
        has(&expect(&machine, &login, &["exec", "vpn", "pc1", "--", "id", "-u"], 0), &["\n0\n"]);
        let child = spawn(machine.labrun(&login, &["exec", "vpn", "pc1", "--", "sleep", "83"]));
        wait_for("the command", || runs("sleep", "83"));
        host::kill("KILL", processes().into_values().find(|p| p.name == "ssh").unwrap().pid);
        finish_within(LIMIT, child, "exec");
        wait_for("the end of the command", || !runs("sleep", "83"));
        has(&expect(&machine, &login, &["clean", "vpn"], 0), &["cleaned vpn"]);
        assert!(!Path::new("/run/labrun").exists() && !login.files().exists());
        fs::remove_file("/etc/sudoers.d/labrun-test").unwrap();
        has(
            &expect(&machine, &login, &["status"], 3),
            &["refuses user namespaces", "sudo asks for a password"],
        );
        remove_builds(&login, "hello-");
    });
}

/// Makes a program of the file `path`.
fn executable(path: &Path, content: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What can be missing at labrun on its way to be the agent on another machine.
#[derive(Clone, Copy, Debug)]
enum Lack {
    /// It says that it is for FreeBSD (EI_OSABI of elf(5), which Linux does not look at), so this
    /// machine is as foreign to it as it is to a labrun on a Mac.
    System,
    /// The agents that it brings are for s390x (e_machine), on which no test runs.
    Agents,
}

/// A labrun at `path` with these lacks.
fn labrun_without(path: &Path, lacks: &[Lack]) {
    let mut program = fs::read(env!("CARGO_BIN_EXE_labrun")).unwrap();
    for lack in lacks {
        match lack {
            Lack::System => program[7] = 9,
            Lack::Agents => {
                for agent in ["x86_64", "aarch64"].into_iter().filter_map(common::agent) {
                    let agent = fs::read(agent).unwrap();
                    let at = (0..program.len() - agent.len())
                        .find(|at| program[*at..].starts_with(&agent));
                    program[at.expect("labrun has the agents it was built with") + 18] = 22;
                }
            }
        }
    }
    executable(path, &program);
}

/// The folders of the login's cache in which `program` is the same as `content`.
fn copies(login: &Login, program: &str, content: &Path) -> Vec<PathBuf> {
    let content = fs::read(content).unwrap();
    let folders =
        fs::read_dir(login.cache()).into_iter().flatten().map(|entry| entry.unwrap().path());
    folders
        .filter(|folder| fs::read(folder.join(program)).is_ok_and(|there| there == content))
        .collect()
}

fn remove(folders: &[PathBuf]) {
    folders.iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
}

#[test]
fn packets_are_captured_there() {
    with_machine("packets_are_captured_there", |machine, login| {
        let trace = login.trace();
        let folder = folder();
        let mut attempt = 0;
        for lack in [Lack::System, Lack::Agents] {
            let program = folder.path().join("labrun");
            labrun_without(&program, &[lack]);
            let (name, content) = match (lack, common::agent(std::env::consts::ARCH)) {
                (Lack::System, None) => continue,
                (Lack::System, Some(agent)) => ("agent", agent),
                (Lack::Agents, _) => ("labrun", program.clone()),
            };
            println!("as {name}");
            remove(&copies(login, name, &content));
            let labrun =
                |words: &[&str]| machine.labrun_at(program.to_str().unwrap(), &login.host(), words);
            let mut test = labrun(&["test", "server-v4", "relay", "--artifacts", "always"]);
            expect_of(test.current_dir(folder.path()), 0);
            attempt += 1;
            let capture =
                folder.path().join(format!("labrun-artifacts/server-v4/{attempt}/capture.pcapng"));
            let shown = expect_of(&mut labrun(&["capture", "show", capture.to_str().unwrap()]), 0);
            has(&shown, &["DISCOVER", "OFFER", "REQUEST", "ACK"]);

            expect_of(&mut labrun(&["setup", "vpn"]), 0);
            let ping =
                spawn(labrun(&["exec", "vpn", "pc1", "--", "ping", "-i", "0.2", "192.168.10.10"]));
            let file = folder.path().join("live.pcapng");
            let live =
                spawn(labrun(&["capture", "vpn", "vpn10", "--write", file.to_str().unwrap()]));
            wait_for("packets", || fs::metadata(&file).is_ok_and(|file| file.len() > 2000));
            host::kill("INT", live.id());
            has(&text(&finish_within(LIMIT, live, "capture")), &["packets"]);
            has(
                &expect_of(&mut labrun(&["capture", "show", file.to_str().unwrap()]), 0),
                &["192.168.10.10"],
            );
            fs::remove_file(file).unwrap();
            host::kill("INT", ping.id());
            // The interrupt, which is for the command there, may have ended it already.
            processes()
                .into_values()
                .filter(|process| process.name == "ssh")
                .for_each(|ssh| host::kill("KILL", ssh.pid));
            finish_within(LIMIT, ping, "ping");
            expect_of(&mut labrun(&["clean", "vpn"]), 0);

            let there = copies(login, name, &content);
            assert_eq!(there.len(), 1, "all of these should have used one copy of {name}");
            remove(&there);
        }
        login.assert_clean(&trace, "after captures");
    });
}

#[test]
fn a_labrun_without_an_agent_for_a_machine_says_what_to_do() {
    with_machine("a_labrun_without_an_agent_for_a_machine_says_what_to_do", |machine, login| {
        let trace = login.trace();
        let folder = folder();
        let program = folder.path().join("labrun");
        labrun_without(&program, &[Lack::System, Lack::Agents]);
        let labrun =
            |words: &[&str]| machine.labrun_at(program.to_str().unwrap(), &login.host(), words);
        let why = format!(
            "{}@lab (Linux on {}) gets no agent: this labrun brings none for it, and is itself a program for another system (ELF OS ABI 9); \
             use a released labrun, or build one with `LABRUN_AGENTS=$(.ci/agents) cargo build`",
            login.name,
            std::env::consts::ARCH
        );
        has(&expect_of(labrun(&["test", "server-v4"]).current_dir(folder.path()), 3), &[&why]);
        has(
            &expect_of(&mut labrun(&["doctor", "vpn"]), 3),
            &["ok    sandbox", &format!("LACKS agent    {why}"), "ok    lab vpn"],
        );
        has(&expect(machine, login, &["doctor", "vpn"], 0), &["ok    agent"]);
        login.assert_clean(&trace, "without an agent");
    });
}

#[test]
fn an_agent_that_does_not_start_there_is_named() {
    let Some(agent) = common::agent(std::env::consts::ARCH) else { return };
    with_machine("an_agent_that_does_not_start_there_is_named", |machine, login| {
        let trace = login.trace();
        let folder = folder();
        let foreign = folder.path().join("labrun");
        labrun_without(&foreign, &[Lack::System]);
        let doctor = |code| {
            expect_of(
                &mut machine.labrun_at(
                    foreign.to_str().unwrap(),
                    &login.host(),
                    &["doctor", "vpn"],
                ),
                code,
            )
        };
        remove(&copies(login, "agent", &agent));
        has(&doctor(0), &["ok    agent"]);
        let there = copies(login, "agent", &agent);
        let [copy] = there.as_slice() else { panic!("{there:?}") };
        // As if the machine let no program run from there.
        fs::remove_file(copy.join("works")).unwrap();
        executable(&copy.join("agent"), b"#!/bin/sh\nexit 1\n");
        let path = copy.join("agent");
        let path = path.display();
        has(
            &doctor(3),
            &[&format!(
                "LACKS agent    the agent does not start on {}@lab: `{path} --version` says there why",
                login.name
            )],
        );
        // A labrun that runs there itself does.
        has(&expect(machine, login, &["doctor", "vpn"], 0), &["ok    agent"]);
        remove(&there);
        login.assert_clean(&trace, "after an agent that does not start");
    });
}

#[test]
fn a_repository_is_built_and_tested_there() {
    let name = "a_repository_is_built_and_tested_there";
    let Some(subject) = labs::subject(name) else { return };
    if !labs::have(name, &["dnsmasq", "dhcpcd"]) {
        return;
    }
    with_machine(name, |machine, login| {
        let trace = login.trace();
        let binary = subject.to_str().unwrap();
        let words = |subject| {
            ["test", "relay", "server", "--client", "dhcpcd", "--strict", "--subject", subject]
        };
        let text = expect(machine, login, &words(binary), 0);
        has(&text, &["copied 1 file of 1", "4 passed, 0 failed"]);
        login.assert_clean(&trace, "after a binary");
        // The compiler may be in root's own folder.
        let mut cargo = common::command(login.user, "cargo");
        if !cargo.arg("--version").output().is_ok_and(|output| output.status.success()) {
            return eprintln!("SKIP {name}: {} has no cargo", login.name);
        }
        let repository = labs::subject_repository();
        let text = expect(machine, login, &words(repository.to_str().unwrap()), 0);
        has(&text, &["testing dhcplb, built from its repository", "4 passed, 0 failed"]);
        let text = expect(machine, login, &words(repository.to_str().unwrap()), 0);
        has(&text, &["built dhcplb earlier from the same content", "4 passed, 0 failed"]);
        login.assert_clean(&trace, "after a repository");
    });
}

/// A copy of dhcplb's repository with everything its build needs: a host of one's own has no
/// network.
fn vendored(repository: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dhcplb-vendored");
    if !host::is_private() {
        let _ = fs::remove_dir_all(&folder);
        let copied = Command::new("cp").arg("-r").arg(repository).arg(&folder).status().unwrap();
        assert!(copied.success());
        let vendor =
            Command::new("go").args(["mod", "vendor"]).current_dir(&folder).output().unwrap();
        assert!(vendor.status.success(), "{}", text(&vendor));
    }
    folder
}

#[test]
fn dhcplb_is_built_and_tested_there() {
    let name = "dhcplb_is_built_and_tested_there";
    let Some(dhcplb) = labs::dhcplb(name) else { return };
    let repository = vendored(&dhcplb.repository);
    with_machine(name, |machine, login| {
        let trace = login.trace();
        let run = |words: &[&str]| {
            let mut command = machine.labrun(login, words);
            let output =
                host::run_within(Duration::from_secs(300), command.current_dir(&repository));
            let text = text(&output);
            assert!(output.status.success(), "{text}");
            text
        };
        let text = run(&["test", "relay", "--strict"]);
        has(
            &text,
            &["testing dhcplb, built from its repository", "PASS  relay-v4", "PASS  relay-v6"],
        );
        if dhcplb.has_ranges {
            let text = run(&["test", "server", "--strict"]);
            has(
                &text,
                &[
                    "built dhcplb earlier from the same content",
                    "PASS  server-v4",
                    "PASS  server-v6",
                ],
            );
        }
        login.assert_clean(&trace, "after dhcplb");
        let program = dhcplb.program.to_str().unwrap();
        has(
            &expect(machine, login, &["test", "relay-v4", "--subject", program], 0),
            &["PASS  relay-v4"],
        );
        login.assert_clean(&trace, "after a binary");
    });
}

#[test]
fn many_files_that_are_there_cost_little() {
    with_machine("many_files_that_are_there_cost_little", |machine, login| {
        let folder = folder();
        let root = repository(folder.path());
        for number in 0..15_000 {
            let path = root.join(format!("sources/{}/{number}", number % 100));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, number.to_string()).unwrap();
        }
        fs::create_dir(root.join(".git")).unwrap();
        let lab = "lab: many\nabout: a step in the repository\nnodes:\n  a: {}\ntests:\n  count:\n    about: all are there\n    steps:\n      \
                   - run: {node: a, command: find sources -type f | wc -l, stdout: \"15000\"}\n";
        write(&root.join("labs"), "many.yaml", lab);
        let run = |words: &[&str]| {
            let began = Instant::now();
            let text = expect_of(machine.labrun(login, words).current_dir(&root), 0);
            (began.elapsed(), text)
        };
        let (first, _) = run(&["setup", "many"]);
        let (second, text) = run(&["test", "many"]);
        println!("{}: the first time {first:?}, then {second:?}", login.name);
        assert!(!text.contains("copied"), "{text}");
        // Far more than it takes, but far less than copying them.
        assert!(second < Duration::from_secs(10), "{second:?}");
        run(&["clean", "many"]);
    });
}

/// A lab that shows all files its step finds, in `folder/labs`.
fn looking(folder: &Path) {
    fs::create_dir_all(folder.join("labs")).unwrap();
    write(
        &folder.join("labs"),
        "look.yaml",
        "lab: look\nabout: what is there\nnodes:\n  a: {}\ntests:\n  files:\n    about: what is there\n    steps:\n      \
         - run: {node: a, command: 'find . -type f', match: look.yaml}\n",
    );
}

/// What a home folder holds besides is nobody else's business, and neither is a folder that only
/// has `labs/` in it.
#[test]
fn of_a_home_folder_only_the_labs_are_copied() {
    with_machine("of_a_home_folder_only_the_labs_are_copied", |machine, login| {
        let trace = login.trace();
        for (mark, home, why) in [
            ("nothing", true, "because it is a home folder"),
            // Dotfiles in git.
            (".git", true, "because it is a home folder"),
            ("nothing", false, "because it has neither a version control folder nor a build file"),
        ] {
            let folder = folder();
            looking(folder.path());
            fs::create_dir_all(folder.path().join(mark)).unwrap();
            fs::create_dir(folder.path().join(".ssh")).unwrap();
            write(&folder.path().join(".ssh"), "id_ed25519", "secret");
            write(folder.path(), ".gitignore", "*\n");
            let mut command =
                machine.labrun(login, &["test", "look", "-v", "--artifacts", "never"]);
            command.current_dir(folder.path());
            if home {
                command.env("HOME", folder.path());
            }
            let text = expect_of(&mut command, 0);
            has(&text, &["./labs/look.yaml", "copied 1 file of 1", why, "left out: .git", ".ssh"]);
            assert!(!text.contains("id_ed25519"), "{text}");
        }
        login.assert_clean(&trace, "after a home folder");
    });
}

#[test]
fn much_is_only_copied_if_the_user_says_so() {
    with_machine("much_is_only_copied_if_the_user_says_so", |machine, login| {
        let trace = login.trace();
        let folder = folder();
        looking(folder.path());
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::File::create(folder.path().join("data/disk.img"))
            .unwrap()
            .set_len(201_000_000)
            .unwrap();
        let mut command = machine.labrun(login, &["test", "look", "--artifacts", "never"]);
        command.current_dir(folder.path()).stdin(Stdio::null());
        let text = expect_of(&mut command, 2);
        has(
            &text,
            &[
                "not copied: 2 files, 201 MB",
                "data 1 file, 201 MB",
                "data/disk.img",
                "--copy-large",
            ],
        );
        login.assert_clean(&trace, "after much");
        if login.user == common::User::Own {
            expect_of(command.env("LABRUN_COPY_LARGE", "1"), 0);
            login.assert_clean(&trace, "after much that was permitted");
        }
    });
}

/// A lab may do with its copy as it likes, but nothing else is harmed when that is mended.
#[test]
fn a_link_that_a_lab_puts_into_the_copy_leads_nowhere() {
    with_machine("a_link_that_a_lab_puts_into_the_copy_leads_nowhere", |machine, login| {
        let trace = login.trace();
        let folder = folder();
        let root = repository(folder.path());
        for name in ["gone", "same"] {
            fs::create_dir_all(root.join(name).join("deep")).unwrap();
            write(&root.join(name).join("deep"), "file", name);
        }
        let mut setup = machine.labrun(login, &["setup", "own"]);
        expect_of(setup.current_dir(&root), 0);
        let copies = fs::read_dir(login.files()).unwrap().flatten();
        let copy = copies.map(|e| e.path().join("my_project")).find(|p| p.exists()).unwrap();
        let victim = folder.path().join("victim");
        fs::create_dir_all(victim.join("deep")).unwrap();
        write(&victim.join("deep"), "file", "precious");
        fs::set_permissions(&victim, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        for name in ["gone", "same"] {
            fs::remove_dir_all(copy.join(name)).unwrap();
        }
        for name in ["gone", "same", "new"] {
            std::os::unix::fs::symlink(&victim, copy.join(name)).unwrap();
        }
        fs::remove_dir_all(root.join("gone")).unwrap();
        fs::create_dir(root.join("new")).unwrap();
        write(&root.join("new"), "file", "new");
        let text = seen(machine, login, &root);
        has(&text, &["same/deep/file|", "new/file|"]);
        assert_eq!(fs::read_to_string(victim.join("deep/file")).unwrap(), "precious");
        assert!(!victim.join("file").exists());
        expect(machine, login, &["clean", "own"], 0);
        login.assert_clean(&trace, "after links");
        remove_builds(login, "hello-");
    });
}

/// A terminal there: Ctrl-C is the command's, and its status is labrun's.
#[test]
fn ctrl_c_there_is_for_the_command() {
    if which::which("script").is_err() || !common::is_root() {
        return eprintln!(
            "SKIP ctrl_c_there_is_for_the_command: it needs script (bsdutils), and a sshd that may make terminals, so root"
        );
    }
    with_machine("ctrl_c_there_is_for_the_command", |machine, login| {
        let trace = login.trace();
        expect(machine, login, &["setup", "vpn"], 0);
        let counts = "n=0; trap 'n=$((n+1)); echo caught-$n >>$TMPDIR/said; [ $n -lt 2 ] || exit 9' INT; \
                      echo ready >$TMPDIR/said; while :; do sleep 0.1; done";
        let labrun = machine.labrun(login, &["exec", "vpn", "pc1", "sh", "-c", counts]);
        let mut child = host::on_terminal(&labrun);
        let mut keys = child.stdin.take().unwrap();
        let said = host::state_root(login.user).join("vpn/tmp/said");
        for word in ["ready", "caught-1"] {
            wait_for(word, || fs::read_to_string(&said).is_ok_and(|text| text.contains(word)));
            keys.write_all(b"\x03").unwrap();
        }
        let output = finish_within(LIMIT, child, "exec");
        assert_eq!(output.status.code(), Some(9), "{}", text(&output));
        expect(machine, login, &["clean", "vpn"], 0);
        login.assert_clean(&trace, "after Ctrl-C");
    });
}
