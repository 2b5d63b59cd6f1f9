//! Tokenizers of every kind give the tokens that the libraries which made them give; damaged ones are refused.

use crate::damage::{damaged, Random};
use moe_runtime::{codes, Tokenizer};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokenizers")
}

#[test]
fn tokens_and_texts_are_those_of_the_library_that_made_them() {
    let golden: Value = serde_json::from_slice(&fs::read(folder().join("golden.json")).unwrap()).unwrap();
    let golden = golden.as_object().unwrap();
    let texts: Vec<&str> =
        golden["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!((texts.len(), golden.len()), (60, 8));
    for (name, answers) in golden.iter().filter(|(name, _)| *name != "texts") {
        let tokenizer = Tokenizer::open(&folder().join(name)).unwrap();
        for (text, answer) in texts.iter().zip(answers.as_array().unwrap()) {
            let expected: Vec<u64> =
                answer[0].as_array().unwrap().iter().map(|token| token.as_u64().unwrap()).collect();
            let tokens: Vec<u64> = tokenizer.encode(text).unwrap().into_iter().map(u64::from).collect();
            assert_eq!(tokens, expected, "{name}: {text:?}");
            let tokens: Vec<i64> = tokens.iter().map(|token| *token as i64).collect();
            assert_eq!(tokenizer.decode(&tokens).unwrap(), answer[1].as_str().unwrap(), "{name}: {text:?}");
        }
    }
}

#[test]
fn damaged_tokenizers_are_refused_or_read() {
    let scratch = tempfile::tempdir().unwrap();
    let mut random = Random(11);
    for name in ["byte_level.json", "split.json", "marked.json", "unigram.json", "bpe.model", "unigram.model"]
    {
        let whole = fs::read(folder().join(name)).unwrap();
        let path = scratch.path().join(name);
        let mut refused = 0;
        for _ in 0..300 {
            fs::write(&path, damaged(&whole, &mut random)).unwrap();
            match Tokenizer::open(&path) {
                Ok(tokenizer) => drop(tokenizer.encode("Once upon a time, 1234 é🙂  <|endoftext|>")),
                Err(error) => {
                    assert_eq!(error.code(), codes::TOKENIZER);
                    refused += 1;
                }
            }
        }
        assert!(refused > 50, "{name}: {refused}");
    }
}

fn refused(content: &str) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("tokenizer.json");
    fs::write(&path, content).unwrap();
    let error = Tokenizer::open(&path).unwrap_err();
    assert_eq!(error.code(), codes::TOKENIZER);
    error.message().to_owned()
}

#[test]
fn what_is_not_known_is_never_left_out() {
    let with =
        |rest: &str| format!("{{\"model\":{{\"type\":\"BPE\",\"vocab\":{{\"a\":0}},\"merges\":[]}},{rest}}}");
    for (rest, why) in [
        ("\"normalizer\":{\"type\":\"Nmt\"}", "the normalizer `Nmt` is not known here"),
        ("\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}", "the way to cut words `BertPreTokenizer` is not known here"),
        ("\"decoder\":{\"type\":\"CTC\"}", "the way back to text `CTC` is not known here"),
        ("\"post_processor\":{\"type\":\"BertProcessing\"}", "what comes around a text `BertProcessing` is not known here"),
        (
            "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?<=a)b\"},\"behavior\":\"Isolated\"}",
            "the pattern `(?<=a)b` is not understood: a group of this kind is not known",
        ),
    ] {
        assert_eq!(refused(&with(rest)), format!("the tokenizer cannot be read: {why}"));
    }
    for (content, why) in [
        ("{\"model\":{\"type\":\"WordPiece\"}}", "a model of the kind `WordPiece` is not known here"),
        (
            "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}",
            "two tokens have one number",
        ),
        (
            "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}}",
            "merge 0, `a b`: there is no token `ab`",
        ),
        ("{\"a\":0}", "it is a vocabulary alone"),
        ("", "it is empty"),
        ("\n\u{3}abc", "it is damaged, or no file of sentencepiece"),
    ] {
        assert_eq!(refused(content), format!("the tokenizer cannot be read: {why}"));
    }
    let missing = Tokenizer::open(&folder().join("none.json")).unwrap_err();
    assert!(missing.notes()[0].ends_with("none.json"));
    assert!(Tokenizer::open(&folder().join(".."))
        .unwrap_err()
        .message()
        .starts_with("there is no tokenizer in"));
}

#[test]
fn a_number_that_is_no_token_is_said() {
    let tokenizer = Tokenizer::open(&folder().join("bpe.model")).unwrap();
    let error = tokenizer.decode(&[5, 600]).unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (codes::TEXT, "600 is no token; the tokenizer has 600 of them")
    );
    assert!(tokenizer.decode(&[-1]).is_err());
}
