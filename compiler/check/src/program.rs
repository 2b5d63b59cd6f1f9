//! A program: the sources of one compilation, parsed, and what can be asked of them.

use crate::elaborated::{ElaboratedTest, TestInfo};
use crate::names::{DefinitionId, Names};
use crate::sources::{parse_needed, Sources};
use crate::test_items;
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Definition, Item, ItemKind, Name, Test};
use moe_grammar::{FileId, Parse, Span};
use std::collections::BTreeSet;

/// The bytes of stack that checking has, most of which it never touches.
const ROOM: usize = 256 << 20;

/// The sources of one compilation, parsed.
#[derive(Debug)]
pub struct Program {
    sources: Sources,
    /// Of the files that were read.
    pub(crate) parses: Vec<Option<Parse>>,
    names: Names,
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

    pub(crate) fn mistakes_from(&self, file: u32) -> Vec<Diagnostic> {
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

    pub(crate) fn items(&self, file: u32) -> &[Item] {
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

/// Does something where calls may go deep: definitions in definitions, each of them deep in brackets. Where no thread can be had, it is
/// done in this one.
pub(crate) fn with_room<T: Send>(work: impl Fn() -> T + Sync) -> T {
    let on_thread = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(ROOM).spawn_scoped(scope, &work).ok()?;
        Some(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    on_thread.unwrap_or_else(work)
}
