//! `moe_context`
#![allow(unsafe_code)]

use super::model::ModelHandle;
use super::values::{array, element_number, Kind, Message, TensorValue};
use super::{call, misuse, OK};
use crate::context::Context;
use crate::error::Error;
use crate::tensor::{Tensor, TensorMut, TensorRef};

/// A context, and the outputs of its latest step.
pub struct ContextHandle {
    context: Context,
    outputs: Vec<Tensor>,
    shapes: Vec<Vec<u64>>,
}

/// See the header.
///
/// # Safety
/// `model` is null or an open model; `context` and `message` are null or room for one.
#[no_mangle]
pub unsafe extern "C" fn moe_context_open(
    model: *const ModelHandle,
    threads: u32,
    context: *mut *mut ContextHandle,
    message: *mut Message,
) -> i32 {
    let work = || {
        // SAFETY: the caller vouches for the pointers.
        let (model, place) = unsafe { (model.as_ref(), context.as_mut()) };
        let place = place.ok_or_else(|| misuse("there is no room for the context"))?;
        *place = std::ptr::null_mut();
        let model = model.ok_or_else(|| misuse("the model is null"))?;
        let context = Context::new(&model.model, (threads > 0).then_some(threads as usize))?;
        *place = Box::into_raw(Box::new(ContextHandle { context, outputs: Vec::new(), shapes: Vec::new() }));
        Ok(())
    };
    // SAFETY: the caller vouches for the message.
    unsafe { call(message, work) }
}

/// See the header.
///
/// # Safety
/// `context` is null or an open context, which is not used again.
#[no_mangle]
pub unsafe extern "C" fn moe_context_close(context: *mut ContextHandle) {
    if !context.is_null() {
        // SAFETY: it came from `moe_context_open`, and the caller gives it back.
        drop(unsafe { Box::from_raw(context) });
    }
}

/// See the header.
///
/// # Safety
/// `context` is null or an open context that nobody else uses now.
#[no_mangle]
pub unsafe extern "C" fn moe_context_reset(context: *mut ContextHandle) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    match unsafe { context.as_mut() } {
        Some(context) => {
            context.context.reset();
            OK
        }
        None => 2,
    }
}

/// See the header.
///
/// # Safety
/// As the header says of each pointer.
#[no_mangle]
pub unsafe extern "C" fn moe_context_output_shape(
    context: *mut ContextHandle,
    inputs: *const TensorValue,
    input_count: u64,
    index: u64,
    shape: *mut u64,
    rank: u32,
    message: *mut Message,
) -> i32 {
    let work = || {
        // SAFETY: the caller vouches for the pointers.
        let (handle, inputs) = unsafe { (handle(context)?, array(inputs, input_count, "inputs")?) };
        // SAFETY: as above.
        let kinds: Vec<Kind> =
            inputs.iter().map(|input| unsafe { input.kind() }).collect::<Result<_, Error>>()?;
        let program = handle.context.model().program();
        let holds_offsets =
            |place: usize| program.offsets.iter().any(|offsets| offsets.input as usize == place);
        let views: Vec<TensorRef<'_>> = inputs
            .iter()
            .zip(&kinds)
            .enumerate()
            .map(|(place, (input, kind))| {
                // SAFETY: the caller vouches for the entries of offsets.
                let bytes = if holds_offsets(place) { unsafe { input.bytes(kind)? } } else { &[] };
                Ok(TensorRef { element: kind.element, shape: &kind.shape, bytes })
            })
            .collect::<Result<_, Error>>()?;
        let shapes = handle.context.output_shapes(&views)?;
        let found = usize::try_from(index).ok().and_then(|index| shapes.get(index));
        let found = found.ok_or_else(|| misuse(&format!("there is no output {index}")))?;
        if found.len() != rank as usize || (shape.is_null() && rank > 0) {
            return Err(misuse(&format!(
                "output {index} has {} axes and room for {rank} was given",
                found.len()
            )));
        }
        for (axis, size) in found.iter().enumerate() {
            // SAFETY: the caller vouches for room for `rank` sizes.
            unsafe { shape.add(axis).write(*size as u64) };
        }
        Ok(())
    };
    // SAFETY: the caller vouches for the message.
    unsafe { call(message, work) }
}

/// See the header.
///
/// # Safety
/// As the header says of each pointer.
#[no_mangle]
pub unsafe extern "C" fn moe_context_run(
    context: *mut ContextHandle,
    inputs: *const TensorValue,
    input_count: u64,
    outputs: *mut TensorValue,
    output_count: u64,
    message: *mut Message,
) -> i32 {
    let work = || {
        // SAFETY: the caller vouches for the pointers.
        let (handle, inputs) = unsafe { (handle(context)?, array(inputs, input_count, "inputs")?) };
        let expected = handle.context.model().program().outputs.len();
        if output_count != expected as u64 || (outputs.is_null() && expected > 0) {
            return Err(misuse(&format!(
                "the model has {expected} outputs and room for {output_count} was given"
            )));
        }
        // SAFETY: as above.
        let kinds = unsafe { kinds(inputs) }?;
        // SAFETY: as above.
        let views = unsafe { views(inputs, &kinds) }?;
        handle.outputs = handle.context.run_borrowed(&views)?;
        handle.shapes = handle.outputs.iter().map(|output| sizes(output.shape())).collect();
        for (index, (tensor, shape)) in handle.outputs.iter_mut().zip(&handle.shapes).enumerate() {
            let value = TensorValue {
                element: element_number(tensor.element()),
                rank: shape.len() as u32,
                shape: shape.as_ptr(),
                data: tensor.bytes_mut().as_mut_ptr().cast(),
            };
            // SAFETY: there is room for so many outputs.
            unsafe { outputs.add(index).write(value) };
        }
        Ok(())
    };
    // SAFETY: the caller vouches for the message.
    unsafe { call(message, work) }
}

/// See the header.
///
/// # Safety
/// As the header says of each pointer.
#[no_mangle]
pub unsafe extern "C" fn moe_context_run_into(
    context: *mut ContextHandle,
    inputs: *const TensorValue,
    input_count: u64,
    outputs: *const TensorValue,
    output_count: u64,
    message: *mut Message,
) -> i32 {
    let work = || {
        // SAFETY: the caller vouches for the pointers, here and below.
        let (handle, inputs) = unsafe { (handle(context)?, array(inputs, input_count, "inputs")?) };
        let outputs = unsafe { array(outputs, output_count, "outputs") }?;
        let (input_kinds, output_kinds) = unsafe { (kinds(inputs)?, kinds(outputs)?) };
        let views = unsafe { views(inputs, &input_kinds) }?;
        let mut room = Vec::new();
        for (output, kind) in outputs.iter().zip(&output_kinds) {
            // SAFETY: outputs overlap nothing, says the header.
            let bytes = unsafe { output.bytes_mut(kind) }?;
            room.push(TensorMut { element: kind.element, shape: &kind.shape, bytes });
        }
        handle.context.run_into(&views, &mut room)
    };
    // SAFETY: the caller vouches for the message.
    unsafe { call(message, work) }
}

/// SAFETY: the pointer is null or an open context that nobody else uses for `'a`.
unsafe fn handle<'a>(context: *mut ContextHandle) -> Result<&'a mut ContextHandle, Error> {
    // SAFETY: the caller vouches for it.
    unsafe { context.as_mut() }.ok_or_else(|| misuse("the context is null"))
}

/// SAFETY: each shape is null or points at as many sizes as the rank says.
unsafe fn kinds(tensors: &[TensorValue]) -> Result<Vec<Kind>, Error> {
    // SAFETY: the caller vouches for it.
    tensors.iter().map(|tensor| unsafe { tensor.kind() }).collect()
}

/// SAFETY: the tensors' data is null or as the kinds say.
unsafe fn views<'a>(tensors: &[TensorValue], kinds: &'a [Kind]) -> Result<Vec<TensorRef<'a>>, Error> {
    let view = |(tensor, kind): (&TensorValue, &'a Kind)| {
        // SAFETY: the caller vouches for it.
        let bytes = unsafe { tensor.bytes(kind) }?;
        Ok(TensorRef { element: kind.element, shape: &kind.shape, bytes })
    };
    tensors.iter().zip(kinds).map(view).collect()
}

fn sizes(shape: &[usize]) -> Vec<u64> {
    shape.iter().map(|size| *size as u64).collect()
}
