//! Templates of YAML.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_indented_and_what_is_empty_leaves_no_line() {
        let values = [("one", "a: 1\n\nb: 2".into()), ("none", String::new()), ("n", "7".into())];
        assert_eq!(
            fill("x:\n  @one@\n  @none@\ny: [@n@, @n@]\n", &values),
            "x:\n  a: 1\n\n  b: 2\ny: [7, 7]\n"
        );
    }
}
