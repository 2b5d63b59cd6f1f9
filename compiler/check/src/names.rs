//! Names: modules, what each file can see, and "did you mean".

use crate::builtins;
use crate::sources::Sources;
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Definition, Item, ItemKind, Name, SourceFile, Use};
use moe_grammar::{FileId, Parse, Span};
use std::collections::{BTreeMap, BTreeSet};

/// A definition: the file and the index of the item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct DefinitionId {
    /// The file.
    pub file: u32,
    /// The item.
    pub item: u32,
}

/// What a name at the top level of a file stands for.
#[derive(Clone, Debug)]
enum Meaning {
    Definition(DefinitionId),
    Module(Vec<String>),
}

/// The names of all files.
#[derive(Default, Debug)]
pub(crate) struct Names {
    modules: BTreeMap<Vec<String>, u32>,
    scopes: Vec<BTreeMap<String, Meaning>>,
    /// The files that each file uses.
    pub uses: Vec<BTreeSet<u32>>,
    /// The mistakes about names of each file.
    pub mistakes: Vec<Vec<Diagnostic>>,
}

/// The definition an item is.
pub(crate) fn definition(item: &Item) -> Option<&Definition> {
    match &item.kind {
        ItemKind::Definition(definition) => Some(definition),
        _ => None,
    }
}

impl Names {
    /// Resolves every `use` of every file.
    pub fn resolve(sources: &Sources, parses: &[Option<Parse>]) -> Names {
        let mut names = Names::default();
        for (index, file) in sources.files.iter().enumerate() {
            names.modules.entry(file.module.clone()).or_insert(index as u32);
        }
        let unread = SourceFile::default();
        let trees: Vec<&SourceFile> =
            (0..parses.len()).map(|file| tree(file as u32, parses).unwrap_or(&unread)).collect();
        for (index, tree) in trees.iter().enumerate() {
            names.declare(index as u32, tree);
        }
        for (index, tree) in trees.iter().enumerate() {
            names.bring_in(index as u32, tree, parses);
        }
        names
    }

    fn declare(&mut self, file: u32, tree: &SourceFile) {
        let mut scope: BTreeMap<String, Meaning> = BTreeMap::new();
        let mut places: BTreeMap<&str, Span> = BTreeMap::new();
        let mut mistakes = Vec::new();
        for (index, item) in tree.items.iter().enumerate() {
            let name = match &item.kind {
                ItemKind::Definition(definition) => &definition.name,
                _ => continue,
            };
            if let Some(first) = places.insert(&name.text, name.span) {
                mistakes.push(duplicate(name, first));
                continue;
            }
            let id = DefinitionId { file, item: index as u32 };
            scope.insert(name.text.clone(), Meaning::Definition(id));
        }
        self.scopes.push(scope);
        self.mistakes.push(mistakes);
        self.uses.push(BTreeSet::new());
    }

    fn bring_in(&mut self, file: u32, tree: &SourceFile, parses: &[Option<Parse>]) {
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        for item in &tree.items {
            let ItemKind::Use(used) = &item.kind else { continue };
            for (name, alias) in &used.names {
                let here = alias.as_ref().unwrap_or(name);
                match self.used(file, used, name, parses) {
                    Ok(meaning) => self.add_used(file, here, meaning, &mut places, tree),
                    Err(mistake) => {
                        // What is private is told once: its uses are read as they are meant.
                        if let Some(id) = self.private(used, name, parses) {
                            self.add_used(file, here, Meaning::Definition(id), &mut places, tree);
                        }
                        self.mistake(file, mistake);
                    }
                }
            }
        }
    }

    /// The private item that a `use` names.
    fn private(&self, used: &Use, name: &Name, parses: &[Option<Parse>]) -> Option<DefinitionId> {
        let folder: Vec<String> = used.path.iter().map(|part| part.text.clone()).collect();
        let longer: Vec<String> = folder.iter().cloned().chain([name.text.clone()]).collect();
        [folder, longer].iter().find_map(|module| find(*self.modules.get(module)?, &name.text, parses))
    }

    fn add_used(
        &mut self,
        file: u32,
        name: &Name,
        meaning: Meaning,
        places: &mut BTreeMap<String, Span>,
        tree: &SourceFile,
    ) {
        let own = tree.items.iter().filter_map(definition).find(|own| own.name.text == name.text);
        let first = places.insert(name.text.clone(), name.span).or(own.map(|own| own.name.span));
        if let Some(first) = first {
            self.mistake(file, duplicate(name, first));
        } else if let Some(scope) = self.scopes.get_mut(file as usize) {
            scope.insert(name.text.clone(), meaning);
        }
    }

    fn mistake(&mut self, file: u32, mistake: Diagnostic) {
        if let Some(mistakes) = self.mistakes.get_mut(file as usize) {
            mistakes.push(mistake);
        }
    }

    fn used(
        &mut self,
        file: u32,
        used: &Use,
        name: &Name,
        parses: &[Option<Parse>],
    ) -> Result<Meaning, Diagnostic> {
        let mut path: Vec<Name> = used.path.clone();
        path.push(name.clone());
        match self.item_of(file, &path, parses) {
            Ok(id) => {
                if let Some(uses) = self.uses.get_mut(file as usize) {
                    uses.insert(id.file);
                }
                Ok(Meaning::Definition(id))
            }
            Err(mistake) => {
                let module: Vec<String> = path.iter().map(|name| name.text.clone()).collect();
                let known = self.modules.get(&module).copied().or_else(|| {
                    self.modules.iter().find(|(known, _)| known.starts_with(&module)).map(|(_, file)| *file)
                });
                let Some(other) = known.filter(|_| mistake.code == "E0102") else { return Err(mistake) };
                if let Some(uses) = self.uses.get_mut(file as usize) {
                    uses.insert(other);
                }
                Ok(Meaning::Module(module))
            }
        }
    }

    /// The item that an absolute path names: `a::b::c` is the item `c` of the module `a::b` or of the module `a::b::c`.
    fn item_of(
        &self,
        from: u32,
        path: &[Name],
        parses: &[Option<Parse>],
    ) -> Result<DefinitionId, Diagnostic> {
        let Some((last, folder)) = path.split_last() else {
            return Err(Diagnostic::error("E0102", Span::default(), "an empty path names nothing"));
        };
        let folder: Vec<String> = folder.iter().map(|name| name.text.clone()).collect();
        let longer: Vec<String> = folder.iter().cloned().chain([last.text.clone()]).collect();
        for module in [&folder, &longer] {
            let Some(file) = self.modules.get(module) else { continue };
            if let Some(id) = find(*file, &last.text, parses) {
                return visible(from, id, last, parses);
            }
        }
        Err(self.no_item(&folder, last, parses))
    }

    fn no_item(&self, folder: &[String], last: &Name, parses: &[Option<Parse>]) -> Diagnostic {
        let shown = folder.join("::");
        let mistake =
            Diagnostic::error("E0102", last.span, format!("there is no `{}` in `{shown}`", last.text))
                .label("not found");
        let items = self.modules.get(folder).and_then(|file| tree(*file, parses));
        let items = items.into_iter().flat_map(|tree| tree.items.iter().filter(|item| item.public));
        let own = items.filter_map(definition).map(|definition| definition.name.text.clone());
        let below = self
            .modules
            .keys()
            .filter(|module| module.len() == folder.len() + 1 && module.starts_with(folder));
        let below = below.filter_map(|module| module.last().cloned());
        let candidates: Vec<String> = own.chain(below).collect();
        if candidates.is_empty() {
            let modules: Vec<String> = self.modules.keys().map(|module| module.join("::")).collect();
            return suggest(
                mistake.label("there is no such module"),
                &shown,
                modules.iter().map(String::as_str),
            );
        }
        suggest(mistake, &last.text, candidates.iter().map(String::as_str))
    }

    /// The definition that a path names in a file.
    pub fn lookup(
        &self,
        file: u32,
        path: &[Name],
        sources: &Sources,
        parses: &[Option<Parse>],
    ) -> Result<DefinitionId, Diagnostic> {
        let scope = self.scopes.get(file as usize);
        let first = path.first().and_then(|name| scope?.get(&name.text));
        match (path, first) {
            ([_], Some(Meaning::Definition(id))) => Ok(*id),
            ([name], Some(Meaning::Module(_))) => {
                Err(Diagnostic::error("E0107", name.span, format!("`{}` is a module", name.text))
                    .hint(format!("name an item of it: `{}::…`", name.text)))
            }
            ([name], None) => Err(self.unknown(file, name, &[], sources)),
            ([_, rest @ ..], Some(Meaning::Module(module))) => {
                let span = path.first().map(|name| name.span).unwrap_or_default();
                let absolute: Vec<Name> = module
                    .iter()
                    .map(|text| Name { text: text.clone(), span })
                    .chain(rest.iter().cloned())
                    .collect();
                self.item_of(file, &absolute, parses)
            }
            _ => self.item_of(file, path, parses),
        }
    }

    /// Whether a file defines or uses a name.
    pub fn knows(&self, file: u32, name: &str) -> bool {
        self.scopes.get(file as usize).is_some_and(|scope| scope.contains_key(name))
    }

    /// The mistake that a name is not known, with the names it may have been meant for.
    pub fn unknown(&self, file: u32, name: &Name, local: &[String], sources: &Sources) -> Diagnostic {
        let scope = self.scopes.get(file as usize);
        let mistake = Diagnostic::error("E0101", name.span, format!("there is no `{}` here", name.text))
            .label("not found");
        let candidates = local
            .iter()
            .map(String::as_str)
            .chain(scope.into_iter().flat_map(|scope| scope.keys().map(String::as_str)))
            .chain(builtins::BUILTINS.iter().map(|builtin| builtin.name));
        if let Some(path) = in_library(&name.text, sources) {
            return mistake.hint(format!("it is in the library: `use {path}`"));
        }
        suggest(mistake, &name.text, candidates)
    }
}

/// Where the library has a public item of a name. This reads all of the library, which only a mistake makes worth while.
fn in_library(name: &str, sources: &Sources) -> Option<String> {
    let named =
        |item: &Item| item.public && definition(item).is_some_and(|definition| definition.name.text == name);
    let mut files = sources.files.iter().filter(|file| file.is_library());
    let file = files.find(|file| {
        // A file that has an item has its name.
        file.text.contains(name) && moe_grammar::parse(FileId(0), &file.text).tree.items.iter().any(named)
    })?;
    Some(format!("{}::{name}", file.module.join("::")))
}

/// The tree of a file, if it was read.
fn tree(file: u32, parses: &[Option<Parse>]) -> Option<&SourceFile> {
    parses.get(file as usize)?.as_ref().map(|parse| &parse.tree)
}

fn find(file: u32, name: &str, parses: &[Option<Parse>]) -> Option<DefinitionId> {
    let items = &tree(file, parses)?.items;
    let index = items.iter().position(|item| definition(item).is_some_and(|own| own.name.text == name))?;
    Some(DefinitionId { file, item: index as u32 })
}

fn visible(
    from: u32,
    id: DefinitionId,
    name: &Name,
    parses: &[Option<Parse>],
) -> Result<DefinitionId, Diagnostic> {
    let item = tree(id.file, parses).and_then(|tree| tree.items.get(id.item as usize));
    match item.filter(|item| !item.public && from != id.file) {
        None => Ok(id),
        Some(item) => {
            Err(Diagnostic::error("E0103", name.span, format!("`{}` is private to its file", name.text))
                .label("not visible here")
                .also(definition(item).map_or(item.span, |own| own.name.span), "defined here, without `pub`")
                .hint("write `pub` before it"))
        }
    }
}

/// The mistake that a name is defined twice.
pub(crate) fn duplicate(name: &Name, first: Span) -> Diagnostic {
    let first = Span { file: FileId(first.file.0), ..first };
    Diagnostic::error("E0104", name.span, format!("`{}` is defined twice", name.text))
        .label("again here")
        .also(first, "first here")
        .hint("give one of them another name")
}

/// The candidate most like a name, if one is alike.
pub(crate) fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |candidate: &'a str| {
        let distance = strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
        (distance <= 1 + name.chars().count() / 4 && distance < name.chars().count())
            .then_some((distance, candidate))
    };
    candidates.filter(|candidate| *candidate != name).filter_map(alike).min().map(|(_, candidate)| candidate)
}

/// The diagnostic with "did you mean", if a candidate is alike.
pub(crate) fn suggest<'a>(
    diagnostic: Diagnostic,
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    match closest(name, candidates) {
        Some(candidate) => diagnostic.hint(format!("did you mean `{candidate}`?")),
        None => diagnostic,
    }
}
