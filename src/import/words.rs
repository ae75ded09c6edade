//! Commands of a shell, taken apart as far as no shell is needed to understand them.

/// What a statement that is more than itself begins with: those around it depend on it.
const CONTROL: [&str; 17] = [
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "cd",
    "export", "set", "source", ".", "exit",
];

/// The words of a command that a shell has nothing else to do with.
pub(crate) fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\'' => loop {
                match characters.next()? {
                    '\'' => {
                        word.get_or_insert_default();
                        break;
                    }
                    c => word.get_or_insert_default().push(c),
                }
            },
            '"' => loop {
                match characters.next()? {
                    '"' => {
                        word.get_or_insert_default();
                        break;
                    }
                    '$' | '`' => return None,
                    '\\' => match characters.next()? {
                        c @ ('"' | '\\' | '$' | '`') => word.get_or_insert_default().push(c),
                        c => word.get_or_insert_default().extend(['\\', c]),
                    },
                    c => word.get_or_insert_default().push(c),
                }
            },
            '\\' => word.get_or_insert_default().push(characters.next()?),
            '\n' => return None,
            c if c.is_whitespace() => words.extend(word.take()),
            c if "|&;<>$`(){}*?[]#~!".contains(c) => return None,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!words.is_empty()).then_some(words)
}

/// The statements of a script, if each stands for itself and none can be left out.
pub(crate) fn statements(script: &str) -> Option<Vec<String>> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let mut quote = None;
    let mut characters = script.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some('"'), '\\' | '$' | '`') => return None,
            (Some(open), c) => {
                if c == open {
                    quote = None;
                }
                part.push(c);
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                part.push(c);
            }
            (None, '&') if characters.next_if_eq(&'&').is_some() => {
                parts.push(std::mem::take(&mut part));
            }
            (None, ';' | '\n') => parts.push(std::mem::take(&mut part)),
            (None, '&' | '|' | '$' | '`' | '(' | '{' | '\\' | '#') => return None,
            (None, c) => part.push(c),
        }
    }
    parts.push(part);
    let parts: Vec<String> = parts.iter().map(|part| part.trim().to_string()).collect();
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let alone = |part: &String| {
        let first = part.split_whitespace().next().unwrap_or_default();
        !CONTROL.contains(&first) && !first.contains('=')
    };
    (quote.is_none() && parts.iter().all(alone)).then_some(parts)
}
