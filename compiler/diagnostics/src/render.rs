//! Diagnostics as text: for people, one line each, or one JSON object each.

use crate::model::{Diagnostic, Label, Severity};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use moe_grammar::{FileId, Span};
use std::collections::BTreeMap;

/// The form in which diagnostics are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// With the source lines and carets.
    #[default]
    Human,
    /// `path:line:column: error[E0301]: message`
    Short,
    /// One JSON object a line: the fields of [`json`].
    Json,
}

/// Where diagnostics find the texts they speak of.
pub trait Texts {
    /// The path to show for a file and its text.
    fn text(&self, file: FileId) -> Option<(&str, &str)>;
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// The line and column of a byte of a text.
pub fn position(text: &str, byte: usize) -> Position {
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
    }
}

/// All diagnostics in one form. `color` matters for [`Format::Human`] only.
pub fn render(diagnostics: &[Diagnostic], texts: &dyn Texts, format: Format, color: bool) -> String {
    let one = |diagnostic: &Diagnostic| match format {
        Format::Human => human(diagnostic, texts, color) + "\n\n",
        Format::Short => short(diagnostic, texts) + "\n",
        Format::Json => json(diagnostic, texts) + "\n",
    };
    diagnostics.iter().map(one).collect()
}

fn human(diagnostic: &Diagnostic, texts: &dyn Texts, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.clone().primary_title(&diagnostic.message).id(diagnostic.code);
    let mut group = Group::with_title(title);
    for (path, text, labels) in by_file(diagnostic, texts) {
        let annotations = labels.iter().map(|(kind, label)| {
            let annotation = kind.span(clamp(label.span, text));
            if label.message.is_empty() {
                annotation
            } else {
                annotation.label(&label.message)
            }
        });
        group = group.element(Snippet::source(text).path(path).annotations(annotations));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Ascii).render(&[group])
}

/// A file's path and text with the labels in it; the primary label's file first.
type FileLabels<'a> = (&'a str, &'a str, Vec<(AnnotationKind, &'a Label)>);

fn by_file<'a>(diagnostic: &'a Diagnostic, texts: &'a dyn Texts) -> Vec<FileLabels<'a>> {
    let primary = diagnostic.primary.iter().map(|label| (AnnotationKind::Primary, label));
    let secondary = diagnostic.secondary.iter().map(|label| (AnnotationKind::Context, label));
    let mut files: BTreeMap<(bool, FileId), Vec<(AnnotationKind, &Label)>> = BTreeMap::new();
    let first = diagnostic.primary.as_ref().map(|label| label.span.file);
    for (kind, label) in primary.chain(secondary) {
        let file = label.span.file;
        files.entry((Some(file) != first, file)).or_default().push((kind, label));
    }
    let with_text = |((_, file), labels)| {
        let (path, text) = texts.text(file)?;
        Some((path, text, labels))
    };
    files.into_iter().filter_map(with_text).collect()
}

/// The span as a range of the text, on character boundaries and never empty where there is text to show.
fn clamp(span: Span, text: &str) -> std::ops::Range<usize> {
    let boundary = |mut byte: usize| {
        byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    };
    let start = boundary(span.start as usize);
    let end = boundary(span.end as usize).max(start);
    start..end
}

fn short(diagnostic: &Diagnostic, texts: &dyn Texts) -> String {
    let place = diagnostic.primary.as_ref().and_then(|label| {
        let (path, text) = texts.text(label.span.file)?;
        let Position { line, column } = position(text, label.span.start as usize);
        Some(format!("{path}:{line}:{column}: "))
    });
    let hint = diagnostic.hint.as_ref().map(|hint| format!(" (hint: {hint})"));
    format!(
        "{}{}[{}]: {}{}",
        place.unwrap_or_default(),
        severity(diagnostic.severity),
        diagnostic.code,
        diagnostic.message,
        hint.unwrap_or_default()
    )
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// One diagnostic as a JSON object without line breaks: `version`, `code`, `severity`, `message`, `primary` and `secondary` places (each
/// with `path`, `start` and `end` bytes, `line`, `column`, `end_line`, `end_column`, `label`), `notes`, `hint`.
pub fn json(diagnostic: &Diagnostic, texts: &dyn Texts) -> String {
    let place = |label: &Label| {
        let (path, text) = texts.text(label.span.file)?;
        let start = position(text, label.span.start as usize);
        let end = position(text, label.span.end as usize);
        Some(serde_json::json!({
            "path": path,
            "start": label.span.start,
            "end": label.span.end,
            "line": start.line,
            "column": start.column,
            "end_line": end.line,
            "end_column": end.column,
            "label": label.message,
        }))
    };
    serde_json::json!({
        "version": 1,
        "code": diagnostic.code,
        "severity": severity(diagnostic.severity),
        "message": diagnostic.message,
        "primary": diagnostic.primary.as_ref().and_then(place),
        "secondary": diagnostic.secondary.iter().filter_map(place).collect::<Vec<_>>(),
        "notes": diagnostic.notes,
        "hint": diagnostic.hint,
    })
    .to_string()
}
