//! The only place that quotes: for the shell, for `ip -batch` and for YAML; and that reads what the kernel quotes.

use std::borrow::Cow;

/// `text` as one word of a shell command, whatever it holds. Nothing is special between single
/// quotes but the single quote itself (POSIX, 2.2.2).
pub fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `text` as a pattern of a `case` that matches just that. Unlike a word it is always quoted: a
/// bare `esac` would end the `case`.
pub fn pattern(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `words` as a shell command.
pub fn command<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|w| shell(w.as_ref())).collect::<Vec<_>>().join(" ")
}

/// `words` as one line for `ip -batch`, which splits at blanks, strips quotes and takes `#` for the
/// begin of a comment. Names that would need more than that are refused by the checks
/// (`values::link_name`) or have a handle (`model::NetnsName`).
pub fn ip_line(words: &[String]) -> String {
    debug_assert!(
        words
            .iter()
            .all(|w| !w.is_empty() && !w.contains([' ', '\t', '\n', '\r', '#', '\'', '"', '\\'])),
        "{words:?}"
    );
    words.join(" ")
}

/// A path whose blanks and backslashes are written as in /proc/mounts (proc_pid_mountinfo(5)).
pub fn unescaped(path: &str) -> Cow<'_, str> {
    match path.contains('\\') {
        true => path.replace("\\040", " ").replace("\\134", "\\").into(),
        false => path.into(),
    }
}

/// `text` as a value of YAML among others on a line, in quotes where that would take it for something else.
pub fn yaml(text: &str) -> String {
    let plain = !text.contains(|c: char| "{}[],\"\\".contains(c));
    if plain { yaml_line(text) } else { json(text) }
}

/// `text` as a value of YAML that has the rest of its line for itself.
pub fn yaml_line(text: &str) -> String {
    let address = text.matches('.').count() == 3 && text.starts_with(|c: char| c.is_ascii_digit());
    let plain = (address
        || text.starts_with(|c: char| c.is_ascii_alphabetic() || "/^_".contains(c)))
        && !text.contains(char::is_control)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_lowercase().as_str());
    if plain { text.into() } else { json(text) }
}

/// `text` in the quotes of JSON, which are YAML's, too.
pub fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_that_need_no_quotes_stay_readable() {
        assert_eq!(
            command(&["ip", "addr", "add", "fd00::1/64", "dev", "v-cli"]),
            "ip addr add fd00::1/64 dev v-cli"
        );
        assert_eq!(shell(""), "''");
        assert_eq!(shell("it's"), r"'it'\''s'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// What goes through a real shell comes out as it went in, and runs nothing.
        #[test]
        fn any_text_survives_a_shell(words in proptest::collection::vec("[^\0]{0,40}", 1..5)) {
            let script = format!("printf '%s\\0' {}", command(&words));
            let printed = std::process::Command::new("bash").arg("-c").arg(script).output().unwrap();
            let expected: String = words.iter().map(|w| format!("{w}\0")).collect();
            prop_assert!(printed.stderr.is_empty());
            prop_assert_eq!(String::from_utf8(printed.stdout).unwrap(), expected);
        }
    }

    #[test]
    fn commands_stay_readable() {
        for text in ["exec relay -p 53 10.0.0.2", "go build -o x .", "^server (one|two)$", "x'y: z"]
        {
            assert_eq!(yaml_line(text) == text, !text.contains(": "), "{text}");
        }
    }

    proptest! {
        /// Whatever the user types is what the lab has.
        #[test]
        fn scalars_are_read_as_they_were(text in r"[ -~é\n\t]{1,20}") {
            let file = format!("lab: {}   # it\nlist: [{}]\n", yaml_line(&text), yaml(&text));
            let read: serde_json::Value = serde_saphyr::from_str(&file).unwrap();
            prop_assert_eq!(&read["lab"], &serde_json::json!(text));
            prop_assert_eq!(&read["list"], &serde_json::json!([text]));
        }
    }
}
