//! JSON (RFC 8259), as much of it as configurations need: no escapes but those of one character.

/// A value.
#[derive(Debug)]
pub enum Json {
    Null,
    Bool,
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document.
    pub fn read(text: &str) -> Result<Json, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.wrong("the end")),
        }
    }

    /// The member `name` of a map.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Json::Map(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub fn text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub fn number(&self) -> Option<f64> {
        if let Json::Number(number) = self { Some(*number) } else { None }
    }

    /// What is in a list; any other value is a list of one.
    pub fn list(&self) -> &[Json] {
        if let Json::List(list) = self { list } else { std::slice::from_ref(self) }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn wrong(&self, wanted: &str) -> String {
        format!("JSON: expected {wanted} at byte {}", self.at)
    }

    /// The next character that is no blank space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn value(&mut self) -> Result<Json, String> {
        match self.peek() {
            Some('{') => self
                .items('}', |reader| {
                    let Json::Text(key) = reader.string()? else {
                        return Err(reader.wrong("a name"));
                    };
                    if !reader.take(':') {
                        return Err(reader.wrong("`:`"));
                    }
                    Ok((key, reader.value()?))
                })
                .map(Json::Map),
            Some('[') => self.items(']', Reader::value).map(Json::List),
            Some('"') => self.string(),
            _ => self.word(),
        }
    }

    fn items<T>(
        &mut self,
        end: char,
        item: impl Fn(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.take(end) {
            if !items.is_empty() && !self.take(',') {
                return Err(self.wrong("`,`"));
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn string(&mut self) -> Result<Json, String> {
        if !self.take('"') {
            return Err(self.wrong("a string"));
        }
        let mut string = String::new();
        let mut characters = self.text[self.at..].char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 1;
                    return Ok(Json::Text(string));
                }
                '\\' => string.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => string.push(character),
            }
        }
        Err(self.wrong("the end of a string"))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Json, String> {
        let rest = &self.text[self.at..];
        let good = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let word = &rest[..rest.find(|c| !good(c)).unwrap_or(rest.len())];
        let value = match word {
            "null" => Json::Null,
            "true" | "false" => Json::Bool,
            _ => Json::Number(word.parse().map_err(|_| self.wrong("a value"))?),
        };
        self.at += word.len();
        Ok(value)
    }
}
