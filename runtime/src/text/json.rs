//! `tokenizer.json`, as the tokenizers of many open models are kept, and the two files of GPT-2. Models of byte pairs and unigrams;
//! whatever a file asks for that is not known here is an error, never left out.

use super::alphabet;
use super::cut::{Behavior, Cut, Prepend};
use super::merge::{Merge, Merges, Pairs};
use super::normalize::{Form, Step};
use super::pattern::Pattern;
use super::unigram::Scores;
use super::vocabulary::{byte_of, byte_tokens, Piece, Vocabulary, MOST};
use super::{broken, Algorithm, Apart, ApartToken, Tokenizer, MARK};
use crate::error::Error;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// How GPT-2 cuts a text into words.
pub const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// What a file says besides its model.
#[derive(Default)]
struct Around {
    steps: Vec<Step>,
    cuts: Vec<Cut>,
    by_bytes: bool,
    marked: bool,
    leading: usize,
    begin: Vec<u32>,
    end: Vec<u32>,
}

/// Reads a `tokenizer.json`.
///
/// # Errors
/// If something is missing, or not known here.
pub fn read(file: &Value) -> Result<Tokenizer, Error> {
    let mut around = Around::default();
    normalizer(&file["normalizer"], &mut around)?;
    words(&file["pre_tokenizer"], &mut around)?;
    template(&file["post_processor"], &mut around)?;
    decoder(&file["decoder"], &mut around)?;
    let (added, added_pieces) = added(&file["added_tokens"])?;
    let model = &file["model"];
    let kind = text(model, "type").unwrap_or(if model["merges"].is_array() { "BPE" } else { "" });
    let names = match kind {
        "BPE" => by_number(&model["vocab"])?,
        "Unigram" => scored_names(&model["vocab"])?,
        _ => return Err(unknown("a model of the kind", kind)),
    };
    let mut vocabulary = vocabulary(&names, &added_pieces, around.by_bytes)?;
    let find: HashMap<&str, u32> = names.iter().map(|(token, name)| (name.as_str(), *token)).collect();
    vocabulary.fused = kind == "Unigram" || model["fuse_unk"].as_bool().unwrap_or(false);
    vocabulary.unknown = match model["unk_id"].as_u64() {
        Some(token) => u32::try_from(token).ok(),
        None => text(model, "unk_token").and_then(|name| find.get(name).copied()),
    };
    if model["byte_fallback"].as_bool() == Some(true) {
        vocabulary.bytes = byte_tokens(names.iter().map(|(token, name)| (*token, name.as_str())));
    }
    let algorithm = if kind == "BPE" {
        plain_byte_pairs(model)?;
        Algorithm::Merge(Pairs::Listed(listed(&model["merges"], &find)?))
    } else {
        Algorithm::Unigram(Scores::new(scores(&model["vocab"])?, vocabulary.longest()))
    };
    Ok(Tokenizer {
        vocabulary,
        apart: Apart::new(added),
        steps: around.steps,
        cuts: around.cuts,
        by_bytes: around.by_bytes,
        whole_words: model["ignore_merges"].as_bool().unwrap_or(false),
        algorithm,
        begin: around.begin,
        end: around.end,
        marked: around.marked,
        leading: around.leading,
    })
}

/// Reads GPT-2's files: a vocabulary, and a list of merges, one in a line. A token that is no byte and that no merge makes is found
/// in texts as it is written and stands for no text, such as `<|endoftext|>`.
///
/// # Errors
/// If one is damaged.
pub fn read_vocabulary(file: &Value, merges: &str) -> Result<Tokenizer, Error> {
    let names = by_number(file)?;
    let find: HashMap<&str, u32> = names.iter().map(|(token, name)| (name.as_str(), *token)).collect();
    let lines = merges.lines().filter(|line| !line.starts_with("#version") && !line.is_empty());
    let pairs = lines.enumerate().map(|(rank, line)| pair(line.split_once(' '), rank, &find));
    let pairs: Merges = pairs.collect::<Result<_, _>>()?;
    let made: BTreeSet<u32> = pairs.values().map(|(_, token)| *token).collect();
    let apart: Vec<ApartToken> = names
        .iter()
        .filter(|(token, name)| !made.contains(token) && alphabet::bytes(name).len() != 1)
        .map(|(token, name)| ApartToken {
            text: name.clone(),
            token: *token,
            takes: (false, false),
            word: false,
        })
        .collect();
    let marks = apart.iter().map(|token| (token.token, Piece::mark())).collect();
    Ok(Tokenizer {
        vocabulary: vocabulary(&names, &marks, true)?,
        apart: Apart::new(apart),
        steps: Vec::new(),
        cuts: vec![gpt2_words()?],
        by_bytes: true,
        whole_words: false,
        algorithm: Algorithm::Merge(Pairs::Listed(pairs)),
        begin: Vec::new(),
        end: Vec::new(),
        marked: false,
        leading: 0,
    })
}

fn unknown(what: &str, kind: &str) -> Error {
    broken(format!("{what} `{kind}` is not known here"))
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn gpt2_words() -> Result<Cut, Error> {
    let pattern = Pattern::parse(GPT2).map_err(broken)?;
    Ok(Cut::Split { pattern, behavior: Behavior::Isolated, invert: false })
}

/// The names of a vocabulary by their numbers.
fn by_number(vocabulary: &Value) -> Result<Vec<(u32, String)>, Error> {
    let object = vocabulary.as_object().ok_or_else(|| broken("it has no vocabulary"))?;
    let entry = |(name, number): (&String, &Value)| {
        let token = number.as_u64().and_then(|number| u32::try_from(number).ok());
        token
            .map(|token| (token, name.clone()))
            .ok_or_else(|| broken(format!("the token `{name}` has no number")))
    };
    let mut names: Vec<(u32, String)> = object.iter().map(entry).collect::<Result<_, _>>()?;
    names.sort();
    if names.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
        return Err(broken("two tokens have one number"));
    }
    Ok(names)
}

fn scored_names(vocabulary: &Value) -> Result<Vec<(u32, String)>, Error> {
    let entries = vocabulary.as_array().ok_or_else(|| broken("it has no vocabulary"))?;
    let name = |(token, entry): (usize, &Value)| {
        let name = entry.get(0).and_then(Value::as_str).ok_or_else(|| broken("a token has no name"))?;
        Ok((token as u32, name.to_owned()))
    };
    entries.iter().enumerate().map(name).collect()
}

fn scores(vocabulary: &Value) -> Result<Vec<f32>, Error> {
    let score = |entry: &Value| entry.get(1).and_then(Value::as_f64).map(|score| score as f32);
    let scores = vocabulary.as_array().into_iter().flatten().map(score);
    scores.collect::<Option<_>>().ok_or_else(|| broken("a token has no score"))
}

/// The pieces of a vocabulary and of added tokens. Numbers that nobody has are those of no text.
fn vocabulary(
    names: &[(u32, String)],
    added: &HashMap<u32, Piece>,
    by_bytes: bool,
) -> Result<Vocabulary, Error> {
    let last = names.iter().map(|(token, _)| *token).chain(added.keys().copied()).max();
    let count = last.map_or(0, |last| last as usize + 1);
    if count > MOST {
        return Err(broken(format!("a token has the number {}", count - 1)));
    }
    let mut pieces = vec![Piece::mark(); count];
    for (token, name) in names {
        if let Some(place) = pieces.get_mut(*token as usize) {
            *place = match byte_of(name) {
                Some(byte) if !by_bytes => Piece::byte(byte),
                _ if by_bytes => Piece::text(alphabet::bytes(name)),
                _ => Piece::text(name.as_bytes()),
            };
        }
    }
    for (token, piece) in added {
        if let Some(place) = pieces.get_mut(*token as usize) {
            *place = piece.clone();
        }
    }
    Vocabulary::new(pieces)
}

fn pair(names: Option<(&str, &str)>, rank: usize, find: &HashMap<&str, u32>) -> Result<Merge, Error> {
    let (left, right) = names.ok_or_else(|| broken(format!("merge {rank} is no pair")))?;
    let whole = format!("{left}{right}");
    let token = |name: &str| {
        let found = find.get(name).copied();
        found.ok_or_else(|| broken(format!("merge {rank}, `{left} {right}`: there is no token `{name}`")))
    };
    Ok(((token(left)?, token(right)?), (rank as u32, token(&whole)?)))
}

/// Merges, each as `"a b"` or as `["a", "b"]`.
fn listed(merges: &Value, find: &HashMap<&str, u32>) -> Result<Merges, Error> {
    let merges = merges.as_array().ok_or_else(|| broken("it has no merges"))?;
    let mut pairs = HashMap::with_capacity(merges.len());
    for (rank, merge) in merges.iter().enumerate() {
        let names = match merge {
            Value::String(line) => line.split_once(' '),
            merge => merge.get(0).and_then(Value::as_str).zip(merge.get(1).and_then(Value::as_str)),
        };
        let (pair, made) = pair(names, rank, find)?;
        pairs.entry(pair).or_insert(made);
    }
    Ok(pairs)
}

fn plain_byte_pairs(model: &Value) -> Result<(), Error> {
    for key in ["dropout", "continuing_subword_prefix", "end_of_word_suffix"] {
        let value = &model[key];
        if !(value.is_null() || value.as_str() == Some("") || value.as_f64() == Some(0.0)) {
            return Err(unknown("the setting", key));
        }
    }
    Ok(())
}

type Added = (Vec<ApartToken>, HashMap<u32, Piece>);

fn added(tokens: &Value) -> Result<Added, Error> {
    let mut added = Vec::new();
    let mut pieces = HashMap::new();
    for entry in tokens.as_array().into_iter().flatten() {
        let number = entry["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        let (Some(token), Some(content)) = (number, text(entry, "content")) else {
            return Err(broken("an added token has no number or no text"));
        };
        let piece = if flag(entry, "special") {
            Piece::mark()
        } else {
            Piece { bytes: content.into(), hidden: true, silent: false }
        };
        pieces.insert(token, piece);
        if !content.is_empty() {
            added.push(ApartToken {
                text: content.to_owned(),
                token,
                takes: (flag(entry, "lstrip"), flag(entry, "rstrip")),
                word: flag(entry, "single_word"),
            });
        }
    }
    Ok((added, pieces))
}

/// Each of a sequence, or the one thing there is.
fn each<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    match (value, text(value, "type")) {
        (Value::Null, _) => Vec::new(),
        (_, Some("Sequence")) => {
            value[key].as_array().into_iter().flatten().flat_map(|own| each(own, key)).collect()
        }
        _ => vec![value],
    }
}

/// `{"String": …}` or `{"Regex": …}`
fn pattern(value: &Value) -> Result<Pattern, Error> {
    match (text(value, "String"), text(value, "Regex")) {
        (Some(plain), _) => Ok(Pattern::plain(plain)),
        (_, Some(expression)) => Pattern::parse(expression)
            .map_err(|why| broken(format!("the pattern `{expression}` is not understood: {why}"))),
        _ => Err(broken("a pattern is missing")),
    }
}

fn normalizer(value: &Value, around: &mut Around) -> Result<(), Error> {
    for step in each(value, "normalizers") {
        around.steps.push(match text(step, "type").unwrap_or("") {
            "Prepend" => {
                Step::Prepend { before: text(step, "prepend").unwrap_or(MARK).to_owned(), once: false }
            }
            "Replace" => {
                Step::Replace(pattern(&step["pattern"])?, text(step, "content").unwrap_or("").to_owned())
            }
            "NFC" => Step::Form(Form::Composed),
            "NFD" => Step::Form(Form::Decomposed),
            "NFKC" => Step::Form(Form::CompatiblyComposed),
            "NFKD" => Step::Form(Form::CompatiblyDecomposed),
            "Lowercase" => Step::Lowercase,
            "Strip" => Step::Strip(flag(step, "strip_left"), flag(step, "strip_right")),
            kind => return Err(unknown("the normalizer", kind)),
        });
    }
    Ok(())
}

fn words(value: &Value, around: &mut Around) -> Result<(), Error> {
    for step in each(value, "pretokenizers") {
        match text(step, "type").unwrap_or("") {
            "ByteLevel" => {
                around.by_bytes = true;
                if step["add_prefix_space"].as_bool().unwrap_or(true) {
                    around.cuts.push(Cut::Space);
                }
                if step["use_regex"].as_bool().unwrap_or(true) {
                    around.cuts.push(gpt2_words()?);
                }
            }
            "Metaspace" => {
                let prepend = match text(step, "prepend_scheme") {
                    Some("first") => Prepend::First,
                    Some("never") => Prepend::Never,
                    None if step["add_prefix_space"].as_bool() == Some(false) => Prepend::Never,
                    _ => Prepend::Always,
                };
                around.cuts.push(Cut::Marks { prepend, split: step["split"].as_bool().unwrap_or(true) });
            }
            "Split" => around.cuts.push(Cut::Split {
                pattern: pattern(&step["pattern"])?,
                behavior: behavior(text(step, "behavior").unwrap_or(""))?,
                invert: flag(step, "invert"),
            }),
            "Digits" => {
                let expression = if flag(step, "individual_digits") { r"\p{N}" } else { r"\p{N}+" };
                let pattern = Pattern::parse(expression).map_err(broken)?;
                around.cuts.push(Cut::Split { pattern, behavior: Behavior::Isolated, invert: false });
            }
            kind => return Err(unknown("the way to cut words", kind)),
        }
    }
    Ok(())
}

fn behavior(name: &str) -> Result<Behavior, Error> {
    match name {
        "Removed" => Ok(Behavior::Removed),
        "Isolated" => Ok(Behavior::Isolated),
        "MergedWithPrevious" => Ok(Behavior::Before),
        "MergedWithNext" => Ok(Behavior::After),
        _ => Err(unknown("the behavior", name)),
    }
}

/// Tokens before and after every text.
fn template(value: &Value, around: &mut Around) -> Result<(), Error> {
    for processor in each(value, "processors") {
        match text(processor, "type").unwrap_or("") {
            "ByteLevel" => {}
            "TemplateProcessing" => {
                let mut after = false;
                for item in processor["single"].as_array().into_iter().flatten() {
                    let Some(name) = item.get("SpecialToken").and_then(|token| text(token, "id")) else {
                        after = true;
                        continue;
                    };
                    let ids = processor["special_tokens"].get(name).and_then(|token| token.get("ids"));
                    let ids = ids.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64);
                    let tokens = ids.filter_map(|id| u32::try_from(id).ok());
                    if after {
                        around.end.extend(tokens);
                    } else {
                        around.begin.extend(tokens);
                    }
                }
            }
            kind => return Err(unknown("what comes around a text", kind)),
        }
    }
    Ok(())
}

fn decoder(value: &Value, around: &mut Around) -> Result<(), Error> {
    for step in each(value, "decoders") {
        match text(step, "type").unwrap_or("") {
            "ByteLevel" => around.by_bytes = true,
            "Metaspace" => {
                around.marked = true;
                let prefixed = text(step, "prepend_scheme") != Some("never")
                    && step["add_prefix_space"].as_bool() != Some(false);
                around.leading = usize::from(prefixed);
            }
            "Replace" if text(&step["pattern"], "String") == Some(MARK) => around.marked = true,
            "ByteFallback" | "Fuse" => {}
            "Strip" => around.leading = usize::from(step["start"].as_u64().unwrap_or(0) > 0),
            kind => return Err(unknown("the way back to text", kind)),
        }
    }
    Ok(())
}
