//! Reading words one after the other: names, numbers, sizes, types.

use super::lexer::Token;
use super::parse::TextError;
use crate::function::{AxisId, Function, NodeId, Type};
use crate::{Element, Scalar, Size};

/// The words that are left.
pub(super) struct Reader {
    tokens: Vec<(Token, usize)>,
    next: usize,
}

impl Reader {
    pub fn new(tokens: Vec<(Token, usize)>) -> Self {
        Reader { tokens, next: 0 }
    }

    pub fn error<T>(&self, message: impl Into<String>) -> Result<T, TextError> {
        // The word that was read last is the wrong one, or the one after which something is missing.
        let line = self.tokens.get(self.next.saturating_sub(1)).map_or(1, |(_, line)| *line);
        Err(TextError { line, message: message.into() })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    pub fn at_end(&self) -> bool {
        self.peek().is_none()
    }

    pub fn sees(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    pub fn sees_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found == word)
    }

    /// Whether the sign is next, which is then read.
    pub fn take(&mut self, sign: &str) -> bool {
        let found = self.sees(sign);
        self.next += usize::from(found);
        found
    }

    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.sees_word(word);
        self.next += usize::from(found);
        found
    }

    pub fn expect(&mut self, sign: &str) -> Result<(), TextError> {
        if self.take(sign) {
            Ok(())
        } else {
            self.error(format!("`{sign}` is missing"))
        }
    }

    pub fn expect_word(&mut self, word: &str) -> Result<(), TextError> {
        if self.take_word(word) {
            Ok(())
        } else {
            self.error(format!("`{word}` is missing"))
        }
    }

    pub fn word(&mut self) -> Result<String, TextError> {
        match self.peek().cloned() {
            Some(Token::Word(word)) => {
                self.next += 1;
                Ok(word)
            }
            _ => self.error("a word is missing"),
        }
    }

    /// A name: a word, or anything in quotation marks.
    pub fn name(&mut self) -> Result<String, TextError> {
        match self.peek().cloned() {
            Some(Token::Word(name) | Token::Text(name)) => {
                self.next += 1;
                Ok(name)
            }
            _ => self.error("a name is missing"),
        }
    }

    pub fn number<T: std::str::FromStr>(&mut self) -> Result<T, TextError> {
        let negative = self.take("-");
        let word = self.word()?;
        let sign = if negative { "-" } else { "" };
        match format!("{sign}{word}").parse() {
            Ok(number) => Ok(number),
            Err(_) => self.error(format!("`{sign}{word}` is no number that fits here")),
        }
    }

    pub fn element(&mut self) -> Result<Element, TextError> {
        let word = self.word()?;
        match word.parse() {
            Ok(element) => Ok(element),
            Err(()) => self.error(format!("`{word}` is no element type")),
        }
    }

    /// A number with its type.
    pub fn scalar(&mut self) -> Result<Scalar, TextError> {
        let element = self.element()?;
        let value = if self.take_word("nan") {
            let bits = self.word()?;
            u64::from_str_radix(&bits, 16).ok().and_then(|bits| Scalar::float(element, f64::from_bits(bits)))
        } else if element == Element::Bool {
            self.word()?.parse().ok().map(Scalar::boolean)
        } else if element.is_float() {
            Scalar::float(element, self.number()?)
        } else {
            Scalar::integer(element, self.number()?)
        };
        match value {
            Some(value) => Ok(value),
            None => self.error(format!("no number of type {element}")),
        }
    }

    /// A sum of products of numbers, free sizes, `min`, `max` and `ceil_div`.
    pub fn size(&mut self) -> Result<Size, TextError> {
        let mut sum =
            if self.take("-") { Size::constant(0).subtract(&self.product()?) } else { self.product()? };
        loop {
            if self.take("+") {
                sum = sum.add(&self.product()?);
            } else if self.take("-") {
                sum = sum.subtract(&self.product()?);
            } else {
                return Ok(sum);
            }
        }
    }

    fn product(&mut self) -> Result<Size, TextError> {
        let mut product = self.factor()?;
        while self.take("*") {
            product = product.multiply(&self.factor()?);
        }
        Ok(product)
    }

    fn factor(&mut self) -> Result<Size, TextError> {
        let word = self.word()?;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return match word.parse::<i64>() {
                Ok(value) => Ok(Size::constant(value)),
                Err(_) => self.error(format!("`{word}` is no size")),
            };
        }
        if !self.take("(") {
            return Ok(Size::symbol(&word));
        }
        let left = self.size()?;
        self.expect(",")?;
        let right = self.size()?;
        self.expect(")")?;
        let size = match word.as_str() {
            "min" => Some(left.minimum(&right)),
            "max" => Some(left.maximum(&right)),
            "ceil_div" => left.ceiling_divide(&right),
            _ => None,
        };
        match size {
            Some(size) => Ok(size),
            None => self.error(format!("`{word}` of these is no size")),
        }
    }

    /// An axis of a function, by name or index.
    pub fn axis(&mut self, function: &Function) -> Result<AxisId, TextError> {
        let name = self.name()?;
        if self.take("#") {
            return Ok(AxisId(self.number()?));
        }
        match function.axes.iter().position(|axis| axis.name == name) {
            Some(index) => Ok(AxisId(index as u32)),
            None => self.error(format!("no axis `{name}`")),
        }
    }

    /// Axes with commas between them.
    pub fn axes(&mut self, function: &Function) -> Result<Vec<AxisId>, TextError> {
        let mut axes = Vec::new();
        if self.sees("]") || self.sees("->") {
            return Ok(axes);
        }
        loop {
            axes.push(self.axis(function)?);
            if !self.take(",") {
                return Ok(axes);
            }
        }
    }

    pub fn ty(&mut self, function: &Function) -> Result<Type, TextError> {
        let element = self.element()?;
        let mut axes = Vec::new();
        if self.take("[") {
            axes = self.axes(function)?;
            self.expect("]")?;
        }
        Ok(Type { element, axes })
    }

    pub fn node(&mut self) -> Result<NodeId, TextError> {
        self.expect("%")?;
        Ok(NodeId(self.number()?))
    }
}
