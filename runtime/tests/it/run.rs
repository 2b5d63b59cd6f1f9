//! Programs that run, and programs and inputs that are refused.

use crate::fakes::*;
use moe_runtime::program::*;
use moe_runtime::{codes, Context, Element, Error, Model, Tensor, TensorMut, TensorRef, Watch};

fn context(model: &Model, threads: usize) -> Context {
    Context::new(model, Some(threads)).unwrap()
}

fn refused(program: Program) -> Error {
    model(program, Some(scaling_weights())).err().expect("the program is damaged")
}

#[test]
fn rows_of_any_number() {
    for threads in [1, 2, 4] {
        let mut context = context(&scaling_model(), threads);
        for count in [2, 0, 1, 300, 2, 2] {
            let outputs = context.run(&[rows(count)]).unwrap();
            assert_eq!(outputs[0].shape(), [count, 3]);
            assert_eq!(outputs[0].to_f64(), scaled(count));
        }
    }
}

#[test]
fn outputs_go_where_the_caller_says() {
    let mut context = context(&scaling_model(), 1);
    let input = rows(2);
    let inputs = [TensorRef::from(&input)];
    assert_eq!(context.output_shapes(&inputs).unwrap(), [vec![2, 3]]);
    let mut output = Tensor::zeros(Element::F32, vec![2, 3]).unwrap();
    context.run_into(&inputs, &mut [TensorMut::from(&mut output)]).unwrap();
    assert_eq!(output.to_f64(), scaled(2));
    let mut wrong = Tensor::zeros(Element::F32, vec![3, 2]).unwrap();
    let error = context.run_into(&inputs, &mut [TensorMut::from(&mut wrong)]).unwrap_err();
    assert_eq!(error.message(), "output `y` is f32[2, 3] and room for f32[3, 2] was given");
    assert_eq!(context.run_into(&inputs, &mut []).unwrap_err().code(), codes::CALL);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let mut context = context(&scaling_model(), 1);
    let mut message = |inputs: &[Tensor]| context.run(inputs).unwrap_err().message().to_owned();
    assert_eq!(message(&[]), "`Test` takes 1 inputs and 0 were given");
    let floats = |shape: Vec<usize>| Tensor::zeros(Element::F32, shape).unwrap();
    assert_eq!(
        message(&[floats(vec![2, 4])]),
        "axis 1 (D) of input `x` has size 4; expected 3, fixed when the model was compiled"
    );
    assert_eq!(message(&[floats(vec![6])]), "input `x` has 1 axes, its shape is [6]; expected 2: [N, D]");
    let doubles = Tensor::zeros(Element::F64, vec![2, 3]).unwrap();
    assert_eq!(message(&[doubles]), "input `x` has element type f64; expected f32");
}

#[test]
fn inputs_must_agree_on_free_sizes() {
    let twice = times(symbol(0), size(2));
    let mut program = scaling();
    program.inputs.push(tensor("z", Element::F32, &[("N", symbol(0))]));
    program.inputs.push(tensor("d", Element::Bool, &[("M", twice)]));
    let mut context = context(&model(program, Some(scaling_weights())).unwrap(), 1);
    let zeros = |element, size| Tensor::zeros(element, vec![size]).unwrap();
    let mut run = |z, d: Tensor| context.run(&[rows(2), zeros(Element::F32, z), d]);
    let message = run(5, zeros(Element::Bool, 4)).unwrap_err().to_string();
    assert_eq!(message, "axis 0 (N) of input `z` has size 5; expected 2, as axis 0 of `x`");
    let message = run(2, zeros(Element::Bool, 5)).unwrap_err().to_string();
    assert_eq!(message, "axis 0 (M) of input `d` has size 5; expected 4, with N = 2");
    let message =
        run(2, Tensor::new(Element::Bool, vec![4], vec![0, 1, 2, 0]).unwrap()).unwrap_err().to_string();
    assert_eq!(message, "input `d` is of bool and has an entry that is neither 0 nor 1");
    assert!(run(2, zeros(Element::Bool, 4)).is_ok());
}

#[test]
fn a_fault_has_the_code_and_the_words_of_the_program() {
    let mut context = context(&scaling_model(), 2);
    let mut entries = vec![1.0; 300];
    entries[200] = -1.0;
    let error = context.run(&[Tensor::from_f32(vec![100, 3], &entries).unwrap()]).unwrap_err();
    assert_eq!((error.code(), error.message()), ("E0901", "an entry is negative"));
    assert_eq!(error.notes(), ["in `scale`, from test.moe"]);
    assert_eq!(context.run(&[rows(1)]).unwrap()[0].to_f64(), scaled(1));
}

#[test]
fn a_status_that_no_fault_has_is_our_bug() {
    let mut program = scaling();
    program.forms[0].step.push(Step::Launch(launch(UNKNOWN_STATUS, &[], &[], size(1))));
    let mut context = context(&model(program, Some(scaling_weights())).unwrap(), 1);
    assert!(context.run(&[rows(1)]).unwrap_err().is_bug());
}

#[test]
fn contexts_run_at_the_same_time() {
    let model = scaling_model();
    std::thread::scope(|scope| {
        for count in [3, 50, 7, 120] {
            let mut context = context(&model, 2);
            scope.spawn(move || {
                for _ in 0..100 {
                    assert_eq!(context.run(&[rows(count)]).unwrap()[0].to_f64(), scaled(count));
                }
            });
        }
    });
}

#[test]
fn work_is_counted_when_asked() {
    let mut context = context(&scaling_model(), 1);
    context.run(&[rows(5)]).unwrap();
    assert_eq!(context.counts().flops, 0);
    context.watch(Watch::Work);
    context.run(&[rows(5)]).unwrap();
    assert_eq!(context.counts().flops, 2 * 5 + 2 * 15);
    assert_eq!(context.counts().bytes, (5 + 15) << 12);
}

#[test]
fn values_can_be_observed() {
    let mut context = context(&scaling_model(), 1);
    assert_eq!(context.observe("layer.h").unwrap(), None);
    context.run(&[rows(2)]).unwrap();
    assert_eq!(context.observe("layer.h").unwrap().unwrap().to_f64(), scaled(2));
    assert_eq!(context.observe("layer.g").unwrap(), None);
    assert_eq!(context.observable().collect::<Vec<_>>(), ["layer.h"]);
}

/// Three rounds (or as many as `n[0]` says), each adding its own row of the weight `w[3, N…]` to the output.
fn rounds(count: Count, extra_row: bool) -> Program {
    let row = Place::Round { buffer: 1, depth: 0, stride: size(8) };
    Program {
        inputs: vec![tensor("n", Element::F32, &[("N", symbol(0))])],
        outputs: vec![tensor("y", Element::F32, &[("D", size(2))])],
        weights: vec![WeightDescription {
            tensor: tensor("w", Element::F32, &[("L", size(3)), ("D", size(2))]),
            source: None,
            left_out: Vec::new(),
        }],
        buffers: vec![
            buffer("n", Element::F32, symbol(0), Place::Input(0)),
            buffer("w", Element::F32, size(6), Place::Weight(0)),
            buffer("w.row", Element::F32, size(2), row),
            buffer("y", Element::F32, size(2), Place::Output(0)),
            buffer("count", Element::I64, size(1), Place::Arena(size(0))),
        ],
        forms: vec![form(
            size(8),
            vec![
                Step::Launch(Launch {
                    flops: SizeExpression::Counted { buffer: 4, entry: Box::new(size(0)) },
                    ..launch(COUNT, &[0, 4], &[], size(1))
                }),
                Step::Repeat(Repeat {
                    count,
                    body: vec![Step::Launch(launch(ADD, &[2, 3], &[], size(if extra_row { 1 } else { 2 })))],
                }),
            ],
        )],
        ..empty()
    }
}

fn rounds_model(count: Count) -> Result<Model, Error> {
    let entries = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0];
    let weights = [("w".to_owned(), Tensor::from_f32(vec![3, 2], &entries).unwrap())];
    model(rounds(count, false), Some(moe_runtime::WeightFile::from_tensors("W", &weights).unwrap()))
}

#[test]
fn repeats_move_through_their_buffers() {
    let number = |rounds: f32| Tensor::from_f32(vec![1], &[rounds]).unwrap();
    let mut fixed = context(&rounds_model(Count::Size(size(3))).unwrap(), 1);
    assert_eq!(fixed.run(&[number(0.0)]).unwrap()[0].to_f64(), [111.0, 222.0]);
    let mut counted = context(&rounds_model(Count::Buffer(4)).unwrap(), 1);
    counted.watch(Watch::Work);
    assert_eq!(counted.run(&[number(2.0)]).unwrap()[0].to_f64(), [11.0, 22.0]);
    assert_eq!(counted.counts().flops, 2 + 2 * 4);
    assert_eq!(counted.run(&[number(-5.0)]).unwrap()[0].to_f64(), [0.0, 0.0]);
    assert!(counted.run(&[number(4.0)]).unwrap_err().is_bug());
}

#[test]
fn a_repeat_beyond_its_buffers_is_refused() {
    let mut context = context(&rounds_model(Count::Size(size(4))).unwrap(), 1);
    let error = context.run(&[Tensor::from_f32(vec![1], &[0.0]).unwrap()]).unwrap_err();
    assert_eq!(error.code(), codes::PROGRAM);
    let mut outside = rounds(Count::Size(size(3)), true);
    outside.forms[0].step.push(Step::Launch(launch(ADD, &[2, 3], &[], size(2))));
    assert!(refused(outside).message().ends_with("buffer `w.row` is used outside its repeat"));
    let mut circular = rounds(Count::Size(size(3)), true);
    circular.buffers[2].place = Place::Round { buffer: 2, depth: 0, stride: size(8) };
    assert!(refused(circular).message().ends_with("buffer `w.row` is part of itself"));
}

/// [`scaling`] with a second form from 3 rows on, whose arena is larger and which does its work at another place there, twice as much of it.
fn two_forms() -> Program {
    let mut program = scaling();
    let rows = times(symbol(0), size(3));
    program.rows = symbol(0);
    program.buffers.push(buffer("h2", Element::F32, rows.clone(), Place::Arena(size(1 << 10))));
    let arena = SizeExpression::Add(Box::new(size(1 << 10)), Box::new(times(rows.clone(), size(4))));
    let step = vec![
        Step::Launch(launch(SCALE, &[0, 1, 4], &[size(3)], symbol(0))),
        Step::Launch(launch(SCALE, &[0, 1, 4], &[size(3)], symbol(0))),
        Step::Launch(launch(COPY, &[4, 3], &[], rows)),
    ];
    program.forms.push(Form { from: 3, ..form(arena, step) });
    program.observations[0].buffers.push(4);
    program
}

#[test]
fn the_rows_choose_the_form() {
    let mut context = context(&model(two_forms(), Some(scaling_weights())).unwrap(), 2);
    context.watch(Watch::Work);
    assert_eq!(context.form(), None);
    for (count, form, launches) in [(2, 0, 2), (3, 1, 3), (0, 0, 0), (40, 1, 3), (1, 0, 2)] {
        assert_eq!(context.run(&[rows(count)]).unwrap()[0].to_f64(), scaled(count), "{count}");
        assert_eq!((context.form(), context.counts().calls), (Some(form), launches), "{count}");
        assert_eq!(context.observe("layer.h").unwrap().unwrap().to_f64(), scaled(count), "{count}");
    }
}

#[test]
fn forms_say_what_they_need() {
    let info = |sizes: &[(String, i64)]| moe_runtime::command::info(&two_forms(), sizes).unwrap();
    let text = info(&[]);
    assert!(text.contains("forms\n  1  N below 3\n  2  N from 3\n"), "{text}");
    for (rows, form, bytes) in [(2, 1, "88 bytes"), (3, 2, "1.0 KiB")] {
        let text = info(&[("N".to_owned(), rows)]);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(lines.contains(&vec!["form", &form.to_string()]), "{text}");
        assert!(text.lines().any(|line| line.contains("arena") && line.contains(bytes)), "{text}");
    }
}

#[test]
fn forms_that_are_not_in_order_or_not_whole_are_refused() {
    let damage = |change: &dyn Fn(&mut Program)| {
        let mut program = two_forms();
        change(&mut program);
        refused(program).message().replace("the program of `Test` is damaged: ", "")
    };
    assert_eq!(damage(&|program| program.forms.clear()), "no form is for the smallest sizes");
    assert_eq!(damage(&|program| program.forms[0].from = 1), "no form is for the smallest sizes");
    assert_eq!(damage(&|program| program.forms[1].from = 0), "its forms are not in order");
    assert_eq!(
        damage(&|program| program.rows = symbol(4)),
        "the number of rows is sized by free size 4 of 1"
    );
    assert_eq!(
        damage(&|program| program.observations[0].buffers.truncate(1)),
        "`layer.h` is not observed in every form"
    );
    assert_eq!(damage(&|program| program.deterministic = true), "it is deterministic and has several forms");
    let wrong = |program: &mut Program| match &mut program.forms[1].step[0] {
        Step::Launch(launch) => launch.kernel = 9,
        Step::Repeat(_) => unreachable!(),
    };
    assert_eq!(damage(&wrong), "kernel 9 of 5 is launched");
}

/// `sum += x; y = sum`, with the sum kept from step to step.
fn summing() -> Program {
    let vector = |name: &str| tensor(name, Element::F32, &[("N", symbol(0))]);
    Program {
        inputs: vec![vector("x")],
        outputs: vec![vector("y")],
        states: vec![StateDescription { tensor: vector("sum") }],
        buffers: vec![
            buffer("x", Element::F32, symbol(0), Place::Input(0)),
            buffer("y", Element::F32, symbol(0), Place::Output(0)),
            buffer("sum", Element::F32, symbol(0), Place::State(0)),
        ],
        forms: vec![form(
            size(0),
            vec![
                Step::Launch(launch(ADD, &[0, 2], &[], symbol(0))),
                Step::Launch(launch(COPY, &[2, 1], &[], symbol(0))),
            ],
        )],
        ..empty()
    }
}

#[test]
fn state_is_kept_and_each_context_has_its_own() {
    let model = model(summing(), None).unwrap();
    let (mut first, mut second) = (context(&model, 1), context(&model, 1));
    let ones = Tensor::from_f32(vec![2], &[1.0, 1.0]).unwrap();
    let sum = |context: &mut Context| context.run(std::slice::from_ref(&ones)).unwrap()[0].to_f64();
    assert_eq!(sum(&mut first), [1.0, 1.0]);
    assert_eq!(sum(&mut first), [2.0, 2.0]);
    assert_eq!(sum(&mut second), [1.0, 1.0]);
    first.reset();
    assert_eq!(sum(&mut first), [1.0, 1.0]);
    let longer = Tensor::zeros(Element::F32, vec![3]).unwrap();
    assert_eq!(first.run(&[longer]).unwrap_err().code(), codes::STATE);
}

#[test]
fn a_step_that_stopped_half_way_spoils_the_state() {
    let mut program = summing();
    program.faults.push(Fault { code: "E0902".into(), message: "no more".into() });
    program.forms[0].step.push(Step::Launch(launch(UNKNOWN_STATUS, &[], &[], size(1))));
    let mut context = context(&model(program, None).unwrap(), 1);
    let ones = Tensor::from_f32(vec![1], &[1.0]).unwrap();
    assert!(context.run(std::slice::from_ref(&ones)).unwrap_err().is_bug());
    assert_eq!(context.run(std::slice::from_ref(&ones)).unwrap_err().code(), codes::STATE);
    context.reset();
    assert!(context.run(&[ones]).unwrap_err().is_bug());
}

#[test]
fn weights_are_prepared_once() {
    let mut program = scaling();
    program.prepared_bytes = size(64 + 12);
    program.buffers.push(buffer("w2", Element::F32, size(3), Place::Prepared(size(64))));
    program.prepare.push(launch(ADD, &[1, 4], &[], size(3)));
    program.prepare.push(launch(ADD, &[1, 4], &[], size(3)));
    program.forms[0].step[0] = Step::Launch(launch(SCALE, &[0, 4, 2], &[size(3)], symbol(0)));
    let model = model(program, Some(scaling_weights())).unwrap();
    let doubled: Vec<f64> = scaled(4).into_iter().map(|entry| entry * 2.0).collect();
    for _ in 0..2 {
        assert_eq!(context(&model, 1).run(&[rows(4)]).unwrap()[0].to_f64(), doubled);
    }
    assert_eq!(model.owned_weight_bytes(), 76);
}

#[test]
fn damaged_programs_are_refused() {
    let damage = |change: &dyn Fn(&mut Program)| {
        let mut program = scaling();
        change(&mut program);
        let error = refused(program);
        assert_eq!(error.code(), codes::PROGRAM, "{error}");
        error.message().replace("the program of `Test` is damaged: ", "")
    };
    let step = |program: &mut Program, change: &dyn Fn(&mut Launch)| match &mut program.forms[0].step[0] {
        Step::Launch(launch) => change(launch),
        Step::Repeat(_) => unreachable!(),
    };
    assert!(damage(&|program| program.version += 1).contains(&format!(
        "has format {} and this runtime reads format {}",
        FORMAT_VERSION + 1,
        FORMAT_VERSION
    )));
    assert_eq!(damage(&|program| drop(program.kernels.pop())), "4 kernels are described and 5 are there");
    assert_eq!(damage(&|program| step(program, &|launch| launch.kernel = 9)), "kernel 9 of 5 is launched");
    assert_eq!(
        damage(&|program| step(program, &|launch| launch.buffers[0] = 9)),
        "buffer 9 is named and there are 4"
    );
    assert_eq!(
        damage(&|program| step(program, &|launch| launch.extent = symbol(3))),
        "a launch is sized by free size 3 of 1"
    );
    assert_eq!(
        damage(&|program| program.buffers[0].place = Place::Input(1)),
        "buffer `x` lies at number 1 of 1"
    );
    assert_eq!(
        damage(&|program| program.inputs[0].axes[0].size = size(1)),
        "no input has the free size N as an axis"
    );
    assert_eq!(
        damage(&|program| program.prepared_bytes = symbol(0)),
        "the size of prepared weights is not fixed"
    );
    assert_eq!(
        damage(&|program| program.prepare.push(launch(ADD, &[0, 1], &[], size(1)))),
        "`x` is not there when weights are prepared"
    );
    let counted = SizeExpression::Counted { buffer: 0, entry: Box::new(size(0)) };
    assert_eq!(
        damage(&|program| program.forms[0].arena_bytes = counted.clone()),
        "the arena is sized by a count"
    );
    assert_eq!(
        damage(&|program| step(program, &|launch| launch.flops = counted.clone())),
        "`x` counts and is not i64"
    );
}

#[test]
fn buffers_that_reach_beyond_their_place_are_refused() {
    let run = |change: &dyn Fn(&mut Program)| {
        let mut program = scaling();
        change(&mut program);
        context(&model(program, Some(scaling_weights())).unwrap(), 1).run(&[rows(2)]).unwrap_err()
    };
    let error = run(&|program| program.forms[0].arena_bytes = size(64 + 20));
    assert!(error.message().ends_with("buffer `h` reaches beyond its place"), "{error}");
    let error = run(&|program| program.buffers[3].length = times(symbol(0), size(4)));
    assert!(error.message().ends_with("buffer `y` reaches beyond its place"), "{error}");
    let error = run(&|program| program.buffers[2].length = times(symbol(0), size(i64::MAX)));
    assert_eq!(
        (error.code(), error.message()),
        (codes::SIZES, "buffer `h` would have a size that is negative or beyond 64 bits with N = 2")
    );
}

#[test]
fn a_model_too_big_for_memory_says_how_much_it_needs() {
    let mut program = scaling();
    program.forms[0].arena_bytes = times(symbol(0), size(1 << 50));
    let mut context = context(&model(program, Some(scaling_weights())).unwrap(), 1);
    let error = context.run(&[rows(3)]).unwrap_err();
    assert_eq!(error.code(), codes::MEMORY);
    assert!(
        error.message().starts_with("running `Test` with N = 3 needs 3.0 PiB of memory, and "),
        "{error}"
    );
    assert_eq!(error.notes(), [format!("{} bytes are needed", 3_u64 << 50)]);
}

#[test]
fn models_can_be_shared_and_contexts_sent() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Model>();
    sent::<Context>();
    assert_eq!(Context::new(&scaling_model(), Some(0)).err().unwrap().code(), codes::USAGE);
}

#[test]
fn offsets_bind_the_longest_stretch() {
    let model = model(stretched(), Some(scaling_weights())).unwrap();
    let mut context = context(&model, 1);
    let shapes = |context: &mut Context, offsets: &[i64]| {
        let offsets = Tensor::from_i64(vec![offsets.len()], offsets).unwrap();
        context.output_shapes(&[TensorRef::from(&rows(5)), TensorRef::from(&offsets)])
    };
    assert_eq!(shapes(&mut context, &[0, 1, 4, 5]).unwrap(), [vec![5, 3], vec![3]]);
    assert_eq!(shapes(&mut context, &[0, 5]).unwrap(), [vec![5, 3], vec![5]]);
    let error = shapes(&mut context, &[0, 4]).unwrap_err();
    assert_eq!(error.message(), "the offsets `t` end with 4, and there are 5 rows");
    assert_eq!(error.code(), codes::INPUT);
    assert!(error.hint_text().unwrap().starts_with("offsets say where"));
    assert_eq!(
        shapes(&mut context, &[]).unwrap_err().message(),
        "the offsets `t` have no entry; of no stretch they are [0]"
    );
}

#[test]
fn offsets_that_are_none_are_damage() {
    let mut program = stretched();
    program.offsets[0].input = 0;
    assert!(refused(program).message().ends_with("is damaged: input 0 holds no offsets"));
    let mut program = stretched();
    program.offsets.clear();
    assert!(refused(program).message().ends_with("no input has the free size T as an axis"));
}
