//! Errors as text.

use super::options::ErrorFormat;
use crate::error::Error;

/// The exit status when the program itself is at fault.
pub const BUG_STATUS: i32 = 101;

/// The exit status that fits an error.
pub fn status(error: &Error) -> i32 {
    if error.is_usage() {
        2
    } else if error.is_bug() {
        BUG_STATUS
    } else {
        1
    }
}

/// An error in one of the forms, with a line break at its end. The JSON form has the fields of the compiler's messages.
pub fn report(error: &Error, format: ErrorFormat) -> String {
    match format {
        ErrorFormat::Human => human(error),
        ErrorFormat::Short => short(error),
        ErrorFormat::Json => json(error),
    }
}

fn human(error: &Error) -> String {
    let mut text = format!("error[{}]: {}\n", error.code(), error.message());
    let notes = error.notes().iter().map(|note| ("note", note.as_str()));
    let hint = error.hint_text().map(|hint| ("hint", hint));
    let mut lines = notes.chain(hint).peekable();
    if lines.peek().is_some() {
        text.push_str("  |\n");
    }
    for (kind, line) in lines {
        text.push_str(&format!("  = {kind}: {line}\n"));
    }
    text
}

fn short(error: &Error) -> String {
    let notes: String = error.notes().iter().map(|note| format!("; {note}")).collect();
    let hint = error.hint_text().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
    format!("error[{}]: {}{notes}{hint}\n", error.code(), error.message())
}

fn json(error: &Error) -> String {
    let object = serde_json::json!({
        "version": 1,
        "code": error.code(),
        "severity": "error",
        "message": error.message(),
        "primary": null,
        "secondary": [],
        "notes": error.notes(),
        "hint": error.hint_text(),
    });
    format!("{object}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::codes;

    #[test]
    fn each_form() {
        let error = Error::new(codes::INPUT, "it is wrong").note("one").note("two").hint("mend it");
        assert_eq!(
            report(&error, ErrorFormat::Human),
            "error[E0807]: it is wrong\n  |\n  = note: one\n  = note: two\n  = hint: mend it\n"
        );
        assert_eq!(
            report(&error, ErrorFormat::Short),
            "error[E0807]: it is wrong; one; two (hint: mend it)\n"
        );
        let json: serde_json::Value = serde_json::from_str(&report(&error, ErrorFormat::Json)).unwrap();
        assert_eq!(json["notes"][1], "two");
        assert_eq!(status(&error), 1);
        assert_eq!(status(&Error::new(codes::USAGE, "")), 2);
        assert_eq!(status(&Error::new(codes::BUG, "")), 101);
    }
}
