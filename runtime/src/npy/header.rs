//! The header of a `.npy` file: a dictionary as Python writes it, with three keys.

/// The three entries.
pub struct Header {
    /// The element type.
    pub descr: Value,
    /// Whether entries are column-major.
    pub fortran_order: Value,
    /// The sizes of the axes.
    pub shape: Value,
}

/// A value as Python writes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// In quotes.
    Text(String),
    /// `True` or `False`.
    Truth(bool),
    /// A whole number that is not negative.
    Number(u64),
    /// In parentheses.
    Tuple(Vec<Value>),
    /// In brackets.
    List(Vec<Value>),
}

/// Values in values are read so deep; a header needs two.
const DEEPEST: usize = 8;

impl Header {
    /// # Errors
    /// In words, if it is not such a dictionary.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        reader.expect('{')?;
        while !reader.take('}') {
            let key = match reader.value(0)? {
                Value::Text(key) => key,
                _ => return Err(wrong()),
            };
            reader.expect(':')?;
            let place = match key.as_str() {
                "descr" => &mut descr,
                "fortran_order" => &mut fortran_order,
                "shape" => &mut shape,
                other => return Err(format!("its header has the unknown key `{other}`")),
            };
            if place.replace(reader.value(0)?).is_some() {
                return Err(format!("its header has `{key}` twice"));
            }
            if !reader.take(',') {
                reader.expect('}')?;
                break;
            }
        }
        if !reader.rest.trim().is_empty() {
            return Err(wrong());
        }
        let missing = |key: &str| format!("its header has no `{key}`");
        Ok(Header {
            descr: descr.ok_or_else(|| missing("descr"))?,
            fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
        })
    }
}

fn wrong() -> String {
    "its header is no dictionary of `descr`, `fortran_order` and `shape`".to_owned()
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Whether the next character is this; if so it is read.
    fn take(&mut self, character: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, character: char) -> Result<(), String> {
        if self.take(character) {
            Ok(())
        } else {
            Err(wrong())
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err(wrong());
        }
        for quote in ['\'', '"'] {
            if self.take(quote) {
                let (text, rest) = self.rest.split_once(quote).ok_or_else(wrong)?;
                self.rest = rest;
                return Ok(Value::Text(text.to_owned()));
            }
        }
        if self.take('(') {
            return Ok(Value::Tuple(self.values(')', depth)?));
        }
        if self.take('[') {
            return Ok(Value::List(self.values(']', depth)?));
        }
        let length =
            self.rest.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        match word {
            "True" => Ok(Value::Truth(true)),
            "False" => Ok(Value::Truth(false)),
            // Python 2 wrote an `L` after large numbers.
            number => number.trim_end_matches('L').parse().map(Value::Number).map_err(|_| wrong()),
        }
    }

    fn values(&mut self, end: char, depth: usize) -> Result<Vec<Value>, String> {
        let mut values = Vec::new();
        while !self.take(end) {
            values.push(self.value(depth + 1)?);
            if !self.take(',') {
                self.expect(end)?;
                break;
            }
        }
        Ok(values)
    }
}
