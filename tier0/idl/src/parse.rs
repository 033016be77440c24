//! Text to declarations.

use crate::interface::{Declaration, Defined, Interface, Operation};

/// Words that stand before a type and say nothing of its size.
const PLAIN: [&str; 1] = ["const"];

struct Tokens {
    all: Vec<String>,
    at: usize,
}

impl Interface {
    /// Reads a definition of one interface.
    ///
    /// # Errors
    /// What was expected, and what stands there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens::new(text);
        let mut interface = Self::default();
        for (name, value) in tokens.attributes()? {
            match name.as_str() {
                "uuid" => interface.uuid = value.to_lowercase(),
                "version" => {
                    let (major, minor) = value.split_once('.').unwrap_or((&value, "0"));
                    let number = |text: &str| text.parse().map_err(|_| format!("version {value}"));
                    interface.version = (number(major)?, number(minor)?);
                }
                _ => {}
            }
        }
        tokens.expect("interface")?;
        interface.name = tokens.word()?;
        tokens.expect("{")?;
        while tokens.peek() != "}" {
            interface.declare(&mut tokens)?;
        }
        Ok(interface)
    }

    fn declare(&mut self, tokens: &mut Tokens) -> Result<(), String> {
        match tokens.peek() {
            "const" => {
                while tokens.next_is_not("=")? {}
                let name = tokens.all[tokens.at - 2].clone();
                let text = tokens.word()?;
                let value = text.parse().map_err(|_| format!("{name} = {text}"))?;
                self.constants.insert(name, value);
                tokens.expect(";")
            }
            "typedef" => {
                tokens.expect("typedef")?;
                self.define(tokens)
            }
            _ => {
                let returns = tokens.base()?;
                let name = tokens.word()?;
                tokens.expect("(")?;
                let mut parameters = Vec::new();
                if tokens.peek() == "void"
                    && tokens.all.get(tokens.at + 1).is_some_and(|t| t == ")")
                {
                    tokens.expect("void")?;
                }
                while tokens.peek() != ")" {
                    parameters.push(self.declaration(tokens)?);
                    if tokens.peek() == "," {
                        tokens.expect(",")?;
                    }
                }
                tokens.expect(")")?;
                tokens.expect(";")?;
                self.operations.push(Operation { name, parameters, returns });
                Ok(())
            }
        }
    }

    fn define(&mut self, tokens: &mut Tokens) -> Result<(), String> {
        let attributes = if tokens.peek() == "[" { tokens.attributes()? } else { Vec::new() };
        let kind = tokens.peek().to_owned();
        if kind != "struct" && kind != "union" {
            let declaration = Declaration { attributes, ..self.declaration(tokens)? };
            tokens.expect(";")?;
            let defined = if declaration.has("context_handle") {
                Defined::ContextHandle
            } else {
                Defined::Alias(declaration.clone())
            };
            self.types.insert(declaration.name, defined);
            return Ok(());
        }
        tokens.expect(&kind)?;
        if tokens.peek() != "{" {
            tokens.word()?;
        }
        tokens.expect("{")?;
        let mut fields = Vec::new();
        while tokens.peek() != "}" {
            fields.push(self.declaration(tokens)?);
            tokens.expect(";")?;
        }
        tokens.expect("}")?;
        let name = tokens.word()?;
        tokens.expect(";")?;
        let defined = match kind.as_str() {
            "union" => {
                let switch = attributes.iter().find(|(name, _)| name == "switch_type");
                let switch = switch.ok_or_else(|| format!("{name} without its switch_type"))?;
                Defined::Union(switch.1.clone(), fields)
            }
            _ => Defined::Struct(fields),
        };
        self.types.insert(name, defined);
        Ok(())
    }

    fn declaration(&self, tokens: &mut Tokens) -> Result<Declaration, String> {
        let attributes = if tokens.peek() == "[" { tokens.attributes()? } else { Vec::new() };
        let base = tokens.base()?;
        let mut stars = 0;
        while tokens.peek() == "*" {
            tokens.expect("*")?;
            stars += 1;
        }
        let name = tokens.word()?;
        let mut array = None;
        if tokens.peek() == "[" {
            tokens.expect("[")?;
            array = Some(None);
            if tokens.peek() != "]" {
                let text = tokens.word()?;
                let known = self.constants.get(&text).copied();
                let size = known.or_else(|| text.parse().ok());
                array = Some(Some(size.ok_or_else(|| format!("an array of {text}"))?));
            }
            tokens.expect("]")?;
        }
        Ok(Declaration { name, attributes, base, stars, array })
    }
}

impl Tokens {
    fn new(text: &str) -> Self {
        let mut all = Vec::new();
        for line in text.lines() {
            let code = line.split("//").next().unwrap_or_default();
            let mut word = String::new();
            for character in code.chars() {
                if character.is_ascii_alphanumeric() || "_-.".contains(character) {
                    word.push(character);
                    continue;
                }
                if !word.is_empty() {
                    all.push(std::mem::take(&mut word));
                }
                if !character.is_whitespace() {
                    all.push(character.to_string());
                }
            }
            if !word.is_empty() {
                all.push(word);
            }
        }
        Self { all, at: 0 }
    }

    fn peek(&self) -> &str {
        self.all.get(self.at).map_or("", String::as_str)
    }

    fn word(&mut self) -> Result<String, String> {
        let word = self.peek().to_owned();
        if !word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("expected a word, got {word:?} at token {}", self.at));
        }
        self.at += 1;
        Ok(word)
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.peek() != token {
            return Err(format!("expected {token:?}, got {:?} at token {}", self.peek(), self.at));
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over a token; false once it was the one that is looked for.
    fn next_is_not(&mut self, token: &str) -> Result<bool, String> {
        let found = self.peek() == token;
        if self.peek().is_empty() {
            return Err(format!("expected {token:?}, got the end"));
        }
        self.at += 1;
        Ok(!found)
    }

    /// `[name, name(value), ...]`.
    fn attributes(&mut self) -> Result<Vec<(String, String)>, String> {
        self.expect("[")?;
        let mut attributes = Vec::new();
        while self.peek() != "]" {
            let name = self.word()?;
            let mut value = String::new();
            if self.peek() == "(" {
                self.expect("(")?;
                // An expression may have brackets of its own.
                let mut depth = 0_usize;
                while depth > 0 || self.peek() != ")" {
                    match self.peek() {
                        "(" => depth += 1,
                        ")" => depth -= 1,
                        _ => {}
                    }
                    let word = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric());
                    if value.ends_with(|c: char| c.is_ascii_alphanumeric()) && word(self.peek()) {
                        value.push(' ');
                    }
                    value.push_str(self.peek());
                    self.next_is_not("")?;
                }
                self.expect(")")?;
            }
            attributes.push((name, value));
            if self.peek() == "," {
                self.expect(",")?;
            }
        }
        self.expect("]")?;
        Ok(attributes)
    }

    /// The words of a type.
    fn base(&mut self) -> Result<String, String> {
        while PLAIN.contains(&self.peek()) {
            self.at += 1;
        }
        let mut base = self.word()?;
        if base == "unsigned" {
            base = format!("unsigned {}", self.word()?);
        }
        while PLAIN.contains(&self.peek()) {
            self.at += 1;
        }
        Ok(base)
    }
}
