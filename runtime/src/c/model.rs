//! `moe_model`
#![allow(unsafe_code)]

use super::values::{element_number, Message};
use super::{call, misuse, OK};
use crate::command::LoadedProgram;
use crate::error::Error;
use crate::model::Model;
use crate::program::{Program, SizeExpression, TensorDescription};
use crate::sizes;
use crate::weights::WeightFile;
use std::ffi::{c_char, CStr, CString};
use std::path::Path;

/// A model, with its descriptions as C reads them.
pub struct ModelHandle {
    pub(super) model: Model,
    name: CString,
    inputs: Vec<Described>,
    outputs: Vec<Described>,
}

struct Described {
    name: CString,
    element: i32,
    /// Owns what `axes` points at.
    _names: Vec<CString>,
    axes: Vec<*const c_char>,
    sizes: Vec<i64>,
}

// SAFETY: the pointers point into strings that the handle owns, and nothing of it ever changes.
unsafe impl Send for ModelHandle {}
// SAFETY: as above.
unsafe impl Sync for ModelHandle {}

/// `moe_description`
#[repr(C)]
pub struct DescriptionValue {
    /// Its name.
    pub name: *const c_char,
    /// The number of its element type.
    pub element: i32,
    /// How many axes it has.
    pub rank: u32,
    /// Their names.
    pub axes: *const *const c_char,
    /// Their sizes, -1 where the inputs decide.
    pub sizes: *const i64,
}

/// Names come from sources, which have no character 0.
fn text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

impl Described {
    fn new(tensor: &TensorDescription) -> Self {
        let names: Vec<CString> = tensor.axes.iter().map(|axis| text(&axis.name)).collect();
        let size = |size: &SizeExpression| {
            if sizes::is_fixed(size) {
                sizes::evaluate(size, &[]).unwrap_or(-1)
            } else {
                -1
            }
        };
        Described {
            name: text(&tensor.name),
            element: element_number(tensor.element),
            axes: names.iter().map(|name| name.as_ptr()).collect(),
            _names: names,
            sizes: tensor.axes.iter().map(|axis| size(&axis.size)).collect(),
        }
    }

    fn value(&self) -> DescriptionValue {
        DescriptionValue {
            name: self.name.as_ptr(),
            element: self.element,
            rank: self.sizes.len() as u32,
            axes: self.axes.as_ptr(),
            sizes: self.sizes.as_ptr(),
        }
    }
}

impl ModelHandle {
    fn new(model: Model) -> Self {
        let Program { model: name, inputs, outputs, .. } = model.program();
        ModelHandle {
            name: text(name),
            inputs: inputs.iter().map(Described::new).collect(),
            outputs: outputs.iter().map(Described::new).collect(),
            model,
        }
    }
}

/// What `moe_model_open` does, once it is known where the program lies.
///
/// # Safety
/// `weights` is null or a text that ends with a 0; `model` and `message` are null or point at what the header says.
pub unsafe fn open(
    load: impl FnOnce() -> Result<LoadedProgram, Error>,
    weights: *const c_char,
    threads: u32,
    model: *mut *mut ModelHandle,
    message: *mut Message,
) -> i32 {
    let work = || {
        // SAFETY: the caller vouches for the pointer.
        let place = unsafe { model.as_mut() }.ok_or_else(|| misuse("there is no room for the model"))?;
        *place = std::ptr::null_mut();
        let loaded = load()?;
        let file = if weights.is_null() {
            loaded.weights
        } else {
            // SAFETY: the caller vouches for the text.
            let path =
                unsafe { CStr::from_ptr(weights) }.to_str().map_err(|_| misuse("the path is not UTF-8"))?;
            Some(WeightFile::open(Path::new(path))?)
        };
        let threads = (threads > 0).then_some(threads as usize);
        let opened = Model::with_threads(loaded.program, loaded.kernels, file, threads)?;
        *place = Box::into_raw(Box::new(ModelHandle::new(opened)));
        Ok(())
    };
    // SAFETY: the caller vouches for the message.
    unsafe { call(message, work) }
}

/// See the header.
///
/// # Safety
/// `model` is null or an open model, which is not used again.
#[no_mangle]
pub unsafe extern "C" fn moe_model_close(model: *mut ModelHandle) {
    if !model.is_null() {
        // SAFETY: it came from `open`, and the caller gives it back.
        drop(unsafe { Box::from_raw(model) });
    }
}

/// See the header.
///
/// # Safety
/// `model` is null or an open model.
#[no_mangle]
pub unsafe extern "C" fn moe_model_name(model: *const ModelHandle) -> *const c_char {
    // SAFETY: the caller vouches for the pointer.
    unsafe { model.as_ref() }.map_or(std::ptr::null(), |model| model.name.as_ptr())
}

/// See the header.
///
/// # Safety
/// `model` is null or an open model.
#[no_mangle]
pub unsafe extern "C" fn moe_model_input_count(model: *const ModelHandle) -> u64 {
    // SAFETY: the caller vouches for the pointer.
    unsafe { model.as_ref() }.map_or(0, |model| model.inputs.len() as u64)
}

/// See the header.
///
/// # Safety
/// `model` is null or an open model.
#[no_mangle]
pub unsafe extern "C" fn moe_model_output_count(model: *const ModelHandle) -> u64 {
    // SAFETY: the caller vouches for the pointer.
    unsafe { model.as_ref() }.map_or(0, |model| model.outputs.len() as u64)
}

/// See the header.
///
/// # Safety
/// `model` is null or an open model; `description` is null or room for one.
#[no_mangle]
pub unsafe extern "C" fn moe_model_input(
    model: *const ModelHandle,
    index: u64,
    description: *mut DescriptionValue,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { describe(model.as_ref().map(|model| model.inputs.as_slice()), index, description) }
}

/// See the header.
///
/// # Safety
/// `model` is null or an open model; `description` is null or room for one.
#[no_mangle]
pub unsafe extern "C" fn moe_model_output(
    model: *const ModelHandle,
    index: u64,
    description: *mut DescriptionValue,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { describe(model.as_ref().map(|model| model.outputs.as_slice()), index, description) }
}

/// SAFETY: `description` is null or room for one.
unsafe fn describe(described: Option<&[Described]>, index: u64, description: *mut DescriptionValue) -> i32 {
    let found = described.and_then(|described| described.get(usize::try_from(index).ok()?));
    // SAFETY: the caller vouches for the pointer.
    match found {
        Some(found) if !description.is_null() => {
            // SAFETY: the caller vouches for the pointer.
            unsafe { description.write(found.value()) };
            OK
        }
        _ => 2,
    }
}
