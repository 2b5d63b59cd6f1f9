//! A program: the sources of one compilation, parsed, and what can be asked of them.

use crate::elaborator::{Elaborator, Mode};
use crate::limits::{Budget, MOST_STEPS_OF_A_FILE};
use crate::mapping;
use crate::names::{DefinitionId, Names};
use crate::statics::{kind_of, StaticKind};
use crate::test_items;
use moe_diagnostics::{Diagnostic, Severity};
use moe_grammar::tree::{
    AxisExpression, Definition, DefinitionKind, Expression, ExpressionKind, Item, ItemKind, Name,
    SettingsKind, Test, UnaryOperator, WeightsBlock,
};
use moe_grammar::{FileId, Parse, Span};
use moe_graph::{live_nodes, Module, Operation, ParameterKind};
use std::collections::{BTreeMap, BTreeSet};

use crate::mapping::{Mapping, WeightInfo};

/// How many boolean static parameters of one definition are checked in all combinations.
const COMBINED: usize = 4;

/// The bytes of stack that checking has, most of which it never touches.
const ROOM: usize = 256 << 20;

/// One source file.
#[derive(Clone, Debug, Default)]
pub struct SourceFile {
    /// What messages call it.
    pub path: String,
    /// Its module path, such as `["std", "gate", "top_k"]`.
    pub module: Vec<String>,
    /// Its text.
    pub text: String,
}

/// The files of a compilation; a [`FileId`] is an index into them, and the first is the user's.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The files.
    pub files: Vec<SourceFile>,
}

/// A static parameter's value as given from outside.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Setting {
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A truth value.
    Boolean(bool),
}

/// A model of a file.
#[derive(Clone, PartialEq, Debug)]
pub struct ModelInfo {
    /// Its name.
    pub name: String,
    /// Where its name is.
    pub span: Span,
    /// Its static parameters, and their defaults where those are plain numbers or truth values.
    pub statics: Vec<(String, Option<Setting>)>,
}

/// A model as a graph.
#[derive(Clone, Debug)]
pub struct Elaborated {
    /// The model's name.
    pub name: String,
    /// The graph.
    pub module: Module,
    /// The `weights` blocks of the model, by the name of their source.
    pub mappings: BTreeMap<String, Mapping>,
    /// What the declarations of the weights say besides their types.
    pub declarations: BTreeMap<String, WeightDeclaration>,
    /// What was taken for granted of weights.
    pub known: KnownWeights,
    /// What is likely not meant.
    pub warnings: Vec<Diagnostic>,
}

/// What is known of weights while compiling, by dotted name.
pub type KnownWeights = BTreeMap<String, Vec<KnownPlaces>>;

/// Places along an axis of a weight at which all its entries are one number.
#[derive(Clone, PartialEq, Debug)]
pub struct KnownPlaces {
    /// The axis, counted from the first.
    pub axis: usize,
    /// For each place whether it may have other entries.
    pub needed: Vec<bool>,
    /// What the entries are elsewhere: 0, or -inf.
    pub otherwise: f64,
}

/// What the declaration of a weight says besides its type.
#[derive(Clone, PartialEq, Debug)]
pub struct WeightDeclaration {
    /// Where it is declared.
    pub span: Span,
    /// What it begins as, as written.
    pub initial: Option<String>,
    /// Whether training leaves it alone.
    pub frozen: bool,
    /// The proximal operator, as written.
    pub prox: Option<String>,
}

/// A test of a file.
#[derive(Clone, PartialEq, Debug)]
pub struct TestInfo {
    /// Its name.
    pub name: String,
    /// Where its name is.
    pub span: Span,
}

/// A test as a graph.
#[derive(Clone, Debug)]
pub struct ElaboratedTest {
    /// The graph: one `bool` output an assertion, named `a0`, `a1` and so on.
    pub module: Module,
    /// The assertions, in order.
    pub assertions: Vec<Assertion>,
}

/// One assertion of a test.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assertion {
    /// What is asserted.
    pub span: Span,
}

/// The name that paths into the standard library begin with.
const LIBRARY: &str = "std";

/// The sources of one compilation, parsed.
#[derive(Debug)]
pub struct Program {
    sources: Sources,
    /// Of the files that were read.
    parses: Vec<Option<Parse>>,
    names: Names,
}

impl SourceFile {
    /// A file of the standard library, by its path inside it, such as `gate/top_k.moe`.
    pub fn of_library(path: &str, text: &str) -> Self {
        let names = path.trim_end_matches(".moe").split('/').map(str::to_owned);
        let module = [LIBRARY.to_owned()].into_iter().chain(names).collect();
        SourceFile { path: format!("{LIBRARY}/{path}"), module, text: text.to_owned() }
    }

    pub(crate) fn is_library(&self) -> bool {
        self.module.first().is_some_and(|first| first == LIBRARY)
    }
}

/// Parses the sources and resolves what they use. Mistakes are told by [`Program::diagnostics`].
///
/// Files of the library that nothing names stay unread, but for the first file: only what the first file needs can be asked about.
pub fn load(sources: Sources) -> Program {
    load_parsed(sources, Vec::new())
}

/// As [`load`], where the first files are parsed already.
pub fn load_parsed(sources: Sources, parses: Vec<Parse>) -> Program {
    let mut parses: Vec<Option<Parse>> = parses.into_iter().map(Some).collect();
    parses.resize(sources.files.len(), None);
    parse_needed(&sources, &mut parses);
    let names = Names::resolve(&sources, &parses);
    Program { sources, parses, names }
}

/// Parses the first file, those that are not of the library, and of the library those whose own name stands in a file that is parsed: no path
/// can name an item of another.
fn parse_needed(sources: &Sources, parses: &mut [Option<Parse>]) {
    let mut open: Vec<usize> =
        (0..sources.files.len()).filter(|index| *index == 0 || !named(sources, *index).1).collect();
    let mut needed: BTreeSet<usize> = open.iter().copied().collect();
    while let Some(index) = open.pop() {
        let Some(file) = sources.files.get(index) else { continue };
        let found: Vec<usize> = (0..sources.files.len())
            .filter(|other| !needed.contains(other) && file.text.contains(named(sources, *other).0))
            .collect();
        needed.extend(&found);
        open.extend(found);
    }
    for (index, (parse, file)) in parses.iter_mut().zip(&sources.files).enumerate() {
        if needed.contains(&index) {
            parse.get_or_insert_with(|| moe_grammar::parse(FileId(index as u32), &file.text));
        }
    }
}

/// The last name of a file's module, and whether it is of the library.
fn named(sources: &Sources, index: usize) -> (&str, bool) {
    let Some(file) = sources.files.get(index) else { return ("", false) };
    (file.module.last().map_or("", String::as_str), file.is_library())
}

/// A model elaborated, before its `weights` blocks.
struct Compiled {
    module: Module,
    weights: Vec<WeightInfo>,
    declarations: BTreeMap<String, WeightDeclaration>,
    known: KnownWeights,
}

impl Program {
    /// The same sources with another text for one file: only that is parsed again.
    #[must_use]
    pub fn with_text(mut self, file: FileId, text: String) -> Program {
        if let Some(source) = self.sources.files.get_mut(file.0 as usize) {
            source.text = text;
        }
        if let Some(parse) = self.parses.get_mut(file.0 as usize) {
            *parse = None;
        }
        // What was left unread may be needed now.
        parse_needed(&self.sources, &mut self.parses);
        self.names = Names::resolve(&self.sources, &self.parses);
        self
    }

    /// The sources.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The syntax and name errors of the first file and of all files it uses.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.mistakes_from(0)
    }

    fn mistakes_from(&self, file: u32) -> Vec<Diagnostic> {
        let (mut waiting, mut seen) = (vec![file], BTreeSet::new());
        while let Some(file) = waiting.pop() {
            if seen.insert(file) {
                waiting.extend(self.names.uses.get(file as usize).into_iter().flatten());
            }
        }
        let mut mistakes = Vec::new();
        for file in seen {
            let syntax = self.parse(file).into_iter().flat_map(|parse| &parse.errors);
            mistakes.extend(syntax.map(Diagnostic::from));
            mistakes.extend(self.names.mistakes.get(file as usize).into_iter().flatten().cloned());
        }
        mistakes
    }

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

    fn model(&self, file: u32, name: &str) -> Option<(DefinitionId, &Definition)> {
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

    fn compile(
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

    /// The tests of a file.
    pub fn tests(&self, file: FileId) -> Vec<TestInfo> {
        let tests = self.items(file.0).iter().filter_map(|item| match &item.kind {
            ItemKind::Test(test) => Some(test),
            _ => None,
        });
        tests.map(|test: &Test| TestInfo { name: test.name.text.clone(), span: test.name.span }).collect()
    }

    /// A test as a graph.
    ///
    /// # Errors
    /// All mistakes of the test and of what it uses.
    pub fn elaborate_test(&self, file: FileId, test: &TestInfo) -> Result<ElaboratedTest, Vec<Diagnostic>> {
        let mistakes = self.mistakes_from(file.0);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let found = self.items(file.0).iter().find_map(|item| match &item.kind {
            ItemKind::Test(own) if own.name.span == test.span => Some(own),
            _ => None,
        });
        match found {
            Some(own) => with_room(|| test_items::elaborate(self, file.0, own)),
            None => Err(vec![Diagnostic::plain_error("E0605", format!("there is no test `{}`", test.name))]),
        }
    }

    fn parse(&self, file: u32) -> Option<&Parse> {
        self.parses.get(file as usize)?.as_ref()
    }

    fn items(&self, file: u32) -> &[Item] {
        self.parse(file).map(|parse| parse.tree.items.as_slice()).unwrap_or_default()
    }

    /// A definition.
    pub(crate) fn definition(&self, id: DefinitionId) -> Option<&Definition> {
        self.items(id.file).get(id.item as usize).and_then(crate::names::definition)
    }

    /// The definition that a path names in a file.
    pub(crate) fn lookup(&self, file: u32, path: &[Name]) -> Result<DefinitionId, Diagnostic> {
        self.names.lookup(file, path, &self.sources, &self.parses)
    }

    /// Whether a file defines or uses a name.
    pub(crate) fn is_defined(&self, file: u32, name: &Name) -> bool {
        self.names.knows(file, &name.text)
    }

    /// The mistake that a name is not known.
    pub(crate) fn unknown(&self, file: u32, name: &Name, local: &[String]) -> Diagnostic {
        self.names.unknown(file, name, local, &self.sources)
    }

    /// The source text of a place.
    pub(crate) fn text(&self, span: Span) -> &str {
        let file = self.sources.files.get(span.file.0 as usize);
        file.and_then(|file| file.text.get(span.range())).unwrap_or_default()
    }
}

impl Elaborator<'_> {
    /// The module, if there are no mistakes.
    pub fn finish(self) -> Result<Module, Vec<Diagnostic>> {
        let mistakes = self.report.into_list();
        if mistakes.iter().any(|mistake| mistake.severity == Severity::Error) {
            return Err(mistakes);
        }
        let mut levels = self.levels;
        let mut functions = self.functions;
        if let Some(level) = levels.pop() {
            functions.push(level.builder.finish());
        }
        let entry = functions.len().saturating_sub(1) as u32;
        Ok(Module { functions, entry, offsets: self.offsets })
    }

    /// The weights, as far as their shapes are known.
    pub fn weight_infos(&self) -> Vec<WeightInfo> {
        let shape = |axes: &mut dyn Iterator<Item = &crate::axes::AxisKey>| -> Option<Vec<u64>> {
            axes.map(|axis| u64::try_from(self.axes.axis_size(*axis).as_constant()?).ok()).collect()
        };
        self.weights
            .iter()
            .filter_map(|(name, weight)| {
                let shape = shape(&mut weight.stack.iter().chain(&weight.own))?;
                Some(WeightInfo { name: name.clone(), element: weight.element, shape })
            })
            .collect()
    }
}

impl Elaborator<'_> {
    fn declarations(&self) -> BTreeMap<String, WeightDeclaration> {
        self.weights.iter().map(|(name, weight)| (name.clone(), weight.declaration.clone())).collect()
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
fn unused_weights(module: &Module) -> Vec<Diagnostic> {
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

fn unsupported(item: &Item, kind: SettingsKind) -> Diagnostic {
    let word = match kind {
        SettingsKind::Quantize => "quantize",
        SettingsKind::Adapt => "adapt",
        SettingsKind::Train => "train",
    };
    Diagnostic::error("E0501", item.span, format!("`{word}` blocks are not supported yet"))
        .label("this is read, and nothing is done with it")
        .hint("leave the block out until then")
}

/// Does something where calls may go deep: definitions in definitions, each of them deep in brackets. Where no thread can be had, it is
/// done in this one.
fn with_room<T: Send>(work: impl Fn() -> T + Sync) -> T {
    let on_thread = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(ROOM).spawn_scoped(scope, &work).ok()?;
        Some(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    on_thread.unwrap_or_else(work)
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
