//! Several relocatable objects as one, and what every object must keep to.
//!
//! The objects are LLVM's own for kernels: code, constants, and relocations between them. Sections of one name are
//! laid behind each other in the order of the objects, so the result depends on nothing else.

use crate::error::LlvmError;
use object::read::File;
use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    BinaryFormat, Object as _, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionFlags,
    SectionKind, SymbolFlags, SymbolIndex, SymbolKind,
};
use std::collections::BTreeMap;

/// Joins objects in their order; one object is left as it is.
///
/// # Errors
/// If an object refers to a symbol that it does not define, or is not of the kind that kernels give.
pub(crate) fn objects(objects: Vec<Vec<u8>>) -> Result<Vec<u8>, LlvmError> {
    let files = objects.iter().map(|bytes| parse(bytes)).collect::<Result<Vec<_>, _>>()?;
    for file in &files {
        no_outside_symbols(file)?;
    }
    let Some(first) = files.first() else {
        return Err(refused("there is nothing to join"));
    };
    if files.len() == 1 {
        return Ok(objects.into_iter().next().unwrap_or_default());
    }
    let mut output = Object::new(BinaryFormat::Elf, first.architecture(), first.endianness());
    let mut sections = BTreeMap::new();
    for file in &files {
        let (places, symbols) = (BTreeMap::new(), BTreeMap::new());
        Part { output: &mut output, sections: &mut sections, file, places, symbols }.append()?;
    }
    // Says that the stack need not be executable.
    let note = output.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
    output.section_mut(note).flags = SectionFlags::Elf { sh_flags: 0 };
    output.write().map_err(|error| refused(&error.to_string()))
}

fn refused(what: &str) -> LlvmError {
    LlvmError::Refused { stage: "joining objects", what: what.to_owned() }
}

fn parse(bytes: &[u8]) -> Result<File<'_>, LlvmError> {
    File::parse(bytes).map_err(|error| refused(&error.to_string()))
}

/// Kernels call nothing: a name from outside would be a library function that LLVM made up.
fn no_outside_symbols(file: &File<'_>) -> Result<(), LlvmError> {
    let outside: Vec<&str> = file
        .symbols()
        .filter(|symbol| symbol.is_undefined() && symbol.index().0 != 0)
        .filter_map(|symbol| symbol.name().ok())
        .collect();
    if outside.is_empty() {
        return Ok(());
    }
    let what = format!("the code calls functions that are not part of it: {}", outside.join(", "));
    Err(LlvmError::Refused { stage: "writing code", what })
}

/// One object on its way into the whole.
struct Part<'o, 'f, 'd> {
    output: &'o mut Object<'static>,
    /// The sections of the whole, by name.
    sections: &'o mut BTreeMap<Vec<u8>, SectionId>,
    file: &'f File<'d>,
    /// Where each section lies in the whole.
    places: BTreeMap<usize, (SectionId, u64)>,
    symbols: BTreeMap<usize, SymbolId>,
}

impl Part<'_, '_, '_> {
    fn append(&mut self) -> Result<(), LlvmError> {
        let file = self.file;
        for section in file.sections() {
            if carries_data(section.kind()) {
                let place = self.section(&section)?;
                self.places.insert(section.index().0, place);
            }
        }
        for symbol in file.symbols() {
            if symbol.is_definition() {
                self.symbol(&symbol)?;
            }
        }
        for section in file.sections() {
            if let Some(place) = self.places.get(&section.index().0).copied() {
                self.relocations(&section, place)?;
            }
        }
        Ok(())
    }

    fn section<'d>(&mut self, section: &impl ObjectSection<'d>) -> Result<(SectionId, u64), LlvmError> {
        let wrong = |error: object::Error| refused(&error.to_string());
        let name = section.name().map_err(wrong)?.as_bytes().to_vec();
        let data = section.data().map_err(wrong)?;
        let id = match self.sections.get(&name) {
            Some(id) => *id,
            None => {
                // Constants are merged by nobody later: their sections would have to say the size of an entry.
                let kind = if section.kind() == SectionKind::Text {
                    SectionKind::Text
                } else {
                    SectionKind::ReadOnlyData
                };
                let id = self.output.add_section(Vec::new(), name.clone(), kind);
                self.sections.insert(name, id);
                id
            }
        };
        Ok((id, self.output.append_section_data(id, data, section.align())))
    }

    fn symbol<'d>(&mut self, symbol: &impl ObjectSymbol<'d>) -> Result<(), LlvmError> {
        let place = symbol.section_index().and_then(|index| self.places.get(&index.0).copied());
        let Some((section, base)) = place else {
            return Ok(());
        };
        let name = symbol.name_bytes().map_err(|error| refused(&error.to_string()))?.to_vec();
        let id = self.output.add_symbol(Symbol {
            name,
            value: base + symbol.address(),
            size: symbol.size(),
            kind: if symbol.kind() == SymbolKind::Text { SymbolKind::Text } else { SymbolKind::Data },
            scope: symbol.scope(),
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::None,
        });
        self.symbols.insert(symbol.index().0, id);
        Ok(())
    }

    fn relocations<'d>(
        &mut self,
        section: &impl ObjectSection<'d>,
        (id, base): (SectionId, u64),
    ) -> Result<(), LlvmError> {
        for (offset, relocation) in section.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else {
                return Err(refused("a relocation of another format"));
            };
            let RelocationTarget::Symbol(target) = relocation.target() else {
                return Err(refused("a relocation without a symbol"));
            };
            let (symbol, moved) = self.target(target)?;
            let added = self.output.add_relocation(
                id,
                Relocation {
                    offset: base + offset,
                    symbol,
                    addend: relocation.addend() + moved,
                    flags: RelocationFlags::Elf { r_type },
                },
            );
            added.map_err(|error| refused(&error.to_string()))?;
        }
        Ok(())
    }

    /// The symbol of the whole that a relocation is about, and how far the section it stands for has moved.
    fn target(&mut self, index: SymbolIndex) -> Result<(SymbolId, i64), LlvmError> {
        if let Some(id) = self.symbols.get(&index.0) {
            return Ok((*id, 0));
        }
        let symbol = self.file.symbol_by_index(index).map_err(|error| refused(&error.to_string()))?;
        let place = symbol.section_index().and_then(|section| self.places.get(&section.0).copied());
        let (section, base) = place.ok_or_else(|| refused("a relocation to a section that is not kept"))?;
        Ok((self.output.section_symbol(section), base as i64))
    }
}

/// Whether a section is code or constants.
fn carries_data(kind: SectionKind) -> bool {
    matches!(
        kind,
        SectionKind::Text
            | SectionKind::ReadOnlyData
            | SectionKind::ReadOnlyDataWithRel
            | SectionKind::ReadOnlyString
    )
}
