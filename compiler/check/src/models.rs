//! Models as graphs.

use crate::elaborated::{Elaborated, KnownWeights, ModelInfo, Setting, WeightDeclaration};
use crate::elaborator::{Elaborator, Mode};
use crate::mapping::{self, Mapping, WeightInfo};
use crate::names::DefinitionId;
use crate::program::{with_room, Program};
use moe_diagnostics::{Diagnostic, Severity};
use moe_grammar::tree::{
    Definition, DefinitionKind, Expression, ExpressionKind, Item, ItemKind, SettingsKind, UnaryOperator,
};
use moe_grammar::FileId;
use moe_graph::{live_nodes, Module, Operation, ParameterKind};
use std::collections::BTreeMap;

/// A model elaborated, before its `weights` blocks.
pub(crate) struct Compiled {
    pub module: Module,
    pub weights: Vec<WeightInfo>,
    declarations: BTreeMap<String, WeightDeclaration>,
    known: KnownWeights,
}

impl Program {
    pub(crate) fn model(&self, file: u32, name: &str) -> Option<(DefinitionId, &Definition)> {
        let items = self.items(file).iter().enumerate();
        let mut models = items.filter_map(|(index, item)| {
            let own = crate::names::definition(item).filter(|own| own.kind == DefinitionKind::Model)?;
            Some((DefinitionId { file, item: index as u32 }, own))
        });
        models.find(|(_, own)| own.name.text == name)
    }

    /// The models of a file.
    pub fn models(&self, file: FileId) -> Vec<ModelInfo> {
        let definitions = self.items(file.0).iter().filter_map(crate::names::definition);
        definitions
            .filter(|definition| definition.kind == DefinitionKind::Model)
            .map(|definition| ModelInfo {
                name: definition.name.text.clone(),
                span: definition.name.span,
                statics: definition
                    .statics
                    .iter()
                    .map(|own| (own.name.text.clone(), own.default.as_ref().and_then(setting)))
                    .collect(),
            })
            .collect()
    }

    /// A model as a graph, with static parameters as given, else their defaults.
    ///
    /// # Errors
    /// All mistakes of the model and of what it uses.
    pub fn elaborate(
        &self,
        file: FileId,
        model: &str,
        settings: &BTreeMap<String, Setting>,
    ) -> Result<Elaborated, Vec<Diagnostic>> {
        self.elaborate_for(file, model, settings, &KnownWeights::new())
    }

    /// As [`Program::elaborate`], for weights of which something is known: each is its number at these places as if the source said so, so that it
    /// absorbs there.
    ///
    /// # Errors
    /// All mistakes of the model and of what it uses.
    pub fn elaborate_for(
        &self,
        file: FileId,
        model: &str,
        settings: &BTreeMap<String, Setting>,
        known: &KnownWeights,
    ) -> Result<Elaborated, Vec<Diagnostic>> {
        with_room(|| self.elaborate_model(file, model, settings, known))
    }

    fn elaborate_model(
        &self,
        file: FileId,
        model: &str,
        settings: &BTreeMap<String, Setting>,
        known: &KnownWeights,
    ) -> Result<Elaborated, Vec<Diagnostic>> {
        let mut mistakes = self.mistakes_from(file.0);
        let Some((id, definition)) = self.model(file.0, model) else {
            let mistake = Diagnostic::plain_error("E0011", format!("there is no model `{model}`"));
            let known = self.models(file);
            mistakes.push(crate::names::suggest(
                mistake,
                model,
                known.iter().map(|model| model.name.as_str()),
            ));
            return Err(mistakes);
        };
        mistakes.extend(unknown_settings(definition, settings));
        for item in self.items(file.0) {
            if let ItemKind::Settings(block) = &item.kind {
                if block.model.text == model {
                    mistakes.push(unsupported(item, block.kind));
                }
            }
        }
        if mistakes.iter().any(|mistake| mistake.severity == Severity::Error) {
            return Err(mistakes);
        }
        let Compiled { module, weights, declarations, known } =
            self.compile(id, definition, settings, known)?;
        let mappings = self.mappings(file.0, model, &weights)?;
        mistakes.extend(unused_weights(&module));
        Ok(Elaborated { name: model.to_owned(), module, mappings, declarations, known, warnings: mistakes })
    }

    fn mappings(
        &self,
        file: u32,
        model: &str,
        weights: &[WeightInfo],
    ) -> Result<BTreeMap<String, Mapping>, Vec<Diagnostic>> {
        let (mut mappings, mut mistakes) = (BTreeMap::new(), Vec::new());
        for item in self.items(file) {
            let ItemKind::Weights(block) = &item.kind else { continue };
            if block.model.text != model {
                continue;
            }
            match mapping::resolve(block, weights) {
                Ok(mapping) => drop(mappings.insert(block.source.text.clone(), mapping)),
                Err(found) => mistakes.extend(found),
            }
        }
        if mistakes.is_empty() {
            Ok(mappings)
        } else {
            Err(mistakes)
        }
    }

    pub(crate) fn compile(
        &self,
        id: DefinitionId,
        definition: &Definition,
        settings: &BTreeMap<String, Setting>,
        known: &KnownWeights,
    ) -> Result<Compiled, Vec<Diagnostic>> {
        let mut elaborator = Elaborator::new(self, &definition.name.text, Mode::Compile);
        elaborator.known = known.clone();
        elaborator.top(id, settings);
        let weights = elaborator.weight_infos();
        let declarations = elaborator.declarations();
        let known = std::mem::take(&mut elaborator.known_used);
        Ok(Compiled { module: elaborator.finish()?, weights, declarations, known })
    }
}

fn setting(default: &Expression) -> Option<Setting> {
    match &default.kind {
        ExpressionKind::Bool(truth) => Some(Setting::Boolean(*truth)),
        ExpressionKind::Number(text) => {
            let digits = text.replace('_', "");
            let whole = digits.parse::<i64>().ok().map(Setting::Integer);
            whole.or_else(|| digits.parse::<f64>().ok().map(Setting::Number))
        }
        ExpressionKind::Unary(UnaryOperator::Negate, inner) => match setting(inner)? {
            Setting::Integer(value) => Some(Setting::Integer(-value)),
            Setting::Number(value) => Some(Setting::Number(-value)),
            Setting::Boolean(_) => None,
        },
        _ => None,
    }
}

/// A warning for each weight that no output needs: a file must have it all the same.
pub(crate) fn unused_weights(module: &Module) -> Vec<Diagnostic> {
    let Some(entry) = module.entry() else { return Vec::new() };
    let live = live_nodes(entry);
    let unused = entry.nodes.iter().zip(&live).filter_map(|(node, live)| match node.operation {
        Operation::Parameter(index) if !live => Some((entry.parameters.get(index as usize)?, node.span?)),
        _ => None,
    });
    unused
        .filter(|(parameter, _)| parameter.kind == ParameterKind::Weight)
        .map(|(parameter, span)| {
            let message = format!("the weight `{}` is never used", parameter.name);
            Diagnostic::warning("unused-weight", span, message).label("no output depends on it")
        })
        .collect()
}

fn unknown_settings(definition: &Definition, settings: &BTreeMap<String, Setting>) -> Vec<Diagnostic> {
    let known: Vec<&str> = definition.statics.iter().map(|own| own.name.text.as_str()).collect();
    settings
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .map(|name| {
            let message = format!("`{}` has no static parameter `{name}`", definition.name.text);
            let mistake = Diagnostic::error("E0217", definition.name.span, message).label("defined here");
            let mistake = crate::names::suggest(mistake, name, known.iter().copied());
            match (&mistake.hint, known.as_slice()) {
                (Some(_), _) => mistake,
                (None, []) => mistake.hint("it has none"),
                (None, known) => mistake.hint(format!("it has {}", known.join(", "))),
            }
        })
        .collect()
}

pub(crate) fn unsupported(item: &Item, kind: SettingsKind) -> Diagnostic {
    let word = match kind {
        SettingsKind::Quantize => "quantize",
        SettingsKind::Adapt => "adapt",
        SettingsKind::Train => "train",
    };
    Diagnostic::error("E0501", item.span, format!("`{word}` blocks are not supported yet"))
        .label("this is read, and nothing is done with it")
        .hint("leave the block out until then")
}
