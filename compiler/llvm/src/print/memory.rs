//! Loads, stores, gathers and scatters.
//!
//! Buffers of truth values hold bytes: they are read as "not 0" and written as 0 or 1.

use super::{constant_text, types, Printer};
use crate::error::LlvmError;
use moe_kernel::{Value, ValueType};
use moe_runtime::Element;

/// What a memref of one axis is in LLVM: the allocated and the aligned address, an offset, sizes and strides.
pub(super) const DESCRIPTOR: &str =
    "!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>";

/// An access to entries of a buffer: how MLIR writes its parts.
struct Access {
    /// The buffer's name.
    buffer: String,
    /// The buffer's type.
    buffer_type: String,
    /// The type of one entry.
    entry: &'static str,
    /// The type of all lanes as they stand in memory.
    in_memory: String,
    lanes: u32,
}

impl Printer<'_> {
    /// A buffer's address as a memref. Its length is not known to the kernel, and nothing asks for it.
    pub(super) fn descriptor(&mut self, index: usize, element: Element) {
        let pointer = format!("%pointer{index}");
        self.begin(format!("%part{index}"));
        let mut whole = self.step("llvm.mlir.poison : !descriptor".to_owned());
        for (part, place) in
            [(pointer.as_str(), "0"), (&pointer, "1"), ("%zero", "2"), ("%zero", "3, 0"), ("%one", "4, 0")]
        {
            whole = self.step(format!("llvm.insertvalue {part}, {whole}[{place}] : !descriptor"));
        }
        let buffer_type = types::buffer(element);
        self.line(&format!(
            "%memory{index} = builtin.unrealized_conversion_cast {whole} : !descriptor to {buffer_type}"
        ));
    }

    fn access(&self, buffer: u32, lanes: u32) -> Result<Access, LlvmError> {
        let element = self.buffer_element(buffer)?;
        let entry = types::entry(element);
        Ok(Access {
            buffer: format!("%memory{buffer}"),
            buffer_type: types::buffer(element),
            entry,
            in_memory: types::of(entry, lanes),
            lanes,
        })
    }

    fn index(&mut self, index: Value) -> Result<String, LlvmError> {
        let name = self.name(index)?;
        Ok(self.step(format!("arith.index_cast {name} : i64 to index")))
    }

    /// Zero in every lane, as it stands in memory.
    fn zeros(&mut self, access: &Access) -> String {
        let literal = if access.entry.starts_with('f') { "0.0" } else { "0" };
        self.constant(literal, access.entry, access.lanes)
    }

    pub(super) fn load(
        &mut self,
        result: ValueType,
        buffer: u32,
        index: Value,
        mask: Option<Value>,
    ) -> Result<String, LlvmError> {
        let access = self.access(buffer, result.lanes)?;
        let index = self.index(index)?;
        let Access { buffer, buffer_type, in_memory, .. } = &access;
        let right = match mask {
            None if result.lanes == 1 => format!("memref.load {buffer}[{index}] : {buffer_type}"),
            None => format!("vector.load {buffer}[{index}] : {buffer_type}, {in_memory}"),
            Some(mask) => {
                let mask = self.name(mask)?;
                let zeros = self.zeros(&access);
                if result.lanes == 1 {
                    self.guarded_load(&access, &index, &mask, &zeros)
                } else {
                    let masks = types::of("i1", result.lanes);
                    format!(
                        "vector.maskedload {buffer}[{index}], {mask}, {zeros} : \
                         {buffer_type}, {masks}, {in_memory} into {in_memory}"
                    )
                }
            }
        };
        Ok(self.loaded(result, right))
    }

    pub(super) fn gather(
        &mut self,
        result: ValueType,
        buffer: u32,
        indices: Value,
        mask: Option<Value>,
    ) -> Result<String, LlvmError> {
        if result.lanes == 1 {
            return self.load(result, buffer, indices, mask);
        }
        let access = self.access(buffer, result.lanes)?;
        let indices = self.name(indices)?;
        let mask = self.mask_or_all(mask, result.lanes)?;
        let zeros = self.zeros(&access);
        let zero = self.step("arith.constant 0 : index".to_owned());
        let Access { buffer, buffer_type, in_memory, .. } = &access;
        let (index_type, masks) = (types::of("i64", result.lanes), types::of("i1", result.lanes));
        let right = format!(
            "vector.gather {buffer}[{zero}] [{indices}], {mask}, {zeros} : \
             {buffer_type}, {index_type}, {masks}, {in_memory} into {in_memory}"
        );
        Ok(self.loaded(result, right))
    }

    pub(super) fn store(
        &mut self,
        buffer: u32,
        index: Value,
        value: Value,
        mask: Option<Value>,
    ) -> Result<(), LlvmError> {
        let lanes = self.type_of(value)?.lanes;
        let access = self.access(buffer, lanes)?;
        let value = self.as_in_memory(value, &access)?;
        let index = self.index(index)?;
        let Access { buffer, buffer_type, in_memory, .. } = &access;
        match mask {
            None if lanes == 1 => {
                self.line(&format!("memref.store {value}, {buffer}[{index}] : {buffer_type}"))
            }
            None => {
                self.line(&format!("vector.store {value}, {buffer}[{index}] : {buffer_type}, {in_memory}"))
            }
            Some(mask) if lanes == 1 => {
                let mask = self.name(mask)?;
                self.line(&format!("scf.if {mask} {{"));
                self.line(&format!("  memref.store {value}, {buffer}[{index}] : {buffer_type}"));
                self.line("}");
            }
            Some(mask) => {
                let (mask, masks) = (self.name(mask)?, types::of("i1", lanes));
                self.line(&format!(
                    "vector.maskedstore {buffer}[{index}], {mask}, {value} : {buffer_type}, {masks}, {in_memory}"
                ));
            }
        }
        Ok(())
    }

    /// To the second cache: what is read soon is read from there as fast as registers take it, and the first is full of what is read now.
    pub(super) fn prefetch(&mut self, buffer: u32, index: Value) -> Result<(), LlvmError> {
        let Access { buffer, buffer_type, .. } = self.access(buffer, 1)?;
        let index = self.index(index)?;
        self.line(&format!("memref.prefetch {buffer}[{index}], read, locality<2>, data : {buffer_type}"));
        Ok(())
    }

    pub(super) fn scatter(
        &mut self,
        buffer: u32,
        indices: Value,
        value: Value,
        mask: Option<Value>,
    ) -> Result<(), LlvmError> {
        let lanes = self.type_of(value)?.lanes;
        if lanes == 1 {
            return self.store(buffer, indices, value, mask);
        }
        let access = self.access(buffer, lanes)?;
        let value = self.as_in_memory(value, &access)?;
        let indices = self.name(indices)?;
        let mask = self.mask_or_all(mask, lanes)?;
        let zero = self.step("arith.constant 0 : index".to_owned());
        let Access { buffer, buffer_type, in_memory, .. } = &access;
        let (index_type, masks) = (types::of("i64", lanes), types::of("i1", lanes));
        self.line(&format!(
            "vector.scatter {buffer}[{zero}] [{indices}], {mask}, {value} : \
             {buffer_type}, {index_type}, {masks}, {in_memory}"
        ));
        Ok(())
    }

    /// A load of one entry that happens only under its mask; returns the right-hand side.
    fn guarded_load(&mut self, access: &Access, index: &str, mask: &str, zero: &str) -> String {
        let Access { buffer, buffer_type, entry, .. } = access;
        let name = self.prefix.clone();
        let indent = "  ".repeat(self.depth);
        format!(
            "scf.if {mask} -> ({entry}) {{\n\
             {indent}  {name}_there = memref.load {buffer}[{index}] : {buffer_type}\n\
             {indent}  scf.yield {name}_there : {entry}\n\
             {indent}}} else {{\n\
             {indent}  scf.yield {zero} : {entry}\n\
             {indent}}}"
        )
    }

    fn mask_or_all(&mut self, mask: Option<Value>, lanes: u32) -> Result<String, LlvmError> {
        match mask {
            Some(mask) => self.name(mask),
            None => Ok(self.step(constant_text("true", "i1", lanes))),
        }
    }

    /// The value of a load: what was read, or for truth values whether it is not 0.
    fn loaded(&mut self, result: ValueType, right: String) -> String {
        if result.element != Element::Bool {
            return self.last(right);
        }
        let read = self.step(right);
        let zero = self.constant("0", "i8", result.lanes);
        let in_memory = types::of("i8", result.lanes);
        self.last(format!("arith.cmpi ne, {read}, {zero} : {in_memory}"))
    }

    /// A value as it is written to memory.
    fn as_in_memory(&mut self, value: Value, access: &Access) -> Result<String, LlvmError> {
        let name = self.name(value)?;
        let of_value = self.type_of(value)?;
        if of_value.element != Element::Bool {
            return Ok(name);
        }
        let from = types::value(of_value);
        Ok(self.step(format!("arith.extui {name} : {from} to {}", access.in_memory)))
    }
}
