//! What the reference evaluator could not do, as messages about the source.

use moe_diagnostics::Diagnostic;
use moe_evaluate::EvaluateError;
use moe_grammar::Span;

/// A message with a code; it points at the operation that failed where the evaluator knows it, else at `at`.
pub(crate) fn diagnostic(error: &EvaluateError, at: Option<Span>) -> Diagnostic {
    let message = error.to_string();
    match place(error).or(at) {
        Some(span) => Diagnostic::error(code(error), span, message).label("while this was computed"),
        None => Diagnostic::plain_error(code(error), message),
    }
}

fn code(error: &EvaluateError) -> &'static str {
    match error {
        EvaluateError::InputCount { .. }
        | EvaluateError::InputElement { .. }
        | EvaluateError::InputShape { .. }
        | EvaluateError::Offsets { .. } => "E0807",
        EvaluateError::Length { .. } => "E0808",
        EvaluateError::TooLarge { .. } => "E0809",
        EvaluateError::Index { .. } => "E0901",
        EvaluateError::Expect { .. } => "E0902",
        EvaluateError::EmptyAxis { .. } => "E0904",
        EvaluateError::Depth { .. } | EvaluateError::Malformed(_) => "E0899",
    }
}

fn place(error: &EvaluateError) -> Option<Span> {
    match error {
        EvaluateError::Index { span, .. }
        | EvaluateError::Expect { span, .. }
        | EvaluateError::EmptyAxis { span } => *span,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained() {
        let errors = [
            EvaluateError::InputCount { expected: 1, found: 2 },
            EvaluateError::Length { axis: "N".to_owned(), size: "N".to_owned() },
            EvaluateError::TooLarge { entries: 1 },
            EvaluateError::Index { index: 3, size: 3, span: None },
            EvaluateError::Expect { count: 1, found: 2, span: None },
            EvaluateError::EmptyAxis { span: None },
            EvaluateError::Depth { depth: 1 },
        ];
        for error in &errors {
            let code = diagnostic(error, None).code;
            assert!(moe_diagnostics::explain(code).is_some(), "{code} of {error}");
        }
    }

    #[test]
    fn a_fault_points_at_its_operation() {
        let own = Span { file: moe_grammar::FileId(0), start: 3, end: 5 };
        let test = Span { start: 0, end: 9, ..own };
        let error = EvaluateError::Index { index: 3, size: 3, span: Some(own) };
        assert_eq!(diagnostic(&error, Some(test)).primary.map(|label| label.span), Some(own));
        let error = EvaluateError::EmptyAxis { span: None };
        assert_eq!(diagnostic(&error, Some(test)).primary.map(|label| label.span), Some(test));
    }
}
