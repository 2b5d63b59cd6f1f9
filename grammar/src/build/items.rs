//! Items.

use super::{doc_text, parts, Builder, Read};
use crate::grammar::Rule;
use crate::tree::{
    Definition, DefinitionKind, Item, ItemKind, Name, Parameter, PatternPart, ResultType, SettingsBlock,
    SettingsEntry, SettingsKind, SettingsValue, SplitKind, StaticParameter, Test, Use, WeightEntry,
    WeightStep, WeightsBlock,
};

impl Builder {
    /// `one_item`: an item with its doc comments.
    pub fn item(&mut self, read: Read<'_>) -> Option<Item> {
        let mut doc = Vec::new();
        for part in parts(read) {
            match part.as_rule() {
                Rule::doc => doc.push(doc_text(part.as_str())),
                Rule::item => return self.bare_item(part, doc),
                _ => {}
            }
        }
        None
    }

    fn bare_item(&mut self, read: Read<'_>, doc: Vec<String>) -> Option<Item> {
        let span = self.span(&read);
        let mut inner = parts(read).peekable();
        let public = inner.next_if(|part| part.as_rule() == Rule::kw_pub).is_some();
        let part = inner.next()?;
        let kind = match part.as_rule() {
            Rule::use_item => ItemKind::Use(self.use_item(part)?),
            Rule::definition => ItemKind::Definition(self.definition(part)?),
            Rule::test => ItemKind::Test(self.test(part)?),
            Rule::weights_block => ItemKind::Weights(self.weights_block(part)?),
            Rule::settings_block => ItemKind::Settings(self.settings_block(part)?),
            _ => return None,
        };
        if public && !matches!(kind, ItemKind::Definition(_)) {
            let place = crate::Span { end: span.start + 3, ..span };
            self.error("E0001", place, "only definitions can be `pub`", "nothing to make visible", None);
        }
        Some(Item { doc, public, kind, span })
    }

    fn use_item(&mut self, read: Read<'_>) -> Option<Use> {
        let mut path = Vec::new();
        let mut alias = None;
        for part in parts(read) {
            match part.as_rule() {
                Rule::name => path.push(self.name(&part)),
                Rule::use_alias => alias = self.names(part).pop(),
                Rule::use_list => {
                    let listed = parts(part).filter(|name| name.as_rule() == Rule::use_name);
                    let names = listed.map(|name| self.use_name(name)).collect::<Option<_>>()?;
                    return Some(Use { path, names, braces: true });
                }
                _ => {}
            }
        }
        let last = path.pop()?;
        Some(Use { path, names: vec![(last, alias)], braces: false })
    }

    fn use_name(&self, read: Read<'_>) -> Option<(Name, Option<Name>)> {
        let mut inner = parts(read);
        let name = self.name(&inner.next()?);
        let alias = inner.next().and_then(|alias| self.names(alias).pop());
        Some((name, alias))
    }

    fn definition(&mut self, read: Read<'_>) -> Option<Definition> {
        let mut inner = parts(read).peekable();
        let kind = match inner.next()?.as_str() {
            "model" => DefinitionKind::Model,
            "gate" => DefinitionKind::Gate,
            "expert" => DefinitionKind::Expert,
            "layer" => DefinitionKind::Layer,
            "adapter" => DefinitionKind::Adapter,
            _ => DefinitionKind::Function,
        };
        let name = self.name(&inner.next()?);
        let statics = match inner.next_if(|part| part.as_rule() == Rule::statics) {
            Some(statics) => parts(statics).map(|part| self.static_parameter(part)).collect::<Option<_>>()?,
            None => Vec::new(),
        };
        let parameters = self.parameters(inner.next()?)?;
        let result = inner.next()?;
        let result = match result.as_rule() {
            Rule::named_results => {
                let named = self.parameters(result)?;
                ResultType::Named(named.into_iter().map(|result| (result.name, result.ty)).collect())
            }
            _ => ResultType::Single(self.type_expression(result)?),
        };
        let body = self.block(inner.next()?)?;
        Some(Definition { kind, name, statics, parameters, result, body })
    }

    fn static_parameter(&mut self, read: Read<'_>) -> Option<StaticParameter> {
        let mut inner = parts(read);
        let name = self.name(&inner.next()?);
        let mut parameter = StaticParameter { name, kind: None, default: None };
        for part in inner {
            match part.as_rule() {
                Rule::static_kind => parameter.kind = self.names(part).pop(),
                _ => parameter.default = Some(self.expression(part)?),
            }
        }
        Some(parameter)
    }

    fn parameters(&mut self, read: Read<'_>) -> Option<Vec<Parameter>> {
        parts(read).map(|part| self.parameter(part)).collect()
    }

    fn parameter(&mut self, read: Read<'_>) -> Option<Parameter> {
        let mut inner = parts(read);
        let name = self.name(&inner.next()?);
        Some(Parameter { name, ty: self.type_expression(inner.next()?)? })
    }

    fn test(&mut self, read: Read<'_>) -> Option<Test> {
        let mut inner = parts(read);
        let name = self.name(&inner.next()?);
        Some(Test { name, body: self.block(inner.next()?)? })
    }

    fn weights_block(&mut self, read: Read<'_>) -> Option<WeightsBlock> {
        let mut inner = parts(read);
        let model = self.name(&inner.next()?);
        let source = self.name(&inner.next()?);
        let entries = parts(inner.next()?).filter(|part| part.as_rule() == Rule::weight_entry);
        let entries = entries.map(|entry| self.weight_entry(entry)).collect::<Option<_>>()?;
        Some(WeightsBlock { model, source, entries })
    }

    /// `experts.{gate, up}: "experts.gate_up_proj" split rows transpose`
    fn weight_entry(&mut self, read: Read<'_>) -> Option<WeightEntry> {
        let span = self.span(&read);
        let mut inner = parts(read);
        let pattern = self.pattern(inner.next()?)?;
        let key = inner.next()?;
        let steps = inner.map(|step| self.weight_step(step)).collect::<Option<_>>()?;
        Some(WeightEntry { pattern, key: unquoted(key.as_str()), key_span: self.span(&key), steps, span })
    }

    fn weight_step(&mut self, read: Read<'_>) -> Option<(WeightStep, crate::Span)> {
        let span = self.span(&read);
        let mut inner = parts(read);
        let word = inner.next()?.as_rule();
        let argument = inner.next();
        let step = match (word, argument) {
            (Rule::kw_transpose, _) => WeightStep::Transpose,
            (Rule::kw_cast, Some(element)) => WeightStep::Cast(self.name(&element)),
            (Rule::kw_stack, Some(index)) => WeightStep::Stack(self.name(&index)),
            (Rule::kw_split, Some(kind)) => WeightStep::Split(match kind.as_str() {
                "rows" => SplitKind::Rows,
                "columns" => SplitKind::Columns,
                _ => SplitKind::Interleaved,
            }),
            _ => return None,
        };
        Some((step, span))
    }

    fn pattern(&mut self, read: Read<'_>) -> Option<Vec<PatternPart>> {
        parts(read).map(|part| self.pattern_part(part)).collect()
    }

    fn pattern_part(&mut self, read: Read<'_>) -> Option<PatternPart> {
        let span = self.span(&read);
        let in_braces = read.as_str().starts_with('{');
        if read.as_str().trim_end() == "*" {
            return Some(PatternPart::Any(span));
        }
        let mut names = self.names(read);
        Some(match names.len() {
            1 if in_braces => PatternPart::Variable(names.pop()?),
            1 => PatternPart::Name(names.pop()?),
            _ => PatternPart::Choice(names, span),
        })
    }

    fn settings_block(&mut self, read: Read<'_>) -> Option<SettingsBlock> {
        let mut inner = parts(read);
        let kind = match inner.next()?.as_str() {
            "quantize" => SettingsKind::Quantize,
            "adapt" => SettingsKind::Adapt,
            _ => SettingsKind::Train,
        };
        let model = self.name(&inner.next()?);
        Some(SettingsBlock { kind, model, entries: self.settings(inner.next()?)? })
    }

    fn settings(&mut self, read: Read<'_>) -> Option<Vec<SettingsEntry>> {
        parts(read).filter(|part| part.as_rule() == Rule::setting).map(|part| self.setting(part)).collect()
    }

    fn setting(&mut self, read: Read<'_>) -> Option<SettingsEntry> {
        let span = self.span(&read);
        let mut inner = parts(read);
        let pattern = self.pattern(inner.next()?)?;
        let value = inner.next()?;
        let value = match value.as_rule() {
            Rule::settings => SettingsValue::Block(self.settings(value)?),
            _ => SettingsValue::Expression(self.expression(value)?),
        };
        Some(SettingsEntry { pattern, value, span })
    }
}

/// The text of a string between its quotation marks, with escapes resolved.
pub(super) fn unquoted(string: &str) -> String {
    let inside = string.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(string);
    let mut text = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        let resolved = match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            },
            _ => character,
        };
        text.push(resolved);
    }
    text
}
