//! YAML as text: templates, and scalars that need quotes.

/// `template` with the `values` in place of `@NAME@`. A name that is alone on its line stands for any number of
/// lines, each indented as it is; of an empty value nothing is left, not even the line.
pub(crate) fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::new();
    for line in template.lines() {
        let name = line.trim();
        let alone = values.iter().find(|(key, _)| format!("@{key}@") == name);
        if let Some((_, value)) = alone {
            let indent = &line[..line.len() - name.len()];
            for part in value.lines() {
                filled.push_str(format!("{indent}{part}").trim_end());
                filled.push('\n');
            }
            continue;
        }
        let mut line = line.to_string();
        for (key, value) in values {
            line = line.replace(&format!("@{key}@"), value);
        }
        filled.push_str(&line);
        filled.push('\n');
    }
    filled
}

/// `text` as a value on one line, in quotes where YAML would take it for something else.
pub(crate) fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || "/.^_".contains(c))
        && !text.contains(|c: char| c.is_control() || "{}[],\"\\".contains(c))
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_lowercase().as_str())
        && !text.starts_with('.');
    // JSON's strings are YAML's.
    if plain { text.into() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_indented_and_what_is_empty_leaves_no_line() {
        let values = [("one", "a: 1\n\nb: 2".into()), ("none", String::new()), ("n", "7".into())];
        assert_eq!(
            fill("x:\n  @one@\n  @none@\ny: [@n@, @n@]\n", &values),
            "x:\n  a: 1\n\n  b: 2\ny: [7, 7]\n"
        );
    }

    #[test]
    fn commands_stay_readable() {
        for text in ["exec relay -p 53 10.0.0.2", "go build -o x .", "^server (one|two)$", "x'y: z"]
        {
            assert_eq!(scalar(text) == text, !text.contains(": "), "{text}");
        }
    }

    proptest! {
        /// Whatever the user types is what the lab has.
        #[test]
        fn scalars_are_read_as_they_were(text in r"[ -~é\n\t]{1,20}") {
            let file = format!("lab: {}   # it\nlist: [{}]\n", scalar(&text), scalar(&text));
            let read: serde_json::Value = serde_saphyr::from_str(&file).unwrap();
            prop_assert_eq!(&read["lab"], &serde_json::json!(text));
            prop_assert_eq!(&read["list"], &serde_json::json!([text]));
        }
    }
}
