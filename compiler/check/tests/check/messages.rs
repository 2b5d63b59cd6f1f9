//! Mistakes and what people read about them: the source first, then the messages.

use crate::support::{check, program, program_with, shown};
use moe_check::Setting;
use moe_grammar::FileId;
use std::collections::BTreeMap;

macro_rules! mistakes {
    ($name:ident, $text:expr) => {
        #[test]
        fn $name() {
            let text = $text;
            insta::assert_snapshot!(format!("{}\n────\n{}", text.trim(), check(text)));
        }
    };
}

mistakes!(
    several_mistakes_in_one_go,
    "use std::activation::rely

fn f(x: f32[N, D]) -> f32[N, D] {
    let a = x + unknown
    let b = a * 2
    let c: f32[N] = x
    exp(x, over D)
}

layer g(x: f32[.., D]) -> f32[.., D] {
    weight w: f32[D, H]
    x @ w
}"
);

mistakes!(
    axes_of_different_names_never_match,
    "layer f(x: f32[.., D = 8]) -> f32[..] {
    weight w: f32[H = 8]
    x @ w
}"
);

mistakes!(
    a_transformer_without_its_renaming,
    "fn scores(q: f32[.., T, C], k: f32[.., S, C]) -> f32[.., T, S] {
    q @ k
}

model M(x: f32[T, C = 4]) -> f32[T] {
    sum(scores(x, x), over T)
}"
);

mistakes!(
    a_bound_that_is_lost,
    "use std::gate::top_k::top_k

gate smoothed[E, K](x: f32[.., D]) -> f32[.., K of E] {
    let g = top_k[E, K](x)
    let h = g + 0.01
    h / sum(h, over E)
}"
);

mistakes!(
    a_bound_with_another_background,
    "use std::select::keep_largest

fn f[E, K](x: f32[.., E]) -> f32[.., K of E] {
    keep_largest[K](x, over E)
}"
);

mistakes!(
    a_bound_that_is_too_small,
    "use std::gate::top_k::top_k

model M[D = 4, E = 8](x: f32[N, D]) -> f32[N, 2 of E] {
    part a = top_k[E, 2]
    part b = top_k[E, 2]
    a(x) + b(x)
}"
);

mistakes!(
    definitions_in_a_circle,
    "layer a(x: f32[.., D]) -> f32[.., D] {
    b(x)
}

layer b(x: f32[.., D]) -> f32[.., D] {
    a(x)
}"
);

mistakes!(
    a_parameter_with_an_obligation,
    "fn combine[E, K](g: f32[.., K of E], y: f32[.., E]) -> f32[..] {
    sum e: E { g[.., e] * y[.., e] }
}

fn f[E](s: f32[N, E], y: f32[N, E]) -> f32[N] {
    combine[E, 2](s, y)
}"
);

mistakes!(
    a_wrong_element_type_in_the_library,
    "use std::activation::relu

fn f(x: f64[N]) -> f64[N] {
    relu(x)
}"
);

mistakes!(
    blocks_that_are_for_later,
    "model M(x: f32[N]) -> f32[N] {
    x
}

quantize M {
    w: ternary
}"
);

mistakes!(
    weights_of_tests,
    "use std::expert::mlp::mlp

test t {
    assert close(mlp[1]([1.0], up.weigth = [[1.0]], up.bias = [0.0], down.weight = [[1.0]], down.bias = [0.0, 1.0]), [1.0], 0)
}"
);

#[test]
fn modules_and_visibility() {
    let text = "use parts::shown
use parts::hidden
use parts::inner::deep as below

fn f(x: f32[..]) -> f32[..] {
    shown(below(x))
}";
    let parts = "pub fn shown(x: f32[..]) -> f32[..] { x }\nfn hidden(x: f32[..]) -> f32[..] { x }";
    let inner = "pub fn deep(x: f32[..]) -> f32[..] { x }";
    let program = program_with(text, &[("parts", parts), ("parts/inner", inner)]);
    let mistakes = program.check_file(FileId(0));
    insta::assert_snapshot!(shown(&program, &mistakes));
}

#[test]
fn a_static_without_a_value_names_the_option() {
    let text = "model M[D, E = 4](x: f32[N, D]) -> f32[N] { sum(x) }";
    let program = program(text);
    let settings = BTreeMap::from([("F".to_owned(), Setting::Integer(1))]);
    let unknown = program.elaborate(FileId(0), "M", &settings).unwrap_err();
    let missing = program.elaborate(FileId(0), "M", &BTreeMap::new()).unwrap_err();
    insta::assert_snapshot!(shown(&program, &[unknown, missing].concat()));
}

mistakes!(
    what_loops_cannot_hold_yet,
    "layer f(x: f32[.., D]) -> f32[.., D] {
    observe before = mean(x, over D)
    repeat i in 3 {
        x = x * 2
        observe inside = x
    }
    fold 2 with y = x {
        observe sweep = y
        y + 1
    }
}

model M(x: f32[N, D = 2]) -> f32[N, D] {
    state total: f32[D] = zeros
    let y = x
    repeat i in 3 {
        y = y * 2
        next total = sum(y, over N)
    }
    y
}"
);

mistakes!(
    habits_from_other_languages,
    "use std::nn::linear::linear

layer f(x: f32[N, D = 3]) -> f32[N, D] {
    y = x.shape
    z = linear(x, 4)
    let a = x.T + x.sum()
    let b = sum(x, axis = 1)
    let c = where(x = 0, 1, x)
    let d = sum(x, N)
    y + z
}"
);

mistakes!(
    a_static_that_is_not_given_is_told_once,
    "use std::gate::top_k::top_k

model M(x: f32[N, D = 3]) -> f32[N, 2 of E = 4] {
    part gate = top_k[4]
    gate(x)
}"
);

mistakes!(
    a_causal_mask_puts_its_axes_first,
    "fn f(x: f32[T, D = 4]) -> f32[T, D] {
    axis S = T
    let wrong = x as [T = S]
    let scores = where(coordinate(S) <= coordinate(T), x @ (x as [S = T]), 0)
    scores @ (x as [S = T])
}"
);

#[test]
fn a_weight_that_nothing_needs_is_a_warning() {
    let text = "model M(x: f32[N, D = 3]) -> f32[N, D] {
    weight used, idle: f32[D]
    observe scale = max(used, over D)
    let unseen = x * idle
    x * used
}";
    let program = program(text);
    let elaborated = program.elaborate(FileId(0), "M", &BTreeMap::new()).unwrap();
    insta::assert_snapshot!(shown(&program, &elaborated.warnings));
}

mistakes!(
    a_definition_that_cannot_be_read_is_not_missing_too,
    "layer broken(x: f32[.., D]) -> f32[.., D] {
    x + (
}

layer whole(x: f32[.., D]) -> f32[.., D] {
    broken(x) + brokn(x)
}"
);
