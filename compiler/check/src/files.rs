//! Everything that is wrong with a file.

use crate::elaborated::{KnownWeights, Setting};
use crate::elaborator::{Elaborator, Mode};
use crate::limits::{Budget, MOST_STEPS_OF_A_FILE};
use crate::mapping;
use crate::models::{unsupported, unused_weights};
use crate::names::DefinitionId;
use crate::program::{with_room, Program};
use crate::statics::{kind_of, StaticKind};
use crate::test_items;
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{AxisExpression, Definition, DefinitionKind, ItemKind, WeightsBlock};
use moe_grammar::FileId;
use std::collections::{BTreeMap, BTreeSet};

/// How many boolean static parameters of one definition are checked in all combinations.
const COMBINED: usize = 4;

impl Program {
    /// Everything that is wrong with one file: its own and its used files' syntax and names, and its definitions, tests and blocks.
    pub fn check_file(&self, file: FileId) -> Vec<Diagnostic> {
        with_room(|| self.check_all(file))
    }

    fn check_all(&self, file: FileId) -> Vec<Diagnostic> {
        let mut mistakes = self.mistakes_from(file.0);
        let mut left = MOST_STEPS_OF_A_FILE;
        for (index, item) in self.items(file.0).iter().enumerate() {
            let id = DefinitionId { file: file.0, item: index as u32 };
            match &item.kind {
                _ if left == 0 => break,
                ItemKind::Definition(definition) => {
                    mistakes.extend(self.check_definition(id, definition, &mut left))
                }
                ItemKind::Test(test) => {
                    mistakes.extend(test_items::elaborate(self, file.0, test).err().unwrap_or_default());
                }
                ItemKind::Weights(block) => mistakes.extend(self.check_weights(file.0, block)),
                ItemKind::Settings(block) => mistakes.push(unsupported(item, block.kind)),
                ItemKind::Use(_) => {}
            }
        }
        mistakes.extend(self.duplicate_tests(file.0));
        once(self.without_unread(mistakes))
    }

    /// Leaves out that a name is not there whose definition could not be read, or which a `use` that is wrong should have brought in.
    fn without_unread(&self, mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let place = |mistake: &Diagnostic| mistake.primary.as_ref().map(|label| self.text(label.span));
        let unread: BTreeSet<&str> = self
            .parses
            .iter()
            .flatten()
            .flat_map(|parse| &parse.unread)
            .map(|name| name.text.as_str())
            .collect();
        let used = mistakes.iter().filter(|mistake| matches!(mistake.code, "E0102" | "E0103"));
        let unused: BTreeSet<&str> = used.filter_map(place).collect();
        let is_unread = |mistake: &Diagnostic| {
            let Some(name) = place(mistake) else { return false };
            match mistake.code {
                "E0101" => unread.contains(name) || unused.contains(name),
                "E0102" | "E0502" => unread.contains(name),
                _ => false,
            }
        };
        mistakes.into_iter().filter(|mistake| !is_unread(mistake)).collect()
    }

    fn duplicate_tests(&self, file: u32) -> Vec<Diagnostic> {
        let mut seen = BTreeMap::new();
        let names = self.items(file).iter().filter_map(|item| match &item.kind {
            ItemKind::Test(test) => Some(&test.name),
            _ => None,
        });
        names
            .filter_map(|name| {
                let first = seen.insert(name.text.clone(), name.span)?;
                Some(crate::names::duplicate(name, first))
            })
            .collect()
    }

    /// The mistakes of a definition, with its truth values both ways.
    fn check_definition(&self, id: DefinitionId, definition: &Definition, left: &mut u64) -> Vec<Diagnostic> {
        let mut switches: Vec<String> = definition
            .statics
            .iter()
            .filter(|own| kind_of(own) == Some(StaticKind::Bool))
            .map(|own| own.name.text.clone())
            .take(COMBINED)
            .collect();
        let text = self.text(definition.body.span);
        if text.contains("training") {
            switches.push("training".to_owned());
        }
        let mut mistakes = Vec::new();
        let is_rest = |axis: &AxisExpression| matches!(axis, AxisExpression::Rest(_));
        let has_rest = definition.parameters.iter().any(|own| own.ty.axes.iter().flatten().any(is_rest));
        // `..` may stand for any number of axes: what holds for one and for two holds for all.
        let rests = if has_rest { 1..=2 } else { 1..=1 };
        for (choice, rest) in
            (0..1_u32 << switches.len()).flat_map(|choice| rests.clone().map(move |rest| (choice, rest)))
        {
            if rest > 1 && !mistakes.is_empty() {
                continue;
            }
            let settings: BTreeMap<String, Setting> = switches
                .iter()
                .enumerate()
                .map(|(bit, name)| (name.clone(), Setting::Boolean(choice >> bit & 1 == 1)))
                .collect();
            let mut elaborator = Elaborator::new(self, &definition.name.text, Mode::Check);
            elaborator.training = settings.get("training") == Some(&Setting::Boolean(true));
            elaborator.rest_axes = rest;
            elaborator.budget = Budget::within(*left);
            elaborator.top(id, &settings);
            *left -= elaborator.budget.used();
            if elaborator.budget.is_spent() {
                // Whatever calls this comes to as much.
                *left = 0;
            }
            let found = elaborator.report.into_list().into_iter();
            mistakes.extend(found.map(|mistake| match rest {
                1 => mistake,
                _ => mistake.note("this is so where `..` stands for two axes, `..1` and `..2`"),
            }));
        }
        let ready = definition.kind == DefinitionKind::Model
            && definition.statics.iter().all(|own| own.default.is_some());
        if mistakes.is_empty() && ready {
            mistakes.extend(match self.compile(id, definition, &BTreeMap::new(), &KnownWeights::new()) {
                Ok(compiled) => unused_weights(&compiled.module),
                Err(wrong) => wrong,
            });
        }
        once(mistakes)
    }

    fn check_weights(&self, file: u32, block: &WeightsBlock) -> Vec<Diagnostic> {
        let Some((id, definition)) = self.model(file, &block.model.text) else {
            let mistake = Diagnostic::error(
                "E0502",
                block.model.span,
                format!("there is no model `{}` in this file", block.model.text),
            )
            .label("not found");
            let known = self.models(FileId(file));
            return vec![crate::names::suggest(
                mistake,
                &block.model.text,
                known.iter().map(|model| model.name.as_str()),
            )];
        };
        if definition.statics.iter().any(|own| own.default.is_none()) {
            return Vec::new();
        }
        match self.compile(id, definition, &BTreeMap::new(), &KnownWeights::new()) {
            Ok(compiled) => mapping::resolve(block, &compiled.weights).err().unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }
}

/// Each mistake once: those of the same code at the same place are told one time.
fn once(mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    mistakes
        .into_iter()
        .filter(|mistake| match &mistake.primary {
            Some(primary) => seen.insert((mistake.code, primary.span)),
            None => true,
        })
        .collect()
}
