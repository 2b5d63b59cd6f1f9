//! The `.model` files of sentencepiece: a message of Protocol Buffers with the pieces, how it was trained, and how texts are
//! normalized. Byte-pair and unigram models.

use super::charsmap::Charsmap;
use super::cut::{Cut, Prepend};
use super::merge::Pairs;
use super::normalize::Step;
use super::scored::ranks;
use super::unigram::Scores;
use super::vocabulary::{byte_of, byte_tokens, Piece, Vocabulary};
use super::{broken, Algorithm, Apart, ApartToken, Tokenizer, MARK};
use crate::error::Error;

/// A field of a message.
enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

impl<'b> Field<'b> {
    fn bytes(&self) -> &'b [u8] {
        match self {
            Field::Bytes(bytes) => bytes,
            Field::Number(_) => &[],
        }
    }

    fn number(&self) -> u64 {
        match self {
            Field::Number(number) => *number,
            Field::Bytes(_) => 0,
        }
    }
}

fn variable(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The fields of a message, by number. Numbers of 32 bits are given by their bits.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = variable(&mut bytes)?;
        let field = match key & 7 {
            0 => Field::Number(variable(&mut bytes)?),
            1 => {
                let (value, rest) = bytes.split_first_chunk::<8>()?;
                bytes = rest;
                Field::Number(u64::from_le_bytes(*value))
            }
            2 => {
                let length = usize::try_from(variable(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Field::Bytes(value)
            }
            5 => {
                let (value, rest) = bytes.split_first_chunk::<4>()?;
                bytes = rest;
                Field::Number(u32::from_le_bytes(*value).into())
            }
            _ => return None,
        };
        fields.push((key >> 3, field));
    }
    Some(fields)
}

/// Kinds of pieces, as the file numbers them.
mod kinds {
    pub const NORMAL: u64 = 1;
    pub const UNKNOWN: u64 = 2;
    pub const CONTROL: u64 = 3;
    pub const OF_USER: u64 = 4;
    pub const BYTE: u64 = 6;
}

#[derive(Default)]
struct Entry {
    name: String,
    score: f32,
    kind: u64,
}

struct File<'b> {
    entries: Vec<Entry>,
    byte_pair: bool,
    byte_fallback: bool,
    begin: i64,
    charsmap: &'b [u8],
    prefixed: bool,
    squeezed: bool,
}

/// Reads a file.
///
/// # Errors
/// If it is damaged, or of a kind that is not known here.
pub fn read(bytes: &[u8]) -> Result<Tokenizer, Error> {
    let file = file(bytes)?;
    let names = || file.entries.iter().enumerate().map(|(token, entry)| (token as u32, entry));
    let pieces = file.entries.iter().map(piece).collect();
    let mut vocabulary = Vocabulary::new(pieces)?;
    vocabulary.unknown = names().find(|(_, entry)| entry.kind == kinds::UNKNOWN).map(|(token, _)| token);
    if file.byte_fallback {
        vocabulary.bytes = byte_tokens(names().map(|(token, entry)| (token, entry.name.as_str())));
    }
    let scores: Vec<f32> = file.entries.iter().map(|entry| entry.score).collect();
    let algorithm = if file.byte_pair {
        Algorithm::Merge(Pairs::Ranked(ranks(&scores)))
    } else {
        Algorithm::Unigram(Scores::new(scores, vocabulary.longest()))
    };
    let of_user = |(token, entry): (u32, &Entry)| ApartToken {
        text: entry.name.replace(MARK, " "),
        token,
        takes: (false, false),
        word: false,
    };
    let apart = names().filter(|(_, entry)| entry.kind == kinds::OF_USER).map(of_user).collect();
    let begin = u32::try_from(file.begin).ok().filter(|begin| (*begin as usize) < file.entries.len());
    Ok(Tokenizer {
        vocabulary,
        apart: Apart::new(apart),
        steps: steps(&file)?,
        cuts: vec![Cut::Marks { prepend: Prepend::Never, split: false }],
        by_bytes: false,
        whole_words: false,
        algorithm,
        begin: begin.into_iter().collect(),
        end: Vec::new(),
        marked: true,
        leading: match (file.squeezed, file.prefixed) {
            (true, _) => usize::MAX,
            (false, prefixed) => usize::from(prefixed),
        },
    })
}

fn piece(entry: &Entry) -> Piece {
    match entry.kind {
        kinds::CONTROL => Piece::mark(),
        kinds::UNKNOWN => Piece { bytes: " \u{2047} ".into(), hidden: true, silent: false },
        kinds::BYTE => byte_of(&entry.name).map_or_else(Piece::mark, Piece::byte),
        kinds::NORMAL => Piece::text(entry.name.as_bytes()),
        _ => Piece { bytes: entry.name.as_bytes().to_vec(), hidden: true, silent: false },
    }
}

fn steps(file: &File<'_>) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    if !file.charsmap.is_empty() {
        steps.push(Step::Charsmap(Charsmap::read(file.charsmap)?));
    }
    if file.squeezed {
        steps.push(Step::Squeeze);
    }
    if file.prefixed {
        steps.push(Step::Prepend { before: " ".to_owned(), once: true });
    }
    Ok(steps)
}

fn file(bytes: &[u8]) -> Result<File<'_>, Error> {
    let damaged = || broken("it is damaged, or no file of sentencepiece");
    let mut file = File {
        entries: Vec::new(),
        byte_pair: false,
        byte_fallback: false,
        begin: 1,
        charsmap: &[],
        prefixed: true,
        squeezed: true,
    };
    for (number, field) in fields(bytes).ok_or_else(damaged)? {
        match number {
            1 => file.entries.push(entry(field.bytes()).ok_or_else(damaged)?),
            2 => training(&mut file, &fields(field.bytes()).ok_or_else(damaged)?)?,
            3 => {
                for (number, field) in fields(field.bytes()).ok_or_else(damaged)? {
                    match number {
                        2 => file.charsmap = field.bytes(),
                        3 => file.prefixed = field.number() != 0,
                        4 => file.squeezed = field.number() != 0,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if file.entries.is_empty() {
        return Err(damaged());
    }
    Ok(file)
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let mut entry = Entry { kind: kinds::NORMAL, ..Entry::default() };
    for (number, field) in fields(bytes)? {
        match number {
            1 => entry.name = std::str::from_utf8(field.bytes()).ok()?.to_owned(),
            2 => entry.score = f32::from_bits(u32::try_from(field.number()).ok()?),
            3 => entry.kind = field.number(),
            _ => {}
        }
    }
    Some(entry)
}

fn training(file: &mut File<'_>, fields: &[(u64, Field<'_>)]) -> Result<(), Error> {
    for (number, field) in fields {
        match (number, field.number()) {
            (3, 1) => file.byte_pair = false,
            (3, 2) => file.byte_pair = true,
            (3, _) => {
                return Err(broken(
                    "it is a model of words or characters; byte-pair and unigram ones are known",
                ))
            }
            (24, 1) => return Err(broken("it keeps spaces at the end of words, which is not known")),
            (35, value) => file.byte_fallback = value != 0,
            (41, value) => file.begin = i64::from(value as i32),
            _ => {}
        }
    }
    Ok(())
}
