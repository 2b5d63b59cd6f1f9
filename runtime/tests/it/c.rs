//! The C interface, called as C calls it.

use crate::fakes::*;
use moe_runtime::c::*;
use moe_runtime::command::LoadedProgram;
use moe_runtime::program::{KernelFunction, Program, FORMAT_VERSION};
use moe_runtime::{Description, Element, Kernels};
use std::ffi::{c_char, c_void, CStr, CString};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

/// Opens [`scaling`], or what is made of it.
fn open_program(program: Program, weights: *const c_char, message: &mut Message) -> (i32, *mut ModelHandle) {
    let load = || {
        let (kernels, weights) = (kernels(), Some(scaling_weights()));
        Ok(LoadedProgram { program, kernels, weights, text: None })
    };
    let mut model = null_mut();
    let status = unsafe { open(load, weights, 1, &mut model, message) };
    (status, model)
}

fn open_scaling(weights: *const c_char, message: &mut Message) -> (i32, *mut ModelHandle) {
    open_program(scaling(), weights, message)
}

fn model_of(program: Program) -> *mut ModelHandle {
    let (status, model) = open_program(program, null(), &mut Message::default());
    assert_eq!(status, 0);
    model
}

fn model() -> *mut ModelHandle {
    model_of(scaling())
}

fn context(model: *mut ModelHandle) -> *mut ContextHandle {
    let mut context = null_mut();
    assert_eq!(unsafe { moe_context_open(model, 1, &mut context, null_mut()) }, 0);
    context
}

fn value(shape: &[u64], data: *const f32) -> TensorValue {
    value_of(Element::F32, shape, data.cast())
}

fn value_of(element: Element, shape: &[u64], data: *const c_void) -> TensorValue {
    TensorValue {
        element: element_number(element),
        rank: shape.len() as u32,
        shape: shape.as_ptr(),
        data: data.cast_mut(),
    }
}

const ENTRIES: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
const SHAPE: [u64; 2] = [2, 3];

#[test]
fn a_model_says_what_it_is() {
    let model = model();
    unsafe {
        assert_eq!(CStr::from_ptr(moe_model_name(model)), c"Test");
        assert_eq!((moe_model_input_count(model), moe_model_output_count(model)), (1, 1));
        let mut description =
            DescriptionValue { name: null(), element: 0, rank: 0, axes: null(), sizes: null() };
        assert_eq!(moe_model_input(model, 0, &mut description), 0);
        assert_eq!(CStr::from_ptr(description.name), c"x");
        assert_eq!((description.element, description.rank), (1, 2));
        assert_eq!(CStr::from_ptr(*description.axes.add(1)), c"D");
        assert_eq!((*description.sizes, *description.sizes.add(1)), (-1, 3));
        assert_eq!(moe_model_output(model, 0, &mut description), 0);
        assert_eq!(CStr::from_ptr(description.name), c"y");
        assert_eq!(moe_model_output(model, 1, &mut description), 2);
        assert_eq!(moe_model_input(null(), 0, &mut description), 2);
        assert!(moe_model_name(null()).is_null());
        moe_model_close(model);
        moe_model_close(null_mut());
    }
}

#[test]
fn a_step_gives_outputs_of_the_context() {
    let model = model();
    let context = context(model);
    unsafe { moe_model_close(model) };
    let input = value(&SHAPE, ENTRIES.as_ptr());
    let mut output = value(&[], null());
    let status = unsafe { moe_context_run(context, &input, 1, &mut output, 1, null_mut()) };
    assert_eq!((status, output.element, output.rank), (0, 1, 2));
    let entries = unsafe { std::slice::from_raw_parts(output.data.cast::<f32>(), 6) };
    assert_eq!(entries, [1.0, 20.0, 300.0, 4.0, 50.0, 600.0]);
    assert_eq!(unsafe { std::slice::from_raw_parts(output.shape, 2) }, SHAPE);
    unsafe {
        assert_eq!(moe_context_reset(context), 0);
        moe_context_close(context);
    }
}

#[test]
fn a_step_writes_to_memory_of_the_caller() {
    let model = model();
    let context = context(model);
    let mut shape = [0; 2];
    let unseen = value(&SHAPE, null());
    let status =
        unsafe { moe_context_output_shape(context, &unseen, 1, 0, shape.as_mut_ptr(), 2, null_mut()) };
    assert_eq!((status, shape), (0, SHAPE));
    let input = value(&SHAPE, ENTRIES.as_ptr());
    let room = [0_f32; 6];
    let output = value(&shape, room.as_ptr());
    assert_eq!(unsafe { moe_context_run_into(context, &input, 1, &output, 1, null_mut()) }, 0);
    assert_eq!(unsafe { std::ptr::read_volatile(&room) }, [1.0, 20.0, 300.0, 4.0, 50.0, 600.0]);
    let nothing = value(&[0, 3], null());
    assert_eq!(unsafe { moe_context_run_into(context, &nothing, 1, &nothing, 1, null_mut()) }, 0);
    unsafe {
        moe_context_close(context);
        moe_model_close(model);
    }
}

#[test]
fn mistakes_have_a_status_and_a_message() {
    let mut message = Message::default();
    let missing = CString::new("none.safetensors").unwrap();
    let (status, model_of_missing) = open_scaling(missing.as_ptr(), &mut message);
    assert!(model_of_missing.is_null());
    assert_eq!((status, message.code()), (1, "E0802".to_owned()));
    assert!(message.text().starts_with("cannot read none.safetensors: No such file"));

    let model = model();
    let context = context(model);
    let input = value(&SHAPE, ENTRIES.as_ptr());
    let mut output = value(&SHAPE, null());
    let mut run = |context, input: &TensorValue, count, outputs| {
        let mut message = Message::default();
        let status = unsafe { moe_context_run(context, input, count, &mut output, outputs, &mut message) };
        (status, message.code(), message.text())
    };
    let misuse = |text: &str| (2, "E0815".to_owned(), text.to_owned());
    assert_eq!(run(null_mut(), &input, 1, 1), misuse("the context is null"));
    assert_eq!(run(context, &input, 1, 2), misuse("the model has 1 outputs and room for 2 was given"));
    assert_eq!(run(context, &value(&SHAPE, null()), 1, 1), misuse("the data of a tensor is null"));
    assert_eq!(run(context, &TensorValue { element: 11, ..input }, 1, 1), misuse("11 is no element type"));
    assert_eq!(
        run(context, &TensorValue { shape: null(), ..input }, 1, 1),
        misuse("the shape of a tensor is null")
    );
    let (status, code, text) = run(context, &value(&[3, 2], ENTRIES.as_ptr()), 1, 1);
    assert_eq!((status, code.as_str()), (1, "E0807"));
    assert!(text.starts_with("axis 1 (D) of input `x` has size 2; expected 3"));
    assert_eq!(run(context, &input, 0, 1).0, 1);
    assert_eq!(run(context, &input, 1, 1).0, 0);
    unsafe {
        assert_eq!(moe_context_open(null(), 1, &mut null_mut(), null_mut()), 2);
        assert_eq!(moe_context_open(model, 1, null_mut(), null_mut()), 2);
        assert_eq!(moe_context_reset(null_mut()), 2);
        moe_context_close(context);
        moe_context_close(null_mut());
        moe_model_close(model);
    }
}

#[test]
fn messages_are_cut_where_there_is_no_room() {
    let mut message = Message::default();
    let long = CString::new("é".repeat(2000)).unwrap();
    open_scaling(long.as_ptr(), &mut message);
    assert_eq!(message.text().len(), 1015 - (1015 - "cannot read ".len()) % 2);
}

#[test]
fn a_description_is_what_the_linker_put_down() {
    static PLACED: OnceLock<(Vec<u8>, Vec<KernelFunction>)> = OnceLock::new();
    let (program, functions) = PLACED.get_or_init(|| {
        let kernels: Kernels = kernels();
        let functions = (0..kernels.len()).map(|index| kernels.function(index).unwrap()).collect();
        (postcard::to_stdvec(&scaling()).unwrap(), functions)
    });
    let of = |format, program_length: usize| Description {
        format,
        program: program.as_ptr(),
        program_length: program_length as u64,
        kernels: functions.as_ptr(),
        kernel_count: functions.len() as u64,
        weights: null(),
        weights_length: 0,
        text: null(),
    };
    let loaded = unsafe { of(u64::from(FORMAT_VERSION), program.len()).load() }.unwrap();
    assert_eq!(loaded.program, scaling());
    assert!(loaded.weights.is_none() && loaded.text.is_none());
    let message = |description: Description| unsafe { description.load() }.err().unwrap().to_string();
    let other = FORMAT_VERSION + 1;
    let expected = format!("the program has format {other} and this runtime reads format {FORMAT_VERSION}");
    assert_eq!(message(of(u64::from(other), program.len())), expected);
    assert!(message(of(u64::from(FORMAT_VERSION), program.len() / 2)).starts_with("the program is damaged: "));
}

#[test]
fn shapes_of_outputs_may_need_offsets() {
    let model = model_of(stretched());
    let context = context(model);
    let offsets = [0_i64, 2];
    let mut found = [0; 1];
    let mut shape = |offsets: *const i64| {
        let given = [value(&SHAPE, null()), value_of(Element::I64, &[2], offsets.cast())];
        let status = unsafe {
            moe_context_output_shape(context, given.as_ptr(), 2, 1, found.as_mut_ptr(), 1, null_mut())
        };
        (status, found)
    };
    assert_eq!(shape(offsets.as_ptr()), (0, [2]));
    assert_ne!(shape(null()).0, 0);
    unsafe {
        moe_context_close(context);
        moe_model_close(model);
    }
}
